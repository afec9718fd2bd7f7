//! Good requests about segments and packages of `siyu.crm.v1`.

use siyu_proto::{
    common::v1::Role,
    crm::v1::{
        CreatePackageRequest, CreateSegmentRequest, DeletePackageRequest, DeleteSegmentRequest,
        EstimateSegmentRequest, GetPackageRequest, GetSegmentRequest, ListPackagesRequest,
        ListSegmentsRequest, Package, Segment, StreamPackageMembersRequest, UpdateSegmentRequest,
    },
};

use super::requests::{About, Good, good};
use crate::packages::of_filter;

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    [segments(about), packages(about)].concat()
}

fn packages(about: About<'_>) -> Vec<Good> {
    let parent = about.account();
    let name = format!("{parent}/packages/{}", about.turn);
    let kept = format!("{parent}/packages/fans");
    let package = Package {
        display_name: "Fans".to_owned(),
        source: Some(of_filter("following = true")),
        ..Package::default()
    };
    vec![
        good(
            Role::Operator,
            &CreatePackageRequest {
                parent: parent.clone(),
                package: Some(package),
                package_id: about.turn.to_owned(),
                ..Default::default()
            },
        ),
        good(Role::Analyst, &GetPackageRequest { name: kept.clone() }),
        good(Role::Analyst, &ListPackagesRequest { parent, ..Default::default() }),
        good(Role::Operator, &StreamPackageMembersRequest { name: kept, ..Default::default() }),
        good(Role::Operator, &DeletePackageRequest { name, ..Default::default() }),
    ]
}

fn segments(about: About<'_>) -> Vec<Good> {
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
