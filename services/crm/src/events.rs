//! What the service tells others, in `feeds/crm`.

use prost::Message;
use siyu_outbox::{Draft, fitting};
use siyu_proto::crm::v1::{FanStanding, FansChanged};

/// Fans of an account who stand elsewhere than before: in as many events as it takes.
pub(crate) fn fans_changed(account_id: &str, standings: Vec<FanStanding>) -> Vec<Draft> {
    let parent = format!("accounts/{account_id}");
    let draft = |standings| Draft::new(parent.clone(), &FansChanged { parent: parent.clone(), standings });
    fitting(standings, Message::encoded_len).into_iter().map(draft).collect()
}
