//! What the service tells others, in `feeds/crm`.

use prost::Message;
use siyu_outbox::{Draft, fitting};
use siyu_proto::crm::v1::{FanStanding, FansChanged, ReachPreferenceChanged};

use crate::{grpc::to_preference, store::reach_preference::Preference};

/// Fans of an account who stand elsewhere than before: in as many events as it takes.
pub(crate) fn fans_changed(account_id: &str, standings: Vec<FanStanding>) -> Vec<Draft> {
    let parent = format!("accounts/{account_id}");
    let draft = |standings| Draft::new(parent.clone(), &FansChanged { parent: parent.clone(), standings });
    fitting(standings, Message::encoded_len).into_iter().map(draft).collect()
}

/// A user wants something else of an account than before; `ordinal` is 0 for somebody it does not know.
pub(crate) fn reach_preference_changed(
    account_id: &str,
    user_id: &str,
    ordinal: i64,
    preference: &Preference,
) -> Draft {
    let parent = format!("accounts/{account_id}");
    let payload = ReachPreferenceChanged {
        parent: parent.clone(),
        user: format!("users/{user_id}"),
        ordinal,
        reach_preference: Some(to_preference(preference.clone())),
    };
    Draft::new(parent, &payload)
}
