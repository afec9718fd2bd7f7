//! Where a conversation stands at the service desk: whether it waits, who has it, what was promised (M6, M7).
//!
//! A **case** begins when a user writes and none is open, and ends when it is closed.

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::clocks::{Alarm, ClockKind, Clocks, Promise, Rang};

/// What an account has for its desk.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeskRules {
    /// Whether anybody answers for it: else nothing waits for them.
    pub(crate) has_agents: bool,
    pub(crate) promise: Promise,
}

impl DeskRules {
    /// Whether messages of its users open cases.
    pub(crate) fn is_on(&self) -> bool {
        self.has_agents || !self.promise.targets.is_empty()
    }
}

/// Where a case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// There was none yet.
    Idle,
    /// It waits for nobody: the account has no agents. Whoever looks answers it.
    Open,
    Queued,
    Assigned,
    Closed,
}

impl Status {
    /// What it is stored as.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Open => "open",
            Self::Queued => "queued",
            Self::Assigned => "assigned",
            Self::Closed => "closed",
        }
    }

    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Queued | Self::Assigned)
    }
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    User,
    Bot,
    Human,
}

/// What a user thinks of how they were served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rating {
    /// 1 to 5.
    pub(crate) stars: i64,
    pub(crate) comment: String,
    pub(crate) time: Micros,
}

/// Where a conversation stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Desk {
    pub(crate) status: Status,
    /// Number of the case, from 1 on.
    pub(crate) number: i64,
    /// Who has it, or had it last; empty for nobody.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) agent_id: String,
    /// Since when it waits or waited: what is handed back has its place by this.
    pub(crate) queue_time: Micros,
    pub(crate) open_time: Micros,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) close_time: Option<Micros>,
    pub(crate) clocks: Clocks,
    #[serde(default)]
    pub(crate) warning_count: i64,
    #[serde(default)]
    pub(crate) breach_count: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rating: Option<Rating>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) labels: Vec<String>,
}

/// Why something cannot be done with a conversation.
pub(crate) type WrongState = &'static str;

impl Default for Desk {
    fn default() -> Self {
        Self::idle()
    }
}

impl Desk {
    /// That of a conversation that had no case.
    pub(crate) fn idle() -> Self {
        Self {
            status: Status::Idle,
            number: 0,
            agent_id: String::new(),
            queue_time: Micros(0),
            open_time: Micros(0),
            close_time: None,
            clocks: Clocks::default(),
            warning_count: 0,
            breach_count: 0,
            rating: None,
            labels: Vec::new(),
        }
    }

    /// A message was written.
    pub(crate) fn written(&mut self, writer: Writer, now: Micros, rules: &DeskRules) {
        let promise = &rules.promise;
        match writer {
            Writer::User if !self.status.is_open() => {
                if rules.is_on() {
                    self.open(now, rules);
                }
            }
            Writer::User => {
                let waits =
                    self.clocks.is_running(ClockKind::FirstHuman) || self.clocks.is_running(ClockKind::Next);
                if !waits {
                    self.clocks.start(ClockKind::Next, now, promise);
                }
                if self.status == Status::Open && rules.has_agents {
                    self.status = Status::Queued;
                }
            }
            Writer::Bot => self.clocks.stop(ClockKind::FirstBot, now, promise),
            Writer::Human => {
                self.clocks.cancel(ClockKind::FirstBot, now);
                self.clocks.stop(ClockKind::FirstHuman, now, promise);
                self.clocks.stop(ClockKind::Next, now, promise);
            }
        }
    }

    fn open(&mut self, now: Micros, rules: &DeskRules) {
        let labels = std::mem::take(&mut self.labels);
        let status = if rules.has_agents { Status::Queued } else { Status::Open };
        let number = self.number + 1;
        *self = Self { status, number, queue_time: now, open_time: now, labels, ..Self::idle() };
        for kind in [ClockKind::FirstBot, ClockKind::FirstHuman, ClockKind::Resolution] {
            self.clocks.start(kind, now, &rules.promise);
        }
    }

    /// What the clocks have to tell up to `now`.
    pub(crate) fn ring(&mut self, now: Micros) -> Vec<Rang> {
        let rang = self.clocks.ring(now);
        for rang in &rang {
            match rang.alarm {
                Alarm::Warning => self.warning_count += 1,
                Alarm::Breach => self.breach_count += 1,
            }
        }
        rang
    }

    /// It is an agent's now.
    pub(crate) fn assign(&mut self, agent_id: &str) -> Result<(), WrongState> {
        self.check_open()?;
        self.status = Status::Assigned;
        self.agent_id = agent_id.to_owned();
        Ok(())
    }

    /// It waits (again), where its time puts it.
    pub(crate) fn queue(&mut self) -> Result<(), WrongState> {
        self.check_open()?;
        self.status = Status::Queued;
        Ok(())
    }

    pub(crate) fn close(&mut self, now: Micros, promise: &Promise) -> Result<(), WrongState> {
        self.check_open()?;
        self.status = Status::Closed;
        self.close_time = Some(now);
        self.clocks.stop(ClockKind::Resolution, now, promise);
        for kind in ClockKind::ALL {
            self.clocks.cancel(kind, now);
        }
        Ok(())
    }

    /// The case goes on: with whom it was, or in the queue, or with nobody.
    pub(crate) fn reopen(&mut self, is_agent_there: bool, rules: &DeskRules) -> Result<(), WrongState> {
        if self.status != Status::Closed {
            return Err("has no closed case");
        }
        self.status = match (is_agent_there, rules.has_agents) {
            (true, _) => Status::Assigned,
            (false, true) => Status::Queued,
            (false, false) => Status::Open,
        };
        self.close_time = None;
        self.clocks.resume(ClockKind::Resolution);
        Ok(())
    }

    /// The user rates the case, once.
    pub(crate) fn rate(&mut self, rating: Rating) -> Result<(), WrongState> {
        if self.status != Status::Closed {
            return Err("has no closed case to rate");
        }
        if self.rating.is_some() {
            return Err("was rated already");
        }
        self.rating = Some(rating);
        Ok(())
    }

    /// Whether the user said something to a rating that is older than a time.
    pub(crate) fn has_comment_before(&self, time: Micros) -> bool {
        self.rating.as_ref().is_some_and(|rating| rating.time < time && !rating.comment.is_empty())
    }

    /// Forgets what the user said to a rating.
    pub(crate) fn forget_comment(&mut self) {
        if let Some(rating) = &mut self.rating {
            rating.comment.clear();
        }
    }

    /// Who has it, if anybody.
    pub(crate) fn assigned_to(&self) -> Option<&str> {
        (self.status == Status::Assigned).then_some(self.agent_id.as_str())
    }

    fn check_open(&self) -> Result<(), WrongState> {
        if self.status.is_open() { Ok(()) } else { Err("has no open case") }
    }
}

#[cfg(test)]
mod tests;
