use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use siyu_forms::Field;

/// What a card of the kind LEAD_FORM asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeadForm {
    pub(crate) fields: Vec<Field>,
    pub(crate) consent_text: String,
}

impl LeadForm {
    /// The field that breaks a rule, as a path from the form, and the rule.
    pub(crate) fn mistake(&self) -> Option<(String, &'static str)> {
        let mut keys = BTreeSet::new();
        for (place, field) in self.fields.iter().enumerate() {
            if !keys.insert(&field.key) {
                return Some((format!("fields[{place}].key"), "must not be the key of another field"));
            }
            if let Some((name, rule)) = field.mistake() {
                return Some((format!("fields[{place}].{name}"), rule));
            }
        }
        let is_blank = self.consent_text.trim().is_empty();
        is_blank.then(|| ("consent_text".to_owned(), "must not be empty"))
    }

    /// Says which text users agree to: the beginning of its SHA-256.
    pub(crate) fn consent_version(&self) -> String {
        const BYTES: usize = 8;
        const_hex::encode(&Sha256::digest(&self.consent_text)[..BYTES])
    }
}

#[cfg(test)]
mod tests {
    use siyu_forms::FieldKind;

    use super::*;

    fn field(key: &str, kind: FieldKind) -> Field {
        let options = match kind {
            FieldKind::Choice | FieldKind::MultiChoice => vec!["Dry".to_owned(), "Oily".to_owned()],
            _ => Vec::new(),
        };
        Field { key: key.to_owned(), label: "Label".to_owned(), kind, required: true, options, max_length: 0 }
    }

    fn mistake(fields: Vec<Field>) -> Option<String> {
        LeadForm { fields, consent_text: "Yes".to_owned() }.mistake().map(|(field, _)| field)
    }

    #[test]
    fn mistakes_name_their_field() {
        let name = field("name", FieldKind::Name);
        let skin = field("skin", FieldKind::Choice);
        assert_eq!(mistake(vec![name.clone(), skin.clone()]), None);
        assert_eq!(mistake(vec![name.clone(), name.clone()]).as_deref(), Some("fields[1].key"));
        let second = |wrong: Field| mistake(vec![name.clone(), wrong]);
        assert_eq!(
            second(Field { label: "\u{3000}".to_owned(), ..skin.clone() }).as_deref(),
            Some("fields[1].label")
        );
        assert_eq!(second(Field { max_length: 5, ..skin.clone() }).as_deref(), Some("fields[1].max_length"));
        let with_options = |kind, options: &[&str]| {
            let options = options.iter().map(|option| (*option).to_owned()).collect();
            second(Field { options, ..field("skin", kind) })
        };
        for options in [&["Dry"][..], &[], &["Dry", " Dry"], &["A", "Ａ"], &["A", " "]] {
            assert_eq!(with_options(FieldKind::Choice, options).as_deref(), Some("fields[1].options"));
        }
        assert_eq!(with_options(FieldKind::Text, &["A", "B"]).as_deref(), Some("fields[1].options"));
        let blank = LeadForm { fields: vec![name], consent_text: " \n".to_owned() };
        assert_eq!(blank.mistake().unwrap().0, "consent_text");
    }

    #[test]
    fn another_text_has_another_version() {
        let form = |text: &str| LeadForm { fields: Vec::new(), consent_text: text.to_owned() };
        assert_eq!(form("Yes").consent_version(), form("Yes").consent_version());
        assert_ne!(form("Yes").consent_version(), form("Yes.").consent_version());
        assert_eq!(form("Yes").consent_version().len(), 16);
    }
}
