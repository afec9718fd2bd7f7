//! From what a row says to the event it means, under the treatments of the command line.

use std::{collections::HashMap, fmt};

use jiff::Timestamp;
use siyu_proto::crm::v1::{Interaction, InteractionKind, Purchase, SourceDomain};

use super::{
    args::{ImportArgs, KeepOrIgnore, NegativeAmounts, NoCustomer, OrderLines},
    cells::{Cells, Fault, Field},
    event::{Event, check_against_proto},
    ids,
    money::parse_minor,
    treatment,
};

/// Why a good row is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkipReason {
    /// It names no user, and such rows are skipped.
    NoCustomer,
    /// It cancels an order, and such rows are ignored.
    Cancellation,
    /// It refunds an order, and such rows are ignored.
    Refund,
    /// It equals an earlier row, and such rows are skipped.
    DuplicateRow,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NoCustomer => "without a customer",
            Self::Cancellation => "cancellations",
            Self::Refund => "refunds",
            Self::DuplicateRow => "duplicate rows",
        })
    }
}

/// A good row.
#[derive(Debug)]
pub(super) enum Meaning {
    /// It is to be sent.
    Event(Box<Event>),
    /// It is not.
    Skip(SkipReason),
}

/// Knows what rows mean.
#[derive(Debug)]
pub(super) struct Interpreter {
    args: ImportArgs,
    import_id: String,
    kind_names: HashMap<String, InteractionKind>,
}

impl Interpreter {
    /// Takes over the treatments of the command line.
    pub(super) fn new(args: &ImportArgs) -> Self {
        let kind_names = args.kind_names.iter().cloned().collect();
        Self { args: args.clone(), import_id: args.import_id(), kind_names }
    }

    /// What the row at `line` means.
    pub(super) fn read(&self, line: u64, cells: &Cells) -> Result<Meaning, Fault> {
        let named_kind = self.kind(cells)?;
        if let Some(reason) = self.ignored(named_kind) {
            return Ok(Meaning::Skip(reason));
        }
        let amount = self.amount(named_kind, cells)?;
        let kind = if amount.is_some_and(|minor| minor < 0) { InteractionKind::Refund } else { named_kind };
        if let Some(reason) = self.ignored(kind) {
            return Ok(Meaning::Skip(reason));
        }
        let user = match (cells.get(Field::User), self.args.no_customer) {
            (Some(user), _) => user.to_owned(),
            (None, NoCustomer::Reject) => return Err(Fault::of(Field::User, "is missing")),
            (None, NoCustomer::Skip) => return Ok(Meaning::Skip(SkipReason::NoCustomer)),
            (None, NoCustomer::Guest) => ids::guest(&self.import_id, line),
        };
        let event_id =
            cells.get(Field::Event).map_or_else(|| ids::row_event_id(&self.import_id, line), str::to_owned);
        let interaction = Interaction {
            event_id,
            user: format!("users/{user}"),
            kind: kind.into(),
            event_time: None,
            target: cells.get(Field::Target).unwrap_or_default().to_owned(),
            source_domain: source(cells)?.into(),
            purchase: amount.map(|minor| self.purchase(kind, minor, cells)).transpose()?,
            ..Interaction::default()
        };
        check_against_proto(&interaction)?;
        let time = self.time(cells)?;
        Ok(Meaning::Event(Box::new(Event { interaction, time, is_guest: cells.get(Field::User).is_none() })))
    }

    fn kind(&self, cells: &Cells) -> Result<InteractionKind, Fault> {
        let Some(name) = cells.get(Field::Kind) else { return Ok(self.args.default_kind) };
        let known = self.kind_names.get(name).copied().or_else(|| treatment::kind_named(name));
        known.ok_or_else(|| {
            Fault::of(Field::Kind, format!("{name} is no kind of interaction (see --kind-names)"))
        })
    }

    fn ignored(&self, kind: InteractionKind) -> Option<SkipReason> {
        match kind {
            InteractionKind::OrderCancel if self.args.cancellations == KeepOrIgnore::Ignore => {
                Some(SkipReason::Cancellation)
            }
            InteractionKind::Refund if self.args.refunds == KeepOrIgnore::Ignore => Some(SkipReason::Refund),
            _ => None,
        }
    }

    fn time(&self, cells: &Cells) -> Result<Timestamp, Fault> {
        let text = cells.get(Field::Time).ok_or_else(|| Fault::of(Field::Time, "is missing"))?;
        let read = self.args.time_format.read(text, &self.args.time_zone);
        read.map_err(|reason| Fault::of(Field::Time, reason))
    }

    /// The amount in minor units, below zero only where that means a refund; None for kinds that are no purchase.
    fn amount(&self, kind: InteractionKind, cells: &Cells) -> Result<Option<i64>, Fault> {
        match kind {
            InteractionKind::Order | InteractionKind::Refund => {}
            InteractionKind::OrderCancel => return Ok(Some(0)),
            _ => return Ok(None),
        }
        let text = cells.get(Field::Amount).ok_or_else(|| Fault::of(Field::Amount, "is missing"))?;
        let minor =
            parse_minor(text, self.args.minor_digits).map_err(|reason| Fault::of(Field::Amount, reason))?;
        if minor < 0 && self.args.negative_amounts == NegativeAmounts::Reject {
            return Err(Fault::of(Field::Amount, "is negative (see --negative-amounts)"));
        }
        Ok(Some(minor))
    }

    fn purchase(&self, kind: InteractionKind, minor: i64, cells: &Cells) -> Result<Purchase, Fault> {
        let mut quantity = quantity(cells)?;
        if kind != InteractionKind::Order {
            quantity = quantity.saturating_abs();
        }
        Ok(Purchase { order_id: self.order_id(kind, cells)?, amount_minor: minor.abs(), quantity })
    }

    fn order_id(&self, kind: InteractionKind, cells: &Cells) -> Result<String, Fault> {
        let number = cells.get(Field::Order);
        match (kind, self.args.order_lines) {
            // Without a number the server names the order after its event.
            (InteractionKind::Order, OrderLines::OneOrder) => Ok(number.unwrap_or_default().to_owned()),
            (InteractionKind::Order, OrderLines::Separate) => Ok(String::new()),
            (_, OrderLines::OneOrder) => number.map(str::to_owned).ok_or_else(|| {
                Fault::of(Field::Order, "is missing: a refund or cancellation must name its order")
            }),
            (_, OrderLines::Separate) => {
                Err(Fault::of(Field::Order, "does not tell which order is meant with --order-lines separate"))
            }
        }
    }
}

fn quantity(cells: &Cells) -> Result<i64, Fault> {
    cells
        .get(Field::Quantity)
        .map_or(Ok(0), |text| text.parse().map_err(|_| Fault::of(Field::Quantity, "is not a whole number")))
}

fn source(cells: &Cells) -> Result<SourceDomain, Fault> {
    let Some(name) = cells.get(Field::Source) else { return Ok(SourceDomain::Unspecified) };
    SourceDomain::from_str_name(&format!("SOURCE_DOMAIN_{}", name.to_ascii_uppercase()))
        .ok_or_else(|| Fault::of(Field::Source, "is none of public, commercial, private, external"))
}
