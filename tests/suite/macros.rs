//! Macros of the service desk: what agents do again and again, all of it or nothing.

use std::time::Duration;

use siyu::connect::Client;
use siyu_proto::messaging::v1::{
    AgentState, CannedReply, CaseStatus, CreateCannedReplyRequest, CreateMacroRequest,
    DeleteCannedReplyRequest, DeleteMacroRequest, DeskMacro, GetMacroRequest, ListMacrosRequest,
    ListNotesRequest, MacroAction, MacroActionKind, ReplyVariable, RunMacroRequest, RunMacroResponse,
    UpdateMacroRequest, canned_reply_service_client::CannedReplyServiceClient,
    macro_service_client::MacroServiceClient,
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    desk::{case, set_state, support, write},
    follows::SHOP,
    message_imports::all_messages,
    mutations::entries,
    support::{fields, reason},
};

use MacroActionKind::{AddLabels, AddNote, Close, SendCannedReply, SendText, SetLabels, Transfer};

const SOLVED: &str = "accounts/shop/macros/solved";

pub(crate) fn macros(suite: &TestSuite) -> MacroServiceClient<Client> {
    MacroServiceClient::new(suite.client())
}

/// An action with nothing but its kind.
pub(crate) fn action(kind: MacroActionKind) -> MacroAction {
    MacroAction { kind: kind.into(), ..MacroAction::default() }
}

pub(crate) fn creation(macro_id: &str, desk_macro: DeskMacro) -> CreateMacroRequest {
    CreateMacroRequest {
        parent: SHOP.to_owned(),
        macro_id: macro_id.to_owned(),
        desk_macro: Some(desk_macro),
        ..CreateMacroRequest::default()
    }
}

fn says(kind: MacroActionKind, text: &str) -> MacroAction {
    MacroAction { text: text.to_owned(), ..action(kind) }
}

fn labels(kind: MacroActionKind, labels: &[&str]) -> MacroAction {
    let labels = labels.iter().map(|label| (*label).to_owned()).collect();
    MacroAction { labels, ..action(kind) }
}

fn reply(reply: &str) -> MacroAction {
    MacroAction { canned_reply: format!("{SHOP}/cannedReplies/{reply}"), ..action(SendCannedReply) }
}

fn to_agent(agent: &str) -> MacroAction {
    MacroAction { agent: format!("{SHOP}/agents/{agent}"), ..action(Transfer) }
}

async fn create(suite: &TestSuite, macro_id: &str, actions: &[MacroAction]) -> Result<DeskMacro, Status> {
    let desk_macro =
        DeskMacro { display_name: macro_id.to_owned(), actions: actions.to_vec(), ..DeskMacro::default() };
    let made = macros(suite).create_macro(creation(macro_id, desk_macro)).await?;
    Ok(made.into_inner().desk_macro.unwrap())
}

fn running(macro_id: &str, user: &str, request_id: &str) -> RunMacroRequest {
    RunMacroRequest {
        name: format!("{SHOP}/macros/{macro_id}"),
        user: format!("users/{user}"),
        variables: vec![ReplyVariable { name: "open".to_owned(), value: "ten".to_owned() }],
        request_id: request_id.to_owned(),
    }
}

async fn run(suite: &TestSuite, macro_id: &str, user: &str) -> Result<RunMacroResponse, Status> {
    Ok(macros(suite).run_macro(running(macro_id, user, "")).await?.into_inner())
}

/// A shop with an agent, who is there, and a canned reply.
async fn shop(suite: &TestSuite) {
    suite.account("mine", "shop").await;
    set_state(suite, "li", AgentState::Online).await;
    let request = CreateCannedReplyRequest {
        parent: SHOP.to_owned(),
        canned_reply_id: "hours".to_owned(),
        canned_reply: Some(CannedReply { text: "We open at {{open}}.".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    CannedReplyServiceClient::new(suite.client()).create_canned_reply(request).await.unwrap();
}

async fn note_count(suite: &TestSuite, user: &str) -> usize {
    let request = ListNotesRequest {
        parent: SHOP.to_owned(),
        user: format!("users/{user}"),
        ..ListNotesRequest::default()
    };
    support(suite).list_notes(request).await.unwrap().into_inner().notes.len()
}

async fn a_macro_does_all_that_it_says_once(suite: TestSuite) {
    shop(&suite).await;
    write(&suite, "ann", "hello").await;
    let actions = [
        says(SendText, "Thank you!"),
        reply("hours"),
        labels(SetLabels, &["hours"]),
        labels(AddLabels, &["solved", "hours"]),
        says(AddNote, "asked for the hours"),
        action(Close),
    ];
    let made = create(&suite, "solved", &actions).await.unwrap();
    assert_eq!((made.name.as_str(), made.actions.as_slice()), (SOLVED, actions.as_slice()));

    let request = || running("solved", "ann", "r1");
    let ran = macros(&suite).run_macro(request()).await.unwrap().into_inner();
    let texts: Vec<&str> =
        ran.messages.iter().map(|message| message.content.as_ref().unwrap().text.as_str()).collect();
    assert_eq!(texts, ["Thank you!", "We open at ten."]);
    assert!(ran.messages.iter().all(|message| message.author == "service:test"));
    assert_eq!(ran.notes[0].text, "asked for the hours");
    let closed = ran.support_case.clone().unwrap();
    assert_eq!((closed.status(), closed.labels.join(" ")), (CaseStatus::Closed, "hours solved".to_owned()));
    assert_eq!(case(&suite, "ann").await.unwrap(), closed);
    // Again it is answered as it was.
    assert_eq!(macros(&suite).run_macro(request()).await.unwrap().into_inner(), ran);
    assert_eq!(all_messages(&suite, SHOP, "users/ann").await.len(), 3);
    assert_eq!(note_count(&suite, "ann").await, 1);
    // What variables say is in no audit log.
    let entries = entries(&suite, SHOP, "messaging").await;
    assert!(entries.iter().any(|entry| entry.method.ends_with("/RunMacro")));
    assert!(entries.iter().all(|entry| !entry.request.contains("\"ten\"")));
    suite.finish().await;
}

async fn what_cannot_be_done_whole_is_not_done(suite: TestSuite) {
    shop(&suite).await;
    write(&suite, "ann", "hello").await;
    // It is given to who is there.
    suite.advance(Duration::from_secs(1)).await;
    let before = case(&suite, "ann").await;
    let nothing_done = async || {
        assert_eq!(all_messages(&suite, SHOP, "users/ann").await.len(), 1);
        assert_eq!(note_count(&suite, "ann").await, 0);
        assert_eq!(case(&suite, "ann").await, before);
    };
    let half = [says(SendText, "One"), says(AddNote, "noted"), labels(SetLabels, &["a"]), to_agent("nobody")];
    create(&suite, "to-nobody", &half).await.unwrap();
    assert_eq!(run(&suite, "to-nobody", "ann").await.unwrap_err().code(), Code::NotFound);
    nothing_done().await;
    // As many as the allowance lets, or none of them.
    let many: Vec<MacroAction> = (0..4).map(|number| says(SendText, &number.to_string())).collect();
    create(&suite, "many", &many).await.unwrap();
    assert_eq!(reason(&run(&suite, "many", "ann").await.unwrap_err()), "QUOTA_EXCEEDED");
    nothing_done().await;
    // Who is gone cannot be given a conversation.
    set_state(&suite, "wu", AgentState::Away).await;
    create(&suite, "to-wu", &[says(SendText, "One moment"), to_agent("wu")]).await.unwrap();
    assert_eq!(reason(&run(&suite, "to-wu", "ann").await.unwrap_err()), "WRONG_STATE");
    nothing_done().await;
    // A reply that is gone, and a variable that is not given.
    create(&suite, "hours", &[says(AddNote, "told"), reply("hours")]).await.unwrap();
    let without = RunMacroRequest { variables: Vec::new(), ..running("hours", "ann", "") };
    assert_eq!(fields(&macros(&suite).run_macro(without).await.unwrap_err()), ["variables"]);
    let request =
        DeleteCannedReplyRequest { name: format!("{SHOP}/cannedReplies/hours"), ..Default::default() };
    CannedReplyServiceClient::new(suite.client()).delete_canned_reply(request).await.unwrap();
    assert_eq!(run(&suite, "hours", "ann").await.unwrap_err().code(), Code::NotFound);
    // Labels that were too many.
    let twenty: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    let set = MacroAction { labels: twenty, ..action(SetLabels) };
    create(&suite, "labels", &[set, labels(AddLabels, &["one more"])]).await.unwrap();
    assert_eq!(reason(&run(&suite, "labels", "ann").await.unwrap_err()), "LIMIT_REACHED");
    nothing_done().await;
    assert_eq!(run(&suite, "many", "nobody").await.unwrap_err().code(), Code::NotFound);

    set_state(&suite, "wu", AgentState::Online).await;
    let given = run(&suite, "to-wu", "ann").await.unwrap().support_case.unwrap();
    assert_eq!((given.status(), given.agent), (CaseStatus::Assigned, format!("{SHOP}/agents/wu")));
    suite.finish().await;
}

async fn macros_are_kept_listed_and_changed(suite: TestSuite) {
    shop(&suite).await;
    for macro_id in ["b", "a", "c"] {
        create(&suite, macro_id, &[action(Close)]).await.unwrap();
    }
    assert_eq!(create(&suite, "a", &[action(Close)]).await.unwrap_err().code(), Code::AlreadyExists);
    let request = ListMacrosRequest { parent: SHOP.to_owned(), page_size: 2, ..Default::default() };
    let first = macros(&suite).list_macros(request.clone()).await.unwrap().into_inner();
    let rest = ListMacrosRequest { page_token: first.next_page_token.clone(), ..request };
    let rest = macros(&suite).list_macros(rest).await.unwrap().into_inner();
    let found: Vec<&str> =
        first.macros.iter().chain(&rest.macros).map(|found| found.display_name.as_str()).collect();
    assert_eq!(found, ["a", "b", "c"]);

    let seen = first.macros[0].clone();
    let changed = DeskMacro { actions: vec![action(Transfer)], ..seen.clone() };
    let update = UpdateMacroRequest { desk_macro: Some(changed), ..Default::default() };
    let changed = macros(&suite).update_macro(update.clone()).await.unwrap().into_inner().desk_macro.unwrap();
    assert_eq!(changed.actions, [action(Transfer)]);
    assert_eq!(macros(&suite).update_macro(update).await.unwrap_err().code(), Code::Aborted);
    let get = GetMacroRequest { name: seen.name.clone() };
    assert_eq!(
        macros(&suite).get_macro(get.clone()).await.unwrap().into_inner().desk_macro.unwrap(),
        changed
    );
    let delete = DeleteMacroRequest { name: seen.name, etag: changed.etag, ..Default::default() };
    macros(&suite).delete_macro(delete).await.unwrap();
    assert_eq!(macros(&suite).get_macro(get).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn what_makes_no_sense_is_refused(suite: TestSuite) {
    shop(&suite).await;
    suite.account("mine", "other").await;
    let elsewhere = MacroAction {
        canned_reply: "accounts/other/cannedReplies/hours".to_owned(),
        ..action(SendCannedReply)
    };
    let bad: [(&str, Vec<MacroAction>); 11] = [
        ("desk_macro.actions", vec![]),
        ("desk_macro.actions", vec![action(Close); 11]),
        ("desk_macro.actions[0].kind", vec![MacroAction::default()]),
        ("desk_macro.actions[0].kind", vec![action(Close), says(SendText, "a")]),
        ("desk_macro.actions[1].text", vec![says(SendText, "a"), says(AddNote, " ")]),
        ("desk_macro.actions[0].text", vec![MacroAction { text: "a".to_owned(), ..action(Close) }]),
        ("desk_macro.actions[0].labels", vec![action(AddLabels)]),
        ("desk_macro.actions[0].labels", vec![MacroAction { text: String::new(), ..labels(Close, &["a"]) }]),
        ("desk_macro.actions[0].canned_reply", vec![reply("missing")]),
        ("desk_macro.actions[0].canned_reply", vec![elsewhere]),
        (
            "desk_macro.actions[0].agent",
            vec![MacroAction { agent: "accounts/other/agents/li".to_owned(), ..action(Transfer) }],
        ),
    ];
    for (field, actions) in bad {
        let status = create(&suite, "bad", &actions).await.unwrap_err();
        assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec![field.to_owned()]));
    }
    let get = GetMacroRequest { name: format!("{SHOP}/macros/bad") };
    assert_eq!(macros(&suite).get_macro(get).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_macro_does_all_that_it_says_once,
    what_cannot_be_done_whole_is_not_done,
    macros_are_kept_listed_and_changed,
    what_makes_no_sense_is_refused,
);
