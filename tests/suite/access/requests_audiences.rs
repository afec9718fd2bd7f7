//! Good requests about segments of `siyu.crm.v1`.

use siyu_proto::{
    common::v1::Role,
    crm::v1::{
        CreateSegmentRequest, DeleteSegmentRequest, EstimateSegmentRequest, GetSegmentRequest,
        ListSegmentsRequest, Segment, UpdateSegmentRequest,
    },
};

use super::requests::{About, Good, good};

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    let parent = about.account();
    let name = format!("{parent}/segments/{}", about.turn);
    let segment = Segment {
        name: name.clone(),
        display_name: "Fans".to_owned(),
        filter: "following = true".to_owned(),
        ..Segment::default()
    };
    vec![
        good(
            Role::Operator,
            &CreateSegmentRequest {
                parent: parent.clone(),
                segment: Some(segment.clone()),
                segment_id: about.turn.to_owned(),
                ..Default::default()
            },
        ),
        good(Role::Analyst, &GetSegmentRequest { name: format!("{parent}/segments/fans") }),
        good(Role::Analyst, &ListSegmentsRequest { parent: parent.clone(), ..Default::default() }),
        good(
            Role::Operator,
            &UpdateSegmentRequest {
                segment: Some(segment.clone()),
                update_mask: Some(prost_types::FieldMask { paths: vec!["filter".to_owned()] }),
                ..Default::default()
            },
        ),
        good(Role::Analyst, &EstimateSegmentRequest { parent, filter: segment.filter, ..Default::default() }),
        good(Role::Operator, &DeleteSegmentRequest { name, ..Default::default() }),
    ]
}
