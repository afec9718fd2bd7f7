//! Entry codes between the wire and the use cases.

use fast_qr::ECL;
use siyu_clock::Micros;
use siyu_observed::{named_domain, stored_domain};
use siyu_proto::{
    accounts::v1::{self as pb, BatchCreateEntryCodesRequest},
    common::v1::ErrorReason,
};
use siyu_rpc::{Error, etag, time::to_proto};
use tonic::Code;

use crate::{
    app::{EntryCodeChange, NewEntryCode},
    domain::{
        entry_code::{self, Landing, LandingKind, State},
        entry_code_picture::{Format, Picture},
    },
    grpc::convert::moment,
    store::entry_code::EntryCode,
};

const EXPIRE_TIME: &str = "entry_code.expire_time";
const DEFAULT_SIZE: usize = 512;
/// As the standard asks for.
const DEFAULT_QUIET_ZONE: usize = 4;

pub(super) fn new_entry_code(sent: pb::EntryCode) -> Result<NewEntryCode, Error> {
    Ok(NewEntryCode {
        source_domain: stored_domain(sent.source_domain()),
        channel: sent.channel,
        campaign: sent.campaign,
        tags: sent.tags,
        landing: landing(sent.landing)?,
        expire_time: moment(sent.expire_time.as_ref(), EXPIRE_TIME)?,
    })
}

/// The display names of codes that are made together: those given, or numbered ones.
pub(super) fn display_names(request: &BatchCreateEntryCodesRequest) -> Result<Vec<String>, Error> {
    let of_pattern = request.entry_code.as_ref().is_none_or(|code| code.display_name.is_empty());
    if !of_pattern {
        return Err(Error::invalid_field("entry_code.display_name", "must be empty: each code has its own"));
    }
    match (request.display_names.is_empty(), request.count) {
        (false, 0) if request.display_name_prefix.is_empty() => Ok(request.display_names.clone()),
        (true, count) if count > 0 => {
            Ok((1..=count).map(|number| format!("{}{number}", request.display_name_prefix)).collect())
        }
        _ => Err(Error::invalid_field("display_names", "must be set, or else display_name_prefix and count")),
    }
}

/// The changes that a field mask asks for.
pub(super) fn changes(sent: pb::EntryCode, paths: &[String]) -> Result<Vec<EntryCodeChange>, Error> {
    if paths.is_empty() {
        return Err(Error::invalid_field("update_mask", "must name at least one field"));
    }
    let change = |path: &String| match path.as_str() {
        "display_name" => Ok(EntryCodeChange::DisplayName(sent.display_name.clone())),
        "channel" => Ok(EntryCodeChange::Channel(sent.channel.clone())),
        "source_domain" => Ok(EntryCodeChange::SourceDomain(stored_domain(sent.source_domain()))),
        "campaign" => Ok(EntryCodeChange::Campaign(sent.campaign.clone())),
        "tags" => Ok(EntryCodeChange::Tags(sent.tags.clone())),
        "landing" => Ok(EntryCodeChange::Landing(landing(sent.landing.clone())?)),
        "expire_time" => Ok(EntryCodeChange::ExpireTime(moment(sent.expire_time.as_ref(), EXPIRE_TIME)?)),
        "name" | "state" | "short_code" | "uri" | "scan_count" | "etag" | "create_time" | "update_time" => {
            let message = format!("update_mask: {path} is fixed and cannot be updated");
            Err(Error::new(Code::InvalidArgument, ErrorReason::ImmutableField, message).with("field", path))
        }
        _ => Err(Error::invalid_field("update_mask", format!("{path:?} is not a field of an entry code"))),
    };
    paths.iter().map(change).collect()
}

fn landing(landing: Option<pb::Landing>) -> Result<Landing, Error> {
    let landing = landing.ok_or_else(|| Error::invalid_field("entry_code.landing", "is required"))?;
    let kind = match landing.kind() {
        pb::LandingKind::Homepage => LandingKind::Homepage,
        pb::LandingKind::Card => LandingKind::Card,
        pb::LandingKind::Content => LandingKind::Content,
        pb::LandingKind::Group => LandingKind::Group,
        pb::LandingKind::PrivateMessage => LandingKind::PrivateMessage,
        pb::LandingKind::Unspecified => {
            return Err(Error::invalid_field("entry_code.landing.kind", "must be set"));
        }
    };
    Ok(Landing { kind, resource: landing.resource })
}

pub(super) fn picture(picture: &pb::EntryCodePicture) -> Result<Picture, Error> {
    // Validation has made sure that they are not negative.
    let number = |value: Option<i32>| value.and_then(|value| usize::try_from(value).ok());
    Ok(Picture {
        format: match picture.format() {
            pb::PictureFormat::Png => Format::Png,
            pb::PictureFormat::Svg => Format::Svg,
            pb::PictureFormat::Unspecified => {
                return Err(Error::invalid_field("picture.format", "must be set"));
            }
        },
        size: number(picture.size).unwrap_or(DEFAULT_SIZE),
        quiet_zone: number(picture.quiet_zone).unwrap_or(DEFAULT_QUIET_ZONE),
        correction: match picture.error_correction() {
            pb::ErrorCorrection::Low => ECL::L,
            pb::ErrorCorrection::Medium | pb::ErrorCorrection::Unspecified => ECL::M,
            pb::ErrorCorrection::Quartile => ECL::Q,
            pb::ErrorCorrection::High => ECL::H,
        },
    })
}

pub(super) fn to_entry_code(code: EntryCode, uri: String, now: Micros) -> pb::EntryCode {
    let state = match entry_code::state(code.disabled, code.expire_time, now) {
        State::Active => pb::EntryCodeState::Active,
        State::Disabled => pb::EntryCodeState::Disabled,
        State::Expired(_) => pb::EntryCodeState::Expired,
    };
    pb::EntryCode {
        name: code.name(),
        source_domain: named_domain(&code.source_domain).into(),
        landing: Some(to_landing(code.landing)),
        state: state.into(),
        uri,
        etag: etag::of(code.revision),
        display_name: code.display_name,
        channel: code.channel,
        campaign: code.campaign,
        tags: code.tags,
        expire_time: code.expire_time.map(to_proto),
        short_code: code.short_code,
        scan_count: code.scan_count,
        create_time: Some(to_proto(code.create_time)),
        update_time: Some(to_proto(code.update_time)),
    }
}

pub(super) fn to_destination(code: EntryCode) -> pb::Destination {
    pb::Destination {
        entry_code: code.name(),
        source_domain: named_domain(&code.source_domain).into(),
        landing: Some(to_landing(code.landing)),
        campaign: code.campaign,
    }
}

fn to_landing(landing: Landing) -> pb::Landing {
    let kind = match landing.kind {
        LandingKind::Homepage => pb::LandingKind::Homepage,
        LandingKind::Card => pb::LandingKind::Card,
        LandingKind::Content => pb::LandingKind::Content,
        LandingKind::Group => pb::LandingKind::Group,
        LandingKind::PrivateMessage => pb::LandingKind::PrivateMessage,
    };
    pb::Landing { kind: kind.into(), resource: landing.resource }
}
