use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const DAY: i64 = Micros::PER_DAY;
const MONTH: i64 = 30 * DAY;

fn day(day: i64) -> Micros {
    Micros(day * DAY)
}

fn month(number: i64) -> Validity {
    Validity { start: Micros(number * MONTH), end: Some(Micros((number + 1) * MONTH)) }
}

fn allowance(limit: i64, number: i64) -> Option<Allowance> {
    Some(Allowance { limit, period: month(number) })
}

fn parts(parts: &[Part]) -> Vec<(i64, i64)> {
    parts.iter().map(|part| (part.lot, part.amount)).collect()
}

#[test]
fn the_allowance_comes_first_then_the_grant_that_ends_first() {
    let mut wallet = Wallet::default();
    let endless = wallet.grant(5, Validity { start: day(0), end: None });
    let late = wallet.grant(2, Validity { start: day(0), end: Some(day(20)) });
    let soon = wallet.grant(1, Validity { start: day(0), end: Some(day(10)) });
    let over = wallet.grant(9, Validity { start: day(0), end: Some(day(3)) });
    let taken = wallet.reserve("r", 8, day(3), allowance(4, 0)).unwrap();
    let base = over + 1;
    assert_eq!(parts(&taken), [(base, 4), (soon, 1), (late, 2), (endless, 1)]);
    let shortage = wallet.reserve("s", 5, day(3), allowance(4, 0)).unwrap_err();
    assert_eq!(shortage, Shortage { reserved: 4, used: 0, granted: 4 });
}

#[test]
fn what_goes_back_after_its_time_is_gone() {
    let mut wallet = Wallet::default();
    let taken = wallet.reserve("r", 2, day(1), allowance(8, 0)).unwrap();
    wallet.expire(day(30));
    let lot = wallet.lots[0];
    assert_eq!((lot.available, lot.reserved, lot.used), (0, 2, 0));
    wallet.release("r", &taken);
    wallet.expire(day(30));
    let lot = wallet.lots[0];
    assert_eq!((lot.available, lot.reserved, lot.used), (0, 0, 0));
    let kinds: Vec<_> = wallet.entries.iter().map(|entry| entry.kind.name()).collect();
    assert_eq!(kinds, ["allow", "reserve", "expire", "release", "expire"]);
}

#[test]
fn a_lower_limit_takes_back_nothing_and_lets_nobody_more() {
    let mut wallet = Wallet::default();
    let taken = wallet.reserve("r", 6, day(1), allowance(8, 0)).unwrap();
    assert!(wallet.clone().reserve("s", 1, day(2), allowance(4, 0)).is_err());
    wallet.commit("r", &taken);
    let shortage = wallet.clone().reserve("s", 1, day(2), allowance(4, 0)).unwrap_err();
    assert_eq!(shortage, Shortage { reserved: 0, used: 6, granted: 0 });
    assert!(wallet.clone().reserve("s", 2, day(2), allowance(8, 0)).is_ok());
    assert!(wallet.reserve("s", 3, day(2), allowance(8, 0)).is_err());
}

#[test]
fn no_policy_is_not_an_allowance_of_zero_and_neither_gives_anything() {
    for none in [None, allowance(0, 0)] {
        let mut wallet = Wallet::default();
        assert!(wallet.reserve("r", 1, day(1), none).is_err());
        wallet.grant(1, Validity { start: day(0), end: None });
        assert!(wallet.reserve("r", 1, day(1), none).is_ok());
    }
}

/// Another way to keep the books, from the outside: what each reservation took, and what the rules allow.
#[derive(Default)]
struct Model {
    now: Micros,
    /// From each time on: the limit, or no policy.
    policies: Vec<(Micros, Option<i64>)>,
    /// By lot.
    grants: BTreeMap<i64, (i64, Validity)>,
    /// By lot, those of the policy with their month.
    months: BTreeMap<i64, i64>,
    /// By lot.
    taken: BTreeMap<i64, i64>,
    reservations: Vec<Held>,
}

struct Held {
    id: String,
    parts: Vec<Part>,
    amount: i64,
}

impl Model {
    fn limit_at(&self, time: Micros) -> Option<i64> {
        self.policies.iter().rev().find(|(from, _)| *from <= time).and_then(|(_, limit)| *limit)
    }

    fn allowance_at(&self, time: Micros) -> Option<Allowance> {
        let period = month(time.0.div_euclid(MONTH));
        self.limit_at(time).map(|limit| Allowance { limit, period })
    }

    fn taken_of_month(&self, number: i64) -> i64 {
        let of_month = self.months.iter().filter(|(_, of)| **of == number);
        of_month.map(|(lot, _)| self.taken.get(lot).copied().unwrap_or_default()).sum()
    }

    fn left_of_allowance(&self, time: Micros) -> i64 {
        let taken = self.taken_of_month(time.0.div_euclid(MONTH));
        self.limit_at(time).map_or(0, |limit| (limit - taken).max(0))
    }

    fn left_of_grants(&self, time: Micros) -> i64 {
        let valid = self.grants.iter().filter(|(_, (_, validity))| validity.covers(time));
        valid.map(|(lot, (amount, _))| amount - self.taken.get(lot).copied().unwrap_or_default()).sum()
    }

    /// Lots and amounts that so many rights take of the grants, those first that end first.
    fn of_grants(&self, time: Micros, mut amount: i64) -> Vec<(i64, i64)> {
        let mut valid: Vec<_> =
            self.grants.iter().filter(|(_, (_, validity))| validity.covers(time)).collect();
        valid.sort_by_key(|(lot, (_, validity))| (validity.end.unwrap_or(Micros(i64::MAX)), **lot));
        let mut taken = Vec::new();
        for (lot, (granted, _)) in valid {
            let part = amount.min(granted - self.taken.get(lot).copied().unwrap_or_default());
            if part > 0 {
                taken.push((*lot, part));
                amount -= part;
            }
        }
        taken
    }

    fn change(&mut self, parts: &[Part], sign: i64) {
        for part in parts {
            *self.taken.entry(part.lot).or_default() += sign * part.amount;
        }
    }
}

/// The wallet as storage has it: what is loaded is not all there is.
#[derive(Default)]
struct Books {
    wallet: Wallet,
    put_away: Vec<Lot>,
    ledger: Vec<Entry>,
}

impl Books {
    /// What storage would load.
    fn load(&mut self, now: Micros) {
        let is_open = |lot: &Lot| {
            let may_be_asked = lot.origin == Origin::Policy && !lot.validity.is_over(now);
            may_be_asked || lot.available > 0 || lot.reserved > 0
        };
        let (open, closed): (Vec<_>, Vec<_>) = self.wallet.lots.drain(..).partition(is_open);
        self.wallet.lots = open;
        self.put_away.extend(closed);
    }

    fn store(&mut self) {
        self.ledger.append(&mut self.wallet.entries);
    }
}

/// Does what `code` says, and checks that the answer is the only right one.
fn step(books: &mut Books, model: &mut Model, number: usize, code: u32) {
    let [choice, a, b, c] = code.to_le_bytes();
    let (a, b, c) = (i64::from(a), i64::from(b), i64::from(c));
    books.load(model.now);
    let held = model.reservations.len();
    match choice % 10 {
        0..=3 => {
            let use_time = Micros(model.now.0 + a % 64 * DAY);
            reserve(books, model, &format!("r{number}"), 1 + b % 4, use_time);
        }
        4 if held > 0 => {
            let done = model.reservations.swap_remove(code as usize / 256 % held);
            books.wallet.commit(&done.id, &done.parts);
        }
        5 | 6 if held > 0 => {
            let gone = model.reservations.swap_remove(code as usize / 256 % held);
            if choice % 10 == 5 {
                books.wallet.release(&gone.id, &gone.parts);
            } else {
                books.wallet.lapse(&gone.id, &gone.parts);
            }
            model.change(&gone.parts, -1);
        }
        7 if held > 0 => {
            // A move: all of it or nothing.
            let (before, lots) = (books.wallet.clone(), model.taken.clone());
            let moved = model.reservations.swap_remove(code as usize / 256 % held);
            books.wallet.release(&moved.id, &moved.parts);
            model.change(&moved.parts, -1);
            let use_time = Micros(model.now.0 + a % 64 * DAY);
            if !reserve(books, model, &moved.id, moved.amount, use_time) {
                books.wallet = before;
                model.taken = lots;
                model.reservations.push(moved);
            }
        }
        8 => {
            let validity = Validity {
                start: model.now,
                end: (c % 3 > 0).then_some(Micros(model.now.0 + (1 + a % 90) * DAY)),
            };
            let amount = 1 + b % 5;
            let lot = books.wallet.grant(amount, validity);
            model.grants.insert(lot, (amount, validity));
        }
        9 if a % 2 == 0 => {
            let last = model.policies.last().map_or(Micros(i64::MIN), |(from, _)| *from);
            let from = Micros(model.now.0 + c % 40 * DAY).max(last);
            model.policies.push((from, (b % 7 > 0).then_some(b % 7 - 1)));
        }
        _ => model.now = Micros(model.now.0 + b % 20 * DAY + c),
    }
    books.wallet.expire(model.now);
    books.store();
    check(books, model);
}

fn reserve(books: &mut Books, model: &mut Model, id: &str, amount: i64, use_time: Micros) -> bool {
    let (of_allowance, of_grants) = (model.left_of_allowance(use_time), model.left_of_grants(use_time));
    let before = books.wallet.clone();
    match books.wallet.reserve(id, amount, use_time, model.allowance_at(use_time)) {
        Ok(parts) => {
            assert!(amount <= of_allowance + of_grants, "over the right");
            assert_eq!(parts.iter().map(|part| part.amount).sum::<i64>(), amount);
            let (of_grants, of_policy): (Vec<Part>, Vec<Part>) =
                parts.iter().partition(|part| model.grants.contains_key(&part.lot));
            for part in &of_policy {
                model.months.insert(part.lot, use_time.0.div_euclid(MONTH));
            }
            let from_policy = of_policy.iter().map(|part| part.amount).sum::<i64>();
            assert_eq!(from_policy, amount.min(of_allowance), "the allowance comes first");
            let of_grants: Vec<_> = of_grants.iter().map(|part| (part.lot, part.amount)).collect();
            assert_eq!(of_grants, model.of_grants(use_time, amount - from_policy));
            model.change(&parts, 1);
            model.reservations.push(Held { id: id.to_owned(), parts, amount });
            true
        }
        Err(shortage) => {
            assert!(amount > of_allowance + of_grants, "refused for nothing");
            assert_eq!(shortage.granted, of_grants);
            books.wallet = before;
            false
        }
    }
}

fn check(books: &Books, model: &Model) {
    let lots: BTreeMap<i64, Lot> =
        books.wallet.lots.iter().chain(&books.put_away).map(|lot| (lot.number, *lot)).collect();
    assert_eq!(lots.len(), books.wallet.lots.len() + books.put_away.len());
    let mut sums: BTreeMap<i64, [i64; 3]> = BTreeMap::new();
    for (place, entry) in books.ledger.iter().enumerate() {
        assert_eq!(entry.sequence, i64::try_from(place).unwrap() + 1);
        let sum = sums.entry(entry.lot).or_default();
        *sum = [sum[0] + entry.available, sum[1] + entry.reserved, sum[2] + entry.used];
        assert!(sum.iter().all(|amount| *amount >= 0), "below zero: {entry:?}");
    }
    for (number, lot) in &lots {
        let sum = sums.get(number).copied().unwrap_or_default();
        assert_eq!(sum, [lot.available, lot.reserved, lot.used]);
        assert_eq!(lot.taken(), model.taken.get(number).copied().unwrap_or_default());
    }
    assert!(lots.values().all(|lot| !lot.validity.is_over(model.now) || lot.available == 0), "not expired");
    let reserved: i64 = lots.values().map(|lot| lot.reserved).sum();
    assert_eq!(reserved, model.reservations.iter().map(|held| held.amount).sum::<i64>());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100_000, ..ProptestConfig::default() })]

    /// 100,000 sequences of everything that can happen to a wallet.
    #[test]
    fn no_sequence_exceeds_a_right_or_loses_a_step(codes in prop::collection::vec(any::<u32>(), 1..24)) {
        let (mut books, mut model) = (Books::default(), Model::default());
        model.policies.push((Micros(i64::MIN), Some(3)));
        for (number, code) in codes.into_iter().enumerate() {
            step(&mut books, &mut model, number, code);
        }
    }
}
