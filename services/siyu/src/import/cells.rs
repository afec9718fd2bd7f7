//! What a row says, by field, still as text.

use std::{borrow::Cow, str::FromStr};

/// Something that a row can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Who did it.
    User,
    /// When.
    Time,
    /// What kind of interaction it was.
    Kind,
    /// How much was paid or given back.
    Amount,
    /// The number of the order.
    Order,
    /// How many pieces.
    Quantity,
    /// What it was done to.
    Target,
    /// Where the user came from.
    Source,
    /// The event id, where the file has its own.
    Event,
}

const FIELDS: [Field; 9] = [
    Field::User,
    Field::Time,
    Field::Kind,
    Field::Amount,
    Field::Order,
    Field::Quantity,
    Field::Target,
    Field::Source,
    Field::Event,
];

impl Field {
    /// Its name on the command line and in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Time => "time",
            Self::Kind => "kind",
            Self::Amount => "amount",
            Self::Order => "order",
            Self::Quantity => "quantity",
            Self::Target => "target",
            Self::Source => "source",
            Self::Event => "event",
        }
    }
}

impl FromStr for Field {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        FIELDS.into_iter().find(|field| field.name() == name).ok_or_else(|| {
            let names = FIELDS.map(Field::name).join(", ");
            format!("{name} is no field; expected one of {names}")
        })
    }
}

/// Why a row cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The field at fault, or `row`.
    pub(super) field: Cow<'static, str>,
    /// What is wrong, as words that follow the field.
    pub(super) reason: Cow<'static, str>,
}

impl Fault {
    /// A fault of one field.
    pub(super) fn of(field: Field, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.name().into(), reason: reason.into() }
    }

    /// A fault of the whole row.
    pub(super) fn of_row(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { field: "row".into(), reason: reason.into() }
    }
}

/// The cells of one row that mean something to the import.
#[derive(Debug, Default)]
pub(super) struct Cells(Vec<(Field, String)>);

impl Cells {
    /// Adds a cell. Blank ones count as absent.
    pub(super) fn add(&mut self, field: Field, text: &str) -> Result<(), Fault> {
        let text = text.trim();
        // PostgreSQL stores every character but this one.
        if text.contains('\0') {
            return Err(Fault::of(field, "contains a zero character"));
        }
        if !text.is_empty() {
            self.0.push((field, text.to_owned()));
        }
        Ok(())
    }

    /// What the row says about a field.
    pub(super) fn get(&self, field: Field) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == field).map(|(_, text)| text.as_str())
    }
}
