//! The lead pipeline: stages, the public pool, who may do what, and what is told of it.

use std::time::Duration;

use siyu::connect::connect;
use siyu_proto::{
    accounts::v1::{
        AssignLeadRequest, ClaimLeadRequest, DeleteLeadRequest, GetLeadReportRequest, GetLeadTaskRequest,
        GiveBackLeadRequest, LeadAssigned, LeadChange, LeadChangeCause, LeadErased, LeadLostReason,
        LeadReportRow, LeadStage, LeadStageChanged, LeadTask, ListLeadChangesRequest, ListLeadTasksRequest,
        MoveLeadRequest, lead_pipeline_service_client::LeadPipelineServiceClient,
    },
    common::v1::Role,
};
use siyu_rpc::auth::{Caller, Grant};
use siyu_tests::TestSuite;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::{
    events::events_after,
    leads::{lead, leads, shop_with_form, submit},
    mutations::entries,
    operators::{add, delete, operators, token_of},
    support::{at, fields, reason, texts_of_accounts_db},
};

pub(crate) type Client = LeadPipelineServiceClient<siyu::connect::Client>;

pub(crate) const SHOP: &str = "accounts/shop";

pub(crate) fn pipeline(suite: &TestSuite) -> Client {
    LeadPipelineServiceClient::new(suite.client())
}

/// The name of `idp|{id}` as an agent of the shop.
pub(crate) fn agent(id: &str) -> String {
    format!("{SHOP}/agents/idp|{id}")
}

/// Calls of `idp|{id}`, with a role in the shop.
pub(crate) async fn as_operator(suite: &TestSuite, id: &str, role: Role) -> Client {
    let grant = Grant { resource: SHOP.to_owned(), role };
    let caller = Caller::operator(&format!("idp|{id}"), vec![grant]);
    LeadPipelineServiceClient::new(suite.client_as(&caller).await)
}

/// A shop with a form, agents who are operators of it, and leads `l0`, `l1`, … that users have left a second apart.
pub(crate) async fn shop_with_leads(suite: &TestSuite, agents: &[&str], count: usize) -> String {
    let version = shop_with_form(suite).await;
    for id in agents {
        add(suite, SHOP, id, Role::Agent).await;
    }
    for number in 0..count {
        submit(suite, lead(&format!("l{number}"), &format!("u{number}"), &version)).await.unwrap();
        suite.advance(Duration::from_secs(1)).await;
    }
    version
}

fn name(id: &str) -> String {
    format!("{SHOP}/leads/{id}")
}

pub(crate) async fn claim(mut client: Client, id: &str) -> Result<LeadTask, Status> {
    let request = ClaimLeadRequest { name: name(id), ..ClaimLeadRequest::default() };
    Ok(client.claim_lead(request).await?.into_inner().lead_task.unwrap())
}

fn to(id: &str, stage: LeadStage) -> MoveLeadRequest {
    MoveLeadRequest { name: name(id), stage: stage.into(), ..MoveLeadRequest::default() }
}

pub(crate) fn lost(id: &str) -> MoveLeadRequest {
    MoveLeadRequest { lost_reason: LeadLostReason::Price.into(), ..to(id, LeadStage::Lost) }
}

pub(crate) async fn move_lead(mut client: Client, request: MoveLeadRequest) -> Result<LeadTask, Status> {
    Ok(client.move_lead(request).await?.into_inner().lead_task.unwrap())
}

pub(crate) async fn give_back(mut client: Client, id: &str) -> Result<LeadTask, Status> {
    let request = GiveBackLeadRequest { name: name(id), ..GiveBackLeadRequest::default() };
    Ok(client.give_back_lead(request).await?.into_inner().lead_task.unwrap())
}

async fn assign(mut client: Client, id: &str, agent: &str) -> Result<LeadTask, Status> {
    let request =
        AssignLeadRequest { name: name(id), agent: agent.to_owned(), ..AssignLeadRequest::default() };
    Ok(client.assign_lead(request).await?.into_inner().lead_task.unwrap())
}

pub(crate) async fn task(suite: &TestSuite, id: &str) -> Result<LeadTask, Status> {
    let request = GetLeadTaskRequest { name: name(id) };
    Ok(pipeline(suite).get_lead_task(request).await?.into_inner().lead_task.unwrap())
}

/// Ids of leads, in pages of two.
pub(crate) async fn list(suite: &TestSuite, request: ListLeadTasksRequest) -> Vec<String> {
    let mut request = ListLeadTasksRequest { parent: SHOP.to_owned(), page_size: 2, ..request };
    let mut ids = Vec::new();
    loop {
        let page = pipeline(suite).list_lead_tasks(request.clone()).await.unwrap().into_inner();
        ids.extend(page.lead_tasks.iter().map(|task| task.lead.rsplit('/').next().unwrap().to_owned()));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return ids;
        }
    }
}

pub(crate) async fn in_pool(suite: &TestSuite) -> Vec<String> {
    list(suite, ListLeadTasksRequest { in_pool: true, ..ListLeadTasksRequest::default() }).await
}

pub(crate) async fn leads_of(suite: &TestSuite, id: &str) -> Vec<String> {
    list(suite, ListLeadTasksRequest { owner: agent(id), ..ListLeadTasksRequest::default() }).await
}

/// What has happened to a lead, in pages of two.
pub(crate) async fn history(suite: &TestSuite, id: &str) -> Vec<LeadChange> {
    let mut changes = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListLeadChangesRequest { parent: name(id), page_size: 2, page_token };
        let page = pipeline(suite).list_lead_changes(request).await.unwrap().into_inner();
        changes.extend(page.lead_changes);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return changes;
        }
    }
}

/// Why things have happened to a lead.
pub(crate) async fn causes(suite: &TestSuite, id: &str) -> Vec<LeadChangeCause> {
    history(suite, id).await.iter().map(LeadChange::cause).collect()
}

pub(crate) fn is_refused(status: &Status, code: Code, why: &str, words: &str) {
    assert_eq!((status.code(), reason(status).as_str()), (code, why), "{status}");
    assert!(status.message().contains(words), "{status}");
}

fn is_wrong_state(status: &Status, words: &str) {
    is_refused(status, Code::FailedPrecondition, "WRONG_STATE", words);
}

async fn a_lead_goes_from_stage_to_stage(suite: TestSuite) {
    shop_with_leads(&suite, &["li-na"], 1).await;
    let fresh = task(&suite, "l0").await.unwrap();
    assert_eq!((fresh.stage(), fresh.owner.as_str(), fresh.user.as_str()), (LeadStage::New, "", "users/u0"));
    assert_eq!(fresh.form, crate::leads::FORM);
    let li = as_operator(&suite, "li-na", Role::Agent).await;
    let in_pool = move_lead(li.clone(), to("l0", LeadStage::Contacted)).await.unwrap_err();
    is_wrong_state(&in_pool, "claim it first");
    let claimed = claim(li.clone(), "l0").await.unwrap();
    assert_eq!((claimed.owner.clone(), claimed.return_time), (agent("li-na"), None));

    let jump = move_lead(li.clone(), to("l0", LeadStage::Converted)).await.unwrap_err();
    is_wrong_state(&jump, "is new and cannot become converted, but contacted or lost");
    let noted = MoveLeadRequest {
        note: "Wants a sample".to_owned(),
        etag: claimed.etag.clone(),
        ..to("l0", LeadStage::Contacted)
    };
    suite.advance(Duration::from_secs(60)).await;
    let contacted = move_lead(li.clone(), noted).await.unwrap();
    assert_eq!(contacted.stage(), LeadStage::Contacted);
    assert!(contacted.move_time != claimed.move_time && contacted.assign_time == claimed.assign_time);
    // The second of two editors has not seen it.
    let stale = MoveLeadRequest { etag: claimed.etag, ..lost("l0") };
    let stale = move_lead(li.clone(), stale).await.unwrap_err();
    is_refused(&stale, Code::Aborted, "ETAG_MISMATCH", "");

    move_lead(li.clone(), to("l0", LeadStage::Qualified)).await.unwrap();
    move_lead(li.clone(), to("l0", LeadStage::Converted)).await.unwrap();
    is_wrong_state(&give_back(li.clone(), "l0").await.unwrap_err(), "converted");
    move_lead(li.clone(), to("l0", LeadStage::Contacted)).await.unwrap();
    let lost = move_lead(li.clone(), lost("l0")).await.unwrap();
    assert_eq!((lost.stage(), lost.lost_reason()), (LeadStage::Lost, LeadLostReason::Price));

    let history = history(&suite, "l0").await;
    assert_eq!(history.iter().map(|change| change.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
    let stages: Vec<_> = history.iter().map(|change| (change.previous_stage(), change.stage())).collect();
    assert_eq!(stages[0], (LeadStage::Unspecified, LeadStage::New));
    assert_eq!(stages[2], (LeadStage::New, LeadStage::Contacted));
    assert_eq!(stages[5], (LeadStage::Converted, LeadStage::Contacted));
    assert_eq!((history[0].actor.as_str(), history[0].cause()), ("service:test", LeadChangeCause::Submitted));
    assert_eq!(
        (history[2].actor.as_str(), history[2].note.as_str()),
        ("operator:idp|li-na", "Wants a sample")
    );
    assert_eq!(history[2].change_time, contacted.move_time);
    assert_eq!((history[1].previous_owner.as_str(), history[1].owner.clone()), ("", agent("li-na")));
    assert_eq!(history[6].lost_reason(), LeadLostReason::Price);
    suite.finish().await;
}

async fn of_many_who_claim_a_lead_one_gets_it(suite: TestSuite) {
    let ids: Vec<String> = (0..8).map(|number| format!("agent-{number}")).collect();
    let agents: Vec<&str> = ids.iter().map(String::as_str).collect();
    shop_with_leads(&suite, &agents, 3).await;
    for lead in ["l0", "l1", "l2"] {
        let mut claiming = JoinSet::new();
        for id in &ids {
            let client = as_operator(&suite, id, Role::Agent).await;
            claiming.spawn(async move { claim(client, lead).await });
        }
        let (won, refused): (Vec<_>, Vec<_>) = claiming.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), refused.len()), (1, 7));
        let winner = won.into_iter().next().unwrap().unwrap();
        for status in refused.into_iter().filter_map(Result::err) {
            is_wrong_state(&status, "already");
        }
        assert_eq!(task(&suite, lead).await.unwrap(), winner);
        assert_eq!(causes(&suite, lead).await, [LeadChangeCause::Submitted, LeadChangeCause::Claimed]);
        // Whoever has it keeps it, and may give it back for the next.
        let winner = winner.owner.rsplit('|').next().unwrap().to_owned();
        let client = as_operator(&suite, &winner, Role::Agent).await;
        claim(client.clone(), lead).await.unwrap();
        for _ in 0..2 {
            assert_eq!(give_back(client.clone(), lead).await.unwrap().owner, "");
        }
        assert_eq!(causes(&suite, lead).await[2..], [LeadChangeCause::GivenBack]);
    }
    suite.finish().await;
}

async fn a_repeat_gets_the_first_answer(suite: TestSuite) {
    shop_with_leads(&suite, &["li-na"], 1).await;
    let mut li = as_operator(&suite, "li-na", Role::Agent).await;
    let request =
        ClaimLeadRequest { name: name("l0"), request_id: "r1".to_owned(), ..ClaimLeadRequest::default() };
    let first = li.claim_lead(request.clone()).await.unwrap().into_inner();
    give_back(li.clone(), "l0").await.unwrap();
    assert_eq!(li.claim_lead(request).await.unwrap().into_inner(), first);
    assert_eq!(task(&suite, "l0").await.unwrap().owner, "", "it was claimed once");
    suite.finish().await;
}

async fn agents_do_what_is_theirs_and_admins_do_all(suite: TestSuite) {
    shop_with_leads(&suite, &["li-na", "wu-di"], 2).await;
    let li = as_operator(&suite, "li-na", Role::Agent).await;
    let wu = as_operator(&suite, "wu-di", Role::Agent).await;
    let boss = as_operator(&suite, "boss", Role::Admin).await;
    claim(li.clone(), "l0").await.unwrap();
    for refused in [
        move_lead(wu.clone(), to("l0", LeadStage::Contacted)).await,
        give_back(wu.clone(), "l0").await,
        assign(wu.clone(), "l0", &agent("wu-di")).await,
    ] {
        is_refused(&refused.unwrap_err(), Code::PermissionDenied, "ROLE_TOO_LOW", "");
    }
    let for_another =
        ClaimLeadRequest { name: name("l1"), agent: agent("li-na"), ..ClaimLeadRequest::default() };
    let status = wu.clone().claim_lead(for_another.clone()).await.unwrap_err();
    is_refused(&status, Code::PermissionDenied, "ROLE_TOO_LOW", "only an admin");
    boss.clone().claim_lead(for_another).await.unwrap();
    assert_eq!(leads_of(&suite, "li-na").await, ["l1", "l0"]);
    move_lead(boss.clone(), to("l0", LeadStage::Contacted)).await.unwrap();
    assert_eq!(assign(boss.clone(), "l0", &agent("wu-di")).await.unwrap().owner, agent("wu-di"));
    give_back(boss.clone(), "l1").await.unwrap();
    assert_eq!(
        (in_pool(&suite).await, leads_of(&suite, "wu-di").await),
        (vec!["l1".into()], vec!["l0".into()])
    );

    // Leads go to operators alone, who may do what agents do.
    add(&suite, SHOP, "zhao", Role::Analyst).await;
    for nobody in [agent("zhao"), agent("typo"), "accounts/other/agents/idp|li-na".to_owned()] {
        assert_eq!(fields(&assign(boss.clone(), "l1", &nobody).await.unwrap_err()), ["agent"]);
    }
    let by_service = claim(pipeline(&suite), "l1").await.unwrap_err();
    assert_eq!(fields(&by_service), ["agent"]);
    // Whoever works for the company works for its accounts.
    add(&suite, "enterprises/lumi", "chen", Role::Agent).await;
    assign(boss, "l1", &agent("chen")).await.unwrap();

    // Who was removed claims nothing, though the token is still good.
    let token = token_of(&suite, "li-na").await;
    let of_li = LeadPipelineServiceClient::new(connect(&suite.url, &token).await.unwrap());
    delete(operators(&suite), "accounts/shop/operators/li-na").await.unwrap();
    give_back(pipeline(&suite), "l1").await.unwrap();
    let status = claim(of_li, "l1").await.unwrap_err();
    is_refused(&status, Code::PermissionDenied, "ROLE_TOO_LOW", "any more");
    suite.finish().await;
}

async fn leads_are_listed_and_counted(suite: TestSuite) {
    shop_with_leads(&suite, &["li-na", "wu-di"], 7).await;
    let li = as_operator(&suite, "li-na", Role::Agent).await;
    let wu = as_operator(&suite, "wu-di", Role::Agent).await;
    for id in ["l0", "l1", "l2", "l3"] {
        claim(li.clone(), id).await.unwrap();
    }
    claim(wu.clone(), "l4").await.unwrap();
    for stage in [LeadStage::Contacted, LeadStage::Qualified, LeadStage::Converted] {
        move_lead(li.clone(), to("l0", stage)).await.unwrap();
    }
    move_lead(li.clone(), lost("l1")).await.unwrap();
    move_lead(li.clone(), to("l2", LeadStage::Contacted)).await.unwrap();

    let any = ListLeadTasksRequest::default;
    assert_eq!(list(&suite, any()).await, ["l6", "l5", "l4", "l3", "l2", "l1", "l0"]);
    assert_eq!(in_pool(&suite).await, ["l6", "l5"]);
    assert_eq!(leads_of(&suite, "li-na").await, ["l3", "l2", "l1", "l0"]);
    let at = |stage: LeadStage| ListLeadTasksRequest { stage: stage.into(), ..any() };
    assert_eq!(list(&suite, at(LeadStage::New)).await, ["l6", "l5", "l4", "l3"]);
    let of_li = ListLeadTasksRequest { owner: agent("li-na"), ..at(LeadStage::New) };
    assert_eq!(list(&suite, of_li).await, ["l3"]);

    let of_pool = LeadReportRow { new_count: 2, ..LeadReportRow::default() };
    let of_li = LeadReportRow {
        owner: agent("li-na"),
        new_count: 1,
        contacted_count: 1,
        converted_count: 1,
        lost_count: 1,
        conversion_rate_ppm: 250_000,
        ..LeadReportRow::default()
    };
    let of_wu = LeadReportRow { owner: agent("wu-di"), new_count: 1, ..LeadReportRow::default() };
    let request = GetLeadReportRequest { parent: SHOP.to_owned(), ..GetLeadReportRequest::default() };
    let report = pipeline(&suite).get_lead_report(request.clone()).await.unwrap().into_inner();
    assert_eq!(report.rows, [of_pool, of_li, of_wu]);
    let total = report.total.unwrap();
    assert_eq!((total.new_count, total.conversion_rate_ppm), (4, 142_857));
    // The clock began at midnight, and a lead was left every second.
    let early = GetLeadReportRequest {
        start_time: Some(self::at("2026-03-01T00:00:00Z")),
        end_time: Some(self::at("2026-03-01T00:00:02Z")),
        ..request
    };
    let report = pipeline(&suite).get_lead_report(early).await.unwrap().into_inner();
    assert_eq!(report.rows.len(), 1);
    assert_eq!((report.rows[0].converted_count, report.rows[0].lost_count), (1, 1));
    suite.finish().await;
}

async fn others_hear_of_it_and_of_no_answer(suite: TestSuite) {
    shop_with_leads(&suite, &["li-na"], 1).await;
    let li = as_operator(&suite, "li-na", Role::Agent).await;
    let noted = ClaimLeadRequest {
        name: name("l0"),
        note: "planted-note-4711".to_owned(),
        ..ClaimLeadRequest::default()
    };
    li.clone().claim_lead(noted).await.unwrap();
    let noted = MoveLeadRequest { note: "planted-note-4711".to_owned(), ..to("l0", LeadStage::Contacted) };
    move_lead(li.clone(), noted).await.unwrap();
    assert_eq!(history(&suite, "l0").await[2].note, "planted-note-4711");
    let request = DeleteLeadRequest { name: name("l0") };
    leads(&suite).delete_lead(request.clone()).await.unwrap();
    leads(&suite).delete_lead(request).await.unwrap();
    suite.advance(Duration::from_millis(1)).await;

    let events = events_after(&suite, Vec::new()).await.unwrap();
    let payloads = || events.iter().filter_map(|event| event.payload.as_ref());
    let assigned: Vec<_> = payloads().filter_map(|any| any.to_msg::<LeadAssigned>().ok()).collect();
    let [assigned] = &assigned[..] else { panic!("{assigned:?}") };
    assert_eq!((assigned.cause(), assigned.previous_owner.as_str()), (LeadChangeCause::Claimed, ""));
    assert_eq!(assigned.lead_task.as_ref().unwrap().owner, agent("li-na"));
    let moved: Vec<_> = payloads().filter_map(|any| any.to_msg::<LeadStageChanged>().ok()).collect();
    let [moved] = &moved[..] else { panic!("{moved:?}") };
    assert_eq!(moved.previous_stage(), LeadStage::New);
    assert_eq!(moved.lead_task.as_ref().unwrap().stage(), LeadStage::Contacted);
    let erased: Vec<_> = payloads().filter_map(|any| any.to_msg::<LeadErased>().ok()).collect();
    assert_eq!(erased, [LeadErased { lead: name("l0") }]);

    // Neither what the user answered nor what the agent wrote is where others read.
    let entries = entries(&suite, SHOP, "accounts").await;
    assert!(entries.iter().any(|entry| entry.method.ends_with("/MoveLead")));
    let told: Vec<String> = payloads()
        .map(|any| String::from_utf8_lossy(&any.value).into_owned())
        .chain(entries.iter().map(|entry| format!("{entry:?}")))
        .collect();
    assert!(told.iter().any(|text| text.contains("leads/l0")), "the same search finds what is no secret");
    for planted in ["planted-note-4711", "王小明", "13812345678", "138 1234-5678"] {
        assert!(!told.iter().any(|text| text.contains(planted)), "{planted}");
    }
    suite.finish().await;
}

async fn an_erased_lead_leaves_the_pipeline(suite: TestSuite) {
    shop_with_leads(&suite, &["li-na"], 2).await;
    let li = as_operator(&suite, "li-na", Role::Agent).await;
    claim(li.clone(), "l0").await.unwrap();
    let noted = MoveLeadRequest { note: "His name is Wang".to_owned(), ..to("l0", LeadStage::Contacted) };
    move_lead(li.clone(), noted).await.unwrap();
    leads(&suite).delete_lead(DeleteLeadRequest { name: name("l0") }).await.unwrap();
    assert_eq!(task(&suite, "l0").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(claim(li, "l0").await.unwrap_err().code(), Code::NotFound);
    let request = ListLeadChangesRequest { parent: name("l0"), ..ListLeadChangesRequest::default() };
    assert_eq!(pipeline(&suite).list_lead_changes(request).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(list(&suite, ListLeadTasksRequest::default()).await, ["l1"]);
    let left = "SELECT lead_id || note FROM lead_change ORDER BY lead_id";
    assert_eq!(texts_of_accounts_db(&suite, left).await, ["l1"]);
    suite.finish().await;
}

async fn mistakes_are_named_and_change_nothing(suite: TestSuite) {
    shop_with_leads(&suite, &["li-na"], 1).await;
    let li = as_operator(&suite, "li-na", Role::Agent).await;
    claim(li.clone(), "l0").await.unwrap();
    let before = task(&suite, "l0").await.unwrap();
    let wrong = [
        (MoveLeadRequest { lost_reason: 0, ..lost("l0") }, "lost_reason"),
        (MoveLeadRequest { stage: LeadStage::Contacted.into(), ..lost("l0") }, "lost_reason"),
        (MoveLeadRequest { stage: 0, ..to("l0", LeadStage::New) }, "stage"),
        (MoveLeadRequest { stage: 99, ..to("l0", LeadStage::New) }, "stage"),
        (MoveLeadRequest { note: "x".repeat(1_001), ..to("l0", LeadStage::Contacted) }, "note"),
        (MoveLeadRequest { note: "a\0b".to_owned(), ..to("l0", LeadStage::Contacted) }, "note"),
    ];
    for (request, field) in wrong {
        let status = move_lead(li.clone(), request).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![field.to_owned()]),
            "{status}"
        );
    }
    assert_eq!(task(&suite, "l0").await.unwrap(), before);
    assert_eq!(move_lead(li, to("l9", LeadStage::Contacted)).await.unwrap_err().code(), Code::NotFound);
    let both = ListLeadTasksRequest {
        parent: SHOP.to_owned(),
        owner: agent("li-na"),
        in_pool: true,
        ..ListLeadTasksRequest::default()
    };
    assert_eq!(fields(&pipeline(&suite).list_lead_tasks(both).await.unwrap_err()), ["in_pool"]);
    let foreign = ListLeadTasksRequest {
        parent: SHOP.to_owned(),
        owner: "accounts/other/agents/li".to_owned(),
        ..ListLeadTasksRequest::default()
    };
    assert_eq!(fields(&pipeline(&suite).list_lead_tasks(foreign).await.unwrap_err()), ["owner"]);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_lead_goes_from_stage_to_stage,
    a_repeat_gets_the_first_answer,
    agents_do_what_is_theirs_and_admins_do_all,
    an_erased_lead_leaves_the_pipeline,
    leads_are_listed_and_counted,
    mistakes_are_named_and_change_nothing,
    of_many_who_claim_a_lead_one_gets_it,
    others_hear_of_it_and_of_no_answer,
);
