use siyu_proto::{
    common::v1::Role,
    crm::v1::{CompareSourcesRequest, GetHomepageFunnelRequest, ListCardResultsRequest, SourceGrouping},
};

use super::requests::{About, Good, good};

/// Where fans come from.
pub(super) fn all(about: About<'_>) -> Vec<Good> {
    let parent = about.account();
    vec![
        good(
            Role::Analyst,
            &GetHomepageFunnelRequest { parent: parent.clone(), ..GetHomepageFunnelRequest::default() },
        ),
        good(
            Role::Analyst,
            &ListCardResultsRequest { parent: parent.clone(), ..ListCardResultsRequest::default() },
        ),
        good(
            Role::Analyst,
            &CompareSourcesRequest {
                parent,
                group_by: SourceGrouping::Mount.into(),
                ..CompareSourcesRequest::default()
            },
        ),
    ]
}
