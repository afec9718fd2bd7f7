//! The ledger of envelopes: money goes from one of its accounts to another, and never comes to be or ceases to be.

use std::collections::BTreeMap;

/// Most differences that are named.
const MOST_NAMED: usize = 100;

/// Accounts of the ledger of one account of the platform.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LedgerAccount {
    /// Where money comes from.
    Funding,
    /// What can be put into envelopes.
    Budget,
    /// What is in an envelope.
    Escrow { envelope_id: String },
    /// What is owed to a user.
    Payable { user_id: String },
}

impl LedgerAccount {
    /// What it is called in storage.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Funding => FUNDING.to_owned(),
            Self::Budget => BUDGET.to_owned(),
            Self::Escrow { envelope_id } => format!("{ESCROW}{envelope_id}"),
            Self::Payable { user_id } => format!("{PAYABLE}{user_id}"),
        }
    }

    pub(crate) fn escrow(envelope_id: &str) -> Self {
        Self::Escrow { envelope_id: envelope_id.to_owned() }
    }

    pub(crate) fn payable(user_id: &str) -> Self {
        Self::Payable { user_id: user_id.to_owned() }
    }
}

const FUNDING: &str = "funding";
const BUDGET: &str = "budget";
const ESCROW: &str = "escrow/";
const PAYABLE: &str = "payable/";

/// What moves money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Money was paid in.
    Fund,
    /// It was put into an envelope.
    Create,
    /// A share was grabbed.
    Grab,
    /// What was left went back.
    Refund,
}

impl Cause {
    /// What it is called in storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fund => "fund",
            Self::Create => "create",
            Self::Grab => "grab",
            Self::Refund => "refund",
        }
    }
}

/// Money goes from one account of the ledger to another: it is balanced whatever it says. Cause, subject and place are its key, so
/// storage takes no such step twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) cause: Cause,
    /// Id of the envelope, or of the payment.
    pub(crate) subject: String,
    /// Which share; 0 where it is about no share.
    pub(crate) place: i64,
    pub(crate) debit: LedgerAccount,
    pub(crate) credit: LedgerAccount,
    pub(crate) amount_minor: i64,
}

impl Entry {
    /// Money was paid in.
    pub(crate) fn fund(payment_id: &str, amount_minor: i64) -> Self {
        let (debit, credit) = (LedgerAccount::Funding, LedgerAccount::Budget);
        Self { cause: Cause::Fund, subject: payment_id.to_owned(), place: 0, debit, credit, amount_minor }
    }

    /// Money was put into an envelope.
    pub(crate) fn create(envelope_id: &str, amount_minor: i64) -> Self {
        let (debit, credit) = (LedgerAccount::Budget, LedgerAccount::escrow(envelope_id));
        Self { cause: Cause::Create, subject: envelope_id.to_owned(), place: 0, debit, credit, amount_minor }
    }

    /// A share was grabbed.
    pub(crate) fn grab(envelope_id: &str, place: i64, user_id: &str, amount_minor: i64) -> Self {
        let (debit, credit) = (LedgerAccount::escrow(envelope_id), LedgerAccount::payable(user_id));
        Self { cause: Cause::Grab, subject: envelope_id.to_owned(), place, debit, credit, amount_minor }
    }

    /// What was left in an envelope went back.
    pub(crate) fn refund(envelope_id: &str, amount_minor: i64) -> Self {
        let (debit, credit) = (LedgerAccount::escrow(envelope_id), LedgerAccount::Budget);
        Self { cause: Cause::Refund, subject: envelope_id.to_owned(), place: 0, debit, credit, amount_minor }
    }
}

/// One account of the ledger, reckoned in three ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) ledger_account: String,
    pub(crate) figures: Figures,
}

/// The same money, reckoned in three ways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// By the entries.
    pub(crate) posted: i64,
    /// By the balance that is kept beside them.
    pub(crate) balance: i64,
    /// By what was paid in, the envelopes, their shares and who has which.
    pub(crate) counted: i64,
}

impl Figures {
    fn add(&mut self, other: Self) {
        self.posted += other.posted;
        self.balance += other.balance;
        self.counted += other.counted;
    }

    fn difference(self) -> u64 {
        self.posted.abs_diff(self.balance).saturating_add(self.posted.abs_diff(self.counted))
    }

    fn distance_from_zero(self) -> u64 {
        let distances = [self.posted, self.balance, self.counted].map(i64::unsigned_abs);
        distances.into_iter().fold(0, u64::saturating_add)
    }
}

/// Kinds of accounts of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LedgerKind {
    Funding,
    Budget,
    Escrow,
    Payable,
}

impl LedgerKind {
    fn of(ledger_account: &str) -> Self {
        match ledger_account {
            FUNDING => Self::Funding,
            BUDGET => Self::Budget,
            name if name.starts_with(ESCROW) => Self::Escrow,
            _ => Self::Payable,
        }
    }
}

/// All accounts of the ledger, compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// How many there are of each kind, and what they are together.
    pub(crate) kinds: BTreeMap<LedgerKind, (i64, Figures)>,
    /// The first of those whose figures differ.
    pub(crate) differing: Vec<Line>,
    differences: u64,
}

impl Comparison {
    pub(crate) fn add(&mut self, line: Line) {
        let (count, figures) = self.kinds.entry(LedgerKind::of(&line.ledger_account)).or_default();
        *count += 1;
        figures.add(line.figures);
        let difference = line.figures.difference();
        self.differences = self.differences.saturating_add(difference);
        if difference > 0 && self.differing.len() < MOST_NAMED {
            self.differing.push(line);
        }
    }

    /// How far the three ways are apart, and each of them from zero: 0 where everything is right.
    pub(crate) fn difference(&self) -> i64 {
        let mut all = Figures::default();
        for (_, figures) in self.kinds.values() {
            all.add(*figures);
        }
        let difference = self.differences.saturating_add(all.distance_from_zero());
        i64::try_from(difference).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(ledger_account: &str, [posted, balance, counted]: [i64; 3]) -> Line {
        Line { ledger_account: ledger_account.to_owned(), figures: Figures { posted, balance, counted } }
    }

    fn compared(lines: &[Line]) -> Comparison {
        let mut comparison = Comparison::default();
        lines.iter().for_each(|line| comparison.add(line.clone()));
        comparison
    }

    #[test]
    fn what_agrees_is_zero() {
        let lines = [
            line("funding", [-100; 3]),
            line("budget", [60; 3]),
            line("escrow/e1", [30; 3]),
            line("payable/u1", [10; 3]),
        ];
        let comparison = compared(&lines);
        assert_eq!((comparison.difference(), comparison.differing.len(), comparison.kinds.len()), (0, 0, 4));
        assert_eq!(compared(&[]).difference(), 0);
    }

    #[test]
    fn errors_do_not_cancel_each_other_out() {
        // One user has 5 too much by the balance, another 5 too little.
        let lines =
            [line("funding", [-20; 3]), line("payable/u1", [10, 15, 10]), line("payable/u2", [10, 5, 10])];
        let comparison = compared(&lines);
        assert_eq!(comparison.difference(), 10);
        assert_eq!(comparison.differing, lines[1..]);
        // A share that nobody posted.
        assert_eq!(compared(&[line("escrow/e1", [5, 5, 2]), line("funding", [-5; 3])]).difference(), 6);
        // Money from nowhere, about which all three agree.
        assert_eq!(compared(&[line("budget", [7; 3])]).difference(), 21);
    }

    #[test]
    fn the_first_hundred_are_named_and_all_are_counted() {
        let lines: Vec<_> = (0..150).map(|number| line(&format!("payable/u{number}"), [1, 0, 1])).collect();
        let comparison = compared(&lines);
        assert_eq!(comparison.differing.len(), 100);
        // 150 differ by 1; two of the ways are 150 from zero.
        assert_eq!(comparison.difference(), 450);
    }
}
