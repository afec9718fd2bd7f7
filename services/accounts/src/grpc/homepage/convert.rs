//! Between the wire and the use cases.

use prost_types::Timestamp;
use siyu_clock::Micros;
use siyu_proto::{accounts::v1 as pb, common::v1::ErrorReason};
use siyu_rpc::{
    Error, etag,
    name::ids,
    time::{from_proto, to_proto},
};
use tonic::Code;

use crate::{
    app::{
        fans::{Standing, Tier, tier},
        homepage::{DraftState, Viewer, When},
    },
    domain::{homepage::template::Template, industry::quadrant_of},
    grpc::convert::to_quadrant,
    store::{
        account::Account,
        homepage::{schedule::Schedule, version::Version},
    },
};

/// The account of `accounts/{account}/homepage`, and of what is below it.
pub(super) fn id_of_homepage<'a>(name: &'a str, field: &str) -> Result<&'a str, Error> {
    let mut segments = name.split('/');
    match (segments.next(), segments.next(), segments.next()) {
        (Some("accounts"), Some(account_id), Some("homepage")) => Ok(account_id),
        _ => Err(Error::invalid_field(field, "must be accounts/{account}/homepage")),
    }
}

/// Account and number of `accounts/{account}/homepage/versions/{number}`.
pub(super) fn version_ids(name: &str) -> Result<(&str, i64), Error> {
    let found = name.split_once("/homepage/");
    let found =
        found.and_then(|(account, version)| ids(account, ["accounts"]).zip(ids(version, ["versions"])));
    let found = found.and_then(|([account_id], [number])| Some((account_id, number.parse().ok()?)));
    let rule = "must be accounts/{account}/homepage/versions/{number}";
    found.ok_or_else(|| Error::invalid_field("name", rule))
}

/// A draft has one field that can be changed.
pub(super) fn check_mask(paths: &[String]) -> Result<(), Error> {
    if paths.is_empty() {
        return Err(Error::invalid_field("update_mask", "must name at least one field"));
    }
    match paths.iter().find(|path| *path != "homepage") {
        None => Ok(()),
        Some(path)
            if ["name", "etag", "update_time", "author", "scheduled_publish"].contains(&path.as_str()) =>
        {
            let message = format!("update_mask: {path} is fixed and cannot be updated");
            Err(Error::new(Code::InvalidArgument, ErrorReason::ImmutableField, message).with("field", path))
        }
        Some(path) => Err(Error::invalid_field("update_mask", format!("{path:?} is not a field of a draft"))),
    }
}

/// The viewer that a preview is for.
pub(super) fn imagined(request: &pb::PreviewHomepageRequest) -> Viewer {
    let tier = tier(request.tier()).unwrap_or(Tier::Potential);
    let standing = Standing { following: request.following, tier, tags: request.tags.clone() };
    Viewer::who_stands(standing)
}

pub(super) fn when(publish_time: Option<&Timestamp>) -> Result<When, Error> {
    let Some(publish_time) = publish_time else { return Ok(When::Now) };
    let time = from_proto(publish_time).map(When::At);
    time.ok_or_else(|| Error::invalid_field("publish_time", "must be a valid time"))
}

pub(super) fn to_draft(state: DraftState) -> Result<pb::HomepageDraft, Error> {
    let DraftState { draft, schedule } = state;
    Ok(pb::HomepageDraft {
        name: format!("accounts/{}/homepage/draft", draft.account_id),
        homepage: Some(draft.draft.homepage()?),
        etag: etag::of(draft.revision),
        update_time: draft.update_time.map(|time| to_proto(Micros(time))),
        author: draft.author,
        scheduled_publish: schedule.map(to_schedule),
    })
}

pub(super) fn to_schedule(schedule: Schedule) -> pb::ScheduledPublish {
    pb::ScheduledPublish {
        publish_time: Some(to_proto(Micros(schedule.publish_time))),
        note: schedule.note,
        author: schedule.author,
        create_time: Some(to_proto(Micros(schedule.create_time))),
    }
}

/// A version without what it shows.
pub(crate) fn to_version(version: Version) -> pb::HomepageVersion {
    pb::HomepageVersion {
        name: format!("accounts/{}/homepage/versions/{}", version.account_id, version.number),
        number: version.number,
        homepage: None,
        publish_time: Some(to_proto(Micros(version.publish_time))),
        author: version.author,
        note: version.note,
        restored_number: version.restored_number,
    }
}

pub(super) fn to_template(template: &Template, account: &Account) -> pb::HomepageTemplate {
    pb::HomepageTemplate {
        name: format!("homepageTemplates/{}", template.id),
        display_name: template.display_name.to_owned(),
        quadrant: to_quadrant(template.quadrant).into(),
        recommended: quadrant_of(&account.industry) == Some(template.quadrant),
        homepage: Some(template.homepage(&account.persona)),
    }
}
