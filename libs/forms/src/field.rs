use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::value::{self, same_width};

/// Options that a choice has.
const OPTIONS: std::ops::RangeInclusive<usize> = 2..=30;
const DEFAULT_LENGTH: i32 = 200;

/// One field of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// What its answers are called.
    pub key: String,
    /// What users read beside it.
    pub label: String,
    /// What it asks for.
    pub kind: FieldKind,
    /// Whether the form is nothing without it.
    pub required: bool,
    /// What there is to choose from.
    pub options: Vec<String>,
    /// Of a text; 0 is the default.
    pub max_length: i32,
}

/// What a field asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// The name of a person.
    Name,
    /// A mobile number of the Chinese mainland.
    Mobile,
    /// Any phone number.
    Phone,
    /// The code of a region of China.
    Region,
    /// One of the options.
    Choice,
    /// Some of the options.
    MultiChoice,
    /// Free text.
    Text,
    /// A number.
    Number,
    /// A day.
    Date,
    /// An e-mail address.
    Email,
}

impl Field {
    /// The answer as it is stored, or the rule that it breaks. The rule never repeats the answer.
    ///
    /// # Errors
    /// The rule.
    pub fn checked(&self, text: &str) -> Result<String, &'static str> {
        value::checked(self, text)
    }

    /// Whether its answers are among its options.
    #[must_use]
    pub fn is_choice(&self) -> bool {
        matches!(self.kind, FieldKind::Choice | FieldKind::MultiChoice)
    }

    /// Most characters of an answer in free text.
    pub(crate) fn most_characters(&self) -> usize {
        let length = if self.max_length == 0 { DEFAULT_LENGTH } else { self.max_length };
        usize::try_from(length).unwrap_or_default()
    }

    /// What is wrong with the field itself: the name of what breaks a rule, and the rule.
    #[must_use]
    pub fn mistake(&self) -> Option<(&'static str, &'static str)> {
        if self.label.trim().is_empty() {
            return Some(("label", "must not be empty"));
        }
        if self.max_length != 0 && self.kind != FieldKind::Text {
            return Some(("max_length", "must be 0, except with TEXT"));
        }
        if self.is_choice() && !OPTIONS.contains(&self.options.len()) {
            return Some(("options", "must be 2 to 30, to choose from"));
        }
        if !self.is_choice() && !self.options.is_empty() {
            return Some(("options", "must be empty, except with CHOICE and MULTI_CHOICE"));
        }
        let mut options = BTreeSet::new();
        let are_different = self.options.iter().all(|option| {
            let option = same_width(option);
            !option.is_empty() && options.insert(option)
        });
        (!are_different).then_some(("options", "must be different texts"))
    }
}
