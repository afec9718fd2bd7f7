//! What is not let through: words of accounts and of the platform, users who are blocked, and what somebody has to look at.

use std::time::Duration;

use siyu_proto::{
    common::v1::Role,
    messaging::v1::{
        AddPlatformWordsRequest, AddWordsRequest, BlockUserRequest, DecideReviewItemRequest,
        ListBlockedUsersRequest, ListMessagesRequest, ListModerationHitsRequest, ListPlatformWordsRequest,
        ListReviewItemsRequest, ListWordsRequest, Message, MessageSender, ModerationAction, ModerationHit,
        ModerationWord, RemovePlatformWordsRequest, RemoveWordsRequest, ReportMessageRequest, ReviewCause,
        ReviewItem, ReviewState, SendDeskMessageRequest, SendMessageRequest, StreamInboxRequest,
        UnblockUserRequest, UpdatePlatformWordMatchingRequest, UpdateWordMatchingRequest, WordMatching,
        moderation_service_client::ModerationServiceClient,
    },
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    follows::SHOP,
    messages::{desk, from_user, inbox, text, to_user},
    support::{fields, reason},
};

use ModerationAction::{Block, Mask, Review};

pub(crate) fn moderation(suite: &TestSuite) -> ModerationServiceClient<siyu::connect::Client> {
    ModerationServiceClient::new(suite.client())
}

pub(crate) fn words(words: &[(&str, ModerationAction)]) -> Vec<ModerationWord> {
    let word = |(text, action): &(&str, ModerationAction)| ModerationWord {
        text: (*text).to_owned(),
        action: (*action).into(),
        ..ModerationWord::default()
    };
    words.iter().map(word).collect()
}

async fn add(suite: &TestSuite, added: &[(&str, ModerationAction)]) -> Result<i32, Status> {
    let request = AddWordsRequest { parent: SHOP.to_owned(), words: words(added) };
    Ok(moderation(suite).add_words(request).await?.into_inner().word_count)
}

/// The user `ann` says something to the shop, under the id `id`.
async fn say(suite: &TestSuite, id: &str, said: &str) -> Result<Message, Status> {
    let request = SendMessageRequest { content: text(said), ..from_user("ann", id) };
    Ok(inbox(suite).send_message(request).await?.into_inner().message.unwrap())
}

/// The shop says something to `ann`.
async fn answer(suite: &TestSuite, id: &str, said: &str) -> Result<Message, Status> {
    let request = SendDeskMessageRequest { content: text(said), ..to_user("ann", id) };
    Ok(desk(suite).send_desk_message(request).await?.into_inner().message.unwrap())
}

fn said(message: &Message) -> &str {
    &message.content.as_ref().unwrap().text
}

async fn history(suite: &TestSuite) -> Vec<Message> {
    let request =
        ListMessagesRequest { parent: SHOP.to_owned(), user: "users/ann".to_owned(), ..Default::default() };
    inbox(suite).list_messages(request).await.unwrap().into_inner().messages
}

async fn hits(suite: &TestSuite) -> Vec<ModerationHit> {
    let request = ListModerationHitsRequest { parent: SHOP.to_owned(), ..Default::default() };
    moderation(suite).list_moderation_hits(request).await.unwrap().into_inner().moderation_hits
}

async fn items(suite: &TestSuite, state: ReviewState) -> Vec<ReviewItem> {
    let request =
        ListReviewItemsRequest { parent: SHOP.to_owned(), state: state.into(), ..Default::default() };
    moderation(suite).list_review_items(request).await.unwrap().into_inner().review_items
}

async fn words_are_masked_or_refused_as_the_account_wants(suite: TestSuite) {
    suite.account("mine", "shop").await;
    assert_eq!(said(&say(&suite, "m1", "加微信 vx1").await.unwrap()), "加微信 vx1");
    assert_eq!(add(&suite, &[("微信", Mask), ("VX", Mask), ("毒品", Block)]).await.unwrap(), 3);
    // From that call on, and in whatever form.
    let masked = say(&suite, "m2", "加微 信 ｖｘ1").await.unwrap();
    assert_eq!(said(&masked), "加*** **1");
    assert_eq!(say(&suite, "m2", "加微 信 ｖｘ1").await.unwrap(), masked);
    // What was sent is what counts for whoever repeats it, not what is stored.
    assert_eq!(reason(&say(&suite, "m2", "加*** **1").await.unwrap_err()), "REQUEST_ID_REUSED");
    for _ in 0..2 {
        let refused = say(&suite, "m3", "卖毒。品").await.unwrap_err();
        assert_eq!(
            (refused.code(), fields(&refused)),
            (Code::InvalidArgument, vec!["content.text".to_owned()])
        );
        assert!(!refused.message().contains("毒品"), "{refused}");
    }
    let refused = answer(&suite, "r1", "毒品").await.unwrap_err();
    assert!(refused.message().contains("毒品"), "{refused}");
    let stored = history(&suite).await;
    assert_eq!(stored.iter().map(said).collect::<Vec<_>>(), ["加微信 vx1", "加*** **1"]);

    let found = hits(&suite).await;
    let expected = [
        (MessageSender::Account, Block, "r1", "", vec!["毒品"]),
        (MessageSender::User, Block, "m3", "", vec!["毒品"]),
        (MessageSender::User, Mask, "m2", masked.name.as_str(), vec!["VX", "微信"]),
    ];
    // Those of one moment are in no order.
    for (sender, action, id, message, words) in expected {
        let hit = found.iter().find(|hit| hit.client_message_id == id).unwrap();
        assert_eq!((hit.sender(), hit.action(), hit.message.as_str()), (sender, action, message));
        assert_eq!((hit.user.as_str(), hit.words.iter().map(String::as_str).collect()), ("users/ann", words));
    }
    assert_eq!(found.len(), 3);

    // As the list is looked for.
    let request = UpdateWordMatchingRequest {
        parent: SHOP.to_owned(),
        matching: Some(WordMatching { any_case: true, ..WordMatching::default() }),
    };
    moderation(&suite).update_word_matching(request).await.unwrap();
    assert_eq!(said(&say(&suite, "m4", "微 信 微信 ｖｘ vx").await.unwrap()), "微 信 ** ｖｘ **");
    // Another action, and none.
    assert_eq!(add(&suite, &[("VX", Block)]).await.unwrap(), 3);
    assert_eq!(fields(&say(&suite, "m5", "vx").await.unwrap_err()), ["content.text"]);
    let gone = vec!["VX".to_owned(), "毒品".to_owned(), "never there".to_owned()];
    let request = RemoveWordsRequest { parent: SHOP.to_owned(), words: gone };
    assert_eq!(moderation(&suite).remove_words(request).await.unwrap().into_inner().word_count, 1);
    assert_eq!(said(&say(&suite, "m5", "vx 毒品").await.unwrap()), "vx 毒品");
    let listed = ListWordsRequest { parent: SHOP.to_owned(), ..Default::default() };
    let listed = moderation(&suite).list_words(listed).await.unwrap().into_inner();
    assert_eq!((listed.words.len(), listed.words[0].text.as_str()), (1, "微信"));
    assert_eq!(listed.matching, Some(WordMatching { any_case: true, ..WordMatching::default() }));
    suite.finish().await;
}

async fn words_of_the_platform_hold_for_every_account(suite: TestSuite) {
    suite.account("mine", "shop").await;
    assert_eq!(said(&say(&suite, "m1", "casino").await.unwrap()), "casino");
    let request = AddPlatformWordsRequest { words: words(&[("casino", Mask), ("scam", Block)]) };
    assert_eq!(moderation(&suite).add_platform_words(request).await.unwrap().into_inner().word_count, 2);
    add(&suite, &[("no casinos", Mask)]).await.unwrap();
    suite.advance(Duration::from_secs(3)).await;
    assert_eq!(said(&say(&suite, "m2", "no Casinos, a CASINO").await.unwrap()), "**********, a ******");
    assert_eq!(fields(&say(&suite, "m3", "scam").await.unwrap_err()), ["content.text"]);
    let request = UpdatePlatformWordMatchingRequest { matching: Some(WordMatching::default()) };
    moderation(&suite).update_platform_word_matching(request).await.unwrap();
    let request = RemovePlatformWordsRequest { words: vec!["scam".to_owned()] };
    moderation(&suite).remove_platform_words(request).await.unwrap();
    suite.advance(Duration::from_secs(3)).await;
    assert_eq!(said(&say(&suite, "m3", "scam CASINO casino").await.unwrap()), "scam CASINO ******");
    let listed = moderation(&suite).list_platform_words(ListPlatformWordsRequest::default()).await.unwrap();
    assert_eq!(listed.into_inner().words.len(), 1);
    suite.finish().await;
}

async fn who_is_blocked_cannot_write(suite: TestSuite) {
    suite.account("mine", "shop").await;
    suite.account("mine", "other").await;
    let first = say(&suite, "m1", "hello").await.unwrap();
    let agent = ModerationServiceClient::new(suite.operator(SHOP, Role::Agent).await);
    let block = async |user: &str| {
        let request = BlockUserRequest {
            parent: SHOP.to_owned(),
            user: format!("users/{user}"),
            reason: "rude".to_owned(),
        };
        agent.clone().block_user(request).await.unwrap().into_inner().blocked_user.unwrap()
    };
    let blocked = block("ann").await;
    assert_eq!((blocked.reason.as_str(), blocked.author.as_str()), ("rude", "operator:operator"));
    let refused = say(&suite, "m2", "why?").await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "CONDITION_NOT_MET"));
    assert!(refused.message().contains("has blocked users/ann"), "{refused}");
    // What was stored before is answered; the account may write, and so may the user elsewhere.
    assert_eq!(say(&suite, "m1", "hello").await.unwrap(), first);
    answer(&suite, "r1", "be polite").await.unwrap();
    let elsewhere = SendMessageRequest { parent: "accounts/other".to_owned(), ..from_user("ann", "m2") };
    inbox(&suite).send_message(elsewhere).await.unwrap();

    // Once more changes nothing.
    suite.advance(Duration::from_secs(1)).await;
    assert_eq!(block("ann").await, blocked);
    block("bea").await;
    let mut users = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListBlockedUsersRequest { parent: SHOP.to_owned(), page_size: 1, page_token };
        let page = moderation(&suite).list_blocked_users(request).await.unwrap().into_inner();
        users.extend(page.blocked_users.into_iter().map(|blocked| blocked.user));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(users, ["users/ann", "users/bea"]);
    for _ in 0..2 {
        let request = UnblockUserRequest { parent: SHOP.to_owned(), user: "users/ann".to_owned() };
        moderation(&suite).unblock_user(request).await.unwrap();
    }
    assert_eq!(say(&suite, "m2", "sorry").await.unwrap().sequence, 3);
    suite.finish().await;
}

async fn what_is_to_be_looked_at_is_decided_once(suite: TestSuite) {
    suite.account("mine", "shop").await;
    add(&suite, &[("loan", Review), ("微信", Mask)]).await.unwrap();
    let first = say(&suite, "m1", "a loan? 微信").await.unwrap();
    assert_eq!(said(&first), "a loan? **");
    suite.advance(Duration::from_secs(1)).await;
    say(&suite, "m2", "Loan!").await.unwrap();
    answer(&suite, "r1", "go away").await.unwrap();
    suite.advance(Duration::from_secs(1)).await;
    let report = |sequence| ReportMessageRequest {
        parent: SHOP.to_owned(),
        user: "users/ann".to_owned(),
        sequence,
        comment: "rude".to_owned(),
    };
    for _ in 0..2 {
        moderation(&suite).report_message(report(3)).await.unwrap();
    }
    assert_eq!(fields(&moderation(&suite).report_message(report(1)).await.unwrap_err()), ["sequence"]);
    assert_eq!(moderation(&suite).report_message(report(9)).await.unwrap_err().code(), Code::NotFound);

    let open = items(&suite, ReviewState::Open).await;
    let found: Vec<_> =
        open.iter().map(|item| (item.name.as_str(), item.cause(), item.comment.as_str())).collect();
    let words = ReviewCause::Words;
    let expected = [
        ("accounts/shop/reviewItems/words:1:ann", words, ""),
        ("accounts/shop/reviewItems/words:2:ann", words, ""),
        ("accounts/shop/reviewItems/report:3:ann", ReviewCause::Report, "rude"),
    ];
    assert_eq!(found, expected);
    assert_eq!(
        (&open[0].words[..], said(open[0].message.as_ref().unwrap())),
        (&["loan".to_owned(), "微信".to_owned()][..], "a loan? **")
    );
    let request = ListReviewItemsRequest { parent: SHOP.to_owned(), page_size: 2, ..Default::default() };
    let page = moderation(&suite).list_review_items(request.clone()).await.unwrap().into_inner();
    let request = ListReviewItemsRequest { page_token: page.next_page_token, ..request };
    let rest = moderation(&suite).list_review_items(request).await.unwrap().into_inner();
    assert_eq!([page.review_items, rest.review_items].concat(), open);

    // However late, and whoever sent it.
    suite.advance(Duration::from_secs(600)).await;
    let listen = StreamInboxRequest { user: "users/ann".to_owned(), after: None };
    let mut stream = inbox(&suite).stream_inbox(listen).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().unwrap().messages.is_empty());
    let decide = async |item: usize, state: ReviewState| {
        let request = DecideReviewItemRequest { name: open[item].name.clone(), state: state.into() };
        Ok::<_, Status>(
            moderation(&suite).decide_review_item(request).await?.into_inner().review_item.unwrap(),
        )
    };
    let upheld = decide(0, ReviewState::Upheld).await.unwrap();
    assert_eq!(
        (upheld.state(), upheld.message.as_ref().unwrap().content.as_ref()),
        (ReviewState::Upheld, None)
    );
    assert!(upheld.decide_time.is_some() && upheld.decider.starts_with("service:"), "{upheld:?}");
    assert_eq!(stream.message().await.unwrap().unwrap().messages[0].name, first.name);
    assert_eq!(decide(0, ReviewState::Upheld).await.unwrap(), upheld);
    assert_eq!(reason(&decide(0, ReviewState::Dismissed).await.unwrap_err()), "WRONG_STATE");
    decide(1, ReviewState::Dismissed).await.unwrap();
    decide(2, ReviewState::Upheld).await.unwrap();
    let left: Vec<_> = history(&suite).await.iter().map(|message| message.content.is_some()).collect();
    assert_eq!(left, [false, true, false]);
    assert_eq!(items(&suite, ReviewState::Open).await, []);
    assert_eq!(items(&suite, ReviewState::Upheld).await.len(), 2);
    // Reported again it stays decided.
    moderation(&suite).report_message(report(3)).await.unwrap();
    assert_eq!(items(&suite, ReviewState::Open).await, []);
    suite.finish().await;
}

async fn what_makes_no_sense_is_refused(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let wrong = async |added: &[(&str, ModerationAction)]| fields(&add(&suite, added).await.unwrap_err());
    assert_eq!(wrong(&[]).await, ["words"]);
    assert_eq!(wrong(&[("fine", Mask), ("  ", Mask)]).await, ["words[1].text"]);
    assert_eq!(wrong(&[("", Mask)]).await, ["words[0].text"]);
    assert_eq!(wrong(&[(&"字".repeat(65), Mask)]).await, ["words[0].text"]);
    assert_eq!(wrong(&[("fine", ModerationAction::Unspecified)]).await, ["words[0].action"]);
    assert_eq!(wrong(&[("?!", Mask)]).await, ["words"]);
    for batch in 0..5 {
        let many: Vec<String> = (0..1_000).map(|number| format!("word{batch}x{number}")).collect();
        let many: Vec<_> = many.iter().map(|word| (word.as_str(), Block)).collect();
        assert_eq!(add(&suite, &many).await.unwrap(), 1_000 * (batch + 1));
    }
    assert_eq!(reason(&add(&suite, &[("one more", Mask)]).await.unwrap_err()), "LIMIT_REACHED");
    // Thousands of words are looked for at once.
    assert_eq!(fields(&say(&suite, "m1", "word 4x999").await.unwrap_err()), ["content.text"]);
    assert_eq!(said(&say(&suite, "m1", "word5x1").await.unwrap()), "word5x1");

    let decide = async |name: &str, state: ReviewState| {
        let request = DecideReviewItemRequest { name: name.to_owned(), state: state.into() };
        moderation(&suite).decide_review_item(request).await.unwrap_err()
    };
    let missing = "accounts/shop/reviewItems/words:1:ann";
    assert_eq!(decide(missing, ReviewState::Upheld).await.code(), Code::NotFound);
    assert_eq!(decide("accounts/shop/reviewItems/x", ReviewState::Upheld).await.code(), Code::NotFound);
    assert_eq!(fields(&decide(missing, ReviewState::Open).await), ["state"]);
    assert_eq!(fields(&decide("accounts/shop", ReviewState::Upheld).await), ["name"]);
    let nowhere = AddWordsRequest { parent: "accounts/nowhere".to_owned(), words: words(&[("a", Mask)]) };
    assert_eq!(moderation(&suite).add_words(nowhere).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    words_are_masked_or_refused_as_the_account_wants,
    words_of_the_platform_hold_for_every_account,
    who_is_blocked_cannot_write,
    what_is_to_be_looked_at_is_decided_once,
    what_makes_no_sense_is_refused,
);
