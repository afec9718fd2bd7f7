//! Questionnaires by message: what is stored of them, what is refused, and why a lead or a tag is refused for good.

use siyu_proto::{
    accounts::v1::{ArchiveCardRequest, Card, LeadFieldKind, LeadForm},
    messaging::v1::{
        CreateQuestionnaireRequest, DeleteQuestionnaireRequest, GetQuestionnaireRequest,
        ListQuestionnairesRequest, Question, Questionnaire, QuestionnaireEndReason as Reason,
        QuestionnaireRunState as State, QuestionnaireTrigger as Trigger, RecallMessageRequest,
        UpdateQuestionnaireRequest,
    },
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    cards::{self, cards},
    follows::SHOP,
    leads::{form, form_card, lead, shop_with_form, submit},
    messages::inbox,
    questionnaires::{
        ANSWERS, FORM, create, creation, delivered, of_form, question, questionnaires, run_of, say, say_all,
        shop_that_asks, short,
    },
    support::{fields, reason},
    tags,
};

async fn get(suite: &TestSuite, id: &str) -> Result<Questionnaire, Status> {
    let request = GetQuestionnaireRequest { name: format!("{SHOP}/questionnaires/{id}") };
    Ok(questionnaires(suite).get_questionnaire(request).await?.into_inner().questionnaire.unwrap())
}

async fn change(suite: &TestSuite, to: Questionnaire) -> Result<Questionnaire, Status> {
    let request = UpdateQuestionnaireRequest { questionnaire: Some(to), ..Default::default() };
    Ok(questionnaires(suite).update_questionnaire(request).await?.into_inner().questionnaire.unwrap())
}

async fn what_is_stored_is_read_changed_and_deleted(suite: TestSuite) {
    let made = shop_that_asks(&suite, Trigger::Manual).await;
    assert_eq!(get(&suite, "skin").await.unwrap(), made);
    let status = create(&suite, "skin", of_form(Trigger::Manual)).await.unwrap_err();
    assert_eq!(reason(&status), "RESOURCE_EXISTS");
    let request = CreateQuestionnaireRequest {
        request_id: "once".to_owned(),
        ..creation("other", short(Trigger::Manual))
    };
    let first = questionnaires(&suite).create_questionnaire(request.clone()).await.unwrap().into_inner();
    let again = questionnaires(&suite).create_questionnaire(request).await.unwrap().into_inner();
    assert_eq!(again, first);

    let changed =
        change(&suite, Questionnaire { introduction: "Hi".to_owned(), ..made.clone() }).await.unwrap();
    assert_eq!((changed.introduction.as_str(), changed.etag.as_str()), ("Hi", "\"2\""));
    assert_eq!(reason(&change(&suite, made).await.unwrap_err()), "ETAG_MISMATCH");
    let request = ListQuestionnairesRequest { parent: SHOP.to_owned(), page_size: 1, ..Default::default() };
    let page = questionnaires(&suite).list_questionnaires(request.clone()).await.unwrap().into_inner();
    assert_eq!(page.questionnaires[0].name, format!("{SHOP}/questionnaires/other"));
    let request = ListQuestionnairesRequest { page_token: page.next_page_token, ..request };
    let page = questionnaires(&suite).list_questionnaires(request).await.unwrap().into_inner();
    assert_eq!((page.questionnaires, page.next_page_token), (vec![changed.clone()], String::new()));

    let delete = async |etag: &str| {
        let request = DeleteQuestionnaireRequest {
            name: changed.name.clone(),
            etag: etag.to_owned(),
            ..Default::default()
        };
        questionnaires(&suite).delete_questionnaire(request).await
    };
    assert_eq!(reason(&delete("\"1\"").await.unwrap_err()), "ETAG_MISMATCH");
    delete(&changed.etag).await.unwrap();
    assert_eq!(get(&suite, "skin").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(change(&suite, changed).await.unwrap_err().code(), Code::NotFound);
    for number in 1..50 {
        create(&suite, &format!("q{number}"), short(Trigger::Manual)).await.unwrap();
    }
    let status = create(&suite, "q50", short(Trigger::Manual)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "LIMIT_REACHED"));
    suite.finish().await;
}

async fn what_cannot_be_asked_is_refused(suite: TestSuite) {
    shop_with_form(&suite).await;
    tags::create(&suite, "shop", "dry").await.unwrap();
    cards::create(&suite, "link", cards::link()).await.unwrap();
    suite.account("mine", "elsewhere").await;
    let with = |change: fn(&mut Questionnaire)| {
        let mut asked = of_form(Trigger::Manual);
        change(&mut asked);
        asked
    };
    let text = |key: &str| question(key, LeadFieldKind::Text, &[]);
    let wrong = [
        ("questionnaire.form", with(|asked| asked.form = format!("{SHOP}/cards/none"))),
        ("questionnaire.form", with(|asked| asked.form = format!("{SHOP}/cards/link"))),
        ("questionnaire.form", with(|asked| asked.form = "accounts/elsewhere/cards/skin-test".to_owned())),
        ("questionnaire.trigger", with(|asked| asked.trigger = 0)),
        ("questionnaire.keywords", with(|asked| asked.trigger = Trigger::Keyword.into())),
        ("questionnaire.introduction", with(|asked| asked.introduction = "\u{3000}".to_owned())),
        ("questionnaire.questions", with(|asked| drop(asked.questions.remove(0)))),
        ("questionnaire.questions[0].key", with(|asked| asked.questions[0].key = "age".to_owned())),
        ("questionnaire.questions[2].kind", with(|asked| asked.questions[2].set_kind(LeadFieldKind::Text))),
        (
            "questionnaire.questions[2].options[1].text",
            with(|asked| asked.questions[2].options[1].text = "Blue".to_owned()),
        ),
        (
            "questionnaire.questions",
            with(|asked| asked.questions[2].options[0].tags = vec![tags::name("none")]),
        ),
        (
            "questionnaire.questions[2].options[0].tags[0]",
            with(|asked| {
                asked.questions[2].options[0].tags = vec!["accounts/elsewhere/tags/dry".to_owned()];
            }),
        ),
        (
            "questionnaire.questions[1].key",
            Questionnaire { questions: vec![text("a"), text("a")], ..short(Trigger::Manual) },
        ),
        (
            "questionnaire.questions[0].kind",
            Questionnaire {
                questions: vec![question("a", LeadFieldKind::Unspecified, &[])],
                ..short(Trigger::Manual)
            },
        ),
        (
            "questionnaire.questions[0].options",
            Questionnaire {
                questions: vec![question("a", LeadFieldKind::Choice, &["one"])],
                ..short(Trigger::Manual)
            },
        ),
        (
            "questionnaire.questions",
            Questionnaire {
                questions: (0..21).map(|number| text(&format!("q{number}"))).collect::<Vec<Question>>(),
                ..short(Trigger::Manual)
            },
        ),
    ];
    for (field, asked) in wrong {
        let status = create(&suite, "skin", asked).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![field.to_owned()]),
            "{status}"
        );
    }
    cards(&suite).archive_card(ArchiveCardRequest { name: FORM.to_owned() }).await.unwrap();
    let status = create(&suite, "skin", of_form(Trigger::Manual)).await.unwrap_err();
    assert_eq!(fields(&status), ["questionnaire.form"]);
    assert_eq!(get(&suite, "skin").await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn what_is_refused_for_good_says_why(suite: TestSuite) {
    shop_that_asks(&suite, Trigger::FirstMessage).await;
    let answered = async |user: &str| {
        say(&suite, user, "hi", "hi").await;
        assert_eq!(say_all(&suite, user, &ANSWERS).await, ["Bye"], "{user}");
        assert_eq!(run_of(&suite, user).await.state(), State::Submitting);
    };
    // An answer is taken back before it is brought away: there is no lead.
    answered("ann").await;
    let request = RecallMessageRequest { parent: SHOP.to_owned(), user: "users/ann".to_owned(), sequence: 4 };
    inbox(&suite).recall_message(request).await.unwrap();
    let run = delivered(&suite, "ann").await;
    assert_eq!((run.state(), run.end_reason()), (State::Refused, Reason::TakenBack));
    // As many leads as there may be on a day.
    let version = get(&suite, "skin").await.unwrap().consent_version;
    for number in 0..5 {
        submit(&suite, lead(&format!("l{number}"), "bea", &version)).await.unwrap();
    }
    answered("bea").await;
    let run = delivered(&suite, "bea").await;
    assert_eq!((run.state(), run.end_reason()), (State::Refused, Reason::NotAllowed));
    assert!(run.failure.contains("5 leads") && run.lead.is_empty(), "{run:?}");
    // The text that they agreed to is another.
    answered("cat").await;
    let new = LeadForm { consent_text: "We call you back, and send you news.".to_owned(), ..form() };
    let card = Card { name: FORM.to_owned(), ..form_card(new) };
    cards::update(&suite, &card, &["lead_form"]).await.unwrap();
    let run = delivered(&suite, "cat").await;
    assert_eq!((run.state(), run.end_reason()), (State::Refused, Reason::FormChanged));
    assert!(run.failure.contains("another version"), "{run:?}");
    // Stored again it asks for what the form says now.
    let stored = change(&suite, get(&suite, "skin").await.unwrap()).await.unwrap();
    assert!(stored.consent_text.contains("news") && stored.consent_version != version);
    // A tag that is gone: the lead is there.
    answered("dan").await;
    tags::delete(&suite, "dry", "").await.unwrap();
    let run = delivered(&suite, "dan").await;
    assert_eq!((run.state(), run.end_reason()), (State::Refused, Reason::TagRefused));
    assert!(run.lead.starts_with("accounts/shop/leads/questionnaire-"), "{run:?}");
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    what_is_stored_is_read_changed_and_deleted,
    what_cannot_be_asked_is_refused,
    what_is_refused_for_good_says_why,
);
