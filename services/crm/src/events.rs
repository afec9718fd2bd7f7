//! What the service tells others, in `feeds/crm`.

use siyu_outbox::Draft;
use siyu_proto::crm::v1::{FanStanding, FansChanged};

/// Fans that one event tells of: more are told by several.
const MOST_FANS: usize = 500;

/// Fans of an account who stand elsewhere than before.
pub(crate) fn fans_changed(account_id: &str, standings: &[FanStanding]) -> Vec<Draft> {
    let parent = format!("accounts/{account_id}");
    let draft = |standings: &[FanStanding]| {
        let payload = FansChanged { parent: parent.clone(), standings: standings.to_vec() };
        Draft::new(parent.clone(), &payload)
    };
    standings.chunks(MOST_FANS).map(draft).collect()
}
