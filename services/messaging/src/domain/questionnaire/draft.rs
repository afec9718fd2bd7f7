//! A questionnaire as an operator sends it, and how it fits the form that it fills in.

use std::collections::HashSet;

use siyu_forms::{Field, FieldKind};

use super::{
    definition::{Definition, Form, Trigger},
    question::Question,
    wording::folded,
};

/// Different tags that one questionnaire gives.
const MOST_TAGS: usize = 100;

/// What is wrong: the field below the questionnaire, and the rule.
type Wrong = (String, String);

/// A question as it is sent: with a form much of it may be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DraftQuestion {
    pub(crate) key: String,
    pub(crate) text: String,
    pub(crate) kind: Option<FieldKind>,
    /// Texts, and the tags that they give.
    pub(crate) options: Vec<(String, Vec<String>)>,
    pub(crate) required: bool,
    pub(crate) max_length: i32,
}

/// A questionnaire as it is sent. Lengths were checked when it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) trigger: Trigger,
    pub(crate) keywords: Vec<String>,
    pub(crate) introduction: String,
    pub(crate) questions: Vec<DraftQuestion>,
    pub(crate) closing: String,
    /// Resource name of the card; empty for none.
    pub(crate) form: String,
    pub(crate) is_disabled: bool,
}

/// A lead form, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FormFields {
    pub(crate) form: Form,
    pub(crate) fields: Vec<Field>,
}

impl Draft {
    /// The questionnaire that it makes of an account, with the form that it names.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub(crate) fn define(&self, account_id: &str, form: Option<&FormFields>) -> Result<Definition, Wrong> {
        self.check_keywords()?;
        if self.introduction.trim().is_empty() {
            return Err(wrong("introduction", "must not be blank"));
        }
        let mut questions = Vec::with_capacity(self.questions.len());
        for (place, draft) in self.questions.iter().enumerate() {
            let wrong = |(field, rule): Wrong| (format!("questions[{place}].{field}"), rule);
            questions.push(draft.define(account_id, form).map_err(wrong)?);
        }
        check_together(&questions, form)?;
        Ok(Definition {
            trigger: self.trigger,
            keywords: self.keywords.clone(),
            introduction: self.introduction.clone(),
            questions,
            closing: self.closing.clone(),
            form: form.map(|form| form.form.clone()),
            is_disabled: self.is_disabled,
        })
    }

    fn check_keywords(&self) -> Result<(), Wrong> {
        match (self.trigger == Trigger::Keyword, self.keywords.is_empty()) {
            (true, true) => return Err(wrong("keywords", "must be set with KEYWORD")),
            (false, false) => return Err(wrong("keywords", "go with KEYWORD alone")),
            _ => {}
        }
        match self.keywords.iter().position(|keyword| folded(keyword).is_empty()) {
            Some(place) => Err(wrong(&format!("keywords[{place}]"), "must not be blank")),
            None => Ok(()),
        }
    }
}

impl DraftQuestion {
    fn define(&self, account_id: &str, form: Option<&FormFields>) -> Result<Question, Wrong> {
        let field = match form {
            Some(form) => self.of_form(form)?,
            None => self.of_its_own()?,
        };
        if let Some((name, rule)) = field.mistake() {
            let name = if name == "label" { "text" } else { name };
            return Err(wrong(name, rule));
        }
        let own = format!("accounts/{account_id}/tags/");
        for (place, (_, tags)) in self.options.iter().enumerate() {
            if let Some(at) = tags.iter().position(|tag| !tag.starts_with(&own)) {
                let field = format!("options[{place}].tags[{at}]");
                return Err(wrong(&field, "must be a tag of the account"));
            }
        }
        let tags_of = |option: &String| {
            let found = self.options.iter().find(|(text, _)| text == option);
            found.map_or(Vec::new(), |(_, tags)| tags.clone())
        };
        let tags = field.options.iter().map(tags_of).collect();
        Ok(Question { field, tags })
    }

    fn of_its_own(&self) -> Result<Field, Wrong> {
        let kind = self.kind.ok_or_else(|| wrong("kind", "must be set, unless it is that of a form"))?;
        Ok(Field {
            key: self.key.clone(),
            label: self.text.clone(),
            kind,
            required: self.required,
            options: self.options.iter().map(|(text, _)| text.clone()).collect(),
            max_length: self.max_length,
        })
    }

    /// The field of the form, asked in the words of the question.
    fn of_form(&self, form: &FormFields) -> Result<Field, Wrong> {
        let found = form.fields.iter().find(|field| field.key == self.key);
        let field = found.ok_or_else(|| wrong("key", "must be the key of a field of the form"))?;
        if self.kind.is_some_and(|kind| kind != field.kind) {
            return Err(wrong("kind", "must be that of the field of the form, or be left out"));
        }
        if self.max_length != 0 && self.max_length != field.max_length {
            return Err(wrong("max_length", "must be that of the field of the form, or be left out"));
        }
        let unknown = self.options.iter().position(|(text, _)| !field.options.contains(text));
        if let Some(place) = unknown {
            return Err(wrong(
                &format!("options[{place}].text"),
                "must be an option of the field of the form",
            ));
        }
        let own: Vec<String> = self.options.iter().map(|(text, _)| text.clone()).collect();
        let options = if own.is_empty() { field.options.clone() } else { own };
        let required = field.required || self.required;
        Ok(Field { label: self.text.clone(), required, options, ..field.clone() })
    }
}

/// What no question breaks by itself.
fn check_together(questions: &[Question], form: Option<&FormFields>) -> Result<(), Wrong> {
    let mut keys = HashSet::new();
    for (place, question) in questions.iter().enumerate() {
        if !keys.insert(question.field.key.as_str()) {
            let field = format!("questions[{place}].key");
            return Err(wrong(&field, "must not be the key of another question"));
        }
    }
    let required = form.iter().flat_map(|form| &form.fields).filter(|field| field.required);
    for field in required {
        if !keys.contains(field.key.as_str()) {
            let rule = format!("must ask for {}, which the form requires", field.key);
            return Err(wrong("questions", &rule));
        }
    }
    let tags: HashSet<&String> = questions.iter().flat_map(|question| &question.tags).flatten().collect();
    if tags.len() > MOST_TAGS {
        return Err(wrong("questions", &format!("must give at most {MOST_TAGS} different tags")));
    }
    Ok(())
}

fn wrong(field: &str, rule: &str) -> Wrong {
    (field.to_owned(), rule.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(key: &str, kind: Option<FieldKind>, options: &[&str]) -> DraftQuestion {
        let options = options.iter().map(|option| ((*option).to_owned(), Vec::new())).collect();
        let (key, text) = (key.to_owned(), format!("{key}?"));
        DraftQuestion { key, text, kind, options, required: false, max_length: 0 }
    }

    fn draft(questions: Vec<DraftQuestion>) -> Draft {
        Draft {
            trigger: Trigger::Manual,
            keywords: Vec::new(),
            introduction: "Hello".to_owned(),
            questions,
            closing: String::new(),
            form: String::new(),
            is_disabled: false,
        }
    }

    fn form() -> FormFields {
        let field = |key: &str, kind, required, options: &[&str]| Field {
            key: key.to_owned(),
            label: key.to_owned(),
            kind,
            required,
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            max_length: 0,
        };
        FormFields {
            form: Form {
                card: "accounts/shop/cards/skin".to_owned(),
                consent_text: "We call you.".to_owned(),
                consent_version: "v1".to_owned(),
            },
            fields: vec![
                field("name", FieldKind::Name, true, &[]),
                field("skin", FieldKind::Choice, false, &["Dry", "Oily", "Normal"]),
            ],
        }
    }

    fn field_of(result: Result<Definition, Wrong>) -> Option<String> {
        result.err().map(|(field, _)| field)
    }

    #[test]
    fn with_a_form_the_field_says_what_is_asked() {
        let mut skin = question("skin", None, &["Oily", "Dry"]);
        skin.options[0].1.push("accounts/shop/tags/oily".to_owned());
        let made = draft(vec![question("name", None, &[]), skin]).define("shop", Some(&form())).unwrap();
        assert_eq!((made.questions[0].field.kind, made.questions[0].field.required), (FieldKind::Name, true));
        assert_eq!(made.questions[1].field.options, ["Oily", "Dry"]);
        assert_eq!(made.questions[1].tags, [vec!["accounts/shop/tags/oily".to_owned()], vec![]]);
        let all = draft(vec![question("name", None, &[]), question("skin", None, &[])]);
        let made = all.define("shop", Some(&form())).unwrap();
        assert_eq!((made.questions[1].field.options.len(), made.questions[1].tags.len()), (3, 3));
        assert_eq!(made.form.unwrap().consent_version, "v1");
    }

    #[test]
    fn mistakes_name_their_field() {
        let name = || question("name", None, &[]);
        let with_form = |questions| field_of(draft(questions).define("shop", Some(&form())));
        assert_eq!(with_form(vec![question("skin", None, &[])]).as_deref(), Some("questions"));
        assert_eq!(with_form(vec![name(), question("age", None, &[])]).as_deref(), Some("questions[1].key"));
        assert_eq!(with_form(vec![name(), name()]).as_deref(), Some("questions[1].key"));
        let other_kind = question("skin", Some(FieldKind::Text), &[]);
        assert_eq!(with_form(vec![name(), other_kind]).as_deref(), Some("questions[1].kind"));
        let other_option = question("skin", None, &["Dry", "Blue"]);
        assert_eq!(with_form(vec![name(), other_option]).as_deref(), Some("questions[1].options[1].text"));
        let one_option = question("skin", None, &["Dry"]);
        assert_eq!(with_form(vec![name(), one_option]).as_deref(), Some("questions[1].options"));

        let without = |questions| field_of(draft(questions).define("shop", None));
        assert_eq!(without(vec![name()]).as_deref(), Some("questions[0].kind"));
        assert_eq!(without(vec![question("name", Some(FieldKind::Name), &[])]), None);
        let blank =
            DraftQuestion { text: "\u{3000}".to_owned(), ..question("a", Some(FieldKind::Name), &[]) };
        assert_eq!(without(vec![blank]).as_deref(), Some("questions[0].text"));
        let mut foreign = question("skin", Some(FieldKind::Choice), &["Dry", "Oily"]);
        foreign.options[1].1.push("accounts/other/tags/oily".to_owned());
        assert_eq!(without(vec![foreign]).as_deref(), Some("questions[0].options[1].tags[0]"));
    }

    #[test]
    fn keywords_go_with_their_trigger() {
        let name = || vec![question("name", Some(FieldKind::Name), &[])];
        let with = |trigger, keywords: &[&str]| {
            let keywords = keywords.iter().map(|keyword| (*keyword).to_owned()).collect();
            field_of(Draft { trigger, keywords, ..draft(name()) }.define("shop", None))
        };
        assert_eq!(with(Trigger::Keyword, &["报名"]), None);
        assert_eq!(with(Trigger::Keyword, &[]).as_deref(), Some("keywords"));
        assert_eq!(with(Trigger::Manual, &["报名"]).as_deref(), Some("keywords"));
        assert_eq!(with(Trigger::Keyword, &["报名", "\u{3000}"]).as_deref(), Some("keywords[1]"));
    }
}
