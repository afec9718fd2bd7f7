//! Between the wire and the use cases: what several services share.

use prost_types::{Duration, Timestamp};
use siyu_clock::Micros;
use siyu_proto::{Validate, common::v1::ErrorReason, crm::v1 as pb};
use siyu_rpc::{
    Error, name,
    time::{from_proto, to_proto},
};

use crate::{
    app::{
        ingest::{Rejected, purchase_mistake},
        rules::Flows,
    },
    domain::{
        interaction::{Interaction, Kind, Purchase},
        standing::Standing,
        tier::Tier,
    },
};

/// How far in the future an event may lie: clocks differ.
const TOLERATED_FUTURE: std::time::Duration = std::time::Duration::from_secs(600);

pub(super) fn account_id<'a>(name: &'a str, field: &str) -> Result<&'a str, Error> {
    name::id(name, "accounts", field)
}

/// Account and user of a fan's name.
pub(super) fn fan_ids<'a>(name: &'a str, field: &str) -> Result<[&'a str; 2], Error> {
    name::ids(name, ["accounts", "fans"])
        .ok_or_else(|| Error::invalid_field(field, "must be accounts/{account}/fans/{user}"))
}

/// A moment that the caller may leave out.
pub(super) fn moment(timestamp: Option<&Timestamp>, field: &str) -> Result<Option<Micros>, Error> {
    let read = |timestamp| {
        from_proto(timestamp)
            .ok_or_else(|| Error::invalid_field(field, "must lie between the years 1 and 9999"))
    };
    timestamp.map(read).transpose()
}

/// A span of time, of which the caller may leave out either end.
pub(super) fn span(
    start: Option<&Timestamp>,
    end: Option<&Timestamp>,
) -> Result<(Option<Micros>, Option<Micros>), Error> {
    let (start, end) = (moment(start, "start_time")?, moment(end, "end_time")?);
    if start.zip(end).is_some_and(|(start, end)| end <= start) {
        return Err(Error::invalid_field("end_time", "must be later than start_time"));
    }
    Ok((start, end))
}

/// Microseconds of a duration that passed its rules.
pub(super) fn micros(duration: &Duration) -> i64 {
    duration.seconds * Micros::PER_SECOND + i64::from(duration.nanos / 1_000)
}

pub(super) fn to_duration(micros: i64) -> Duration {
    let nanos = i32::try_from(micros % Micros::PER_SECOND * 1_000).unwrap_or_default();
    Duration { seconds: micros / Micros::PER_SECOND, nanos }
}

/// Judges one interaction by itself.
pub(crate) fn interaction(sent: pb::Interaction, now: Micros) -> Result<Interaction, Rejected> {
    if let Some(violation) = sent.violations().into_iter().next() {
        return Err(invalid(&violation.field, violation.rule));
    }
    let event_time = event_time(sent.event_time.as_ref(), now)?;
    let kind = kind(sent.kind).ok_or_else(|| invalid("kind", "must be a defined value"))?;
    if let Some(rule) = purchase_mistake(kind, sent.purchase.is_some()) {
        return Err(invalid("purchase", rule));
    }
    let purchase = sent.purchase.map(|purchase| Purchase {
        // An order without an id is this event alone.
        order_id: if purchase.order_id.is_empty() { sent.event_id.clone() } else { purchase.order_id },
        amount_minor: purchase.amount_minor,
        quantity: purchase.quantity,
    });
    if kind == Kind::OrderCancel && purchase.as_ref().is_some_and(|purchase| purchase.amount_minor != 0) {
        return Err(invalid("purchase.amount_minor", "must be 0 with the kind ORDER_CANCEL"));
    }
    let source = pb::SourceDomain::try_from(sent.source_domain).unwrap_or(pb::SourceDomain::Unspecified);
    Ok(Interaction {
        event_id: sent.event_id,
        user_id: sent.user.trim_start_matches("users/").to_owned(),
        kind,
        event_time,
        target: sent.target,
        source: source_name(source).to_owned(),
        purchase,
        mount: sent.mount,
        campaign: sent.campaign,
    })
}

fn event_time(sent: Option<&Timestamp>, now: Micros) -> Result<Micros, Rejected> {
    let out_of_range = |message: &str| Rejected {
        reason: ErrorReason::EventTimeOutOfRange,
        field: "event_time".to_owned(),
        message: message.to_owned(),
    };
    let time =
        sent.and_then(from_proto).ok_or_else(|| out_of_range("must lie between the years 1970 and 9999"))?;
    if time.0 < 0 {
        return Err(out_of_range("must not lie before 1970"));
    }
    if time > now.plus(TOLERATED_FUTURE) {
        return Err(out_of_range(&format!("must not lie in the future: it is {now}")));
    }
    Ok(time)
}

fn invalid(field: &str, rule: &str) -> Rejected {
    Rejected { reason: ErrorReason::InvalidField, field: field.to_owned(), message: rule.to_owned() }
}

/// `INTERACTION_KIND_LIVE_WATCH` is `live_watch` in storage.
pub(super) fn kind(sent: i32) -> Option<Kind> {
    let name = pb::InteractionKind::try_from(sent).ok()?.as_str_name();
    Kind::named(&name.trim_start_matches("INTERACTION_KIND_").to_lowercase())
}

pub(super) fn to_kind(kind: Kind) -> pb::InteractionKind {
    let name = format!("INTERACTION_KIND_{}", kind.name().to_uppercase());
    pb::InteractionKind::from_str_name(&name).unwrap_or(pb::InteractionKind::Unspecified)
}

fn source_name(source: pb::SourceDomain) -> &'static str {
    match source {
        pb::SourceDomain::Unspecified => "",
        pb::SourceDomain::Public => "public",
        pb::SourceDomain::Commercial => "commercial",
        pb::SourceDomain::Private => "private",
        pb::SourceDomain::External => "external",
    }
}

pub(super) fn to_interaction(interaction: Interaction) -> pb::Interaction {
    let source = format!("SOURCE_DOMAIN_{}", interaction.source.to_uppercase());
    let source = pb::SourceDomain::from_str_name(&source).unwrap_or(pb::SourceDomain::Unspecified);
    pb::Interaction {
        event_id: interaction.event_id,
        user: format!("users/{}", interaction.user_id),
        kind: to_kind(interaction.kind).into(),
        event_time: Some(to_proto(interaction.event_time)),
        target: interaction.target,
        source_domain: source.into(),
        purchase: interaction.purchase.map(|purchase| pb::Purchase {
            order_id: purchase.order_id,
            amount_minor: purchase.amount_minor,
            quantity: purchase.quantity,
        }),
        mount: interaction.mount,
        campaign: interaction.campaign,
    }
}

pub(super) fn to_tier(tier: Option<Tier>) -> pb::Tier {
    match tier {
        None => pb::Tier::Unspecified,
        Some(Tier::Potential) => pb::Tier::Potential,
        Some(Tier::Passerby) => pb::Tier::Passerby,
        Some(Tier::Favorable) => pb::Tier::Favorable,
        Some(Tier::TrueLove) => pb::Tier::TrueLove,
    }
}

/// What other services learn of where a user stands.
pub(crate) fn to_fan_standing(user_id: &str, standing: &Standing, tags: Vec<String>) -> pb::FanStanding {
    pb::FanStanding {
        user: format!("users/{user_id}"),
        following: standing.following,
        tier: to_tier(standing.tier).into(),
        tags,
    }
}

pub(super) fn tier(sent: i32) -> Option<Tier> {
    let sent = pb::Tier::try_from(sent).ok()?;
    Tier::ALL.into_iter().find(|tier| to_tier(Some(*tier)) == sent)
}

pub(super) fn to_flows(flows: Flows) -> Vec<pb::TierFlow> {
    let flow = |((from, to), fan_count)| pb::TierFlow {
        from_tier: to_tier(from).into(),
        to_tier: to_tier(to).into(),
        fan_count,
    };
    flows.into_iter().map(flow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_tier_goes_over_the_wire_and_back() {
        for number in 1..=21 {
            assert_eq!(to_kind(kind(number).unwrap()) as i32, number);
        }
        assert!(pb::InteractionKind::try_from(22).is_err(), "a new kind needs a place in the domain");
        for of_domain in Tier::ALL {
            assert_eq!(tier(to_tier(Some(of_domain)).into()), Some(of_domain));
        }
    }

    fn sent() -> pb::Interaction {
        pb::Interaction {
            event_id: "e1".to_owned(),
            user: "users/u1".to_owned(),
            kind: pb::InteractionKind::Order.into(),
            event_time: Some(to_proto(NOW)),
            purchase: Some(pb::Purchase { amount_minor: 100, ..pb::Purchase::default() }),
            ..pb::Interaction::default()
        }
    }

    const NOW: Micros = Micros::from_seconds(1_800_000_000);

    #[test]
    fn an_order_without_id_is_its_event() {
        assert_eq!(interaction(sent(), NOW).unwrap().purchase.unwrap().order_id, "e1");
    }

    #[test]
    fn mistakes_name_their_field() {
        let at = |seconds: i64| Some(Timestamp { seconds, nanos: 0 });
        let cases = [
            ("event_id", pb::Interaction { event_id: String::new(), ..sent() }),
            ("user", pb::Interaction { user: "u1".to_owned(), ..sent() }),
            ("kind", pb::Interaction { kind: 99, ..sent() }),
            ("event_time", pb::Interaction { event_time: None, ..sent() }),
            ("event_time", pb::Interaction { event_time: at(-631_152_000), ..sent() }),
            ("event_time", pb::Interaction { event_time: at(1_800_000_601), ..sent() }),
            ("event_time", pb::Interaction { event_time: at(i64::MAX), ..sent() }),
            ("target", pb::Interaction { target: "x".repeat(201), ..sent() }),
            ("target", pb::Interaction { target: "\0".to_owned(), ..sent() }),
            ("user", pb::Interaction { user: "users/\0".to_owned(), ..sent() }),
            ("purchase", pb::Interaction { purchase: None, ..sent() }),
            ("purchase", pb::Interaction { kind: pb::InteractionKind::Like.into(), ..sent() }),
            (
                "purchase.amount_minor",
                pb::Interaction {
                    purchase: Some(pb::Purchase { amount_minor: -1, ..pb::Purchase::default() }),
                    ..sent()
                },
            ),
            (
                "purchase.amount_minor",
                pb::Interaction {
                    purchase: Some(pb::Purchase { amount_minor: i64::MAX, ..pb::Purchase::default() }),
                    ..sent()
                },
            ),
        ];
        for (field, sent) in cases {
            assert_eq!(interaction(sent, NOW).unwrap_err().field, field);
        }
    }
}
