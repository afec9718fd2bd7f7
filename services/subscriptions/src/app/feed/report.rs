//! What fans do with pushes, as the app of the platform reports it (S7).

use std::time::Duration;

use siyu_clock::Micros;
use siyu_observed::{Origin, interaction};
use siyu_rpc::Error;

use super::touching::{Act, TouchCall};
use crate::{
    Subscriptions,
    domain::{push::name, touch::Action},
    store::{self, push_wave::Candidate},
};

/// How far in the future a report may lie: clocks differ.
const TOLERATED_FUTURE: Duration = Duration::from_secs(600);
/// Pushes come from the account's own reach.
const PRIVATE: &str = "private";

/// Something a fan did with a push. Its fields were checked by themselves.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) event_id: String,
    pub(crate) account_id: String,
    pub(crate) push_id: String,
    pub(crate) action: Action,
    /// What it was done to; empty for the push itself.
    pub(crate) target: String,
    /// Now where nobody says.
    pub(crate) time: Option<Micros>,
}

/// Why a report was not recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unusable {
    pub(crate) field: &'static str,
    pub(crate) message: String,
}

impl Subscriptions {
    /// Records what a user did with pushes; answers for each why it was not, if it was not.
    pub(crate) async fn report_feed(
        &self,
        user_id: &str,
        reports: Vec<Result<Report, Unusable>>,
    ) -> Result<Vec<Result<(), Unusable>>, Error> {
        self.learn_ordinals(user_id).await?;
        let now = self.clock.now();
        let mut answers = Vec::with_capacity(reports.len());
        let mut acts = Vec::new();
        let mut tx = self.db.begin_read().await?;
        for report in reports {
            let judged = match report {
                Ok(report) => {
                    let wave =
                        store::push_wave::of_push(&mut tx, user_id, &report.account_id, &report.push_id);
                    let mut reached = None;
                    for candidate in wave.await? {
                        let audience = self.audiences.get(&mut tx, &candidate).await?;
                        let ordinal = candidate.ordinal.and_then(|ordinal| u32::try_from(ordinal).ok());
                        if let Some(ordinal) = ordinal.filter(|ordinal| audience.fans.contains(*ordinal)) {
                            reached = Some((candidate, ordinal));
                        }
                    }
                    act(user_id, report, reached, now)
                }
                Err(unusable) => Err(unusable),
            };
            answers.push(judged.map(|act| acts.push(act)));
        }
        drop(tx);
        if let Some(first) = acts.first() {
            let key = first.account_id.clone();
            self.touching.call(&key, TouchCall::Acted(acts)).await?;
        }
        Ok(answers)
    }
}

/// What is recorded of a report by a user whom the push reached by that wave, or did not.
fn act(
    user_id: &str,
    report: Report,
    reached: Option<(Candidate, u32)>,
    now: Micros,
) -> Result<Act, Unusable> {
    let unusable = |field, message: &str| Unusable { field, message: message.to_owned() };
    let push = name(&report.account_id, &report.push_id);
    let (wave, ordinal) =
        reached.ok_or_else(|| unusable("push", "is no push that is in the feed of the user"))?;
    let time = report.time.unwrap_or(now);
    if time > now.plus(TOLERATED_FUTURE) {
        return Err(unusable("event_time", "must not be in the future"));
    }
    if time.0 < wave.deliver_time {
        return Err(unusable("event_time", "must not be before the push was delivered"));
    }
    let Report { event_id, account_id, push_id, action, target, .. } = report;
    let origin = Origin { mount: push.clone(), source_domain: PRIVATE.to_owned(), ..Origin::default() };
    let target = if target.is_empty() { push } else { target };
    let observed = action
        .interaction()
        .map(|kind| interaction(format!("feed:{event_id}"), user_id, kind, time, target, &origin).into());
    Ok(Act { account_id, push_id, ordinal, action, time, observed })
}
