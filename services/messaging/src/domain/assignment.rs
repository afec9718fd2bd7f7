//! Who gets which conversation: those that wait longest first, each to the agent with the least to do (M6).

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

/// Whether an agent is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Presence {
    /// Gets conversations.
    Online,
    /// Keeps theirs and gets no more.
    Away,
    /// Has none.
    Offline,
}

impl Presence {
    /// What it is stored as.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Away => "away",
            Self::Offline => "offline",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Online, Self::Away, Self::Offline].into_iter().find(|presence| presence.name() == name)
    }
}

/// Somebody who answers for an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Agent {
    pub(crate) account_id: String,
    /// The subject of the operator.
    pub(crate) agent_id: String,
    pub(crate) presence: Presence,
    /// Most conversations at once.
    pub(crate) capacity: i64,
    /// When they last got one, or came.
    pub(crate) busy_time: Micros,
    pub(crate) update_time: Micros,
    /// Conversations they have.
    pub(crate) load: i64,
}

impl Agent {
    pub(crate) fn name(&self) -> String {
        format!("accounts/{}/agents/{}", self.account_id, self.agent_id)
    }

    /// How many more conversations they may be given.
    pub(crate) fn room(&self) -> i64 {
        if self.presence == Presence::Online { (self.capacity - self.load).max(0) } else { 0 }
    }
}

/// A conversation that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) user_id: String,
    /// Who had it last, and is not to get it again while somebody else can; empty for nobody.
    pub(crate) last_agent: String,
}

/// Gives conversations, which wait in this order, to agents as long as one has room. Answers who gets which.
pub(crate) fn assign(waiting: &[Waiting], agents: &mut [Agent], now: Micros) -> Vec<(String, String)> {
    let mut assigned = Vec::new();
    for waits in waiting {
        let with_room = agents.iter_mut().filter(|agent| agent.room() > 0);
        let best = with_room.min_by_key(|agent| {
            let had_it = agent.agent_id == waits.last_agent;
            (had_it, agent.load, agent.busy_time, agent.agent_id.clone())
        });
        let Some(agent) = best else { break };
        agent.load += 1;
        agent.busy_time = now;
        assigned.push((waits.user_id.clone(), agent.agent_id.clone()));
    }
    assigned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn agent(agent_id: &str, presence: Presence, capacity: i64, load: i64, busy_time: i64) -> Agent {
        Agent {
            account_id: "shop".to_owned(),
            agent_id: agent_id.to_owned(),
            presence,
            capacity,
            busy_time: Micros(busy_time),
            update_time: Micros(0),
            load,
        }
    }

    fn waiting(user_id: &str, last_agent: &str) -> Waiting {
        Waiting { user_id: user_id.to_owned(), last_agent: last_agent.to_owned() }
    }

    fn given(waiting: &[Waiting], agents: &mut [Agent]) -> Vec<String> {
        let assigned = assign(waiting, agents, Micros(100));
        assigned.into_iter().map(|(user, agent)| format!("{user}-{agent}")).collect()
    }

    #[test]
    fn the_least_loaded_then_the_longest_idle_then_the_first_by_id() {
        let queue = ["u1", "u2", "u3", "u4"].map(|user| waiting(user, ""));
        let mut agents = [
            agent("li", Presence::Online, 5, 1, 0),
            agent("wu", Presence::Online, 5, 0, 9),
            agent("xu", Presence::Online, 5, 0, 3),
            agent("yi", Presence::Away, 5, 0, 0),
        ];
        assert_eq!(given(&queue, &mut agents), ["u1-xu", "u2-wu", "u3-li", "u4-wu"]);
    }

    #[test]
    fn who_had_it_gets_it_again_only_where_nobody_else_can() {
        let mut agents = [agent("li", Presence::Online, 2, 0, 0), agent("wu", Presence::Online, 1, 0, 5)];
        let queue = [waiting("u1", "li"), waiting("u2", "li"), waiting("u3", ""), waiting("u4", "")];
        assert_eq!(given(&queue, &mut agents), ["u1-wu", "u2-li", "u3-li"]);
    }

    fn presence() -> impl Strategy<Value = Presence> {
        prop_oneof![Just(Presence::Online), Just(Presence::Away), Just(Presence::Offline)]
    }

    proptest! {
        #[test]
        fn nobody_waits_while_an_agent_has_room_and_nobody_gets_too_many(
            count in 0..12_usize,
            agents in proptest::collection::vec((presence(), 0..4_i64, 0..4_i64), 0..5),
        ) {
            let queue: Vec<_> = (0..count).map(|number| waiting(&format!("u{number}"), "a0")).collect();
            let agents = agents.iter().enumerate();
            let mut agents: Vec<_> = agents
                .map(|(number, (presence, capacity, load))| {
                    agent(&format!("a{number}"), *presence, *capacity, *load, 0)
                })
                .collect();
            let before = agents.clone();
            let assigned = assign(&queue, &mut agents, Micros(1));
            let has_room = agents.iter().any(|agent| agent.room() > 0);
            prop_assert!(assigned.len() == count || !has_room);
            prop_assert!(assigned.iter().zip(&queue).all(|((user, _), waits)| *user == waits.user_id));
            for (before, after) in before.iter().zip(&agents) {
                let got = assigned.iter().filter(|(_, agent)| *agent == after.agent_id).count();
                prop_assert_eq!(i64::try_from(got).unwrap(), after.load - before.load);
                prop_assert!(after.load == before.load || after.load <= after.capacity);
            }
        }
    }
}
