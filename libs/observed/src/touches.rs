use prost::Message;
use siyu_outbox::{Draft, fitting};
use siyu_proto::crm::v1::{Touch, TouchesObserved};

/// The events that tell the CRM how an account reached users, in order. Nothing to tell makes none.
#[must_use]
pub fn touches_observed(account_id: &str, touches: impl IntoIterator<Item = Touch>) -> Vec<Draft> {
    let parent = format!("accounts/{account_id}");
    let event = |touches| Draft::new(parent.clone(), &TouchesObserved { parent: parent.clone(), touches });
    fitting(touches, Message::encoded_len).into_iter().map(event).collect()
}
