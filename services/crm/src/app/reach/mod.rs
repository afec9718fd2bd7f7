//! Whom messages may reach, over all channels of an account (C9, S8).

pub(crate) mod explain;
pub(crate) mod freeze;
mod policies;
pub(crate) mod preferences;
mod release;
pub(crate) mod shared;
mod targets;

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::Error;

use crate::{
    app::directory::AccountInfo,
    domain::reach::{Channel, Plan, Policy},
    store::{self, bitmap::from_ordinals, reach_policy::ReachPolicy, shared_reach::SharedReachPolicy},
};
use shared::Fans;
use targets::Targets;
pub(crate) use targets::{Audience, Outside};

/// Nobody is held longer by quiet hours, in microseconds.
const LONGEST_HOLD: i64 = 8 * Micros::PER_DAY;

/// A message that is to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    /// Resource name.
    pub(crate) message: String,
    pub(crate) channel: Channel,
    pub(crate) audience: Audience,
    /// Empty: nothing in particular.
    pub(crate) topic: String,
    /// None: now.
    pub(crate) send_time: Option<Micros>,
    /// Caps and quiet hours do not hold for it.
    pub(crate) is_service: bool,
    /// Some of what caps allow is kept for it.
    pub(crate) is_high_priority: bool,
}

/// What was in force when it was said whom a message reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Versions {
    policy: i64,
    /// None: the message does not count for what all enterprises together send.
    shared: Option<i64>,
}

/// Gathers what decides whom a message that is sent at `time` may reach, with the versions of the policies. What others freeze
/// meanwhile is not in it: who is going to store what it says has the turn of the account, and where the message is `counted` over
/// all accounts, the turn of all.
async fn plan(
    tx: &mut Tx,
    account_id: &str,
    account: &AccountInfo,
    outgoing: &Outgoing,
    counted: Option<SharedReachPolicy>,
    targets: Targets,
    time: Micros,
) -> Result<(Plan, Versions), Error> {
    let ReachPolicy { policy, version, .. } = store::reach_policy::at(tx, account_id, time.0).await?;
    let opted_out = from_ordinals(store::reach_preference::opted_out(tx, account_id).await?)?;
    let topic_opted_out = match outgoing.topic.as_str() {
        "" => Vec::new(),
        topic => store::reach_preference::topic_opted_out(tx, account_id, topic).await?,
    };
    let touches = match longest_window(&policy) {
        Some(window) if !outgoing.is_service => {
            let (after, before) = (time.0 - window, time.0 + LONGEST_HOLD + window);
            store::reach::touches(tx, account_id, after, before).await?
        }
        _ => Vec::new(),
    };
    let planned = targets.planned();
    let versions = Versions { policy: version, shared: counted.as_ref().map(|policy| policy.version) };
    let shared = match counted {
        Some(policy) => {
            let fans = Fans { account_id, enterprise_id: &account.enterprise_id, ordinals: &planned };
            Some(shared::gather(tx, fans, &outgoing.message, policy, time).await?)
        }
        None => None,
    };
    let plan = Plan {
        channel: outgoing.channel,
        time,
        zone: account.zone.clone(),
        is_service: outgoing.is_service,
        is_high_priority: outgoing.is_high_priority,
        policy,
        planned,
        excluded: targets.excluded,
        followers: targets.followers,
        opted_out,
        topic_opted_out: from_ordinals(topic_opted_out)?,
        own_quiet_hours: preferences::own_quiet_hours(tx, account_id).await?,
        touches: touches.into_iter().map(|(_, touch)| touch).collect(),
        shared,
    };
    Ok((plan, versions))
}

fn longest_window(policy: &Policy) -> Option<i64> {
    policy.caps.iter().map(|cap| cap.window).max()
}
