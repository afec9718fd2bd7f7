//! Good requests about tags of `siyu.crm.v1`.

use siyu_proto::{
    common::v1::Role,
    crm::v1::{
        CreateTagRequest, DeleteTagRequest, FanTagRow, GetTagRequest, ImportFanTagsRequest,
        ListFanTagsRequest, ListTaggedFansRequest, ListTagsRequest, Tag, TagFansRequest, UntagFansRequest,
        UpdateTagRequest,
    },
};

use super::requests::{About, Good, good};

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    let parent = about.account();
    let name = format!("{parent}/tags/vip");
    let tag = Tag { name: name.clone(), display_name: "VIP".to_owned(), ..Tag::default() };
    let users = vec!["users/u1".to_owned()];
    let rows = vec![FanTagRow { user: "users/u1".to_owned(), tag: "vip".to_owned() }];
    vec![
        good(
            Role::Operator,
            &CreateTagRequest {
                parent: parent.clone(),
                tag: Some(tag.clone()),
                tag_id: about.turn.to_owned(),
                ..Default::default()
            },
        ),
        good(Role::Analyst, &GetTagRequest { name: name.clone() }),
        good(Role::Analyst, &ListTagsRequest { parent: parent.clone(), ..Default::default() }),
        good(
            Role::Operator,
            &UpdateTagRequest {
                tag: Some(tag),
                update_mask: Some(prost_types::FieldMask { paths: vec!["display_name".to_owned()] }),
                ..Default::default()
            },
        ),
        good(Role::Operator, &TagFansRequest { name: name.clone(), users: users.clone() }),
        good(Role::Operator, &UntagFansRequest { name: name.clone(), users }),
        good(
            Role::Operator,
            &ImportFanTagsRequest { parent: parent.clone(), rows, cause: "members.csv".to_owned() },
        ),
        good(
            Role::Analyst,
            &ListFanTagsRequest { parent: format!("{parent}/fans/u1"), ..Default::default() },
        ),
        good(Role::Analyst, &ListTaggedFansRequest { parent: name, ..Default::default() }),
        good(
            Role::Operator,
            &DeleteTagRequest { name: format!("{parent}/tags/{}", about.turn), ..Default::default() },
        ),
    ]
}
