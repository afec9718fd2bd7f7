//! The questionnaires of an account together: which of them a message begins.

use std::collections::HashMap;

use super::{
    definition::{Questionnaire, Trigger},
    run::Run,
    wording::folded,
};

/// The questionnaires of an account that are in use.
#[derive(Debug, Default)]
pub(crate) struct Questionnaires {
    /// By id.
    all: Vec<Questionnaire>,
    /// Their places, by folded keywords.
    keywords: HashMap<String, usize>,
}

impl Questionnaires {
    /// Those that are not disabled, made ready.
    pub(crate) fn new(mut all: Vec<Questionnaire>) -> Self {
        all.retain(|questionnaire| !questionnaire.definition.is_disabled);
        all.sort_by(|a, b| a.questionnaire_id.cmp(&b.questionnaire_id));
        let mut keywords = HashMap::new();
        for (place, questionnaire) in all.iter().enumerate() {
            for keyword in &questionnaire.definition.keywords {
                keywords.entry(folded(keyword)).or_insert(place);
            }
        }
        Self { all, keywords }
    }

    /// The one that a message begins: by a keyword, else since it is the first of the user.
    pub(crate) fn begun_by(&self, text: &str, is_first: bool) -> Option<&Questionnaire> {
        let greets = |found: &&Questionnaire| found.definition.trigger == Trigger::FirstMessage;
        let greeting = || self.all.iter().find(greets).filter(|_| is_first);
        // Most accounts have no keywords: their messages are not folded.
        if self.keywords.is_empty() {
            return greeting();
        }
        let by_keyword = self.keywords.get(&folded(text)).and_then(|place| self.all.get(*place));
        by_keyword.or_else(greeting)
    }

    /// The one that a run is of, as it was when that began.
    pub(crate) fn of(&self, run: &Run) -> Option<&Questionnaire> {
        self.all.iter().find(|found| (found.number, found.revision) == run.version)
    }

    pub(crate) fn named(&self, questionnaire_id: &str) -> Option<&Questionnaire> {
        self.all.iter().find(|found| found.questionnaire_id == questionnaire_id)
    }
}

#[cfg(test)]
mod tests {
    use siyu_clock::Micros;

    use super::*;
    use crate::domain::questionnaire::Definition;

    fn questionnaire(id: &str, number: i64, trigger: Trigger, keywords: &[&str]) -> Questionnaire {
        Questionnaire {
            questionnaire_id: id.to_owned(),
            number,
            definition: Definition {
                trigger,
                keywords: keywords.iter().map(|keyword| (*keyword).to_owned()).collect(),
                introduction: "Hello".to_owned(),
                questions: Vec::new(),
                closing: String::new(),
                form: None,
                is_disabled: false,
            },
            revision: 1,
            create_time: Micros(0),
            update_time: Micros(0),
        }
    }

    #[test]
    fn a_keyword_wins_over_a_greeting_and_the_first_id_over_others() {
        let mut off = questionnaire("a", 1, Trigger::FirstMessage, &[]);
        off.definition.is_disabled = true;
        let all = Questionnaires::new(vec![
            questionnaire("d", 4, Trigger::Keyword, &["报名", "VIP"]),
            questionnaire("c", 3, Trigger::Keyword, &["vip"]),
            questionnaire("b", 2, Trigger::FirstMessage, &[]),
            off,
        ]);
        let begun =
            |text, is_first| all.begun_by(text, is_first).map(|found| found.questionnaire_id.as_str());
        assert_eq!((begun("hello", true), begun("hello", false)), (Some("b"), None));
        assert_eq!((begun(" 報名 ", true), begun("ｖｉｐ", false)), (Some("d"), Some("c")));
        assert_eq!(begun("报名了", false), None);
        assert!(all.named("a").is_none() && all.named("d").is_some());
        let mut run = Run::begin(all.named("d").unwrap(), 1, Micros(0));
        assert!(all.of(&run).is_some());
        run.version.1 = 2;
        assert!(all.of(&run).is_none());
    }
}
