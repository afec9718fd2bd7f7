//! What is told of envelopes.

use prost::Message as _;
use siyu_outbox::{Draft, fitting};
use siyu_proto::groups::v1::{EnvelopeChanged, EnvelopesGrabbed, GrabbedShare};

use crate::{
    domain::envelope::{Envelope, Grab},
    grpc::{to_envelope, to_grab},
};

/// Shares of an envelope were grabbed: in as many events as it takes.
pub(crate) fn envelopes_grabbed(envelope: &Envelope, grabs: &[Grab]) -> Vec<Draft> {
    let name = envelope.name();
    let share = |grab: &Grab| GrabbedShare { envelope: name.clone(), grab: Some(to_grab(grab)) };
    let events = fitting(grabs.iter().map(share), GrabbedShare::encoded_len);
    let key = format!("accounts/{}", envelope.account_id);
    events.into_iter().map(|grabs| Draft::new(key.clone(), &EnvelopesGrabbed { grabs })).collect()
}

/// An envelope was made, or is over.
pub(crate) fn envelope_changed(envelope: &Envelope) -> Draft {
    let now = envelope.end_time.unwrap_or(envelope.create_time);
    let changed = EnvelopeChanged { envelope: Some(to_envelope(envelope, now)) };
    Draft::new(format!("accounts/{}", envelope.account_id), &changed)
}
