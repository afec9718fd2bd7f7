use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::domain::{
    assignment::{Agent, Presence, Waiting, assign},
    clocks::Target,
};

const MINUTE: i64 = 60 * Micros::PER_SECOND;

fn at(minute: i64) -> Micros {
    Micros(minute * MINUTE)
}

fn rules(has_agents: bool) -> DeskRules {
    let target = |kind| Target { kind, micros: 30 * MINUTE, warning_percent: 0 };
    let promise = Promise { targets: ClockKind::ALL.map(target).to_vec(), ..Promise::default() };
    DeskRules { has_agents, promise }
}

fn taken(desk: &Desk, kind: ClockKind) -> Option<i64> {
    desk.clocks.find(kind).and_then(|clock| clock.taken).map(|micros| micros / MINUTE)
}

#[test]
fn a_bot_does_not_stop_the_clock_of_humans() {
    let (mut desk, rules) = (Desk::idle(), rules(true));
    desk.written(Writer::User, at(0), &rules);
    assert_eq!((desk.status, desk.number), (Status::Queued, 1));
    desk.written(Writer::Bot, at(1), &rules);
    assert_eq!(taken(&desk, ClockKind::FirstBot), Some(1));
    assert!(desk.clocks.is_running(ClockKind::FirstHuman));
    let rang = desk.ring(at(30));
    let kinds: Vec<_> = rang.iter().map(|rang| rang.kind).collect();
    assert_eq!(kinds, [ClockKind::FirstHuman, ClockKind::Resolution]);
    assert_eq!(desk.breach_count, 2);
    desk.written(Writer::Human, at(40), &rules);
    assert_eq!(taken(&desk, ClockKind::FirstHuman), Some(40));
}

#[test]
fn a_human_who_is_faster_leaves_nothing_to_the_bot() {
    let (mut desk, rules) = (Desk::idle(), rules(true));
    desk.written(Writer::User, at(0), &rules);
    desk.written(Writer::Human, at(2), &rules);
    assert_eq!((taken(&desk, ClockKind::FirstBot), taken(&desk, ClockKind::FirstHuman)), (None, Some(2)));
    assert!(!desk.clocks.is_running(ClockKind::FirstBot));
}

#[test]
fn each_further_message_is_answered_on_a_clock_of_its_own() {
    let (mut desk, rules) = (Desk::idle(), rules(true));
    desk.written(Writer::User, at(0), &rules);
    desk.written(Writer::User, at(5), &rules);
    assert!(!desk.clocks.is_running(ClockKind::Next), "the first answer is still awaited");
    desk.written(Writer::Human, at(6), &rules);
    desk.written(Writer::User, at(10), &rules);
    desk.written(Writer::User, at(12), &rules);
    desk.written(Writer::Bot, at(13), &rules);
    assert!(desk.clocks.is_running(ClockKind::Next));
    desk.written(Writer::Human, at(15), &rules);
    assert_eq!(taken(&desk, ClockKind::Next), Some(5));
}

#[test]
fn a_closed_case_is_reopened_or_followed_by_another() {
    let (mut desk, rules) = (Desk::idle(), rules(true));
    assert!(desk.close(at(0), &rules.promise).is_err());
    desk.written(Writer::User, at(0), &rules);
    desk.labels.push("vip".to_owned());
    desk.assign("li").unwrap();
    desk.close(at(20), &rules.promise).unwrap();
    assert_eq!(taken(&desk, ClockKind::Resolution), Some(20));
    assert_eq!(desk.clocks.next_time(), None, "nothing is awaited of what is closed");
    assert!(desk.assign("wu").is_err() && desk.queue().is_err());
    let rating = Rating { stars: 5, comment: String::new(), time: at(21) };
    desk.rate(rating.clone()).unwrap();
    assert!(desk.rate(rating.clone()).is_err());

    desk.reopen(true, &rules).unwrap();
    assert_eq!(desk.assigned_to(), Some("li"));
    assert!(desk.reopen(true, &rules).is_err() && desk.rate(rating).is_err());
    assert_eq!(desk.ring(at(31)).len(), 1);
    desk.close(at(40), &rules.promise).unwrap();
    assert_eq!(taken(&desk, ClockKind::Resolution), Some(40));

    desk.written(Writer::Human, at(41), &rules);
    assert_eq!(desk.status, Status::Closed, "only a user opens a case");
    desk.written(Writer::User, at(50), &rules);
    assert_eq!((desk.number, desk.status, desk.agent_id.as_str()), (2, Status::Queued, ""));
    assert_eq!((desk.rating.clone(), desk.breach_count, desk.labels.len()), (None, 0, 1));
}

#[test]
fn nothing_waits_where_nobody_answers() {
    let mut desk = Desk::idle();
    desk.written(Writer::User, at(0), &rules(false));
    assert_eq!(desk.status, Status::Open);
    assert!(!DeskRules::default().is_on() && rules(false).is_on());
}

/// A desk as storage has it: conversations, agents, and draining after each step.
#[derive(Default)]
struct Shop {
    desks: BTreeMap<u8, Desk>,
    agents: BTreeMap<u8, Agent>,
    now: i64,
}

#[derive(Debug, Clone)]
enum Step {
    Write(u8),
    SetPresence(u8, Presence),
    SetCapacity(u8, i64),
    Close(u8),
    Reopen(u8),
    Take(u8, u8),
    ToQueue(u8),
}

impl Shop {
    fn step(&mut self, step: &Step) {
        self.now += 1;
        let (now, rules) = (at(self.now), rules(!self.agents.is_empty()));
        match *step {
            Step::Write(user) => {
                self.desks.entry(user).or_insert_with(Desk::idle).written(Writer::User, now, &rules);
            }
            Step::SetPresence(agent, presence) => self.set_presence(agent, presence),
            Step::SetCapacity(agent, capacity) => {
                if let Some(agent) = self.agents.get_mut(&agent) {
                    agent.capacity = capacity;
                }
            }
            Step::Close(user) => self.on(user, |desk| desk.close(now, &rules.promise)),
            Step::Reopen(user) => {
                let of = self.desks.get(&user).map(|desk| desk.agent_id.clone()).unwrap_or_default();
                let is_there = self.agents.values().any(|agent| agent.agent_id == of && agent.room() > 0);
                self.on(user, |desk| desk.reopen(is_there, &rules));
            }
            Step::Take(user, agent) => {
                let there = |agent: &&Agent| agent.presence != Presence::Offline;
                if let Some(agent) = self.agents.get(&agent).filter(there).cloned() {
                    self.on(user, |desk| desk.assign(&agent.agent_id));
                }
            }
            Step::ToQueue(user) => self.on(user, Desk::queue),
        }
        self.drain();
    }

    /// Whatever cannot be done is left.
    fn on(&mut self, user: u8, change: impl FnOnce(&mut Desk) -> Result<(), WrongState>) {
        if let Some(desk) = self.desks.get_mut(&user) {
            let _ = change(desk);
        }
    }

    fn set_presence(&mut self, agent: u8, presence: Presence) {
        let agent_id = format!("a{agent}");
        let new = Agent {
            account_id: "shop".to_owned(),
            agent_id: agent_id.clone(),
            presence,
            capacity: 2,
            busy_time: at(self.now),
            update_time: at(self.now),
            load: 0,
        };
        self.agents.entry(agent).or_insert(new).presence = presence;
        if presence == Presence::Offline {
            for desk in self.desks.values_mut().filter(|desk| desk.assigned_to() == Some(&agent_id)) {
                desk.queue().unwrap();
            }
        }
    }

    fn drain(&mut self) {
        let mut queue: Vec<(Micros, u8)> =
            self.waiting().map(|(user, desk)| (desk.queue_time, *user)).collect();
        queue.sort_unstable();
        let waiting = queue.iter().map(|(_, user)| Waiting {
            user_id: user.to_string(),
            last_agent: self.desks[user].agent_id.clone(),
        });
        let waiting: Vec<_> = waiting.collect();
        let mut agents: Vec<Agent> = self.agents.values().cloned().collect();
        for agent in &mut agents {
            agent.load = self.load(&agent.agent_id);
        }
        for (user, agent_id) in assign(&waiting, &mut agents, at(self.now)) {
            self.desks.get_mut(&user.parse().unwrap()).unwrap().assign(&agent_id).unwrap();
        }
    }

    fn waiting(&self) -> impl Iterator<Item = (&u8, &Desk)> {
        self.desks.iter().filter(|(_, desk)| desk.status == Status::Queued)
    }

    fn load(&self, agent_id: &str) -> i64 {
        let has = self.desks.values().filter(|desk| desk.assigned_to() == Some(agent_id)).count();
        i64::try_from(has).unwrap()
    }
}

fn step() -> impl Strategy<Value = Step> {
    let presence = prop_oneof![Just(Presence::Online), Just(Presence::Away), Just(Presence::Offline)];
    prop_oneof![
        4 => (0..8_u8).prop_map(Step::Write),
        3 => (0..3_u8, presence).prop_map(|(agent, presence)| Step::SetPresence(agent, presence)),
        1 => (0..3_u8, 0..4_i64).prop_map(|(agent, capacity)| Step::SetCapacity(agent, capacity)),
        2 => (0..8_u8).prop_map(Step::Close),
        1 => (0..8_u8).prop_map(Step::Reopen),
        1 => (0..8_u8, 0..3_u8).prop_map(|(user, agent)| Step::Take(user, agent)),
        1 => (0..8_u8).prop_map(Step::ToQueue),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_nobody_waits_while_an_agent_has_room(steps in proptest::collection::vec(step(), 0..60)) {
        let mut shop = Shop::default();
        for step in &steps {
            shop.step(step);
            let with_load = |agent: &Agent| Agent { load: shop.load(&agent.agent_id), ..agent.clone() };
            let has_room = shop.agents.values().map(with_load).any(|agent| agent.room() > 0);
            prop_assert!(shop.waiting().next().is_none() || !has_room, "after {step:?}");
            for agent in shop.agents.values().filter(|agent| agent.presence == Presence::Offline) {
                prop_assert_eq!(shop.load(&agent.agent_id), 0, "after {:?}", step);
            }
        }
    }
}
