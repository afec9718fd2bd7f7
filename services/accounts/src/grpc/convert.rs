//! Between the wire and the use cases.

use prost_types::Timestamp;
use siyu_clock::Micros;
use siyu_proto::{accounts::v1 as pb, common::v1::ErrorReason};
use siyu_rpc::{
    Error,
    time::{from_proto, to_proto},
};
use tonic::Code;

use crate::{
    app::{Change, NewAccount, Profile},
    domain::industry::{Quadrant, quadrant_of},
    store::{account::Account, enterprise::Enterprise},
};

/// The year 9000: the calendar of every zone reaches beyond it, with room for the month after.
const TOO_LATE: Micros = Micros::from_seconds(221_845_392_000);

/// A moment that may be left out.
pub(super) fn moment(time: Option<&Timestamp>, field: &str) -> Result<Option<Micros>, Error> {
    time.map(|time| required_moment(Some(time), field)).transpose()
}

/// A moment that must be there.
pub(super) fn required_moment(time: Option<&Timestamp>, field: &str) -> Result<Micros, Error> {
    let moment = time.ok_or_else(|| Error::invalid_field(field, "must be set")).map(from_proto)?;
    let moment = moment.filter(|moment| *moment < TOO_LATE);
    moment.ok_or_else(|| Error::invalid_field(field, "must be a valid timestamp before the year 9000"))
}

pub(super) fn to_enterprise(enterprise: Enterprise) -> pb::Enterprise {
    pb::Enterprise {
        name: format!("enterprises/{}", enterprise.enterprise_id),
        display_name: enterprise.display_name,
        create_time: Some(to_proto(Micros(enterprise.create_time))),
    }
}

pub(super) fn new_account(account: pb::Account) -> Result<NewAccount, Error> {
    Ok(NewAccount {
        display_name: account.display_name,
        time_zone: account.time_zone,
        currency_code: account.currency_code,
        profile: profile(account.profile.unwrap_or_default())?,
    })
}

fn profile(profile: pb::Profile) -> Result<Profile, Error> {
    let periods = profile.opening_hours.iter().map(|p| (p.day, p.open_minute, p.close_minute)).collect();
    Ok(Profile {
        industry: industry_name(profile.industry)?,
        persona: profile.persona,
        regions: profile.regions,
        opening_hours: periods,
    })
}

/// `INDUSTRY_FMCG` is stored as `fmcg`, and no industry as nothing.
fn industry_name(industry: i32) -> Result<String, Error> {
    match pb::Industry::try_from(industry) {
        Ok(pb::Industry::Unspecified) => Ok(String::new()),
        Ok(industry) => Ok(industry.as_str_name().trim_start_matches("INDUSTRY_").to_lowercase()),
        Err(_) => Err(Error::invalid_field("account.profile.industry", "must be a defined value")),
    }
}

/// The changes that a field mask asks for.
pub(super) fn changes(account: pb::Account, paths: &[String]) -> Result<Vec<Change>, Error> {
    if paths.is_empty() {
        return Err(Error::invalid_field("update_mask", "must name at least one field"));
    }
    let profile = profile(account.profile.unwrap_or_default())?;
    let mut changes = Vec::new();
    for path in paths {
        match path.as_str() {
            "display_name" => changes.push(Change::DisplayName(account.display_name.clone())),
            "profile" => changes.extend(Change::whole_profile(profile.clone())),
            "profile.industry" => changes.push(Change::Industry(profile.industry.clone())),
            "profile.persona" => changes.push(Change::Persona(profile.persona.clone())),
            "profile.regions" => changes.push(Change::Regions(profile.regions.clone())),
            "profile.opening_hours" => changes.push(Change::OpeningHours(profile.opening_hours.clone())),
            "name" | "enterprise" | "time_zone" | "currency_code" | "quadrant" | "create_time"
            | "update_time" | "certification_term" => {
                let message = format!("update_mask: {path} is fixed and cannot be updated");
                return Err(Error::new(Code::InvalidArgument, ErrorReason::ImmutableField, message)
                    .with("field", path));
            }
            _ => {
                return Err(Error::invalid_field(
                    "update_mask",
                    format!("{path:?} is not a field of an account"),
                ));
            }
        }
    }
    Ok(changes)
}

pub(crate) fn to_account(account: Account) -> Result<pb::Account, Error> {
    let quadrant = quadrant_of(&account.industry).map_or(pb::Quadrant::Unspecified, to_quadrant);
    let industry_name = format!("INDUSTRY_{}", account.industry.to_uppercase());
    let industry = pb::Industry::from_str_name(&industry_name).unwrap_or(pb::Industry::Unspecified);
    let periods: Vec<(i32, i32, i32)> =
        serde_json::from_str(&account.opening_hours).map_err(Error::internal)?;
    let opening_hours = periods
        .into_iter()
        .map(|(day, open_minute, close_minute)| pb::OpeningPeriod { day, open_minute, close_minute })
        .collect();
    Ok(pb::Account {
        name: format!("accounts/{}", account.account_id),
        enterprise: format!("enterprises/{}", account.enterprise_id),
        display_name: account.display_name,
        time_zone: account.time_zone,
        currency_code: account.currency_code,
        profile: Some(pb::Profile {
            industry: industry.into(),
            persona: account.persona,
            regions: serde_json::from_str(&account.regions).map_err(Error::internal)?,
            opening_hours,
        }),
        quadrant: quadrant.into(),
        create_time: Some(to_proto(Micros(account.create_time))),
        update_time: Some(to_proto(Micros(account.update_time))),
        certification_term: to_term(account.certification_start_time, account.certification_expire_time),
    })
}

pub(super) fn to_quadrant(quadrant: Quadrant) -> pb::Quadrant {
    match quadrant {
        Quadrant::HighFrequencyOnline => pb::Quadrant::HighFrequencyOnline,
        Quadrant::HighFrequencyOffline => pb::Quadrant::HighFrequencyOffline,
        Quadrant::LowFrequencyOnline => pb::Quadrant::LowFrequencyOnline,
        Quadrant::LowFrequencyOffline => pb::Quadrant::LowFrequencyOffline,
    }
}

/// A time during which an account is certified; none where it never was.
pub(super) fn to_term(start_time: Option<i64>, expire_time: Option<i64>) -> Option<pb::CertificationTerm> {
    let (start_time, expire_time) = (Micros(start_time?), Micros(expire_time?));
    Some(pb::CertificationTerm {
        start_time: Some(to_proto(start_time)),
        expire_time: Some(to_proto(expire_time)),
    })
}
