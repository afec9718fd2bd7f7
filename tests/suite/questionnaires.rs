//! Questionnaires by message: what is asked, what ends it, and who may begin one.

use std::time::Duration;

use siyu_proto::{
    accounts::v1::{GetLeadRequest, LeadFieldKind},
    crm::v1::{ListFanTagsRequest, TagOrigin},
    messaging::v1::{
        CreateQuestionnaireRequest, GetQuestionnaireReportRequest, HeldReplyReason,
        ListQuestionnaireRunsRequest, MessageContent, MessageContentKind, Question, QuestionOption,
        Questionnaire, QuestionnaireEndReason as Reason, QuestionnaireReport, QuestionnaireRun,
        QuestionnaireRunState as State, QuestionnaireTrigger as Trigger, ReplyTrigger, SendMessageRequest,
        StartQuestionnaireRequest, UpdateQuestionnaireRequest,
        questionnaire_service_client::QuestionnaireServiceClient,
    },
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    auto_replies::{conversation, make, messages_after, rule},
    follows::SHOP,
    leads::{leads, shop_with_form},
    messages::{desk, from_user, inbox, text, to_user},
    support::{fan, fields, reason},
    tags,
};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const FORM: &str = "accounts/shop/cards/skin-test";
const YES_OR_NO: &str = "请回复“同意”或“不同意”。";

pub(crate) type Client = QuestionnaireServiceClient<siyu::connect::Client>;

pub(crate) fn questionnaires(suite: &TestSuite) -> Client {
    QuestionnaireServiceClient::new(suite.client())
}

/// A question that asks for its key.
pub(crate) fn question(key: &str, kind: LeadFieldKind, options: &[&str]) -> Question {
    let option = |text: &&str| QuestionOption { text: (*text).to_owned(), tags: Vec::new() };
    Question {
        key: key.to_owned(),
        text: format!("{key}?"),
        kind: kind.into(),
        options: options.iter().map(option).collect(),
        ..Question::default()
    }
}

/// One that fills in [`FORM`]: who has dry skin is given the tag `dry`.
pub(crate) fn of_form(trigger: Trigger) -> Questionnaire {
    let asked = |key| question(key, LeadFieldKind::Unspecified, &[]);
    let mut skin = question("skin", LeadFieldKind::Choice, &["Dry", "Oily"]);
    skin.options[0].tags.push(tags::name("dry"));
    Questionnaire {
        form: FORM.to_owned(),
        trigger: trigger.into(),
        introduction: "Hello".to_owned(),
        questions: vec![asked("name"), asked("mobile"), skin],
        closing: "Bye".to_owned(),
        ..Questionnaire::default()
    }
}

/// One with a single question and no form.
pub(crate) fn short(trigger: Trigger) -> Questionnaire {
    let mut skin = question("skin", LeadFieldKind::Choice, &["Dry", "Oily"]);
    skin.required = true;
    Questionnaire { form: String::new(), questions: vec![skin], ..of_form(trigger) }
}

pub(crate) fn creation(id: &str, questionnaire: Questionnaire) -> CreateQuestionnaireRequest {
    CreateQuestionnaireRequest {
        parent: SHOP.to_owned(),
        questionnaire: Some(questionnaire),
        questionnaire_id: id.to_owned(),
        ..Default::default()
    }
}

pub(crate) async fn create(
    suite: &TestSuite,
    id: &str,
    questionnaire: Questionnaire,
) -> Result<Questionnaire, Status> {
    let made = questionnaires(suite).create_questionnaire(creation(id, questionnaire)).await?;
    Ok(made.into_inner().questionnaire.unwrap())
}

/// A shop with a form, a tag `dry`, and the questionnaire `skin` about them.
pub(crate) async fn shop_that_asks(suite: &TestSuite, trigger: Trigger) -> Questionnaire {
    shop_with_form(suite).await;
    tags::create(suite, "shop", "dry").await.unwrap();
    create(suite, "skin", of_form(trigger)).await.unwrap()
}

/// A user writes a text; answers what they are answered.
pub(crate) async fn say(suite: &TestSuite, user: &str, id: &str, said: &str) -> Vec<String> {
    let request = SendMessageRequest { content: text(said), ..from_user(user, id) };
    send(suite, user, request).await
}

async fn send(suite: &TestSuite, user: &str, request: SendMessageRequest) -> Vec<String> {
    let sent = inbox(suite).send_message(request).await.unwrap().into_inner().message.unwrap();
    let found = messages_after(suite, user, sent.sequence).await;
    found.into_iter().map(|message| message.content.unwrap().text).collect()
}

/// Says one after the other; answers what the last is answered.
pub(crate) async fn say_all(suite: &TestSuite, user: &str, texts: &[&str]) -> Vec<String> {
    let mut answer = Vec::new();
    for (place, said) in texts.iter().enumerate() {
        answer = say(suite, user, &format!("a{place}"), said).await;
    }
    answer
}

pub(crate) const ANSWERS: [&str; 4] = ["王小明", "138 1234 5678", "1", "同意"];

async fn start(suite: &TestSuite, user: &str, questionnaire: &str, id: &str) -> Result<i64, Status> {
    let request = StartQuestionnaireRequest {
        parent: SHOP.to_owned(),
        user: format!("users/{user}"),
        questionnaire: format!("{SHOP}/questionnaires/{questionnaire}"),
        client_message_id: id.to_owned(),
    };
    let started = questionnaires(suite).start_questionnaire(request).await?;
    Ok(started.into_inner().message.unwrap().sequence)
}

/// All runs of a questionnaire, newest first, in pages of two.
pub(crate) async fn runs(suite: &TestSuite, questionnaire: &str) -> Vec<QuestionnaireRun> {
    let parent = format!("{SHOP}/questionnaires/{questionnaire}");
    let mut request = ListQuestionnaireRunsRequest { parent, page_size: 2, ..Default::default() };
    let mut found = Vec::new();
    loop {
        let page = questionnaires(suite).list_questionnaire_runs(request.clone()).await.unwrap().into_inner();
        found.extend(page.questionnaire_runs);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return found;
        }
    }
}

pub(crate) async fn run_of(suite: &TestSuite, user: &str) -> QuestionnaireRun {
    let user = format!("users/{user}");
    runs(suite, "skin").await.into_iter().find(|run| run.user == user).unwrap()
}

/// The run of a user once it is no longer on its way: the CRM may have to hear of the user first.
pub(crate) async fn delivered(suite: &TestSuite, user: &str) -> QuestionnaireRun {
    for _ in 0..10 {
        suite.advance(MINUTE).await;
        let run = run_of(suite, user).await;
        if run.state() != State::Submitting {
            return run;
        }
    }
    panic!("it is not brought away");
}

async fn report(suite: &TestSuite, questionnaire: &str) -> QuestionnaireReport {
    let name = format!("{SHOP}/questionnaires/{questionnaire}");
    let request = GetQuestionnaireReportRequest { name };
    let report = questionnaires(suite).get_questionnaire_report(request).await.unwrap().into_inner();
    let report = report.questionnaire_report.unwrap();
    let ended: i64 = report.ends.iter().map(|end| end.count).sum();
    let sum = report.active_count + report.submitting_count + report.submitted_count + ended;
    assert_eq!(report.started_count, sum, "{report:?}");
    report
}

async fn a_greeting_becomes_a_lead_and_a_tag(suite: TestSuite) {
    let made = shop_that_asks(&suite, Trigger::FirstMessage).await;
    assert_eq!(made.consent_text, "We call you back about your skin test.");
    assert_eq!(made.questions[1].kind(), LeadFieldKind::Mobile);
    assert!(made.questions[0].required && !made.questions[2].required);
    make(&suite, "welcome", rule("welcome", ReplyTrigger::Welcome)).await.unwrap();
    make(&suite, "else", rule("else", ReplyTrigger::Fallback)).await.unwrap();

    assert_eq!(say(&suite, "ann", "m1", "你好").await, ["Hello", "name?"]);
    assert_eq!(say(&suite, "ann", "m2", "王小明").await, ["mobile?"]);
    let wrong = say(&suite, "ann", "m3", "010-62345678").await;
    assert_eq!(wrong, ["请回复手机号，例如 13812345678。\nmobile?"]);
    let asked = say(&suite, "ann", "m4", "１３８ 1234 5678").await;
    assert_eq!(asked, ["skin?\n1. Dry\n2. Oily\n（可回复“跳过”）"]);
    let consent = say(&suite, "ann", "m5", "1").await;
    assert_eq!(consent, ["We call you back about your skin test.", YES_OR_NO]);
    assert_eq!(say(&suite, "ann", "m6", "好的").await, [YES_OR_NO]);
    assert_eq!(say(&suite, "ann", "m7", "同意").await, ["Bye"]);
    // The same once more is the same message, and has no other answer.
    assert_eq!(say(&suite, "ann", "m7", "同意").await, ["Bye"]);
    let stored = messages_after(&suite, "ann", 0).await;
    let sequences: Vec<i64> = stored.iter().map(|message| message.sequence).collect();
    assert_eq!(sequences, (1..=16).collect::<Vec<i64>>());
    assert_eq!((stored[1].author.as_str(), stored[1].causation_depth), ("bots/questionnaires/skin", 1));
    // Then it is as if there had been no questionnaire.
    assert_eq!(say(&suite, "ann", "m8", "价格").await, ["from else"]);

    let run = run_of(&suite, "ann").await;
    assert_eq!((run.answered_count, run.first_message.as_str()), (3, stored[1].name.as_str()));
    let run = delivered(&suite, "ann").await;
    assert_eq!((run.state(), run.failure.as_str()), (State::Submitted, ""));
    let lead = leads(&suite).get_lead(GetLeadRequest { name: run.lead.clone() }).await.unwrap().into_inner();
    let lead = lead.lead.unwrap();
    let values: Vec<String> = lead.answers.iter().flat_map(|answer| answer.values.clone()).collect();
    assert_eq!(values, ["王小明", "+8613812345678", "Dry"]);
    assert_eq!((lead.form.as_str(), lead.user.as_str()), (FORM, "users/ann"));
    assert_eq!(lead.mount, format!("{SHOP}/conversations/ann"));
    let request = ListFanTagsRequest { parent: format!("{SHOP}/fans/ann"), ..Default::default() };
    let tagged = suite.tags().list_fan_tags(request).await.unwrap().into_inner().fan_tags;
    assert_eq!((tagged.len(), tagged[0].origin()), (1, TagOrigin::Manual));

    suite.advance(MINUTE).await;
    let before = fan(&suite, "shop", "ann").await.interaction_count;
    suite.advance(HOUR).await;
    assert_eq!(fan(&suite, "shop", "ann").await.interaction_count, before, "it is brought away once");
    let report = report(&suite, "skin").await;
    assert_eq!((report.started_count, report.submitted_count), (1, 1));
    suite.finish().await;
}

async fn what_ends_a_run_is_told(suite: TestSuite) {
    let made = shop_that_asks(&suite, Trigger::FirstMessage).await;
    // What each user says, and why that is the end.
    let ends: [(&str, &[&str], Reason, i32); 5] = [
        ("u1", &["hi", "取消！"], Reason::Cancelled, 0),
        ("u2", &["hi", "王小明", "1", "2", "3"], Reason::WrongAnswers, 1),
        ("u3", &["hi", "王小明", "13812345678", "跳过", "不同意"], Reason::NoConsent, 3),
        ("u4", &["hi", "王小明", "13812345678", "oily", "a", "b", "c"], Reason::NoConsent, 3),
        ("u5", &["hi", "王小明", "13812345678", "９", "stop"], Reason::Cancelled, 2),
    ];
    for (user, said, reason, answered_count) in ends {
        assert_eq!(say_all(&suite, user, said).await.len(), 1, "{user} is told");
        let run = run_of(&suite, user).await;
        assert_eq!((run.state(), run.end_reason()), (State::Abandoned, reason), "{user}");
        assert_eq!(run.answered_count, answered_count, "{user}");
        assert_eq!(say(&suite, user, "after", "1").await, Vec::<String>::new(), "{user} is asked no more");
    }
    // An agent writes.
    say_all(&suite, "u6", &["hi", "王小明"]).await;
    desk(&suite).send_desk_message(to_user("u6", "help")).await.unwrap();
    assert_eq!(run_of(&suite, "u6").await.end_reason(), Reason::Agent);
    assert_eq!(say(&suite, "u6", "m9", "13812345678").await, Vec::<String>::new());
    // A day goes by: almost, and then in full.
    say(&suite, "u7", "m1", "hi").await;
    suite.advance(23 * HOUR).await;
    assert_eq!(say(&suite, "u7", "m2", "王小明").await, ["mobile?"]);
    suite.advance(24 * HOUR).await;
    assert_eq!(run_of(&suite, "u7").await.state(), State::Active);
    assert_eq!(say(&suite, "u7", "m3", "13812345678").await, Vec::<String>::new());
    assert_eq!(run_of(&suite, "u7").await.end_reason(), Reason::Timeout);
    // It is changed.
    say(&suite, "u8", "m1", "hi").await;
    let request = UpdateQuestionnaireRequest { questionnaire: Some(made), ..Default::default() };
    questionnaires(&suite).update_questionnaire(request).await.unwrap();
    assert_eq!(say(&suite, "u8", "m2", "王小明").await, Vec::<String>::new());
    assert_eq!(run_of(&suite, "u8").await.end_reason(), Reason::Changed);
    say(&suite, "u9", "m1", "hi").await;

    let report = report(&suite, "skin").await;
    assert_eq!((report.started_count, report.active_count, report.submitted_count), (9, 1, 0));
    let drop_offs: Vec<(i32, i64)> =
        report.drop_offs.iter().map(|drop_off| (drop_off.answered_count, drop_off.count)).collect();
    assert_eq!(drop_offs, [(0, 2), (1, 3), (2, 1), (3, 2)]);
    let cancelled = report.ends.iter().find(|end| end.reason() == Reason::Cancelled).unwrap();
    assert_eq!((cancelled.count, cancelled.state()), (2, State::Abandoned));
    suite.finish().await;
}

async fn an_agent_begins_it(suite: TestSuite) {
    suite.account("mine", "shop").await;
    tags::create(&suite, "shop", "dry").await.unwrap();
    create(&suite, "skin", short(Trigger::Manual)).await.unwrap();
    create(&suite, "other", short(Trigger::Manual)).await.unwrap();
    let skin = "skin?\n1. Dry\n2. Oily";
    assert_eq!(say(&suite, "ann", "m1", "hi").await, Vec::<String>::new());
    desk(&suite).send_desk_message(to_user("ann", "question")).await.unwrap();
    assert_eq!(start(&suite, "ann", "skin", "s1").await.unwrap(), 3);
    assert_eq!(start(&suite, "ann", "skin", "s1").await.unwrap(), 3);
    let sent: Vec<String> = messages_after(&suite, "ann", 2)
        .await
        .into_iter()
        .map(|message| message.content.unwrap().text)
        .collect();
    assert_eq!(sent, ["Hello", skin]);
    // Another takes its place, and each counts as one message without an answer.
    start(&suite, "ann", "other", "s2").await.unwrap();
    assert_eq!(run_of(&suite, "ann").await.end_reason(), Reason::Replaced);
    let status = start(&suite, "ann", "skin", "s3").await.unwrap_err();
    assert_eq!(reason(&status), "QUOTA_EXCEEDED");
    assert_eq!(runs(&suite, "skin").await.len(), 1);
    // What is no text is no answer.
    let picture = MessageContent {
        kind: MessageContentKind::Picture.into(),
        uri: "https://img.example/1.webp".to_owned(),
        ..MessageContent::default()
    };
    let picture = SendMessageRequest { content: Some(picture), ..from_user("ann", "m2") };
    assert_eq!(send(&suite, "ann", picture).await, [format!("请用文字回答。\n{skin}")]);
    // Programs are not asked for ever, and people are asked on.
    let program = SendMessageRequest { content: text("1"), causation_depth: 3, ..from_user("ann", "m3") };
    assert_eq!(send(&suite, "ann", program).await, Vec::<String>::new());
    let held = conversation(&suite, "ann").await.held_reply.unwrap();
    assert_eq!(held.reason(), HeldReplyReason::Depth);
    assert_eq!(say(&suite, "ann", "m4", "2").await, ["Bye"]);
    suite.advance(MINUTE).await;
    let run = runs(&suite, "other").await.remove(0);
    assert_eq!((run.state(), run.lead.as_str()), (State::Submitted, ""));

    assert_eq!(start(&suite, "ann", "none", "s4").await.unwrap_err().code(), Code::NotFound);
    let request = StartQuestionnaireRequest {
        parent: SHOP.to_owned(),
        user: "users/ann".to_owned(),
        questionnaire: "accounts/elsewhere/questionnaires/skin".to_owned(),
        client_message_id: "s5".to_owned(),
    };
    let status = questionnaires(&suite).start_questionnaire(request).await.unwrap_err();
    assert_eq!(fields(&status), ["questionnaire"]);
    create(&suite, "off", Questionnaire { disabled: true, ..short(Trigger::Manual) }).await.unwrap();
    assert_eq!(reason(&start(&suite, "ann", "off", "s6").await.unwrap_err()), "WRONG_STATE");
    suite.finish().await;
}

async fn a_keyword_begins_it(suite: TestSuite) {
    suite.account("mine", "shop").await;
    tags::create(&suite, "shop", "dry").await.unwrap();
    let asked = Questionnaire { keywords: vec!["报名".to_owned()], ..short(Trigger::Keyword) };
    create(&suite, "skin", asked).await.unwrap();
    make(&suite, "else", rule("else", ReplyTrigger::Fallback)).await.unwrap();
    assert_eq!(say(&suite, "ann", "m1", "我要报名").await, ["from else"]);
    assert_eq!(say(&suite, "ann", "m2", " 報名 ").await.len(), 2);
    assert_eq!(say(&suite, "ann", "m3", "dry").await, ["Bye"]);
    assert_eq!(delivered(&suite, "ann").await.state(), State::Submitted);
    // As often as they want.
    assert_eq!(say(&suite, "ann", "m4", "报名").await.len(), 2);
    let states: Vec<State> = runs(&suite, "skin").await.iter().map(QuestionnaireRun::state).collect();
    assert_eq!(states, [State::Active, State::Submitted]);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_greeting_becomes_a_lead_and_a_tag,
    what_ends_a_run_is_told,
    an_agent_begins_it,
    a_keyword_begins_it,
);
