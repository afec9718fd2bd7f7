//! Messages that were sent elsewhere: what an import stores, refuses and repeats, and a file of them.

use std::time::Duration;

use siyu::connect::Client;
use siyu_proto::{
    crm::v1::InteractionKind,
    messaging::v1::{
        ImportMessagesRequest, ImportMessagesResponse, ImportedMessage, ListDeskMessagesRequest, Message,
        MessageSender, import_service_client::ImportServiceClient,
    },
};
use siyu_tests::TestSuite;
use tempfile::TempDir;
use tonic::{Code, Status};

use crate::{
    follows::SHOP,
    imports::{import_args, written},
    messages::{desk, from_user, inbox, text, to_user},
    support::{fan, fields, seconds_ago, timeline},
};

pub(crate) async fn import(
    suite: &TestSuite,
    messages: Vec<ImportedMessage>,
) -> Result<ImportMessagesResponse, Status> {
    let mut client = ImportServiceClient::new(suite.client());
    Ok(client.import_messages(ImportMessagesRequest { messages }).await?.into_inner())
}

/// A message between the shop and a user, so many seconds old.
pub(crate) fn old(
    suite: &TestSuite,
    user: &str,
    sender: MessageSender,
    id: &str,
    seconds: i64,
) -> ImportedMessage {
    ImportedMessage {
        account: SHOP.to_owned(),
        user: format!("users/{user}"),
        sender: sender.into(),
        client_message_id: id.to_owned(),
        content: text(id),
        create_time: Some(seconds_ago(suite, seconds)),
    }
}

pub(crate) async fn all_messages(suite: &TestSuite, account: &str, user: &str) -> Vec<Message> {
    let request = ListDeskMessagesRequest {
        parent: account.to_owned(),
        user: user.to_owned(),
        after_sequence: Some(0),
        page_size: 200,
        ..Default::default()
    };
    let page = desk(suite).list_desk_messages(request).await.unwrap().into_inner();
    assert!(!page.has_more);
    page.messages
}

async fn history_is_stored_with_its_times_and_nothing_twice(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let (user, account) = (MessageSender::User, MessageSender::Account);
    let mut history = vec![old(&suite, "ann", user, "m1", 900), old(&suite, "bea", user, "m1", 850)];
    // More than an account may send: what was sent elsewhere was sent.
    history.extend((0..8).map(|number| old(&suite, "ann", account, &format!("r{number}"), 800 - number)));
    let first = import(&suite, history.clone()).await.unwrap();
    assert_eq!((first.stored_count, first.duplicate_count, first.rejections.len()), (10, 0, 0));
    let stored = all_messages(&suite, SHOP, "users/ann").await;
    let sequences: Vec<i64> = stored.iter().map(|message| message.sequence).collect();
    assert_eq!(sequences, (1..=9).collect::<Vec<_>>());
    let sent: Vec<_> = history.iter().filter(|message| message.user == "users/ann").collect();
    for (stored, sent) in stored.iter().zip(sent) {
        assert_eq!((stored.create_time, &stored.content), (sent.create_time, &sent.content));
        let author = if stored.sender() == account { "import" } else { "" };
        assert_eq!((stored.sender(), stored.author.as_str()), (sent.sender(), author));
    }

    let again = import(&suite, history).await.unwrap();
    assert_eq!((again.stored_count, again.duplicate_count, again.rejections.len()), (0, 10, 0));
    assert_eq!(all_messages(&suite, SHOP, "users/ann").await, stored);
    // What comes after it goes on where it ended, and what it sent counts.
    assert_eq!(
        desk(&suite).send_desk_message(to_user("ann", "more")).await.unwrap_err().code(),
        Code::ResourceExhausted
    );
    let next =
        inbox(&suite).send_message(from_user("ann", "now")).await.unwrap().into_inner().message.unwrap();
    assert_eq!(next.sequence, 10);

    suite.advance(Duration::from_secs(60)).await;
    let told = timeline(&suite, "shop", "ann").await;
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|interaction| interaction.kind() == InteractionKind::PrivateMessage));
    assert_eq!(told[1].event_time, stored[0].create_time);
    assert_eq!(fan(&suite, "shop", "bea").await.interaction_count, 1);
    suite.finish().await;
}

async fn a_long_history_keeps_its_order(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let side = |number: i64| if number % 3 == 0 { MessageSender::Account } else { MessageSender::User };
    let history: Vec<_> = (0..1_000)
        .map(|number| old(&suite, "ann", side(number), &format!("m{number}"), 2_000 - number))
        .collect();
    let first = import(&suite, history).await.unwrap();
    assert_eq!((first.stored_count, first.duplicate_count, first.rejections.len()), (1_000, 0, 0));
    let request = ListDeskMessagesRequest {
        parent: SHOP.to_owned(),
        user: "users/ann".to_owned(),
        page_size: 200,
        ..Default::default()
    };
    let last = desk(&suite).list_desk_messages(request).await.unwrap().into_inner().messages;
    let ids: Vec<&str> = last.iter().map(|message| message.client_message_id.as_str()).collect();
    assert_eq!(ids, (800..1_000).map(|number| format!("m{number}")).collect::<Vec<_>>());
    suite.finish().await;
}

async fn what_cannot_be_stored_is_told_and_the_rest_is_stored(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let user = MessageSender::User;
    let good = old(&suite, "ann", user, "m1", 900);
    let nowhere = ImportedMessage { account: "accounts/nowhere".to_owned(), ..good.clone() };
    let before = old(&suite, "ann", user, "m0", 901);
    let future = old(&suite, "ann", user, "m2", -60);
    let other = ImportedMessage { content: text("something else"), ..good.clone() };
    let blank = ImportedMessage { content: text(" "), ..old(&suite, "ann", user, "m3", 800) };
    let last = old(&suite, "ann", user, "m4", 700);
    let answer = import(&suite, vec![good, nowhere, before, future, other, blank, last]).await.unwrap();
    assert_eq!((answer.stored_count, answer.duplicate_count), (2, 0));
    let rejected: Vec<_> =
        answer.rejections.iter().map(|rejection| (rejection.index, &*rejection.client_message_id)).collect();
    assert_eq!(rejected, [(1, "m1"), (2, "m0"), (3, "m2"), (4, "m1"), (5, "m3")]);
    let told: Vec<&str> = answer.rejections.iter().map(|rejection| rejection.message.as_str()).collect();
    assert!(told[0].contains("accounts/nowhere"), "{told:?}");
    assert!(told[1].starts_with("create_time: must not be before"), "{told:?}");
    assert!(told[2].starts_with("create_time: must not be in the future"), "{told:?}");
    assert!(told[3].starts_with("client_message_id: "), "{told:?}");
    assert!(told[4].starts_with("content.text: "), "{told:?}");
    assert_eq!(all_messages(&suite, SHOP, "users/ann").await.len(), 2);

    // Where a field is malformed, nothing is stored.
    let malformed = ImportedMessage { user: "ann".to_owned(), ..old(&suite, "ann", user, "m5", 600) };
    let status = import(&suite, vec![old(&suite, "ann", user, "m6", 600), malformed]).await.unwrap_err();
    assert_eq!(fields(&status), ["messages[1].user"]);
    assert_eq!(all_messages(&suite, SHOP, "users/ann").await.len(), 2);
    suite.finish().await;
}

async fn a_file_of_messages_becomes_conversations(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let folder = TempDir::new().unwrap();
    let rows = "source target weight\n7 8 1000\n8 7 1060\n9 8 1060\n7 8 1060\n7 8 1060\nbad 8 1060\n";
    let args =
        || import_args("--format collegemsg --account shop --import-id old", written(&folder, "m.txt", rows));
    let run = async |client: Client| {
        siyu::import::run_messages(args(), client, suite.clock.now().to_timestamp()).await.unwrap()
    };
    let first = run(suite.client()).await;
    assert_eq!((first.rows, first.stored, first.duplicates, first.rejected), (6, 5, 0, 1));
    assert_eq!((first.accounts, first.conversations, first.created), (1, 2, true));
    let again = run(suite.client()).await;
    assert_eq!((again.stored, again.duplicates, again.rejected, again.created), (0, 5, 1, false));

    let stored = all_messages(&suite, "accounts/shop-8", "users/7").await;
    let told: Vec<_> = stored.iter().map(|message| (message.sender(), &*message.client_message_id)).collect();
    let (user, account) = (MessageSender::User, MessageSender::Account);
    assert_eq!(
        told,
        [
            (user, "old:0000000002"),
            (account, "old:0000000003"),
            (user, "old:0000000005"),
            (user, "old:0000000006")
        ]
    );
    assert_eq!(stored[0].create_time.unwrap().seconds, 1_000);
    assert_eq!(all_messages(&suite, "accounts/shop-8", "users/9").await.len(), 1);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    history_is_stored_with_its_times_and_nothing_twice,
    a_long_history_keeps_its_order,
    what_cannot_be_stored_is_told_and_the_rest_is_stored,
    a_file_of_messages_becomes_conversations,
);
