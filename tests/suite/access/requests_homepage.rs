//! Good requests to `HomepageService`.

use prost_types::FieldMask;
use siyu_proto::{
    accounts::v1::{
        ApplyHomepageTemplateRequest, CancelScheduledPublishRequest, GetHomepageDraftRequest,
        GetHomepageVersionRequest, Homepage, HomepageDraft, ListHomepageTemplatesRequest,
        ListHomepageVersionsRequest, PreviewHomepageRequest, PublishHomepageRequest, RollbackHomepageRequest,
        UpdateHomepageDraftRequest,
    },
    common::v1::Role,
};

use super::requests::{About, Good, good};
use crate::support::at;

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    let account = about.account();
    let (homepage, draft) = (format!("{account}/homepage"), format!("{account}/homepage/draft"));
    let version = format!("{homepage}/versions/1");
    let changed = HomepageDraft {
        name: draft.clone(),
        homepage: Some(Homepage::default()),
        ..HomepageDraft::default()
    };
    vec![
        good(Role::Analyst, &PreviewHomepageRequest { name: draft.clone(), ..Default::default() }),
        good(Role::Analyst, &GetHomepageDraftRequest { name: draft.clone() }),
        good(
            Role::Operator,
            &UpdateHomepageDraftRequest {
                draft: Some(changed),
                update_mask: Some(FieldMask { paths: vec!["homepage".to_owned()] }),
                ..Default::default()
            },
        ),
        good(Role::Analyst, &ListHomepageTemplatesRequest { parent: account, ..Default::default() }),
        good(
            Role::Operator,
            &ApplyHomepageTemplateRequest {
                name: draft,
                template: "homepageTemplates/knowledge".to_owned(),
                ..Default::default()
            },
        ),
        good(
            Role::Operator,
            &PublishHomepageRequest {
                name: homepage.clone(),
                publish_time: Some(at("2026-04-01T00:00:00Z")),
                ..Default::default()
            },
        ),
        good(Role::Operator, &CancelScheduledPublishRequest { name: homepage.clone(), ..Default::default() }),
        good(Role::Analyst, &ListHomepageVersionsRequest { parent: homepage, ..Default::default() }),
        good(Role::Analyst, &GetHomepageVersionRequest { name: version.clone() }),
        good(Role::Operator, &RollbackHomepageRequest { name: version, ..Default::default() }),
    ]
}
