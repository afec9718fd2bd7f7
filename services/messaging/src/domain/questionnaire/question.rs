//! One question, and what is an answer to it.

use std::fmt;

use serde::{Deserialize, Serialize};
use siyu_forms::{Field, FieldKind};

use super::wording::{self, folded};

/// A question: a field of a form, whose label is what is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Question {
    pub(crate) field: Field,
    /// For each option the tags that who chooses it is given.
    pub(crate) tags: Vec<Vec<String>>,
}

/// An answer. Personal data: never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Given<'a> {
    /// As the form takes them: one, or several of a choice of several.
    pub(crate) values: Vec<String>,
    /// The tags that it gives.
    pub(crate) tags: Vec<&'a str>,
}

impl fmt::Debug for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").finish_non_exhaustive()
    }
}

/// Between several choices.
const SEPARATORS: [char; 5] = [',', ';', '/', '、', ' '];

impl Question {
    /// What a message says to it: an answer, or none where it is passed over.
    ///
    /// # Errors
    /// What is said to who answers something else.
    pub(crate) fn answer(&self, text: &str) -> Result<Option<Given<'_>>, &'static str> {
        if !self.field.required && wording::is_skip(text) {
            return Ok(None);
        }
        let given = match self.field.kind {
            FieldKind::Choice => self.option(text).map(|place| self.chosen(&[place])),
            FieldKind::MultiChoice => self.options(text).map(|places| self.chosen(&places)),
            _ => {
                let checked = self.field.checked(text).ok().filter(|value| !value.trim().is_empty());
                checked.map(|value| Given { values: vec![value], tags: Vec::new() })
            }
        };
        given.map(Some).ok_or_else(|| wording::rule(self.field.kind))
    }

    /// What is asked.
    pub(crate) fn asked(&self) -> String {
        wording::asked(&self.field)
    }

    /// The option that a text names by itself or by its number.
    fn option(&self, text: &str) -> Option<usize> {
        let text = folded(text);
        let by_text = self.field.options.iter().position(|option| folded(option) == text);
        let by_number = || text.parse::<usize>().ok()?.checked_sub(1);
        by_text.or_else(by_number).filter(|place| *place < self.field.options.len())
    }

    /// The options that a text names, each once.
    fn options(&self, text: &str) -> Option<Vec<usize>> {
        // An option may have a separator in it.
        if let Some(place) = self.option(text) {
            return Some(vec![place]);
        }
        let text = folded(text);
        let parts = text.split(SEPARATORS).filter(|part| !part.is_empty());
        let mut places = parts.map(|part| self.option(part)).collect::<Option<Vec<usize>>>()?;
        places.sort_unstable();
        places.dedup();
        (!places.is_empty()).then_some(places)
    }

    fn chosen(&self, places: &[usize]) -> Given<'_> {
        let values = places.iter().filter_map(|place| self.field.options.get(*place)).cloned();
        let tags = places.iter().filter_map(|place| self.tags.get(*place)).flatten();
        Given { values: values.collect(), tags: tags.map(String::as_str).collect() }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn question(key: &str, kind: FieldKind, options: &[&str]) -> Question {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        Question {
            tags: options.iter().map(|option| vec![format!("accounts/shop/tags/{option}")]).collect(),
            field: Field {
                key: key.to_owned(),
                label: format!("{key}?"),
                kind,
                required: true,
                options,
                max_length: 0,
            },
        }
    }

    fn values(question: &Question, text: &str) -> Option<String> {
        question.answer(text).ok().map(|given| given.map_or(String::new(), |given| given.values.join("|")))
    }

    #[test]
    fn a_choice_is_made_by_number_or_text() {
        let skin = question("skin", FieldKind::Choice, &["Dry", "Oily 油性", "3"]);
        let chosen = |text| values(&skin, text);
        for text in ["1", " １ ", "dry", "ＤＲＹ"] {
            assert_eq!(chosen(text).as_deref(), Some("Dry"), "{text}");
        }
        // As it is written before its number.
        assert_eq!(chosen("3").as_deref(), Some("3"));
        assert_eq!(chosen("oily 油性").as_deref(), Some("Oily 油性"));
        for text in ["0", "4", "1,2", "", "Normal", "-1", "18446744073709551616"] {
            assert_eq!(chosen(text), None, "{text}");
        }
        assert_eq!(skin.answer("1").unwrap().unwrap().tags, ["accounts/shop/tags/Dry"]);
    }

    #[test]
    fn several_choices_are_made_in_one_message() {
        let wishes = question("wishes", FieldKind::MultiChoice, &["Sun", "Night", "Day, long"]);
        let chosen = |text| values(&wishes, text);
        for text in ["1,2", "2、1", "night；sun", "１ ２", "1, 2,2"] {
            assert_eq!(chosen(text).as_deref(), Some("Sun|Night"), "{text}");
        }
        assert_eq!(chosen("day, long").as_deref(), Some("Day, long"));
        assert_eq!((chosen("1,7"), chosen(",")), (None, None));
        assert_eq!(wishes.answer("1,2").unwrap().unwrap().tags.len(), 2);
    }

    #[test]
    fn what_must_not_be_answered_is_passed_over() {
        let mut note = question("note", FieldKind::Text, &[]);
        assert_eq!(values(&note, "跳过").as_deref(), Some("跳过"));
        note.field.required = false;
        for text in ["跳过", "ＳＫＩＰ。", "跳過"] {
            assert_eq!(note.answer(text).unwrap(), None, "{text}");
        }
        note.field.kind = FieldKind::Mobile;
        assert_eq!(values(&note, "138 1234 5678").as_deref(), Some("+8613812345678"));
        assert!(note.answer("12345").is_err());
    }

    #[test]
    fn debug_shows_no_answer() {
        let name = question("name", FieldKind::Name, &[]);
        let shown = format!("{:?}", name.answer("王小明"));
        assert!(!shown.contains('王'), "{shown}");
    }

    proptest! {
        /// What is taken is an option, whatever is written.
        #[test]
        fn only_options_are_chosen(text in "\\PC{0,20}", number in 0_usize..9) {
            let skin = question("skin", FieldKind::MultiChoice, &["Dry", "Oily", "Normal"]);
            for text in [text, number.to_string()] {
                if let Ok(Some(given)) = skin.answer(&text) {
                    prop_assert!(!given.values.is_empty());
                    prop_assert!(given.values.iter().all(|value| skin.field.options.contains(value)));
                    prop_assert_eq!(given.values.len(), given.tags.len());
                }
            }
        }

        /// What is asked is a message as others are.
        #[test]
        fn what_is_asked_is_no_longer_than_a_message(
            label in "\\PC{1,300}",
            options in proptest::collection::vec("\\PC{1,50}", 2..=30),
            required in any::<bool>(),
        ) {
            let mut asked = question("skin", FieldKind::MultiChoice, &[]);
            asked.field = Field { label, options, required, ..asked.field };
            prop_assert!(asked.asked().chars().count() <= 2_000);
        }
    }
}
