//! The service desk: who gets which conversation, what is done with it, and what agents have at hand.

use std::{collections::BTreeMap, time::Duration};

use rand::RngExt;
use siyu_proto::{
    common::v1::Role,
    messaging::v1::{
        Agent, AgentState, CannedReply, CaseStatus, CloseConversationRequest, Conversation,
        CreateCannedReplyRequest, CreateNoteRequest, DeleteAgentRequest, DeleteCannedReplyRequest,
        GetConversationRequest, ListAgentsRequest, ListCannedRepliesRequest, ListConversationsRequest,
        ListNotesRequest, ListQueueRequest, RateConversationRequest, RenderCannedReplyRequest,
        ReopenConversationRequest, ReplyVariable, SetAgentStateRequest, SetLabelsRequest, SupportCase,
        TakeConversationRequest, TransferConversationRequest, UpdateAgentRequest, UpdateCannedReplyRequest,
        canned_reply_service_client::CannedReplyServiceClient, support_service_client::SupportServiceClient,
    },
};
use siyu_rpc::auth::{Caller, Grant};
use siyu_tests::TestSuite;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::{
    follows::SHOP,
    messages::{desk, from_user, inbox, to_user},
    support::{fields, reason, seeded},
};

const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn support(suite: &TestSuite) -> SupportServiceClient<siyu::connect::Client> {
    SupportServiceClient::new(suite.client())
}

fn agent_name(agent: &str) -> String {
    if agent.is_empty() { String::new() } else { format!("{SHOP}/agents/{agent}") }
}

fn state(agent: &str, state: AgentState) -> SetAgentStateRequest {
    SetAgentStateRequest { name: agent_name(agent), state: state.into(), ..Default::default() }
}

pub(crate) async fn set_state(suite: &TestSuite, agent: &str, to: AgentState) -> Agent {
    let set = support(suite).set_agent_state(state(agent, to)).await.unwrap();
    set.into_inner().agent.unwrap()
}

async fn set_capacity(suite: &TestSuite, agent: &str, capacity: i64) {
    let request = UpdateAgentRequest { name: agent_name(agent), capacity, ..Default::default() };
    support(suite).update_agent(request).await.unwrap();
}

pub(crate) async fn write(suite: &TestSuite, user: &str, id: &str) {
    inbox(suite).send_message(from_user(user, id)).await.unwrap();
}

/// The case of a user, as the desk sees it.
pub(crate) async fn case(suite: &TestSuite, user: &str) -> Option<SupportCase> {
    let request = GetConversationRequest { parent: SHOP.to_owned(), user: format!("users/{user}") };
    let found = desk(suite).get_conversation(request).await.unwrap().into_inner();
    found.conversation.unwrap().support_case
}

/// Who has the conversation of a user; `-` where it waits.
async fn has(suite: &TestSuite, user: &str) -> String {
    let case = case(suite, user).await.unwrap();
    match case.status() {
        CaseStatus::Assigned => case.agent.rsplit('/').next().unwrap().to_owned(),
        CaseStatus::Queued => "-".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Lets queues be drained, if they are not yet.
async fn drained(suite: &TestSuite) {
    suite.advance(Duration::from_secs(1)).await;
}

async fn listed(suite: &TestSuite, agent: &str) -> Vec<String> {
    let mut users = Vec::new();
    let mut page_token = String::new();
    loop {
        let (parent, agent) = (SHOP.to_owned(), agent_name(agent));
        let request = ListQueueRequest { parent, agent, page_size: 2, page_token };
        let page = support(suite).list_queue(request).await.unwrap().into_inner();
        users.extend(page.conversations.into_iter().map(|Conversation { user, .. }| user));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return users;
        }
    }
}

pub(crate) async fn close(suite: &TestSuite, user: &str) -> Result<SupportCase, Status> {
    let user = format!("users/{user}");
    let request = CloseConversationRequest { parent: SHOP.to_owned(), user, ..Default::default() };
    Ok(support(suite).close_conversation(request).await?.into_inner().support_case.unwrap())
}

async fn reopen(suite: &TestSuite, user: &str) -> Result<SupportCase, Status> {
    let user = format!("users/{user}");
    let request = ReopenConversationRequest { parent: SHOP.to_owned(), user, ..Default::default() };
    Ok(support(suite).reopen_conversation(request).await?.into_inner().support_case.unwrap())
}

async fn transfer(suite: &TestSuite, user: &str, agent: &str) -> Result<SupportCase, Status> {
    let (parent, user, agent) = (SHOP.to_owned(), format!("users/{user}"), agent_name(agent));
    let request = TransferConversationRequest { parent, user, agent, ..Default::default() };
    Ok(support(suite).transfer_conversation(request).await?.into_inner().support_case.unwrap())
}

fn taking(user: &str, agent: &str) -> TakeConversationRequest {
    let (parent, user, agent) = (SHOP.to_owned(), format!("users/{user}"), agent_name(agent));
    TakeConversationRequest { parent, user, agent, ..Default::default() }
}

/// As the operator `li`, with a role in the shop.
async fn as_li(suite: &TestSuite, role: Role) -> SupportServiceClient<siyu::connect::Client> {
    let grant = Grant { resource: SHOP.to_owned(), role };
    SupportServiceClient::new(suite.client_as(&Caller::operator("li", vec![grant])).await)
}

async fn who_waits_longest_is_served_first_by_who_has_the_fewest(suite: TestSuite) {
    suite.account("mine", "shop").await;
    write(&suite, "early", "hello").await;
    assert_eq!(case(&suite, "early").await, None, "there is no desk yet");
    set_state(&suite, "li", AgentState::Away).await;
    for user in ["ann", "bea", "cat", "dan", "eva"] {
        write(&suite, user, "hello").await;
        suite.advance(MINUTE).await;
    }
    assert_eq!(listed(&suite, "").await, ["users/ann", "users/bea", "users/cat", "users/dan", "users/eva"]);
    set_state(&suite, "wu", AgentState::Away).await;
    set_capacity(&suite, "li", 2).await;
    set_capacity(&suite, "wu", 1).await;
    set_state(&suite, "li", AgentState::Online).await;
    set_state(&suite, "wu", AgentState::Online).await;
    drained(&suite).await;
    assert_eq!(listed(&suite, "").await, ["users/dan", "users/eva"]);

    // Room for one: the next in the queue. Room for more: more of them.
    let closed = close(&suite, "bea").await.unwrap();
    assert_eq!((closed.status(), closed.number), (CaseStatus::Closed, 1));
    drained(&suite).await;
    assert_eq!(listed(&suite, "").await, ["users/eva"]);
    set_capacity(&suite, "wu", 3).await;
    drained(&suite).await;
    assert_eq!(has(&suite, "eva").await, "wu");

    // Who goes hands back, and it has its old place before who came later.
    write(&suite, "fay", "hello").await;
    drained(&suite).await;
    assert_eq!(has(&suite, "fay").await, "wu");
    let of_wu = listed(&suite, "wu").await;
    let gone = set_state(&suite, "wu", AgentState::Offline).await;
    assert_eq!((gone.state(), gone.conversation_count), (AgentState::Offline, 0));
    drained(&suite).await;
    assert_eq!(listed(&suite, "").await, of_wu);
    set_capacity(&suite, "li", 3).await;
    drained(&suite).await;
    assert_eq!(listed(&suite, "").await, of_wu[1..]);
    let agents = support(&suite).list_agents(ListAgentsRequest { parent: SHOP.to_owned() }).await.unwrap();
    let loads: Vec<_> = agents.into_inner().agents.iter().map(|agent| agent.conversation_count).collect();
    assert_eq!(loads, [3, 0]);

    // Nobody is left: what comes in waits for nobody.
    for agent in ["li", "wu"] {
        let request = DeleteAgentRequest { name: agent_name(agent), ..Default::default() };
        support(&suite).delete_agent(request).await.unwrap();
    }
    write(&suite, "early", "again").await;
    assert_eq!(case(&suite, "early").await, None);
    assert_eq!(listed(&suite, "").await.len(), 5);
    suite.finish().await;
}

async fn conversations_are_taken_handed_on_closed_and_reopened(suite: TestSuite) {
    suite.account("mine", "shop").await;
    for agent in ["li", "wu"] {
        set_state(&suite, agent, AgentState::Away).await;
    }
    write(&suite, "ann", "hello").await;
    assert_eq!(has(&suite, "ann").await, "-");
    // An agent takes it for themselves, and only an admin for another.
    let mut li = as_li(&suite, Role::Agent).await;
    let foreign = li.take_conversation(taking("ann", "wu")).await.unwrap_err();
    assert_eq!(reason(&foreign), "ROLE_TOO_LOW");
    let foreign = li.set_agent_state(state("wu", AgentState::Offline)).await.unwrap_err();
    assert_eq!(reason(&foreign), "ROLE_TOO_LOW");
    let taken = li.take_conversation(taking("ann", "")).await.unwrap().into_inner().support_case.unwrap();
    assert_eq!((taken.status(), taken.agent), (CaseStatus::Assigned, agent_name("li")));
    as_li(&suite, Role::Admin).await.take_conversation(taking("ann", "wu")).await.unwrap();
    assert_eq!(has(&suite, "ann").await, "wu");
    assert_eq!(fields(&support(&suite).take_conversation(taking("ann", "")).await.unwrap_err()), ["agent"]);

    // To another: who is online and has room.
    assert_eq!(reason(&transfer(&suite, "ann", "li").await.unwrap_err()), "WRONG_STATE");
    set_state(&suite, "li", AgentState::Online).await;
    set_capacity(&suite, "li", 0).await;
    assert_eq!(reason(&transfer(&suite, "ann", "li").await.unwrap_err()), "LIMIT_REACHED");
    assert_eq!(transfer(&suite, "ann", "nobody").await.unwrap_err().code(), Code::NotFound);
    set_capacity(&suite, "li", 2).await;
    transfer(&suite, "ann", "li").await.unwrap();
    assert_eq!(has(&suite, "ann").await, "li");
    // To the queue: whoever had it gets it only if nobody else can.
    set_state(&suite, "wu", AgentState::Online).await;
    transfer(&suite, "ann", "").await.unwrap();
    drained(&suite).await;
    assert_eq!(has(&suite, "ann").await, "wu");
    set_state(&suite, "li", AgentState::Offline).await;
    transfer(&suite, "ann", "").await.unwrap();
    drained(&suite).await;
    assert_eq!(has(&suite, "ann").await, "wu");

    close(&suite, "ann").await.unwrap();
    assert_eq!(reason(&close(&suite, "ann").await.unwrap_err()), "WRONG_STATE");
    assert_eq!(reason(&transfer(&suite, "ann", "wu").await.unwrap_err()), "WRONG_STATE");
    assert_eq!(reason(&transfer(&suite, "ann", "").await.unwrap_err()), "WRONG_STATE");
    let reopened = reopen(&suite, "ann").await.unwrap();
    assert_eq!((reopened.status(), reopened.number), (CaseStatus::Assigned, 1));
    assert_eq!(reason(&reopen(&suite, "ann").await.unwrap_err()), "WRONG_STATE");
    close(&suite, "ann").await.unwrap();
    write(&suite, "ann", "again").await;
    drained(&suite).await;
    let second = case(&suite, "ann").await.unwrap();
    assert_eq!((second.status(), second.number), (CaseStatus::Assigned, 2));
    assert_eq!(close(&suite, "nobody").await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn what_agents_note_is_theirs_and_users_rate_once(suite: TestSuite) {
    suite.account("mine", "shop").await;
    set_state(&suite, "li", AgentState::Online).await;
    write(&suite, "ann", "hello").await;
    let (parent, user) = (SHOP.to_owned(), "users/ann".to_owned());
    let note = |text: &str| CreateNoteRequest {
        parent: parent.clone(),
        user: user.clone(),
        text: text.to_owned(),
        request_id: text.to_owned(),
    };
    let mut li = as_li(&suite, Role::Agent).await;
    for text in ["one", "two", "two", "three"] {
        li.create_note(note(text)).await.unwrap();
    }
    let page = ListNotesRequest {
        parent: parent.clone(),
        user: user.clone(),
        page_size: 2,
        page_token: String::new(),
    };
    let first = li.list_notes(page.clone()).await.unwrap().into_inner();
    let rest = ListNotesRequest { page_token: first.next_page_token, ..page };
    let rest = li.list_notes(rest).await.unwrap().into_inner();
    let notes: Vec<_> = first.notes.iter().chain(&rest.notes).map(|note| note.text.as_str()).collect();
    assert_eq!(notes, ["one", "two", "three"]);
    assert_eq!(rest.notes[0].name, "accounts/shop/conversations/ann/notes/3");
    assert_eq!(rest.notes[0].author, "operator:li");
    let labels = |labels: &[&str]| SetLabelsRequest {
        parent: parent.clone(),
        user: user.clone(),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        ..Default::default()
    };
    li.set_labels(labels(&["refund", "vip"])).await.unwrap();
    assert_eq!(case(&suite, "ann").await.unwrap().labels, ["refund", "vip"]);
    let bad = [labels(&["a", "a"]), labels(&[""]), labels(&["a".repeat(31).as_str()])];
    for request in bad {
        assert_eq!(li.set_labels(request).await.unwrap_err().code(), Code::InvalidArgument);
    }
    // The user sees nothing of all that.
    let request = ListConversationsRequest { user: user.clone(), ..Default::default() };
    let own = inbox(&suite).list_conversations(request).await.unwrap().into_inner().conversations;
    assert_eq!(own[0].support_case, None);

    let rating = |stars| RateConversationRequest {
        parent: parent.clone(),
        user: user.clone(),
        stars,
        comment: "Quick!".to_owned(),
        ..Default::default()
    };
    let early = support(&suite).rate_conversation(rating(5)).await.unwrap_err();
    assert_eq!(reason(&early), "WRONG_STATE");
    close(&suite, "ann").await.unwrap();
    assert_eq!(fields(&support(&suite).rate_conversation(rating(6)).await.unwrap_err()), ["stars"]);
    let rated = support(&suite).rate_conversation(rating(4)).await.unwrap().into_inner().rating.unwrap();
    assert_eq!((rated.stars, rated.comment.as_str()), (4, "Quick!"));
    let twice = support(&suite).rate_conversation(rating(5)).await.unwrap_err();
    assert_eq!(reason(&twice), "WRONG_STATE");
    // Labels stay, and the next case is rated by itself.
    write(&suite, "ann", "again").await;
    let second = case(&suite, "ann").await.unwrap();
    assert_eq!((second.labels.len(), second.rating), (2, None));
    suite.finish().await;
}

async fn canned_replies_have_words_put_in(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let mut replies = CannedReplyServiceClient::new(suite.client());
    let create = |id: &str, text: &str| CreateCannedReplyRequest {
        parent: SHOP.to_owned(),
        canned_reply_id: id.to_owned(),
        canned_reply: Some(CannedReply { text: text.to_owned(), ..CannedReply::default() }),
        ..Default::default()
    };
    let text = "Dear {{user}}, {{account}} opens at {{open}}.";
    let made = replies.create_canned_reply(create("hours", text)).await.unwrap().into_inner();
    let made = made.canned_reply.unwrap();
    assert_eq!(
        replies.create_canned_reply(create("hours", "x")).await.unwrap_err().code(),
        Code::AlreadyExists
    );
    for bad in ["{{Open}}", "{{", "{{}}", "{{a b}}"] {
        let status = replies.create_canned_reply(create("bad", bad)).await.unwrap_err();
        assert_eq!(fields(&status), ["canned_reply.text"], "{bad}");
    }
    let render = |variables: &[(&str, &str)]| RenderCannedReplyRequest {
        name: made.name.clone(),
        user: "users/ann".to_owned(),
        variables: variables
            .iter()
            .map(|(name, value)| ReplyVariable { name: (*name).to_owned(), value: (*value).to_owned() })
            .collect(),
    };
    let rendered = replies.render_canned_reply(render(&[("open", "10:00")])).await.unwrap().into_inner();
    assert_eq!(rendered.text, "Dear ann, shop opens at 10:00.");
    let unknown = replies.render_canned_reply(render(&[("close", "18:00")])).await.unwrap_err();
    assert_eq!(fields(&unknown), ["variables"]);
    assert!(unknown.message().contains("must have open"), "{unknown}");
    let twice = replies.render_canned_reply(render(&[("open", "1"), ("open", "2")])).await.unwrap_err();
    assert_eq!(fields(&twice), ["variables[1].name"]);

    let changed = CannedReply { text: "We are open.".to_owned(), ..made.clone() };
    let update = UpdateCannedReplyRequest { canned_reply: Some(changed), ..Default::default() };
    replies.update_canned_reply(update.clone()).await.unwrap();
    let stale = replies.update_canned_reply(update).await.unwrap_err();
    assert_eq!(reason(&stale), "ETAG_MISMATCH");
    replies.create_canned_reply(create("bye", "Goodbye")).await.unwrap();
    let list = ListCannedRepliesRequest { parent: SHOP.to_owned(), ..Default::default() };
    let found = replies.list_canned_replies(list.clone()).await.unwrap().into_inner().canned_replies;
    let texts: Vec<_> = found.iter().map(|reply| reply.text.as_str()).collect();
    assert_eq!(texts, ["Goodbye", "We are open."]);
    let delete = DeleteCannedReplyRequest { name: made.name.clone(), ..Default::default() };
    replies.delete_canned_reply(delete.clone()).await.unwrap();
    assert_eq!(replies.delete_canned_reply(delete).await.unwrap_err().code(), Code::NotFound);
    let gone = replies.render_canned_reply(render(&[])).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
    suite.finish().await;
}

const AGENTS: [&str; 3] = ["a0", "a1", "a2"];
const USERS: usize = 12;

/// One thing that somebody does, whether it is refused or not.
async fn do_something(
    mut support: SupportServiceClient<siyu::connect::Client>,
    suite_inbox: siyu::connect::Client,
    number: usize,
    [what, user, agent]: [usize; 3],
) {
    let (user, agent) = (format!("u{user}"), AGENTS[agent]);
    let (parent, of_user) = (SHOP.to_owned(), format!("users/{user}"));
    let states = [AgentState::Online, AgentState::Online, AgentState::Away, AgentState::Offline];
    match what {
        0..6 => {
            let mut inbox =
                siyu_proto::messaging::v1::inbox_service_client::InboxServiceClient::new(suite_inbox);
            inbox.send_message(from_user(&user, &format!("m{number}"))).await.unwrap();
        }
        6..8 => {
            let request = CloseConversationRequest { parent, user: of_user, ..Default::default() };
            let _ = support.close_conversation(request).await;
        }
        8 => {
            let request = TransferConversationRequest { parent, user: of_user, ..Default::default() };
            let _ = support.transfer_conversation(request).await;
        }
        9 => {
            let request = ReopenConversationRequest { parent, user: of_user, ..Default::default() };
            let _ = support.reopen_conversation(request).await;
        }
        _ => {
            support.set_agent_state(state(agent, states[number % states.len()])).await.unwrap();
        }
    }
}

async fn whatever_happens_at_once_nobody_waits_while_an_agent_has_room(suite: TestSuite) {
    suite.account("mine", "shop").await;
    for agent in AGENTS {
        set_state(&suite, agent, AgentState::Online).await;
        set_capacity(&suite, agent, 2).await;
    }
    let mut random = seeded(20_261_123);
    for round in 0..6 {
        let mut calls = JoinSet::new();
        for number in 0..40 {
            let dice = [random.random_range(0..12), random.random_range(0..USERS), random.random_range(0..3)];
            calls.spawn(do_something(support(&suite), suite.client(), round * 40 + number, dice));
        }
        while let Some(done) = calls.join_next().await {
            done.unwrap();
        }
        drained(&suite).await;
        let waiting = listed(&suite, "").await;
        let agents =
            support(&suite).list_agents(ListAgentsRequest { parent: SHOP.to_owned() }).await.unwrap();
        let agents = agents.into_inner().agents;
        let mut loads = BTreeMap::new();
        for agent in &agents {
            let has = listed(&suite, agent.name.rsplit('/').next().unwrap()).await;
            assert_eq!(i64::try_from(has.len()).unwrap(), agent.conversation_count);
            assert!(agent.conversation_count <= agent.capacity, "{agent:?}");
            assert!(agent.state() != AgentState::Offline || has.is_empty(), "{agent:?}");
            loads.insert(agent.name.clone(), agent.conversation_count);
        }
        let has_room =
            |agent: &Agent| agent.state() == AgentState::Online && agent.conversation_count < agent.capacity;
        assert!(
            waiting.is_empty() || !agents.iter().any(has_room),
            "{waiting:?} wait, agents have {loads:?}"
        );
    }
    suite.finish().await;
}

async fn an_answer_of_the_account_opens_nothing(suite: TestSuite) {
    suite.account("mine", "shop").await;
    set_state(&suite, "li", AgentState::Online).await;
    desk(&suite).send_desk_message(to_user("ann", "hello")).await.unwrap();
    assert!(case(&suite, "ann").await.is_none_or(|case| case.number == 0));
    // It is woken, not only found by a tick.
    write(&suite, "ann", "hi").await;
    let assigned = async {
        while has(&suite, "ann").await != "li" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), assigned).await.expect("without a tick");
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    who_waits_longest_is_served_first_by_who_has_the_fewest,
    conversations_are_taken_handed_on_closed_and_reopened,
    what_agents_note_is_theirs_and_users_rate_once,
    canned_replies_have_words_put_in,
    whatever_happens_at_once_nobody_waits_while_an_agent_has_room,
    an_answer_of_the_account_opens_nothing,
);
