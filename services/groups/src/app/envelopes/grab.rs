use std::sync::Arc;

use siyu_clock::Micros;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::Error;
use siyu_telemetry::names;
use tonic::Code;

use super::{Asked, not_found};
use crate::{
    Groups,
    domain::{
        envelope::{Envelope, Grab, Refusal},
        threshold::{Threshold, Tier},
    },
    store,
};

impl Groups {
    /// Grabs a share for a user; who has one is answered that.
    pub(crate) async fn grab_envelope(&self, asked: &Asked) -> Result<Grab, Error> {
        let grabbed = self.try_to_grab(asked).await;
        let outcome = match &grabbed {
            Ok((_, true)) => "again",
            Ok((_, false)) => "grabbed",
            Err(error) => outcome_of(error),
        };
        metrics::counter!(names::ENVELOPE_GRABS_TOTAL, "outcome" => outcome).increment(1);
        grabbed.map(|(grab, _)| grab)
    }

    /// Answers also whether the user had the share before. Whoever comes to an envelope that is over is answered by one read, and keeps
    /// nobody waiting.
    async fn try_to_grab(&self, asked: &Asked) -> Result<(Grab, bool), Error> {
        let envelope = self.known_envelope(asked).await?;
        let refusal = envelope.refusal(self.clock.now());
        let min_tier = envelope.terms.min_tier;
        if (refusal.is_some() || min_tier.is_some())
            && let Some(first) = self.share_of(asked).await?
        {
            return Ok((first, true));
        }
        if let Some(refusal) = refusal {
            return Err(refused(refusal, &envelope.name(), &asked.user_id));
        }
        if let Some(min_tier) = min_tier {
            self.check_tier(asked, min_tier, &envelope.name()).await?;
        }
        let name = envelope.name();
        let answer = self.envelopes.grabbing.call(&name, asked.clone()).await?;
        if answer.as_ref().is_err_and(is_over) {
            self.envelopes.kept.remove(&name);
        }
        answer
    }

    /// The envelope: from memory, or read.
    async fn known_envelope(&self, asked: &Asked) -> Result<Arc<Envelope>, Error> {
        let ids = asked.ids();
        let name = asked.name();
        if let Some(kept) = self.envelopes.kept.get(&name) {
            return Ok(kept);
        }
        let envelope = Arc::new(self.get_envelope(ids).await?);
        self.envelopes.kept.insert(name, envelope.clone());
        Ok(envelope)
    }

    async fn share_of(&self, asked: &Asked) -> Result<Option<Grab>, Error> {
        let [account_id, _, envelope_id] = asked.ids();
        let mut tx = self.db.begin_read().await?;
        let wanted = [(account_id, envelope_id, asked.user_id.as_str())];
        let found = store::envelope_share::of_users(&mut tx, wanted).await?;
        Ok(found.into_iter().map(|(_, _, grab)| grab).next())
    }

    async fn check_tier(&self, asked: &Asked, min_tier: Tier, name: &str) -> Result<(), Error> {
        let threshold = Threshold { min_tier: Some(min_tier), ..Threshold::default() };
        let ids = [asked.account_id.as_str(), asked.user_id.as_str()];
        let missing = self.fans.missing(&threshold, ids, self.clock.now()).await?;
        let refused = |missing| {
            let message = format!("{name}: users/{} must {missing}", asked.user_id);
            condition_not_met(message, "min_tier", min_tier.name())
        };
        missing.map_or(Ok(()), |missing| Err(refused(missing)))
    }

    /// An envelope of a group.
    pub(crate) async fn get_envelope(&self, ids: [&str; 3]) -> Result<Envelope, Error> {
        let [account_id, group_id, envelope_id] = ids;
        let mut tx = self.db.begin_read().await?;
        let found = store::envelope::get(&mut tx, account_id, envelope_id).await?;
        found.filter(|envelope| envelope.group_id == group_id).ok_or_else(|| not_found(ids))
    }
}

/// What a user is told who gets nothing of the envelope `name`.
pub(super) fn refused(refusal: Refusal, name: &str, user_id: &str) -> Error {
    match refusal {
        Refusal::Empty { share_count } => {
            let message = format!("{name}: all {share_count} shares are grabbed");
            Error::new(Code::ResourceExhausted, ErrorReason::SoldOut, message).with("resource", name)
        }
        Refusal::Over { end } => over(name, end),
        Refusal::NoMember => {
            let message = format!("{name}: users/{user_id} is no member of the group");
            condition_not_met(message, "member", "true")
        }
        Refusal::Capped { cap, got } => {
            let rule = format!("{cap} for a fan on a day out of envelopes of the account");
            let message = format!("{name}: {rule}, {got} of it are got; the next share would be more");
            Error::new(Code::ResourceExhausted, ErrorReason::QuotaExceeded, &message)
                .with("rule", rule)
                .with("limit", cap.to_string())
                .with("used", got.to_string())
                .with_quota_violation(format!("users/{user_id}"), message)
        }
    }
}

fn over(name: &str, end: Micros) -> Error {
    let message = format!("{name} could be grabbed until {end}");
    let error = Error::new(Code::FailedPrecondition, ErrorReason::OutsideValidity, message);
    error.with("end_time", end.to_string())
}

fn condition_not_met(message: String, condition: &str, required: &str) -> Error {
    let error = Error::new(Code::FailedPrecondition, ErrorReason::ConditionNotMet, message);
    error.with("condition", condition).with("required", required)
}

/// Whether nobody gets anything any more.
fn is_over(error: &Error) -> bool {
    matches!(error.reason(), ErrorReason::SoldOut | ErrorReason::OutsideValidity)
}

fn outcome_of(error: &Error) -> &'static str {
    match error.reason() {
        ErrorReason::SoldOut => "empty",
        ErrorReason::OutsideValidity => "expired",
        ErrorReason::ConditionNotMet => "condition_not_met",
        ErrorReason::QuotaExceeded => "capped",
        _ => "failed",
    }
}
