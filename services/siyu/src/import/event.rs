//! A row as an event, before its time is moved.

use std::borrow::Cow;

use jiff::{Timestamp, tz::TimeZone};
use siyu_proto::{
    Validate,
    crm::v1::{Interaction, InteractionKind},
};

use super::{
    cells::{Fault, Field},
    shift::shifted,
};

/// What a row became.
#[derive(Debug)]
pub(super) struct Event {
    /// All but the time.
    pub(super) interaction: Interaction,
    /// The time in the file.
    pub(super) time: Timestamp,
    /// Whether its user stands in for a missing one.
    pub(super) is_guest: bool,
}

impl Event {
    /// The interaction to send, and its time. Fails when the time, once moved, is not one that can have happened.
    pub(super) fn moved(
        self,
        days: i64,
        zone: &TimeZone,
        now: Timestamp,
    ) -> Result<(Interaction, Timestamp), Fault> {
        let time = shifted(self.time, days, zone)
            .ok_or_else(|| Fault::of(Field::Time, "moves out of the calendar by the shift"))?;
        if time < Timestamp::UNIX_EPOCH {
            return Err(Fault::of(Field::Time, format!("lies before 1970: {time}")));
        }
        if time > now {
            return Err(Fault::of(Field::Time, format!("lies in the future: {time}")));
        }
        let mut interaction = self.interaction;
        interaction.event_time = Some(to_proto(time));
        Ok((interaction, time))
    }

    /// Whether it counts as an order.
    pub(super) fn is_order(&self) -> bool {
        self.interaction.kind() == InteractionKind::Order
    }
}

/// The time as the protos have it.
pub(super) fn to_proto(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

/// Judges an interaction by the rules its proto declares, except that its time is still to come.
pub(super) fn check_against_proto(interaction: &Interaction) -> Result<(), Fault> {
    let violations = interaction.violations();
    let Some(first) = violations.into_iter().find(|violation| violation.field != "event_time") else {
        return Ok(());
    };
    let reason = match first.field.as_str() {
        "user" => "must have 1 to 128 characters, none of them a space or a slash".into(),
        "event_id" => "must have 1 to 128 of A-Z a-z 0-9 . _ : -".into(),
        _ => Cow::from(first.rule),
    };
    Err(Fault { field: field_of(&first.field), reason })
}

/// What a field of the proto is called in a file.
pub(super) fn field_of(proto_field: &str) -> Cow<'static, str> {
    match proto_field {
        "user" => Field::User.name().into(),
        "event_id" => Field::Event.name().into(),
        "event_time" => Field::Time.name().into(),
        "kind" => Field::Kind.name().into(),
        "target" => Field::Target.name().into(),
        "source_domain" => Field::Source.name().into(),
        "purchase.order_id" => Field::Order.name().into(),
        "purchase.amount_minor" => Field::Amount.name().into(),
        "purchase.quantity" => Field::Quantity.name().into(),
        other => other.to_owned().into(),
    }
}
