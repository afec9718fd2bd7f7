//! Whole lives of envelopes, with all their money.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::*;
use crate::domain::ledger::{Comparison, Entry, Figures, LedgerAccount, Line};

const DAY: &str = "2026-03-01";
const START: Micros = Micros::from_seconds(1_772_323_200);

fn terms(kind: Kind, total_minor: i64, share_count: i64) -> Terms {
    Terms { kind, total_minor, share_count, min_tier: None, greeting: String::new() }
}

fn envelope(terms: Terms, seed: Seed) -> Envelope {
    Envelope {
        account_id: "shop".to_owned(),
        envelope_id: "spring".to_owned(),
        group_id: "vip".to_owned(),
        author: "operator:li".to_owned(),
        seed_digest: seed.digest(),
        seed,
        time_zone: "Asia/Shanghai".to_owned(),
        message_sequence: 1,
        state: State::Open,
        grabbed_count: 0,
        grabbed_minor: 0,
        escrow_minor: terms.total_minor,
        refunded_minor: 0,
        create_time: START,
        expire_time: START.plus(LASTS),
        end_time: None,
        terms,
    }
}

/// Places and amounts, as storage has them.
fn cut_places(envelope: &Envelope) -> Vec<(i64, i64)> {
    let Terms { kind, total_minor, share_count, .. } = envelope.terms;
    (1..).zip(cut(kind, total_minor, share_count, &envelope.seed)).collect()
}

fn laid_out(envelope: Envelope, day: &str, fan_cap: Option<i64>, free: Vec<(i64, i64)>) -> Pot {
    let mut pot = Pot::new(envelope, day.to_owned(), fan_cap, []);
    pot.lay_out(free.into());
    pot
}

#[test]
fn what_cannot_be_cut_is_refused() {
    let wrong = |kind, total, count| terms(kind, total, count).check().err().map(|(field, _)| field);
    assert_eq!(wrong(Kind::Lucky, 10, 100), Some("total_minor"));
    assert_eq!(wrong(Kind::Fixed, 10, 100), Some("total_minor"));
    assert_eq!(wrong(Kind::Fixed, 101, 100), Some("total_minor"));
    assert_eq!((wrong(Kind::Lucky, 101, 100), wrong(Kind::Fixed, 100, 100)), (None, None));
}

#[test]
fn nobody_grabs_twice_too_late_or_from_outside() {
    let envelope = envelope(terms(Kind::Fixed, 20, 2), Seed::new([1; 32]));
    let (free, end) = (cut_places(&envelope), envelope.expire_time);
    let mut pot = laid_out(envelope, DAY, None, free);
    let mut fan = Fan::default();
    assert_eq!(pot.grab("u1", false, &mut fan, START), Err(Refusal::NoMember));
    assert_eq!(pot.grab("u1", true, &mut fan, end), Err(Refusal::Over { end }));
    let grab = pot.grab("u1", true, &mut fan, Micros(end.0 - 1)).unwrap();
    assert_eq!((grab.place, grab.amount_minor, fan.payable_minor), (1, 10, 10));
    assert_eq!(pot.share_of("u1"), Some(&grab));
    pot.grab("u2", true, &mut Fan::default(), START).unwrap();
    assert_eq!(pot.grab("u3", true, &mut fan, START), Err(Refusal::Empty { share_count: 2 }));
    assert_eq!((pot.envelope.state, pot.envelope.escrow_minor), (State::Empty, 0));
    // One that is empty does not expire.
    assert_eq!(pot.envelope.expire(end), None);
}

#[test]
fn a_fan_gets_no_more_than_the_cap_of_the_day() {
    let envelope = envelope(terms(Kind::Fixed, 30, 3), Seed::new([1; 32]));
    let free = cut_places(&envelope);
    let mut fan = Fan { payable_minor: 95, day: DAY.to_owned(), day_minor: 15 };
    let mut pot = laid_out(envelope.clone(), DAY, Some(24), free.clone());
    assert_eq!(pot.grab("u1", true, &mut fan, START), Err(Refusal::Capped { cap: 24, got: 15 }));
    // The share is left for others, and on the next day there is room again.
    let mut pot = laid_out(envelope, "2026-03-02", Some(24), free);
    assert_eq!(pot.grab("u1", true, &mut fan, START).map(|grab| grab.place), Ok(1));
    assert_eq!((fan.payable_minor, fan.day_minor, fan.day.as_str()), (105, 10, "2026-03-02"));
    // No cap is not a cap of nothing.
    let nothing = Refusal::Capped { cap: 0, got: 0 };
    let again = envelope_of_one();
    let free = cut_places(&again);
    let mut pot = laid_out(again, DAY, Some(0), free);
    assert_eq!(pot.grab("u9", true, &mut Fan::default(), START), Err(nothing));
}

fn envelope_of_one() -> Envelope {
    envelope(terms(Kind::Fixed, 1, 1), Seed::new([1; 32]))
}

#[test]
fn a_budget_is_never_overdrawn_and_days_begin_anew() {
    let mut budget = Budget { account_id: "shop".to_owned(), ..Budget::default() };
    assert_eq!(budget.spend(1, DAY), Err(OverBudget::Balance { balance: 0 }));
    assert!(budget.fund(100));
    budget.caps.daily_minor = Some(60);
    budget.spend(40, DAY).unwrap();
    assert_eq!(budget.spend(21, DAY), Err(OverBudget::Day { cap: 60, spent: 40 }));
    budget.give_back(40);
    // What came back does not lessen what was put in.
    assert_eq!((budget.balance_minor, budget.spent_on(DAY)), (100, 40));
    budget.spend(20, DAY).unwrap();
    budget.spend(60, "2026-03-02").unwrap();
    assert_eq!((budget.balance_minor, budget.spent_on("2026-03-02"), budget.spent_on(DAY)), (20, 60, 0));
    budget.caps.daily_minor = None;
    assert_eq!(budget.spend(21, DAY), Err(OverBudget::Balance { balance: 20 }));
    budget.spend(20, DAY).unwrap();
    assert!(!budget.fund(i64::MAX) && budget.funded_minor == 100);
}

/// What is random in a life.
struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, bound: i64) -> i64 {
        i64::try_from(self.0.next_u64() % bound.unsigned_abs()).unwrap()
    }

    fn flip(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// An account of whose money every step is posted.
#[derive(Default)]
struct World {
    budget: Budget,
    fans: BTreeMap<String, Fan>,
    entries: Vec<Entry>,
}

impl World {
    /// The ledger beside the balances and what was counted.
    fn comparison(&self, envelope: &Envelope, given: &[Grab]) -> Comparison {
        let mut lines: BTreeMap<String, Figures> = BTreeMap::new();
        for entry in &self.entries {
            lines.entry(entry.debit.name()).or_default().posted -= entry.amount_minor;
            lines.entry(entry.credit.name()).or_default().posted += entry.amount_minor;
        }
        let Terms { total_minor, .. } = envelope.terms;
        let mut set = |ledger_account: LedgerAccount, balance, counted| {
            let figures = lines.entry(ledger_account.name()).or_default();
            (figures.balance, figures.counted) = (balance, counted);
        };
        let grabbed: i64 = given.iter().map(|grab| grab.amount_minor).sum();
        let (funded, refunded) = (self.budget.funded_minor, envelope.refunded_minor);
        set(LedgerAccount::Funding, -funded, -funded);
        set(LedgerAccount::Budget, self.budget.balance_minor, funded - total_minor + refunded);
        let escrow = LedgerAccount::escrow(&envelope.envelope_id);
        set(escrow, envelope.escrow_minor, total_minor - grabbed - refunded);
        for (user_id, fan) in &self.fans {
            let own = given.iter().filter(|grab| grab.user_id == *user_id);
            let counted = own.map(|grab| grab.amount_minor).sum();
            set(LedgerAccount::payable(user_id), fan.payable_minor, counted);
        }
        let mut comparison = Comparison::default();
        for (ledger_account, figures) in lines {
            comparison.add(Line { ledger_account, figures });
        }
        comparison
    }
}

/// An envelope is made, grabbed from by some who may and some who may not, in several transactions, and ends.
fn life(number: u64) {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(number));
    let share_count = 1 + dice.below(8);
    let kind = if dice.flip() { Kind::Lucky } else { Kind::Fixed };
    let mean = 1 + dice.below(300);
    let more = if kind == Kind::Lucky { dice.below(share_count) } else { 0 };
    let terms = terms(kind, mean * share_count + more, share_count);
    terms.check().unwrap();
    let mut seed = [0; 32];
    dice.0.fill_bytes(&mut seed);
    let mut envelope = envelope(terms, Seed::new(seed));
    let shares = cut_places(&envelope);

    let mut world = World::default();
    let total = envelope.terms.total_minor;
    assert!(world.budget.fund(total + dice.below(100)));
    world.entries.push(Entry::fund("payment", world.budget.funded_minor));
    world.budget.spend(total, DAY).unwrap();
    world.entries.push(Entry::create(&envelope.envelope_id, total));

    let fan_cap = dice.flip().then(|| dice.below(2 * mean + 2));
    let mut given: Vec<Grab> = Vec::new();
    for _ in 0..3 {
        let mut pot = Pot::new(envelope, DAY.to_owned(), fan_cap, given.clone());
        pot.lay_out(shares[given.len()..].iter().copied().collect());
        for _ in 0..dice.below(8) {
            let user_id = format!("u{}", dice.below(12));
            let is_member = dice.below(6) > 0;
            if pot.share_of(&user_id).is_some() {
                continue;
            }
            let fan = world.fans.entry(user_id.clone()).or_default();
            let before = fan.clone();
            match pot.grab(&user_id, is_member, fan, START) {
                Ok(grab) => {
                    let Grab { place, amount_minor, .. } = grab;
                    world.entries.push(Entry::grab(&pot.envelope.envelope_id, place, &user_id, amount_minor));
                }
                Err(_) => assert_eq!(*fan, before),
            }
        }
        given.extend_from_slice(pot.given());
        envelope = pot.envelope;
        assert_eq!(world.comparison(&envelope, &given).difference(), 0, "{number}");
    }
    let end = envelope.expire_time;
    if let Some(rest) = envelope.expire(end) {
        world.budget.give_back(rest);
        world.entries.push(Entry::refund(&envelope.envelope_id, rest));
    }
    assert_eq!(envelope.expire(end), None);

    assert_eq!(world.comparison(&envelope, &given).difference(), 0, "{number}");
    assert_eq!(shares.iter().map(|(_, amount)| amount).sum::<i64>(), total);
    assert!(shares.iter().all(|(_, amount)| *amount >= 1));
    let (users, places): (BTreeSet<_>, Vec<_>) =
        given.iter().map(|grab| (grab.user_id.as_str(), (grab.place, grab.amount_minor))).unzip();
    assert_eq!((users.len(), places.as_slice()), (given.len(), &shares[..given.len()]));
    assert_eq!((envelope.escrow_minor, envelope.grabbed_minor + envelope.refunded_minor), (0, total));
    let most = world.fans.values().map(|fan| fan.day_minor).max().unwrap_or_default();
    assert!(fan_cap.is_none_or(|cap| most <= cap));
}

#[test]
fn a_hundred_thousand_envelopes_lose_and_double_nothing() {
    (0..100_000).for_each(life);
}
