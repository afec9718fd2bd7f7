//! Why a message reaches one user, or does not.

use roaring::RoaringBitmap;
use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::Error;

use super::{
    LONGEST_HOLD, Outgoing, Versions,
    freeze::send_time,
    plan,
    shared::{self, Fans},
    targets::Outside,
};
use crate::{
    Crm,
    domain::reach::{
        Policy, Set, Verdict,
        caps::{Touch, reset_time},
        shared::Shared,
    },
    store::{self, bitmap::dense, reach::Reach},
};

/// What becomes of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The account does not know them.
    Unknown,
    /// It is not meant for them.
    Outside(Outside),
    Judged(Verdict),
}

/// What becomes of one user, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Explanation {
    pub(crate) fate: Fate,
    /// Whether it was decided when the message was frozen.
    pub(crate) frozen: bool,
    /// 0 for somebody whom the account does not know.
    pub(crate) ordinal: i64,
    /// In words.
    pub(crate) reason: String,
    pub(crate) policy_version: i64,
    /// 0 where the message does not count for it.
    pub(crate) shared_policy_version: i64,
    /// When it changes by itself.
    pub(crate) reset_time: Option<Micros>,
}

impl Crm {
    /// Explains what became of a user when the message was frozen; where it is not, or they were not planned, what would
    /// become of them now.
    pub(crate) async fn explain_reach(
        &self,
        account_id: &str,
        user_id: &str,
        message: &str,
        outgoing: Option<Outgoing>,
    ) -> Result<Explanation, Error> {
        let account = self.directory.get(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let Some(fan) = store::fan::get(&mut tx, account_id, user_id).await? else {
            return Ok(unknown(user_id));
        };
        let ordinal = dense(fan.ordinal)?;
        let reach = store::reach::get(&mut tx, account_id, message).await?;
        if let Some(reach) = &reach {
            let set = store::reach::set_of(&mut tx, account_id, message, ordinal).await?;
            if let Some(set) = set {
                let ordinals = &RoaringBitmap::from([ordinal]);
                let fans = Fans { account_id, enterprise_id: &account.enterprise_id, ordinals };
                return frozen(&mut tx, fans, ordinal, reach, &set).await;
            }
        }
        drop(tx);
        let not_frozen =
            || Error::invalid_field("channel", "is required of a message that is not frozen for this user");
        let mut explanation =
            self.standing_now(account_id, ordinal, &outgoing.ok_or_else(not_frozen)?).await?;
        if reach.is_some() {
            explanation.reason =
                format!("was not planned when the message was frozen; now {}", explanation.reason);
        }
        Ok(explanation)
    }

    /// What would become of a fan now.
    async fn standing_now(
        &self,
        account_id: &str,
        ordinal: u32,
        outgoing: &Outgoing,
    ) -> Result<Explanation, Error> {
        let account = self.directory.get(account_id).await?;
        let targets = self.targets(account_id, &outgoing.audience).await?;
        let outside = targets.outside(ordinal);
        self.number_fans(account_id).await?;
        let time = send_time(outgoing, self.clock.now());
        let mut tx = self.db.begin_read().await?;
        let counted = shared::policy_at(&mut tx, outgoing, time).await?;
        let only = targets.of_one(ordinal);
        let (plan, versions) = plan(&mut tx, account_id, &account, outgoing, counted, only, time).await?;
        drop(tx);
        if let Some(outside) = outside {
            return Ok(Explanation {
                fate: Fate::Outside(outside),
                frozen: false,
                ordinal: i64::from(ordinal),
                reason: outside.words().to_owned(),
                policy_version: versions.policy,
                shared_policy_version: versions.shared.unwrap_or_default(),
                reset_time: None,
            });
        }
        let sets = plan.sets();
        let set = sets.first().ok_or_else(|| Error::internal("a fan who is planned has no verdict"))?;
        let judged = Judged {
            set,
            policy: &plan.policy,
            shared: plan.shared.as_ref(),
            versions,
            is_high_priority: outgoing.is_high_priority,
        };
        Ok(judged.explain(ordinal, &plan.touches, false))
    }
}

fn unknown(user_id: &str) -> Explanation {
    Explanation {
        fate: Fate::Unknown,
        frozen: false,
        ordinal: 0,
        reason: format!("the account does not know users/{user_id}"),
        policy_version: 0,
        shared_policy_version: 0,
        reset_time: None,
    }
}

/// Explains what was decided when a message was frozen.
async fn frozen(
    tx: &mut Tx,
    fans: Fans<'_>,
    ordinal: u32,
    reach: &Reach,
    set: &Set,
) -> Result<Explanation, Error> {
    let account_id = fans.account_id;
    let versions = Versions { policy: reach.policy_version, shared: reach.shared_version };
    let policy = store::reach_policy::get(tx, account_id, versions.policy).await?.policy;
    let window = super::longest_window(&policy).unwrap_or_default();
    let (after, before) = (set.deliver_time.0 - window, set.deliver_time.0 + LONGEST_HOLD + window);
    let touches = store::reach::touches_near(tx, account_id, after, before, ordinal).await?;
    let others = touches.into_iter().filter(|(message, _)| *message != reach.message);
    let touches: Vec<Touch> = others.map(|(_, touch)| touch).collect();
    let shared = match versions.shared {
        Some(version) if set.verdict == Verdict::SharedCapped => {
            let policy = store::shared_reach::get(tx, version).await?;
            Some(shared::gather(tx, fans, &reach.message, policy, set.deliver_time).await?)
        }
        _ => None,
    };
    let judged = Judged {
        set,
        policy: &policy,
        shared: shared.as_ref(),
        versions,
        is_high_priority: reach.high_priority == 1,
    };
    let mut explanation = judged.explain(ordinal, &touches, true);
    if let Some(time) = reach.release_time.filter(|_| set.verdict.is_reached()) {
        explanation.reason =
            format!("{}; the message was taken back at {}", explanation.reason, Micros(time));
    }
    Ok(explanation)
}

/// A verdict, and what it was given by.
struct Judged<'a> {
    set: &'a Set,
    policy: &'a Policy,
    shared: Option<&'a Shared>,
    versions: Versions,
    is_high_priority: bool,
}

impl Judged<'_> {
    /// In words, with what reached the fan as far as caps count it.
    fn explain(&self, ordinal: u32, touches: &[Touch], frozen: bool) -> Explanation {
        let verdict = self.set.verdict;
        let deliver_time = self.set.deliver_time;
        let (reason, reset_time) = match verdict {
            Verdict::NotFollowing => ("does not follow the account".to_owned(), None),
            Verdict::Excluded => ("is excluded by a tag, segment or package".to_owned(), None),
            Verdict::OptedOut => ("wants nothing of the account".to_owned(), None),
            Verdict::TopicOptedOut => ("wants nothing about the topic".to_owned(), None),
            Verdict::Capped(place) => self.explain_cap(place, ordinal, touches),
            Verdict::SharedCapped => self.explain_shared_cap(ordinal),
            Verdict::Held => {
                let reason = format!("is reached when quiet hours are over, at {deliver_time}");
                (reason, Some(deliver_time))
            }
            Verdict::Eligible => ("is reached".to_owned(), None),
        };
        Explanation {
            fate: Fate::Judged(verdict),
            frozen,
            ordinal: i64::from(ordinal),
            reason,
            policy_version: self.versions.policy,
            shared_policy_version: self.versions.shared.unwrap_or_default(),
            reset_time,
        }
    }

    fn explain_cap(&self, place: usize, ordinal: u32, touches: &[Touch]) -> (String, Option<Micros>) {
        let Some(cap) = self.policy.caps.get(place) else { return (String::new(), None) };
        let counted =
            touches.iter().filter(|touch| cap.covers(touch.channel) && touch.fans.contains(ordinal));
        let times: Vec<Micros> = counted.map(|touch| touch.time).collect();
        let allowed = cap.allowed(self.is_high_priority);
        let reset_time = reset_time(cap, allowed, self.set.deliver_time, &times);
        let (number, version) = (place + 1, self.versions.policy);
        let seconds = cap.window / Micros::PER_SECOND;
        let reason = format!(
            "was reached as often as frequency cap {number} of reach policy {version} allows: {allowed} in \
             {seconds} s"
        );
        (reason, reset_time)
    }

    fn explain_shared_cap(&self, ordinal: u32) -> (String, Option<Micros>) {
        let Some(shared) = self.shared else { return (String::new(), None) };
        let Some(cap) = &shared.cap else { return (String::new(), None) };
        let (version, seconds) = (self.versions.shared.unwrap_or_default(), cap.window / Micros::PER_SECOND);
        let reason = format!(
            "was reached too often by all enterprises together: shared reach policy {version} allows {} in {seconds} s, \
             and what this enterprise sent counts twice",
            cap.count
        );
        (reason, shared.reset_time(self.set.deliver_time, ordinal))
    }
}
