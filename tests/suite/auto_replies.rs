//! Automatic replies: which rule answers, how often, and when none does.

use std::time::Duration;

use siyu_proto::{
    accounts::v1::{DayOfWeek, OpeningPeriod},
    messaging::v1::{
        Conversation, CreateReplyRuleRequest, DeleteReplyRuleRequest, GetConversationRequest,
        GetReplyRuleRequest, GetReplySettingsRequest, HeldReplyReason, KeywordMatch, ListDeskMessagesRequest,
        ListReplyRulesRequest, Message, MessageContent, MessageContentKind, ReplyFolding, ReplyKeyword,
        ReplyRule, ReplySettings, ReplyTrigger, SendMessageRequest, TestReplyRequest, UpdateReplyRuleRequest,
        UpdateReplySettingsRequest, auto_reply_service_client::AutoReplyServiceClient,
    },
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    cards,
    follows::SHOP,
    messages::{desk, from_user, inbox, text, to_user},
    support::{fields, reason},
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

pub(crate) fn replies(suite: &TestSuite) -> AutoReplyServiceClient<siyu::connect::Client> {
    AutoReplyServiceClient::new(suite.client())
}

/// A rule that answers with its name.
pub(crate) fn rule(id: &str, trigger: ReplyTrigger) -> ReplyRule {
    ReplyRule {
        trigger: trigger.into(),
        contents: text(&format!("from {id}")).into_iter().collect(),
        ..ReplyRule::default()
    }
}

fn keyword(text: &str, matching: KeywordMatch) -> ReplyKeyword {
    ReplyKeyword { text: text.to_owned(), r#match: matching.into() }
}

fn keyword_rule(id: &str, text: &str, matching: KeywordMatch) -> ReplyRule {
    ReplyRule { keywords: vec![keyword(text, matching)], ..rule(id, ReplyTrigger::Keyword) }
}

pub(crate) fn creation(id: &str, rule: ReplyRule) -> CreateReplyRuleRequest {
    CreateReplyRuleRequest {
        parent: SHOP.to_owned(),
        reply_rule: Some(rule),
        reply_rule_id: id.to_owned(),
        ..Default::default()
    }
}

pub(crate) async fn make(suite: &TestSuite, id: &str, rule: ReplyRule) -> Result<ReplyRule, Status> {
    let made = replies(suite).create_reply_rule(creation(id, rule)).await?;
    Ok(made.into_inner().reply_rule.unwrap())
}

/// A user writes a text; answers what they are answered, with who wrote that.
async fn say(suite: &TestSuite, user: &str, id: &str, said: &str) -> Vec<String> {
    say_at(suite, user, id, said, 0).await.into_iter().map(|(author, _)| author).collect()
}

/// The same of a program: so many automatic messages have led to what it writes. Answers how many have led to each answer.
async fn say_at(suite: &TestSuite, user: &str, id: &str, said: &str, depth: i32) -> Vec<(String, i32)> {
    let request = SendMessageRequest { content: text(said), causation_depth: depth, ..from_user(user, id) };
    let sent = inbox(suite).send_message(request).await.unwrap().into_inner().message.unwrap();
    let found = messages_after(suite, user, sent.sequence).await;
    found.into_iter().map(|message| (message.author, message.causation_depth)).collect()
}

pub(crate) async fn messages_after(suite: &TestSuite, user: &str, sequence: i64) -> Vec<Message> {
    let request = ListDeskMessagesRequest {
        parent: SHOP.to_owned(),
        user: format!("users/{user}"),
        after_sequence: Some(sequence),
        ..Default::default()
    };
    desk(suite).list_desk_messages(request).await.unwrap().into_inner().messages
}

pub(crate) async fn conversation(suite: &TestSuite, user: &str) -> Conversation {
    let request = GetConversationRequest { parent: SHOP.to_owned(), user: format!("users/{user}") };
    desk(suite).get_conversation(request).await.unwrap().into_inner().conversation.unwrap()
}

fn bot(id: &str) -> String {
    format!("bots/replyRules/{id}")
}

async fn a_user_is_welcomed_once_and_answered_by_keywords(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let picture = MessageContent {
        kind: MessageContentKind::Picture.into(),
        uri: "https://img.example/map.webp".to_owned(),
        ..MessageContent::default()
    };
    let mut welcome = rule("welcome", ReplyTrigger::Welcome);
    welcome.contents.push(picture);
    make(&suite, "welcome", welcome).await.unwrap();
    make(&suite, "hours", keyword_rule("hours", "营业时间", KeywordMatch::Contains)).await.unwrap();
    make(&suite, "order", keyword_rule("order", "订单\\d{6}", KeywordMatch::Regex)).await.unwrap();
    let once = keyword_rule("coupon", "优惠", KeywordMatch::Contains);
    let once = ReplyRule { once_per_conversation: true, priority: 5, ..once };
    make(&suite, "coupon", once).await.unwrap();
    make(&suite, "else", rule("else", ReplyTrigger::Fallback)).await.unwrap();

    // Twice: the welcome has two contents.
    assert_eq!(say(&suite, "ann", "m1", "你好").await, [bot("welcome"), bot("welcome")]);
    let stored = messages_after(&suite, "ann", 0).await;
    assert_eq!(stored.iter().map(|message| message.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(stored[1].content, text("from welcome"));
    // The same once more is the same message, and has no other answer.
    let again = SendMessageRequest { content: text("你好"), ..from_user("ann", "m1") };
    inbox(&suite).send_message(again).await.unwrap();
    assert_eq!(conversation(&suite, "ann").await.last_sequence, 3);

    assert_eq!(say(&suite, "ann", "m2", "你们营业时间是几点？").await, [bot("hours")]);
    assert_eq!(say(&suite, "ann", "m3", "查订单123456").await, [bot("order")]);
    assert_eq!(say(&suite, "ann", "m4", "查订单").await, [bot("else")]);
    assert_eq!(say(&suite, "ann", "m5", "营业时间有优惠吗").await, [bot("coupon")]);
    assert_eq!(say(&suite, "ann", "m6", "营业时间有优惠吗").await, [bot("hours")]);
    // In another conversation all begins anew.
    assert_eq!(say(&suite, "bea", "m1", "优惠").await, [bot("welcome"), bot("welcome"), bot("coupon")]);
    // Answers do not use up what an agent may send.
    for id in ["r1", "r2", "r3"] {
        desk(&suite).send_desk_message(to_user("ann", id)).await.unwrap();
    }
    assert_eq!(
        reason(&desk(&suite).send_desk_message(to_user("ann", "r4")).await.unwrap_err()),
        "QUOTA_EXCEEDED"
    );
    suite.finish().await;
}

async fn what_is_changed_holds_from_the_next_message_on(suite: TestSuite) {
    suite.account("mine", "shop").await;
    assert_eq!(say(&suite, "ann", "m1", "价格").await, Vec::<String>::new());
    let folding = ReplyFolding { width: true, case: true, script: true };
    let price =
        ReplyRule { folding: Some(folding), ..keyword_rule("price", "价格VIP", KeywordMatch::Exact) };
    let made = make(&suite, "price", price).await.unwrap();
    assert_eq!(say(&suite, "ann", "m2", " 價格ｖｉｐ ").await, [bot("price")]);
    let change = async |rule: ReplyRule| {
        let request = UpdateReplyRuleRequest { reply_rule: Some(rule), ..Default::default() };
        Ok::<_, Status>(replies(&suite).update_reply_rule(request).await?.into_inner().reply_rule.unwrap())
    };
    let disabled = change(ReplyRule { disabled: true, ..made.clone() }).await.unwrap();
    assert_eq!(say(&suite, "ann", "m3", "价格VIP").await, Vec::<String>::new());
    assert_eq!(reason(&change(made.clone()).await.unwrap_err()), "ETAG_MISMATCH");
    let plain = ReplyRule { folding: None, disabled: false, etag: String::new(), ..disabled };
    change(plain).await.unwrap();
    assert_eq!(say(&suite, "ann", "m4", "價格ｖｉｐ").await, Vec::<String>::new());
    assert_eq!(say(&suite, "ann", "m5", "价格VIP").await, [bot("price")]);

    let get = async || {
        let request = GetReplyRuleRequest { name: made.name.clone() };
        Ok::<_, Status>(replies(&suite).get_reply_rule(request).await?.into_inner().reply_rule.unwrap())
    };
    assert_eq!(get().await.unwrap().etag, "\"3\"");
    make(&suite, "other", rule("other", ReplyTrigger::Fallback)).await.unwrap();
    let request = ListReplyRulesRequest { parent: SHOP.to_owned(), page_size: 1, ..Default::default() };
    let page = replies(&suite).list_reply_rules(request.clone()).await.unwrap().into_inner();
    assert_eq!(page.reply_rules[0].name, "accounts/shop/replyRules/other");
    let request = ListReplyRulesRequest { page_token: page.next_page_token, ..request };
    let page = replies(&suite).list_reply_rules(request).await.unwrap().into_inner();
    assert_eq!((page.reply_rules, page.next_page_token), (vec![get().await.unwrap()], String::new()));

    let tried = async |text: &str, first_message| {
        let request = TestReplyRequest { parent: SHOP.to_owned(), text: text.to_owned(), first_message };
        replies(&suite).test_reply(request).await.unwrap().into_inner()
    };
    let answer = tried("价格VIP", true).await;
    assert_eq!(answer.reply_rules, std::slice::from_ref(&made.name));
    assert_eq!(
        (answer.contents, answer.matching_reply_rules),
        (made.contents.clone(), vec![made.name.clone()])
    );
    assert_eq!(tried("hello", false).await.reply_rules, ["accounts/shop/replyRules/other"]);

    let request = DeleteReplyRuleRequest { name: made.name.clone(), ..Default::default() };
    replies(&suite).delete_reply_rule(request).await.unwrap();
    assert_eq!(get().await.unwrap_err().code(), Code::NotFound);
    assert_eq!(say(&suite, "ann", "m6", "价格VIP").await, [bot("other")]);
    suite.finish().await;
}

async fn somebody_is_told_that_nobody_is_there(suite: TestSuite) {
    suite.account("mine", "shop").await;
    // The account is in Shanghai; from now on for an hour somebody is there.
    let now = suite.clock.now().to_timestamp().to_zoned(jiff::tz::TimeZone::get("Asia/Shanghai").unwrap());
    let day = DayOfWeek::try_from(i32::from(now.weekday().to_monday_one_offset())).unwrap();
    let minute = i32::from(now.hour()) * 60 + i32::from(now.minute());
    let period = OpeningPeriod { day: day.into(), open_minute: minute, close_minute: minute + 60 };
    let closed = ReplyRule { opening_hours: vec![period], ..rule("closed", ReplyTrigger::OutsideHours) };
    make(&suite, "closed", closed).await.unwrap();
    make(&suite, "price", keyword_rule("price", "价格", KeywordMatch::Contains)).await.unwrap();
    assert_eq!(say(&suite, "ann", "m1", "hello").await, Vec::<String>::new());
    suite.advance(HOUR).await;
    assert_eq!(say(&suite, "ann", "m2", "hello").await, [bot("closed")]);
    assert_eq!(say(&suite, "ann", "m3", "价格").await, [bot("price")]);
    suite.advance(HOUR * (24 * 7 - 1)).await;
    assert_eq!(say(&suite, "ann", "m4", "hello").await, Vec::<String>::new());
    suite.finish().await;
}

async fn where_an_agent_writes_nothing_else_does(suite: TestSuite) {
    suite.account("mine", "shop").await;
    make(&suite, "else", rule("else", ReplyTrigger::Fallback)).await.unwrap();
    assert_eq!(say(&suite, "ann", "m1", "hello").await, [bot("else")]);
    desk(&suite).send_desk_message(to_user("ann", "r1")).await.unwrap();
    suite.advance(29 * MINUTE).await;
    assert_eq!(say(&suite, "ann", "m2", "hello").await, Vec::<String>::new());
    let held = conversation(&suite, "ann").await.held_reply.unwrap();
    assert_eq!((held.reason(), held.sequence), (HeldReplyReason::Agent, 4));
    suite.advance(MINUTE).await;
    assert_eq!(say(&suite, "ann", "m3", "hello").await, [bot("else")]);
    assert_eq!(conversation(&suite, "ann").await.held_reply, None);

    let settings = async |max_answers, seconds| {
        let settings = ReplySettings {
            name: format!("{SHOP}/replySettings"),
            max_causation_depth: 3,
            agent_pause: Some(prost_types::Duration { seconds, nanos: 0 }),
            max_answers,
            answer_window: Some(prost_types::Duration { seconds: 600, nanos: 0 }),
            ..ReplySettings::default()
        };
        let request = UpdateReplySettingsRequest { reply_settings: Some(settings), ..Default::default() };
        Ok::<_, Status>(replies(&suite).update_reply_settings(request).await?.into_inner())
    };
    let request = GetReplySettingsRequest { name: format!("{SHOP}/replySettings") };
    let first =
        replies(&suite).get_reply_settings(request).await.unwrap().into_inner().reply_settings.unwrap();
    assert_eq!((first.max_causation_depth, first.max_answers, first.update_time), (3, 20, None));
    assert_eq!(fields(&settings(0, 0).await.unwrap_err()), ["reply_settings.max_answers"]);
    settings(2, 0).await.unwrap();
    // Nothing pauses now, and two of a conversation are answered until an agent writes.
    suite.advance(10 * MINUTE).await;
    desk(&suite).send_desk_message(to_user("ann", "r2")).await.unwrap();
    let mut answers = Vec::new();
    for id in ["n1", "n2", "n3"] {
        answers.push(say(&suite, "ann", id, "hello").await.len());
    }
    assert_eq!(answers, [1, 1, 0]);
    assert_eq!(conversation(&suite, "ann").await.held_reply.unwrap().reason(), HeldReplyReason::TooMany);
    desk(&suite).send_desk_message(to_user("ann", "r3")).await.unwrap();
    assert_eq!(say(&suite, "ann", "n4", "hello").await.len(), 1);
    suite.finish().await;
}

async fn two_programs_do_not_talk_for_ever(suite: TestSuite) {
    suite.account("mine", "shop").await;
    make(&suite, "else", rule("else", ReplyTrigger::Fallback)).await.unwrap();
    // The user's program answers whatever it is answered, and says what led to that.
    let (mut depth, mut answered) = (1, 0);
    for turn in 0..20 {
        let answers = say_at(&suite, "robot", &format!("m{turn}"), "I am a robot", depth).await;
        let Some((author, caused)) = answers.into_iter().next() else { break };
        assert_eq!((author, caused), (bot("else"), depth + 1));
        (depth, answered) = (caused + 1, answered + 1);
    }
    // Its messages were 1 and 3, and the first answer 2: the second would have been 4.
    assert_eq!((answered, depth), (1, 3));
    let held = conversation(&suite, "robot").await.held_reply.unwrap();
    assert_eq!((held.reason(), held.sequence), (HeldReplyReason::Depth, 3));
    // One that does not say so is stopped too, only later.
    let mut answered = 0;
    for turn in 0..40 {
        answered += say(&suite, "liar", &format!("m{turn}"), "I am a person").await.len();
    }
    assert_eq!(answered, 20);
    assert_eq!(conversation(&suite, "liar").await.held_reply.unwrap().reason(), HeldReplyReason::TooMany);
    // A person is answered.
    assert_eq!(say(&suite, "robot", "p1", "hello").await, [bot("else")]);
    suite.finish().await;
}

async fn a_card_is_sent_by_itself(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let card = cards::create(&suite, "tea", cards::link()).await.unwrap();
    let content = |card: &str| MessageContent {
        kind: MessageContentKind::Card.into(),
        card: card.to_owned(),
        ..MessageContent::default()
    };
    let with = |card: &str| ReplyRule { contents: vec![content(card)], ..rule("tea", ReplyTrigger::Welcome) };
    make(&suite, "tea", with(&card.name)).await.unwrap();
    assert_eq!(say(&suite, "ann", "m1", "hello").await, [bot("tea")]);
    assert_eq!(messages_after(&suite, "ann", 1).await[0].content, Some(content(&card.name)));
    for wrong in ["accounts/other/cards/tea", "accounts/shop/cards/missing"] {
        let status = make(&suite, "wrong", with(wrong)).await.unwrap_err();
        assert_eq!(fields(&status), ["reply_rule.contents[0].card"], "{status}");
    }
    suite.finish().await;
}

async fn what_makes_no_rule_is_refused(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let fallback = || rule("r", ReplyTrigger::Fallback);
    let regex = |text: &str| keyword_rule("r", text, KeywordMatch::Regex);
    let period = |open_minute, close_minute| OpeningPeriod {
        day: DayOfWeek::Monday.into(),
        open_minute,
        close_minute,
    };
    let closed = |periods: Vec<OpeningPeriod>| ReplyRule {
        opening_hours: periods,
        ..rule("r", ReplyTrigger::OutsideHours)
    };
    let bad = [
        ("reply_rule.trigger", ReplyRule { trigger: 0, ..fallback() }),
        ("reply_rule.contents", ReplyRule { contents: vec![], ..fallback() }),
        ("reply_rule.contents", ReplyRule { contents: vec![text("a").unwrap(); 6], ..fallback() }),
        ("reply_rule.contents[0].text", ReplyRule { contents: vec![text(" ").unwrap()], ..fallback() }),
        ("reply_rule.keywords", rule("r", ReplyTrigger::Keyword)),
        ("reply_rule.keywords", ReplyRule { trigger: ReplyTrigger::Fallback.into(), ..regex("a") }),
        (
            "reply_rule.keywords",
            ReplyRule { keywords: vec![keyword("a", KeywordMatch::Exact); 21], ..regex("a") },
        ),
        ("reply_rule.keywords[0].text", keyword_rule("r", " 　 ", KeywordMatch::Contains)),
        ("reply_rule.keywords[0].text", keyword_rule("r", &"长".repeat(51), KeywordMatch::Contains)),
        ("reply_rule.keywords[0].text", regex("(a{1000}){1000}")),
        ("reply_rule.keywords[0].text", regex("\\w{200}")),
        ("reply_rule.keywords[0].text", regex("(?=a)")),
        ("reply_rule.keywords[0].text", regex("a*")),
        ("reply_rule.keywords[0].text", regex(&"a".repeat(201))),
        ("reply_rule.opening_hours", closed(vec![])),
        (
            "reply_rule.opening_hours",
            ReplyRule { trigger: ReplyTrigger::Fallback.into(), ..closed(vec![period(0, 1)]) },
        ),
        ("reply_rule.opening_hours[1]", closed(vec![period(0, 9), period(8, 10)])),
    ];
    for (field, rule) in bad {
        let status = make(&suite, "r", rule).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![field.to_owned()]),
            "{status}"
        );
    }
    let request = ListReplyRulesRequest { parent: SHOP.to_owned(), ..Default::default() };
    assert!(replies(&suite).list_reply_rules(request).await.unwrap().into_inner().reply_rules.is_empty());
    make(&suite, "r", fallback()).await.unwrap();
    assert_eq!(make(&suite, "r", fallback()).await.unwrap_err().code(), Code::AlreadyExists);
    // 50 regular expressions are as many as there may be.
    let many =
        |count| ReplyRule { keywords: vec![keyword("ab+c", KeywordMatch::Regex); count], ..regex("a") };
    for id in ["p1", "p2"] {
        make(&suite, id, many(20)).await.unwrap();
    }
    let status = make(&suite, "p3", many(11)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "LIMIT_REACHED"));
    make(&suite, "p3", many(10)).await.unwrap();
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_user_is_welcomed_once_and_answered_by_keywords,
    what_is_changed_holds_from_the_next_message_on,
    somebody_is_told_that_nobody_is_there,
    where_an_agent_writes_nothing_else_does,
    two_programs_do_not_talk_for_ever,
    a_card_is_sent_by_itself,
    what_makes_no_rule_is_refused,
);
