use proptest::prelude::*;
use siyu_forms::FieldKind;

use super::*;
use crate::domain::questionnaire::{
    Form, Trigger,
    question::{Question, tests::question},
};

const HOUR: i64 = 3_600_000_000;

fn questionnaire(questions: Vec<Question>, has_form: bool) -> Questionnaire {
    let form = Form {
        card: "accounts/shop/cards/skin".to_owned(),
        consent_text: "We call you.".to_owned(),
        consent_version: "v1".to_owned(),
    };
    Questionnaire {
        questionnaire_id: "skin".to_owned(),
        number: 7,
        definition: Definition {
            trigger: Trigger::Manual,
            keywords: Vec::new(),
            introduction: "Hello".to_owned(),
            questions,
            closing: "Bye".to_owned(),
            form: has_form.then_some(form),
            is_disabled: false,
        },
        revision: 2,
        create_time: Micros(0),
        update_time: Micros(0),
    }
}

fn skin_and_mobile() -> Questionnaire {
    let mobile = question("mobile", FieldKind::Mobile, &[]);
    questionnaire(vec![question("skin", FieldKind::Choice, &["Dry", "Oily"]), mobile], true)
}

/// Says all of it, one after the other; answers the turns.
fn say(run: &mut Run, questionnaire: &Questionnaire, texts: &[&str]) -> Vec<Turn> {
    let said = texts.iter().enumerate();
    said.map(|(place, text)| {
        let sequence = i64::try_from(place).unwrap() + 10;
        run.hear(&questionnaire.definition, sequence, Some(text), Micros(sequence))
    })
    .collect()
}

#[test]
fn questions_are_asked_one_after_the_other_and_consent_at_last() {
    let questionnaire = skin_and_mobile();
    let mut run = Run::begin(&questionnaire, 2, Micros(5));
    let turns = say(&mut run, &questionnaire, &["2", "13812345678", "同意"]);
    assert_eq!(turns[0], Turn::ask(vec!["mobile?".to_owned()]));
    assert_eq!(turns[1].texts, ["We call you.", "请回复“同意”或“不同意”。"]);
    assert_eq!(turns[2], Turn::end("Bye", End::Complete));
    assert_eq!(run.answers, [Some(10), Some(11)]);
    let record = run.ended("shop", "ann", End::Complete, Micros(12));
    assert_eq!((record.state, record.due_time), (RunState::Submitting, Some(Micros(12))));
    assert_eq!(record.run_id, run.record("shop", "ann").run_id);
}

#[test]
fn without_a_form_the_last_answer_is_the_end() {
    let questionnaire = questionnaire(vec![question("skin", FieldKind::Choice, &["Dry", "Oily"])], false);
    let mut run = Run::begin(&questionnaire, 2, Micros(5));
    assert_eq!(say(&mut run, &questionnaire, &["dry"]), [Turn::end("Bye", End::Complete)]);
}

#[test]
fn a_wrong_answer_is_asked_again_twice() {
    let questionnaire = skin_and_mobile();
    let mut run = Run::begin(&questionnaire, 2, Micros(5));
    let turns = say(&mut run, &questionnaire, &["3", "?", "1", "x", "y", "z"]);
    assert_eq!(turns[0].texts, ["请回复选项的编号或文字。\nskin?\n1. Dry\n2. Oily"]);
    assert_eq!((turns[1].end, turns[2].end, turns[4].end), (None, None, None));
    // The count begins anew with each question.
    assert_eq!(turns[5].end, Some(End::Abandoned(EndReason::WrongAnswers)));
    assert_eq!(run.answers, [Some(12)]);
    let picture = run.hear(&questionnaire.definition, 20, None, Micros(9));
    assert_eq!(picture.end, Some(End::Abandoned(EndReason::WrongAnswers)));
}

#[test]
fn nothing_but_consent_is_consent() {
    let questionnaire = skin_and_mobile();
    let end = |texts: &[&str]| {
        let mut run = Run::begin(&questionnaire, 2, Micros(5));
        say(&mut run, &questionnaire, &["1", "13812345678"]);
        say(&mut run, &questionnaire, texts).pop().unwrap().end
    };
    let no_consent = Some(End::Abandoned(EndReason::NoConsent));
    assert_eq!(end(&["不同意"]), no_consent);
    assert_eq!(end(&["好的", "ok", "嗯"]), no_consent);
    assert_eq!(end(&["好的", "ok"]), None);
    assert_eq!(end(&["好的", "yes"]), Some(End::Complete));
    assert_eq!(end(&["取消"]), Some(End::Abandoned(EndReason::Cancelled)));
}

#[test]
fn who_says_nothing_for_a_day_is_waited_for_no_longer() {
    let questionnaire = skin_and_mobile();
    let mut run = Run::begin(&questionnaire, 2, Micros(0));
    assert!(!run.is_over(Micros(24 * HOUR - 1)) && run.is_over(Micros(24 * HOUR)));
    run.hear(&questionnaire.definition, 3, Some("1"), Micros(23 * HOUR));
    assert!(!run.is_over(Micros(46 * HOUR)));
}

#[test]
fn it_is_kept_in_few_bytes_and_without_answers() {
    let questionnaire = skin_and_mobile();
    let mut run = Run::begin(&questionnaire, 2, Micros(5));
    say(&mut run, &questionnaire, &["1", "13812345678"]);
    let json = serde_json::to_string(&run).unwrap();
    let expected = r#"{"questionnaire_id":"skin","version":[7,2],"start":2,"start_time":5,"ask_time":11,"answers":[10,11]}"#;
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_str::<Run>(&json).unwrap(), run);
}

proptest! {
    /// Whatever is said, it comes to an end, and is complete only where somebody agreed after all questions.
    #[test]
    fn it_comes_to_an_end(
        texts in proptest::collection::vec(prop_oneof!["[123]", "13812345678", "同意", "不同意", "跳过", "\\PC{0,8}"], 40),
        has_form in any::<bool>(),
        required in any::<bool>(),
    ) {
        let mut questions = skin_and_mobile().definition.questions;
        questions[1].field.required = required;
        let questionnaire = questionnaire(questions, has_form);
        let mut run = Run::begin(&questionnaire, 1, Micros(0));
        let mut turns = 0;
        for (place, text) in texts.iter().enumerate() {
            let turn = run.hear(&questionnaire.definition, i64::try_from(place).unwrap() + 2, Some(text), Micros(1));
            turns += 1;
            prop_assert!(!turn.texts.is_empty() && turn.texts.iter().all(|text| !text.is_empty()));
            prop_assert!(run.answers.is_sorted() || run.answers.contains(&None));
            if let Some(end) = turn.end {
                if end == End::Complete {
                    prop_assert_eq!(run.answers.len(), 2);
                    prop_assert!(!has_form || wording::agrees(text) == Some(true));
                }
                break;
            }
        }
        // Two questions and consent, each at most three times.
        prop_assert!(turns <= 9, "{} turns", turns);
    }
}
