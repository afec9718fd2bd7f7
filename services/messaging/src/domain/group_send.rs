//! One message to many (M9): how fast it goes out, and where each of them stands.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::message::Content;

/// Most recipients of one message.
pub(crate) const MOST_RECIPIENTS: u64 = 200_000;
/// Whoever was held up catches up with as much as this.
const LAG: Duration = Duration::from_secs(60);
const MINUTE_MICROS: i64 = 60_000_000;

/// Where a group sending stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Waits for its time; nobody knows yet whom it goes to.
    Scheduled,
    /// Goes out, or waits for those who are reached later.
    Sending,
    Paused,
    Done,
    Cancelled,
    Failed,
}

impl State {
    /// What it is stored as.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Sending => "sending",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing more comes of it.
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled | Self::Failed)
    }
}

/// Why a recipient was not sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// The account had sent as many as it may without an answer.
    OverAllowance,
    /// The recipient was reached as often as a frequency cap allows.
    Capped,
    /// The recipient was reached by all enterprises together as often as the platform allows.
    SharedCapped,
    /// The recipient wants nothing of the account.
    NoConsent,
    /// The account has blocked the recipient, or the message has words that are not let through.
    Blocked,
    /// It could not be sent.
    Failed,
    /// It was cancelled before.
    Cancelled,
}

/// What became of a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Outcome {
    /// Sent, as this message of the conversation.
    Sent(i64),
    Refused(Reason),
}

/// One message to many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupSend {
    pub(crate) account_id: String,
    pub(crate) group_send_id: String,
    /// `accounts/{account}/packages/{package}`
    pub(crate) package: String,
    pub(crate) content: Content,
    pub(crate) author: String,
    /// Messages a minute.
    pub(crate) pace: i64,
    pub(crate) schedule_time: Micros,
    pub(crate) state: State,
    /// Whether its recipients are known.
    pub(crate) prepared: bool,
    pub(crate) planned_count: i64,
    pub(crate) sent_count: i64,
    pub(crate) refused: BTreeMap<Reason, i64>,
    pub(crate) failure: String,
    /// Up to when the pace is used up.
    pub(crate) paced_time: Micros,
    /// When there is something to do for it.
    pub(crate) due_time: Option<Micros>,
    /// Whether the CRM is to be told who was not reached after all.
    pub(crate) owes_reach: bool,
    pub(crate) revision: i64,
    pub(crate) create_time: Micros,
    pub(crate) update_time: Micros,
}

impl GroupSend {
    pub(crate) fn name(&self) -> String {
        name(&self.account_id, &self.group_send_id)
    }

    /// The id of its message in every conversation: another try is the same message.
    pub(crate) fn client_message_id(&self) -> String {
        format!("group:{}", self.group_send_id)
    }

    /// It begins, or goes on, at `now`: with what goes out in a second.
    pub(crate) fn start_pace(&mut self, now: Micros) {
        self.paced_time = now.minus(Duration::from_secs(1)).minus(self.interval(1));
        self.due_time = Some(now);
    }

    /// How many messages may go out at `now`.
    pub(crate) fn budget(&self, now: Micros) -> i64 {
        let since = self.paced_time.max(now.minus(LAG));
        (now.0 - since.0).max(0) * self.pace / MINUTE_MICROS
    }

    /// So many messages went out at `now`, and the next go when there is a second's worth of them, or at once where the budget was not
    /// used up.
    pub(crate) fn spend(&mut self, count: i64, now: Micros) {
        self.paced_time = self.paced_time.max(now.minus(LAG)).plus(self.interval(count));
        let next = self.paced_time.plus(self.interval((self.pace / 60).max(1)));
        self.due_time = Some(if self.budget(now) > 0 { now } else { next });
    }

    /// How long it takes to send so many.
    fn interval(&self, count: i64) -> Duration {
        let micros = (count * MINUTE_MICROS).div_euclid(self.pace) + 1;
        Duration::from_micros(micros.unsigned_abs())
    }

    /// Notes what became of recipients.
    pub(crate) fn note(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            match outcome {
                Outcome::Sent(_) => self.sent_count += 1,
                Outcome::Refused(reason) => *self.refused.entry(*reason).or_default() += 1,
            }
        }
    }

    /// Recipients who were not sent it.
    pub(crate) fn refused_count(&self) -> i64 {
        self.refused.values().sum()
    }
}

/// `accounts/{account}/groupSends/{group_send}`
pub(crate) fn name(account_id: &str, group_send_id: &str) -> String {
    format!("accounts/{account_id}/groupSends/{group_send_id}")
}

/// Some of the recipients: those of whom the same is to become, in the order in which it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) number: i64,
    /// Why none of them is reached; None where they are.
    pub(crate) reason: Option<Reason>,
    /// Not before.
    pub(crate) deliver_time: Micros,
    /// Each with the ordinal that the CRM knows them by.
    pub(crate) recipients: Vec<(u32, String)>,
    /// What became of the first of them.
    pub(crate) outcomes: Vec<Outcome>,
}

impl Chunk {
    /// Those of whom nothing has become.
    pub(crate) fn rest(&self) -> &[(u32, String)] {
        if self.reason.is_some() { &[] } else { &self.recipients[self.outcomes.len()..] }
    }

    /// What became of a recipient, if anything did.
    pub(crate) fn outcome(&self, index: usize) -> Option<Outcome> {
        self.reason.map(Outcome::Refused).or_else(|| self.outcomes.get(index).copied())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::message::ContentKind;

    fn group_send(pace: i64) -> GroupSend {
        let content = Content { text: "Hi".into(), ..Content::empty(ContentKind::Text) };
        GroupSend {
            account_id: "shop".to_owned(),
            group_send_id: "spring".to_owned(),
            package: "accounts/shop/packages/fans".to_owned(),
            content,
            author: "operator:li".to_owned(),
            pace,
            schedule_time: Micros(0),
            state: State::Sending,
            prepared: true,
            planned_count: 0,
            sent_count: 0,
            refused: BTreeMap::new(),
            failure: String::new(),
            paced_time: Micros(0),
            due_time: None,
            owes_reach: false,
            revision: 1,
            create_time: Micros(0),
            update_time: Micros(0),
        }
    }

    #[test]
    fn it_begins_with_the_worth_of_a_second_and_one_at_least() {
        let now = Micros(1_000_000_000);
        for (pace, first) in [(1, 1), (59, 1), (60, 2), (6_000, 101), (60_000, 1_001)] {
            let mut sent = group_send(pace);
            sent.start_pace(now);
            assert_eq!(sent.budget(now), first, "{pace}");
            sent.spend(first, now);
            assert!(sent.budget(now) == 0 && sent.due_time > Some(now), "{pace}");
        }
    }

    #[test]
    fn whoever_was_away_catches_up_with_a_minute() {
        let now = Micros(10_000_000_000);
        let mut sent = group_send(600);
        sent.paced_time = now.minus(Duration::from_secs(3_600));
        assert_eq!(sent.budget(now), 600);
        sent.spend(500, now);
        assert_eq!((sent.budget(now), sent.due_time), (99, Some(now)));
    }

    #[test]
    fn outcomes_are_stored_short() {
        let outcomes = vec![Outcome::Sent(7), Outcome::Refused(Reason::OverAllowance)];
        let json = serde_json::to_string(&outcomes).unwrap();
        assert_eq!(json, r#"[7,"over_allowance"]"#);
        assert_eq!(serde_json::from_str::<Vec<Outcome>>(&json).unwrap(), outcomes);
    }

    proptest! {
        /// In no window of time do more go out than the pace lets, and what a minute of delay adds.
        #[test]
        fn the_pace_holds(
            pace in 1_i64..60_000,
            steps in prop::collection::vec((0_i64..30_000_000, 1_i64..800), 1..60),
        ) {
            let start = Micros(1_000_000_000_000);
            let (mut now, mut total) = (start, 0);
            let mut sent = group_send(pace);
            sent.start_pace(start);
            for (wait, most) in steps {
                now = Micros(now.0 + wait);
                let count = sent.budget(now).min(most);
                sent.spend(count, now);
                total += count;
                let elapsed = now.0 - start.0;
                prop_assert!(total <= (elapsed + 1_000_000) * pace / MINUTE_MICROS + 2);
                prop_assert!(sent.budget(now) >= 0);
            }
        }
    }
}
