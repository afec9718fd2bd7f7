//! The menu below conversations: two levels, and what taps do.

use std::time::Duration;

use siyu_proto::{
    accounts::v1::{Card, CardKind, GroupInviteSettings},
    messaging::v1::{
        GetMenuRequest, HeldReplyReason, Menu, MenuAction, MenuActionKind, MenuItem, MenuSubItem, Message,
        MessageContentKind, MessageSender, ReplyTrigger, SendMessageRequest, SetMenuRequest,
        TapMenuItemRequest, menu_service_client::MenuServiceClient,
    },
};
use siyu_rpc::auth::Caller;
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    auto_replies::{conversation, make, messages_after, rule},
    cards,
    follows::SHOP,
    messages::{desk, from_user, inbox, text, to_user},
    support::{fields, reason, timeline},
};

pub(crate) fn menus(suite: &TestSuite) -> MenuServiceClient<siyu::connect::Client> {
    MenuServiceClient::new(suite.client())
}

pub(crate) fn item(id: &str, action: MenuAction) -> MenuItem {
    MenuItem { item_id: id.to_owned(), label: id.to_owned(), action: Some(action), items: vec![] }
}

fn below(id: &str, action: MenuAction) -> MenuSubItem {
    MenuSubItem { item_id: id.to_owned(), label: id.to_owned(), action: Some(action) }
}

fn list(id: &str, items: Vec<MenuSubItem>) -> MenuItem {
    MenuItem { item_id: id.to_owned(), label: id.to_owned(), action: None, items }
}

pub(crate) fn link() -> MenuAction {
    let kind = MenuActionKind::OpenLink.into();
    MenuAction { kind, uri: "https://shop.example".to_owned(), ..MenuAction::default() }
}

fn says(kind: MenuActionKind, said: &str) -> MenuAction {
    let contents = text(said).into_iter().collect();
    MenuAction { kind: kind.into(), contents, ..MenuAction::default() }
}

fn card(kind: MenuActionKind, name: &str) -> MenuAction {
    MenuAction { kind: kind.into(), card: name.to_owned(), ..MenuAction::default() }
}

pub(crate) fn setting(items: Vec<MenuItem>) -> SetMenuRequest {
    let menu = Menu { name: format!("{SHOP}/menu"), items, ..Menu::default() };
    SetMenuRequest { menu: Some(menu), ..Default::default() }
}

async fn set(suite: &TestSuite, items: Vec<MenuItem>) -> Result<Menu, Status> {
    Ok(menus(suite).set_menu(setting(items)).await?.into_inner().menu.unwrap())
}

pub(crate) fn tapping(user: &str, id: &str, item: &str) -> TapMenuItemRequest {
    TapMenuItemRequest {
        parent: SHOP.to_owned(),
        user: format!("users/{user}"),
        client_message_id: id.to_owned(),
        item_id: item.to_owned(),
        causation_depth: 0,
    }
}

async fn tap(suite: &TestSuite, id: &str, item: &str) -> Result<Message, Status> {
    Ok(menus(suite).tap_menu_item(tapping("ann", id, item)).await?.into_inner().message.unwrap())
}

async fn each_item_does_its_own(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let tea = cards::create(&suite, "tea", cards::link()).await.unwrap().name;
    let settings = GroupInviteSettings { group: format!("{SHOP}/groups/vip"), ..Default::default() };
    let kind = CardKind::GroupInvite.into();
    let invite =
        Card { kind, display_name: "Club".to_owned(), group_invite: Some(settings), ..Card::default() };
    let group = cards::create(&suite, "group", invite).await.unwrap().name;
    let made = set(
        &suite,
        vec![
            item("shop", link()),
            list(
                "about",
                vec![
                    below("hours", says(MenuActionKind::Reply, "10:00-22:00")),
                    below("card", card(MenuActionKind::ShowCard, &tea)),
                    below("club", card(MenuActionKind::InviteToGroup, &group)),
                ],
            ),
            item("agent", says(MenuActionKind::HandOver, "Somebody will be with you")),
        ],
    )
    .await
    .unwrap();
    // Users read it too.
    let user = MenuServiceClient::new(suite.client_as(&Caller::user("users/ann")).await);
    let request = GetMenuRequest { name: format!("{SHOP}/menu") };
    let read = user.clone().get_menu(request.clone()).await.unwrap().into_inner().menu.unwrap();
    assert_eq!(made.etag, "\"1\"");
    assert_eq!(read, made);

    let tapped = tap(&suite, "t1", "hours").await.unwrap();
    assert_eq!((tapped.sequence, tapped.sender()), (1, MessageSender::User));
    let content = tapped.content.clone().unwrap();
    assert_eq!((content.kind(), content.menu_item.as_str()), (MessageContentKind::Menu, "hours"));
    // The same once more is the same tap, and answered once.
    assert_eq!(tap(&suite, "t1", "hours").await.unwrap(), tapped);
    assert_eq!(reason(&tap(&suite, "t1", "card").await.unwrap_err()), "REQUEST_ID_REUSED");
    let answers = messages_after(&suite, "ann", 1).await;
    assert_eq!((answers.len(), answers[0].author.as_str()), (1, "bots/menu/hours"));
    assert_eq!((answers[0].content.clone(), answers[0].causation_depth), (text("10:00-22:00"), 1));
    tap(&suite, "t2", "card").await.unwrap();
    tap(&suite, "t3", "club").await.unwrap();
    let sent = messages_after(&suite, "ann", 2).await;
    assert_eq!(sent[1].content.clone().unwrap().card, tea);
    assert_eq!(sent[3].content.clone().unwrap().card, group);
    // A link is opened by who shows the menu: the tap is all that is stored.
    tap(&suite, "t4", "shop").await.unwrap();
    assert_eq!(conversation(&suite, "ann").await.last_sequence, 7);
    for missing in ["about", "nothing"] {
        assert_eq!(fields(&tap(&suite, "t5", missing).await.unwrap_err()), ["item_id"]);
    }
    suite.advance(Duration::from_secs(60)).await;
    assert_eq!(timeline(&suite, "shop", "ann").await.len(), 4);
    // What the item says now does not make another tap of it.
    set(&suite, vec![MenuItem { label: "when".to_owned(), ..item("hours", link()) }]).await.unwrap();
    assert_eq!(tap(&suite, "t1", "hours").await.unwrap(), tapped);
    assert_eq!(tap(&suite, "t6", "hours").await.unwrap().content.unwrap().text, "when");
    suite.finish().await;
}

async fn who_asks_for_an_agent_waits_for_one(suite: TestSuite) {
    suite.account("mine", "shop").await;
    make(&suite, "else", rule("else", ReplyTrigger::Fallback)).await.unwrap();
    let help = says(MenuActionKind::HandOver, "Somebody will be with you");
    set(&suite, vec![item("agent", help)]).await.unwrap();
    let tapped = tap(&suite, "t1", "agent").await.unwrap();
    assert_eq!(messages_after(&suite, "ann", 1).await[0].author, "bots/menu/agent");
    assert_eq!(conversation(&suite, "ann").await.hand_over_time, tapped.create_time);
    // Nothing else answers in between; the menu does.
    inbox(&suite).send_message(from_user("ann", "hello")).await.unwrap();
    let waiting = conversation(&suite, "ann").await;
    assert_eq!((waiting.last_sequence, waiting.held_reply.unwrap().reason()), (3, HeldReplyReason::Agent));
    tap(&suite, "t2", "agent").await.unwrap();
    assert_eq!(conversation(&suite, "ann").await.last_sequence, 5);
    desk(&suite).send_desk_message(to_user("ann", "here")).await.unwrap();
    assert_eq!(conversation(&suite, "ann").await.hand_over_time, None);
    // A program that taps is answered to the same depth.
    let request = TapMenuItemRequest { causation_depth: 3, ..tapping("robot", "t1", "agent") };
    menus(&suite).tap_menu_item(request).await.unwrap();
    let held = conversation(&suite, "robot").await;
    assert_eq!((held.last_sequence, held.held_reply.unwrap().reason()), (1, HeldReplyReason::Depth));
    suite.finish().await;
}

async fn what_makes_no_menu_is_refused(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let tea = cards::create(&suite, "tea", cards::link()).await.unwrap().name;
    let numbered = |count: i32, prefix: &str| -> Vec<MenuSubItem> {
        (0..count).map(|number| below(&format!("{prefix}{number}"), link())).collect()
    };
    let lists = |count: i32, of: i32| -> Vec<MenuItem> {
        (0..count).map(|number| list(&format!("l{number}"), numbered(of, &format!("i{number}-")))).collect()
    };
    let first = |action: MenuAction| vec![item("a", action)];
    let bad = [
        ("menu.items", lists(4, 6)),
        ("menu.items", lists(4, 5)),
        ("menu.items[0].items", lists(3, 6)),
        ("menu.items[0].label", vec![MenuItem { label: "长".repeat(17), ..item("a", link()) }]),
        ("menu.items[1].item_id", vec![item("a", link()), item("a", link())]),
        ("menu.items[0].action", vec![list("a", vec![])]),
        ("menu.items[0].action", vec![MenuItem { action: Some(link()), ..list("a", numbered(1, "b")) }]),
        ("menu.items[0].action.kind", first(MenuAction::default())),
        ("menu.items[0].action.uri", first(MenuAction { uri: String::new(), ..link() })),
        ("menu.items[0].action.card", first(MenuAction { card: tea.clone(), ..link() })),
        (
            "menu.items[0].action.contents",
            first(MenuAction { contents: vec![], ..says(MenuActionKind::Reply, "a") }),
        ),
        ("menu.items[0].action.contents[0].text", first(says(MenuActionKind::HandOver, " "))),
        ("menu.items[0].action.card", first(card(MenuActionKind::ShowCard, "accounts/other/cards/tea"))),
        ("menu.items[0].action.card", first(card(MenuActionKind::ShowCard, "accounts/shop/cards/missing"))),
        ("menu.items[0].action.card", first(card(MenuActionKind::InviteToGroup, &tea))),
    ];
    for (field, items) in bad {
        let status = set(&suite, items).await.unwrap_err();
        let found = fields(&status);
        assert_eq!(
            (status.code(), found.first().map(String::as_str)),
            (Code::InvalidArgument, Some(field)),
            "{status}"
        );
    }
    let request = GetMenuRequest { name: format!("{SHOP}/menu") };
    let menu = menus(&suite).get_menu(request).await.unwrap().into_inner().menu.unwrap();
    assert_eq!((menu.items, menu.update_time), (vec![], None));
    set(&suite, lists(3, 5)).await.unwrap();
    let stale = SetMenuRequest {
        menu: Some(Menu { etag: "\"7\"".to_owned(), ..setting(vec![]).menu.unwrap() }),
        ..Default::default()
    };
    assert_eq!(reason(&menus(&suite).set_menu(stale).await.unwrap_err()), "ETAG_MISMATCH");
    // Nobody writes a tap.
    let mut content = text("x").unwrap();
    content.kind = MessageContentKind::Menu.into();
    let request = SendMessageRequest { content: Some(content), ..from_user("ann", "m") };
    assert_eq!(fields(&inbox(&suite).send_message(request).await.unwrap_err()), ["content.kind"]);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    each_item_does_its_own,
    who_asks_for_an_agent_waits_for_one,
    what_makes_no_menu_is_refused,
);
