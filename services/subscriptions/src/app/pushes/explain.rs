//! Why somebody was reached by a push, or was not (S8).

use siyu_proto::{
    crm::v1::{ExplainReachResponse, ReachVerdict},
    subscriptions::v1::PushOutcome,
};
use siyu_rpc::Error;

use super::known;
use crate::{
    Subscriptions,
    app::reach,
    domain::{
        push::{Push, State},
        touch::Touch,
        wave::{Wave, WaveState},
    },
    store,
};

/// What became of a fan by a push.
#[derive(Debug)]
pub(crate) struct Explanation {
    pub(crate) outcome: PushOutcome,
    /// What the CRM says.
    pub(crate) reach: ExplainReachResponse,
    pub(crate) wave: Option<Wave>,
    pub(crate) touch: Option<Touch>,
}

impl Subscriptions {
    /// What became of a user by a push, or would.
    pub(crate) async fn explain_push(
        &self,
        account_id: &str,
        push_id: &str,
        user_id: &str,
    ) -> Result<Explanation, Error> {
        let mut tx = self.db.begin_read().await?;
        let push = known(&mut tx, account_id, push_id).await?;
        drop(tx);
        let reach = self.reach.explain(&push, user_id).await?;
        let ordinal = u32::try_from(reach.ordinal).unwrap_or_default();
        let mut tx = self.db.begin_read().await?;
        let mut wave = None;
        for candidate in store::push_wave::list(&mut tx, account_id, push_id).await? {
            let fans = store::push_wave::ordinals(&mut tx, account_id, push_id, candidate.number).await?;
            if reach::from_bytes(&fans)?.contains(ordinal) {
                wave = Some(candidate);
                break;
            }
        }
        let touch = match ordinal {
            0 => None,
            ordinal => store::touch::get(&mut tx, account_id, push_id, ordinal).await?,
        };
        let follows = store::following::is_following(&mut tx, user_id, account_id).await?;
        let opt_out = store::opt_out::get(&mut tx, user_id, account_id).await?;
        let shown = follows && (push.service_message || opt_out.allows(&push.topic));
        drop(tx);
        let outcome = match &wave {
            Some(wave) => self.outcome_of(wave, touch.is_some(), shown),
            None => outcome_without_wave(&push, reach.verdict()),
        };
        Ok(Explanation { outcome, reach, wave, touch })
    }

    fn outcome_of(&self, wave: &Wave, seen: bool, shown: bool) -> PushOutcome {
        let is_over = wave.expire_time <= self.clock.now();
        match wave.state {
            WaveState::Held => PushOutcome::Held,
            WaveState::Failed => PushOutcome::Failed,
            WaveState::Retracted => PushOutcome::Retracted,
            WaveState::Delivered if seen => PushOutcome::Delivered,
            WaveState::Delivered if is_over => PushOutcome::Expired,
            WaveState::Delivered if !shown => PushOutcome::Hidden,
            WaveState::Delivered => PushOutcome::Delivered,
        }
    }
}

/// Of a user whom the push does not reach, or not yet.
fn outcome_without_wave(push: &Push, verdict: ReachVerdict) -> PushOutcome {
    let is_outside = matches!(
        verdict,
        ReachVerdict::OutsideTier
            | ReachVerdict::OutsideTags
            | ReachVerdict::OutsideSegment
            | ReachVerdict::OutsidePackage
            | ReachVerdict::UnknownFan
    );
    match push.state {
        State::Cancelled => PushOutcome::Cancelled,
        _ if is_outside => PushOutcome::NotPlanned,
        State::Draft | State::Reserving | State::Scheduled | State::Publishing => PushOutcome::NotPublished,
        // Somebody who came after the audience was frozen.
        _ if matches!(verdict, ReachVerdict::Eligible | ReachVerdict::Held) => PushOutcome::NotPlanned,
        _ => PushOutcome::Excluded,
    }
}
