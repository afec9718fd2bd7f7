use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};
use siyu_forms::{Field, FieldKind, phone, region};

use super::form::LeadForm;

/// Stands for what is not shown.
const HIDDEN: &str = "***";

/// What a user sent for one field.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) key: String,
    pub(crate) values: Vec<String>,
}

/// A good answer to one field. Personal data: never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) key: String,
    pub(crate) kind: FieldKind,
    pub(crate) values: Vec<String>,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").field("key", &self.key).finish_non_exhaustive()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("key", &self.key).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A field of the request, as a path, and the rule it breaks. Neither repeats an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) field: String,
    pub(crate) rule: String,
}

/// The answers to `form`, in its order and in the form in which they are stored.
pub(crate) fn check(form: &LeadForm, given: &[Given]) -> Result<Vec<Answer>, Mistake> {
    let mut answered = BTreeSet::new();
    for (place, answer) in given.iter().enumerate() {
        let mistake =
            |rule: &str| Err(Mistake { field: format!("answers[{place}].key"), rule: rule.to_owned() });
        if !form.fields.iter().any(|field| field.key == answer.key) {
            return mistake("must be the key of a field of the form");
        }
        if !answered.insert(&answer.key) {
            return mistake("must not be answered twice");
        }
    }
    let mut answers = Vec::new();
    for field in &form.fields {
        let place = given.iter().position(|answer| answer.key == field.key);
        let values = match place {
            Some(place) => checked_values(field, place, &given[place].values)?,
            None => Vec::new(),
        };
        if values.is_empty() && field.required {
            let rule = format!("must answer the field {}", field.key);
            return Err(Mistake { field: "answers".to_owned(), rule });
        }
        if !values.is_empty() {
            answers.push(Answer { key: field.key.clone(), kind: field.kind, values });
        }
    }
    Ok(answers)
}

/// The values of the answer at `place` of the request; what is blank is no answer.
fn checked_values(field: &Field, place: usize, values: &[String]) -> Result<Vec<String>, Mistake> {
    let of_answers = format!("answers[{place}].values");
    if values.len() > 1 && field.kind != FieldKind::MultiChoice {
        return Err(Mistake { field: of_answers, rule: "must be one, except with MULTI_CHOICE".to_owned() });
    }
    let mut checked = Vec::new();
    for (number, text) in values.iter().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let mistake =
            |rule: &str| Mistake { field: format!("{of_answers}[{number}]"), rule: rule.to_owned() };
        let value = field.checked(text).map_err(mistake)?;
        if checked.contains(&value) {
            return Err(mistake("must not be chosen twice"));
        }
        checked.push(value);
    }
    Ok(checked)
}

/// What may be shown of an answer to those who do not need all of it.
pub(crate) fn masked(answer: &Answer) -> Answer {
    let mask = |value: &String| match answer.kind {
        FieldKind::Name => value.chars().take(1).chain(['*']).collect(),
        FieldKind::Mobile | FieldKind::Phone => phone::masked(value),
        FieldKind::Region => region::province(value).to_owned(),
        FieldKind::Choice | FieldKind::MultiChoice => value.clone(),
        FieldKind::Email => masked_email(value),
        FieldKind::Text | FieldKind::Number | FieldKind::Date => HIDDEN.to_owned(),
    };
    let values = answer.values.iter().map(mask).collect();
    Answer { key: answer.key.clone(), kind: answer.kind, values }
}

/// `l***@example.com`
fn masked_email(email: &str) -> String {
    let (local, domain) = email.rsplit_once('@').unwrap_or_default();
    let first: String = local.chars().take(1).collect();
    format!("{first}{HIDDEN}@{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> LeadForm {
        let field = |key: &str, kind, required, options: &[&str]| Field {
            key: key.to_owned(),
            label: key.to_owned(),
            kind,
            required,
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            max_length: 0,
        };
        LeadForm {
            fields: vec![
                field("name", FieldKind::Name, true, &[]),
                field("mobile", FieldKind::Mobile, true, &[]),
                field("wishes", FieldKind::MultiChoice, false, &["Sun", "Night", "Day"]),
                field("note", FieldKind::Text, false, &[]),
            ],
            consent_text: "Yes".to_owned(),
        }
    }

    /// The key of a field, and what was sent for it.
    type Sent<'a> = (&'a str, &'a [&'a str]);

    fn given(answers: &[Sent<'_>]) -> Vec<Given> {
        let given = |(key, values): &Sent<'_>| Given {
            key: (*key).to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        answers.iter().map(given).collect()
    }

    const NAME: Sent<'_> = ("name", &["王小明"]);
    const MOBILE: Sent<'_> = ("mobile", &["138 1234 5678"]);

    #[test]
    fn answers_come_in_the_order_of_the_form() {
        let answers = given(&[("wishes", &["Night", "Sun"]), MOBILE, NAME, ("note", &[" "])]);
        let answers = check(&form(), &answers).unwrap();
        let stored: Vec<_> =
            answers.iter().map(|answer| (answer.key.as_str(), answer.values.join("|"))).collect();
        let expected = [
            ("name", "王小明".to_owned()),
            ("mobile", "+8613812345678".to_owned()),
            ("wishes", "Night|Sun".to_owned()),
        ];
        assert_eq!(stored, expected);
    }

    #[test]
    fn mistakes_name_the_answer_and_do_not_repeat_it() {
        let wrong: [(&[Sent<'_>], &str); 7] = [
            (&[NAME], "answers"),
            (&[NAME, ("mobile", &[""])], "answers"),
            (&[NAME, ("mobile", &["010-62345678"])], "answers[1].values[0]"),
            (&[NAME, MOBILE, ("secret", &["x"])], "answers[2].key"),
            (&[NAME, MOBILE, NAME], "answers[2].key"),
            (&[NAME, ("mobile", &["13812345678", "13812345679"])], "answers[1].values"),
            (&[NAME, MOBILE, ("wishes", &["Sun", "Ｓun"])], "answers[2].values[1]"),
        ];
        for (answers, field) in wrong {
            let mistake = check(&form(), &given(answers)).unwrap_err();
            assert_eq!(mistake.field, field);
            assert!(!mistake.rule.contains("62345678"), "{mistake:?}");
        }
        let missing = check(&form(), &given(&[NAME])).unwrap_err();
        assert!(missing.rule.contains("mobile"), "{missing:?}");
    }

    #[test]
    fn masks_hide_who_it_is() {
        let shown = |kind, value: &str| {
            let answer = Answer { key: "key".to_owned(), kind, values: vec![value.to_owned()] };
            masked(&answer).values.concat()
        };
        assert_eq!(shown(FieldKind::Name, "王小明"), "王*");
        assert_eq!(shown(FieldKind::Mobile, "+8613812341234"), "138****1234");
        assert_eq!(shown(FieldKind::Region, "330106"), "33");
        assert_eq!(shown(FieldKind::Choice, "Dry"), "Dry");
        assert_eq!(shown(FieldKind::Email, "li@example.com"), "l***@example.com");
        for kind in [FieldKind::Text, FieldKind::Number, FieldKind::Date] {
            assert_eq!(shown(kind, "2026"), "***");
        }
    }

    #[test]
    fn debug_shows_no_answers() {
        let answers = check(&form(), &given(&[NAME, MOBILE])).unwrap();
        let shown = format!("{answers:?} {:?}", given(&[NAME, MOBILE]));
        assert!(shown.contains("mobile") && !shown.contains("138") && !shown.contains('王'), "{shown}");
    }
}
