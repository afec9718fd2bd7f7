//! How accounts reached users: every message of an account is a touch that the CRM knows.

use std::time::Duration;

use siyu_proto::{
    crm::v1::{ListTouchesRequest, ReachChannel, Touch, fan_service_client::FanServiceClient},
    messaging::v1::{Message, RecallDeskMessageRequest},
};
use siyu_tests::TestSuite;
use tonic::Code;

use crate::{
    follows::SHOP,
    messages::{desk, from_user, inbox, to_user},
    support::seconds_ago,
};

/// All touches of a user, asked for `page_size` at a time.
async fn touches(suite: &TestSuite, user: &str, page_size: i32) -> Vec<Touch> {
    let parent = format!("{SHOP}/fans/{user}");
    let mut request = ListTouchesRequest { parent, page_size, ..ListTouchesRequest::default() };
    let mut all = Vec::new();
    loop {
        let page = FanServiceClient::new(suite.client()).list_touches(request.clone()).await.unwrap();
        let page = page.into_inner();
        all.extend(page.touches);
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

fn touch(message: &Message) -> Touch {
    Touch {
        user: "users/ann".to_owned(),
        channel: ReachChannel::Message.into(),
        message: message.name.clone(),
        author: message.author.clone(),
        touch_time: message.create_time,
    }
}

async fn messages_of_the_account_are_touches(suite: TestSuite) {
    suite.account("mine", "shop").await;
    // The account writes first: to somebody who is no fan yet.
    let mut sent = Vec::new();
    for id in ["one", "two", "three"] {
        let answer = desk(&suite).send_desk_message(to_user("ann", id)).await.unwrap();
        sent.push(touch(&answer.into_inner().message.unwrap()));
        suite.advance(Duration::from_secs(1)).await;
    }
    inbox(&suite).send_message(from_user("ann", "yes")).await.unwrap();
    // A repeat reaches nobody again, and what is taken back had reached them.
    desk(&suite).send_desk_message(to_user("ann", "three")).await.unwrap();
    let request =
        RecallDeskMessageRequest { parent: SHOP.to_owned(), user: "users/ann".to_owned(), sequence: 3 };
    desk(&suite).recall_desk_message(request).await.unwrap();
    suite.advance(Duration::from_secs(60)).await;

    sent.reverse();
    assert_eq!(touches(&suite, "ann", 0).await, sent);
    assert_eq!(touches(&suite, "ann", 2).await, sent);
    assert!(sent[0].touch_time.unwrap().seconds < seconds_ago(&suite, 0).seconds);
    assert_eq!(touches(&suite, "nobody", 0).await, []);
    let elsewhere = ListTouchesRequest {
        parent: "accounts/nowhere/fans/ann".to_owned(),
        ..ListTouchesRequest::default()
    };
    let status = FanServiceClient::new(suite.client()).list_touches(elsewhere).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    suite.finish().await;
}

siyu_tests::on_both_engines!(messages_of_the_account_are_touches);
