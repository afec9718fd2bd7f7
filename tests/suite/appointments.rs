//! Appointments with lives: made once, and whoever made one is told once, whatever happens to the live.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use siyu_proto::{
    accounts::v1::{
        Appointment, AppointmentState, CancelAppointmentRequest, Card, CardKind, Conditions,
        CreateAppointmentRequest, CreateAppointmentResponse, ListAppointmentsRequest,
        ListUserAppointmentsRequest, LiveAppointmentSettings, LiveAppointmentsCancelled, LiveReminderKind,
        LiveRemindersDue, appointment_service_client::AppointmentServiceClient,
    },
    common::v1::Event,
    crm::v1::{InteractionKind, SourceDomain},
};
use siyu_rpc::auth::Caller;
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    cards,
    contents::{cancel, contents, end, live, register, start, update},
    events::events_after,
    support::{at, event, fields, follow, reason, store, timeline},
};

pub(crate) type Client = AppointmentServiceClient<siyu::connect::Client>;

/// When the lives of these tests are planned to start: an hour after the suite's clock begins.
const PLANNED: &str = "2026-03-01T01:00:00Z";
const MINUTE: Duration = Duration::from_secs(60);

fn appointments(suite: &TestSuite) -> Client {
    AppointmentServiceClient::new(suite.client())
}

pub(crate) fn ask(content: &str, user: &str) -> CreateAppointmentRequest {
    CreateAppointmentRequest {
        parent: "accounts/shop".to_owned(),
        user: format!("users/{user}"),
        content: content.to_owned(),
        mount: "accounts/shop/homepage".to_owned(),
        source_domain: SourceDomain::Private.into(),
        campaign: "spring".to_owned(),
        ..CreateAppointmentRequest::default()
    }
}

async fn make(suite: &TestSuite, content: &str, user: &str) -> Result<CreateAppointmentResponse, Status> {
    Ok(appointments(suite).create_appointment(ask(content, user)).await?.into_inner())
}

pub(crate) async fn give_up(mut client: Client, content: &str, user: &str) -> Result<Appointment, Status> {
    let request = CancelAppointmentRequest { parent: content.to_owned(), user: format!("users/{user}") };
    Ok(client.cancel_appointment(request).await?.into_inner().appointment.unwrap())
}

/// How often each user is in events of each kind.
pub(crate) type Told = BTreeMap<(&'static str, String), usize>;

pub(crate) fn told_in(events: &[Event]) -> Told {
    let mut told = Told::new();
    for payload in events.iter().filter_map(|event| event.payload.as_ref()) {
        let (what, users) = if let Ok(due) = payload.to_msg::<LiveRemindersDue>() {
            let what = match due.kind() {
                LiveReminderKind::HeadsUp => "heads-up",
                LiveReminderKind::Started => "started",
                LiveReminderKind::Unspecified => panic!("{due:?}"),
            };
            (what, due.users)
        } else if let Ok(cancelled) = payload.to_msg::<LiveAppointmentsCancelled>() {
            ("cancelled", cancelled.users)
        } else {
            continue;
        };
        assert!((1..=500).contains(&users.len()));
        for user in users {
            *told.entry((what, user)).or_default() += 1;
        }
    }
    told
}

/// Who was told what until now, in alphabetical order: `started u1`.
async fn told(suite: &TestSuite) -> Vec<String> {
    suite.advance(Duration::from_millis(1)).await;
    let told = told_in(&events_after(suite, Vec::new()).await.unwrap());
    let words = |((what, user), count): ((&str, String), usize)| {
        let user = user.trim_start_matches("users/").to_owned();
        std::iter::repeat_n(format!("{what} {user}"), count)
    };
    told.into_iter().flat_map(words).collect()
}

async fn planned_live(suite: &TestSuite, id: &str) -> String {
    register(contents(suite), id, live(at(PLANNED))).await.unwrap().name
}

async fn an_appointment_is_made_once_and_known_to_the_crm(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let content = planned_live(&suite, "l1").await;
    let other = planned_live(&suite, "l2").await;
    let as_user = suite.client_as(&Caller::user("users/u1")).await;
    let mut client = AppointmentServiceClient::new(as_user);
    let made = client.create_appointment(ask(&content, "u1")).await.unwrap().into_inner();
    let appointment = made.appointment.clone().unwrap();
    assert_eq!(appointment.name, format!("{content}/appointments/u1"));
    assert_eq!((appointment.content.as_str(), appointment.user.as_str()), (content.as_str(), "users/u1"));
    assert_eq!((appointment.state(), made.live_now), (AppointmentState::Active, false));
    suite.advance(MINUTE).await;
    assert_eq!(make(&suite, &content, "u1").await.unwrap(), made);
    // Cancelled and made again it is the same, and no second interaction.
    let cancelled = give_up(client.clone(), &content, "u1").await.unwrap();
    assert_eq!(cancelled.state(), AppointmentState::Cancelled);
    assert_eq!(give_up(client.clone(), &content, "u1").await.unwrap(), cancelled);
    let again = make(&suite, &content, "u1").await.unwrap().appointment.unwrap();
    assert_eq!((again.state(), again.create_time), (AppointmentState::Active, appointment.create_time));
    for user in ["u2", "u3"] {
        make(&suite, &content, user).await.unwrap();
    }
    make(&suite, &other, "u1").await.unwrap();
    let status = client.create_appointment(ask(&content, "u2")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::PermissionDenied, "ROLE_TOO_LOW".to_owned()));

    suite.advance(MINUTE).await;
    let timeline = timeline(&suite, "shop", "u1").await;
    assert_eq!(timeline.len(), 2);
    let seen = timeline.iter().find(|interaction| interaction.target == content).unwrap();
    assert_eq!(
        (seen.kind(), seen.mount.as_str()),
        (InteractionKind::LiveAppointment, "accounts/shop/homepage")
    );
    assert_eq!((seen.source_domain(), seen.campaign.as_str()), (SourceDomain::Private, "spring"));

    let request = ListAppointmentsRequest { parent: content.clone(), page_size: 2, ..Default::default() };
    let page = appointments(&suite).list_appointments(request.clone()).await.unwrap().into_inner();
    let next = ListAppointmentsRequest { page_token: page.next_page_token, ..request };
    let last = appointments(&suite).list_appointments(next).await.unwrap().into_inner();
    let users: Vec<_> =
        page.appointments.iter().chain(&last.appointments).map(|each| each.user.as_str()).collect();
    assert_eq!((users, last.next_page_token.as_str()), (vec!["users/u1", "users/u2", "users/u3"], ""));
    let request = ListUserAppointmentsRequest {
        parent: "accounts/shop".to_owned(),
        user: "users/u1".to_owned(),
        ..Default::default()
    };
    let mine = client.list_user_appointments(request).await.unwrap().into_inner().appointments;
    let lives: Vec<_> = mine.iter().map(|each| each.content.as_str()).collect();
    assert_eq!(lives, [content.as_str(), other.as_str()]);
    suite.finish().await;
}

async fn a_live_reminds_before_and_when_it_starts(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let content = planned_live(&suite, "l1").await;
    for user in ["u1", "u2", "gone"] {
        make(&suite, &content, user).await.unwrap();
    }
    give_up(appointments(&suite), &content, "gone").await.unwrap();
    suite.advance(49 * MINUTE).await;
    assert_eq!(told(&suite).await, [] as [String; 0]);
    suite.advance(MINUTE).await;
    assert_eq!(told(&suite).await, ["heads-up u1", "heads-up u2"]);
    // Whoever comes now need not be told that it starts soon; whoever leaves now is told nothing more.
    make(&suite, &content, "u3").await.unwrap();
    give_up(appointments(&suite), &content, "u2").await.unwrap();
    suite.advance(MINUTE).await;
    start(contents(&suite), &content).await.unwrap();
    let expected = ["heads-up u1", "heads-up u2", "started u1", "started u3"];
    assert_eq!(told(&suite).await, expected);
    // It is live: there is nothing to wait for.
    let late = make(&suite, &content, "late").await.unwrap();
    assert_eq!((late.appointment, late.live_now), (None, true));
    let there = make(&suite, &content, "u1").await.unwrap();
    assert!(there.appointment.is_some() && there.live_now);
    suite.advance(60 * MINUTE).await;
    end(contents(&suite), &content).await.unwrap();
    suite.advance(60 * MINUTE).await;
    assert_eq!(told(&suite).await, expected);
    suite.finish().await;
}

async fn a_live_that_is_moved_keeps_its_appointments(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let content = planned_live(&suite, "l1").await;
    make(&suite, &content, "u1").await.unwrap();
    suite.advance(55 * MINUTE).await;
    assert_eq!(told(&suite).await, ["heads-up u1"]);
    let moved =
        siyu_proto::accounts::v1::Content { name: content.clone(), ..live(at("2026-03-01T03:00:00Z")) };
    update(contents(&suite), moved, &["scheduled_time"]).await.unwrap();
    suite.advance(60 * MINUTE).await;
    assert_eq!(told(&suite).await, ["heads-up u1"]);
    suite.advance(60 * MINUTE).await;
    assert_eq!(told(&suite).await, ["heads-up u1", "heads-up u1"]);
    // One that starts earlier than planned reminds of the start alone.
    let early = planned_live_at(&suite, "l2", "2026-03-01T09:00:00Z").await;
    make(&suite, &early, "u2").await.unwrap();
    start(contents(&suite), &early).await.unwrap();
    suite.advance(600 * MINUTE).await;
    assert_eq!(told(&suite).await, ["heads-up u1", "heads-up u1", "started u2"]);
    suite.finish().await;
}

async fn planned_live_at(suite: &TestSuite, id: &str, time: &str) -> String {
    register(contents(suite), id, live(at(time))).await.unwrap().name
}

async fn a_live_that_is_cancelled_says_so_once(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let content = planned_live(&suite, "l1").await;
    for user in ["u1", "u2", "gone"] {
        make(&suite, &content, user).await.unwrap();
    }
    give_up(appointments(&suite), &content, "gone").await.unwrap();
    suite.advance(50 * MINUTE).await;
    cancel(contents(&suite), &content).await.unwrap();
    cancel(contents(&suite), &content).await.unwrap();
    suite.advance(60 * MINUTE).await;
    let expected = ["cancelled u1", "cancelled u2", "heads-up u1", "heads-up u2"];
    assert_eq!(told(&suite).await, expected);
    let status = make(&suite, &content, "u3").await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::FailedPrecondition, "WRONG_STATE".to_owned()));
    suite.finish().await;
}

/// Users whose ids together are more than one event can tell.
async fn long_ids_are_told_by_several_events(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let content = planned_live(&suite, "l1").await;
    let users: Vec<_> = (0..180).map(|number| format!("{}{number:03}", "界".repeat(125))).collect();
    for made in join_all(users.iter().map(|user| make(&suite, &content, user))).await {
        made.unwrap();
    }
    cancel(contents(&suite), &content).await.unwrap();
    let expected: Vec<_> = users.iter().map(|user| format!("cancelled {user}")).collect();
    assert_eq!(told(&suite).await, expected);
    suite.finish().await;
}

async fn a_card_has_its_conditions(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let content = planned_live(&suite, "l1").await;
    let card = Card {
        kind: CardKind::LiveAppointment.into(),
        display_name: "Be there".to_owned(),
        conditions: Some(Conditions { follow_first: true, ..Conditions::default() }),
        live_appointment: Some(LiveAppointmentSettings { content: content.clone() }),
        ..Card::default()
    };
    let card = cards::create(&suite, "live", card).await.unwrap().name;
    let link = cards::create(&suite, "link", cards::link()).await.unwrap().name;
    let with = |card: &str| CreateAppointmentRequest {
        content: String::new(),
        card: card.to_owned(),
        ..ask("", "u1")
    };
    let make_with = async |card: &str| appointments(&suite).create_appointment(with(card)).await;

    let status = make_with(&card).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::FailedPrecondition, "CONDITION_NOT_MET".to_owned()));
    let list = ListAppointmentsRequest { parent: content.clone(), ..Default::default() };
    assert_eq!(appointments(&suite).list_appointments(list).await.unwrap().into_inner().appointments, []);
    store(&suite, "shop", &[follow("f", "u1", at("2026-02-28T00:00:00Z"))]).await;
    let made = make_with(&card).await.unwrap().into_inner().appointment.unwrap();
    assert_eq!((made.content.as_str(), made.card.as_str()), (content.as_str(), card.as_str()));
    // Who has one keeps it, also when they follow no longer.
    store(&suite, "shop", &[event("g", "u1", InteractionKind::Unfollow, at("2026-02-28T01:00:00Z"))]).await;
    assert_eq!(make_with(&card).await.unwrap().into_inner().appointment.unwrap(), made);
    suite.advance(MINUTE).await;
    let timeline = timeline(&suite, "shop", "u1").await;
    let seen = timeline.iter().filter(|seen| seen.kind() == InteractionKind::LiveAppointment);
    assert_eq!(seen.map(|seen| seen.target.as_str()).collect::<Vec<_>>(), [card.as_str()]);

    assert_eq!(fields(&make_with(&link).await.unwrap_err()), ["card"]);
    let nothing = make_with("accounts/shop/cards/nothing").await.unwrap_err();
    assert_eq!(nothing.code(), Code::NotFound);
    cards::archive(&suite, "live").await.unwrap();
    assert_eq!(reason(&make_with(&card).await.unwrap_err()), "WRONG_STATE");
    suite.finish().await;
}

async fn bad_appointments_are_refused_and_leave_nothing(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let content = planned_live(&suite, "l1").await;
    let good = || ask(&content, "u1");
    let cases = [
        (CreateAppointmentRequest { content: String::new(), ..good() }, "content"),
        (CreateAppointmentRequest { card: "accounts/shop/cards/c1".to_owned(), ..good() }, "content"),
        (CreateAppointmentRequest { content: "accounts/other/contents/l1".to_owned(), ..good() }, "content"),
        (CreateAppointmentRequest { content: "x".repeat(1_000_000), ..good() }, "content"),
        (CreateAppointmentRequest { user: "users/a b".to_owned(), ..good() }, "user"),
        (CreateAppointmentRequest { mount: "x".repeat(201), ..good() }, "mount"),
        (CreateAppointmentRequest { campaign: "x".repeat(65), ..good() }, "campaign"),
        (CreateAppointmentRequest { source_domain: 9, ..good() }, "source_domain"),
    ];
    for (request, field) in cases {
        let status = appointments(&suite).create_appointment(request).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![field.to_owned()]),
            "{status:.200}"
        );
    }
    let nothing = "accounts/shop/contents/nothing";
    assert_eq!(make(&suite, nothing, "u1").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(give_up(appointments(&suite), &content, "u1").await.unwrap_err().code(), Code::NotFound);
    let nowhere = CreateAppointmentRequest {
        parent: "accounts/nowhere".to_owned(),
        content: "accounts/nowhere/contents/l1".to_owned(),
        ..good()
    };
    assert_eq!(appointments(&suite).create_appointment(nowhere).await.unwrap_err().code(), Code::NotFound);
    let request = ListAppointmentsRequest { parent: content.clone(), ..Default::default() };
    assert_eq!(appointments(&suite).list_appointments(request).await.unwrap().into_inner().appointments, []);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    an_appointment_is_made_once_and_known_to_the_crm,
    a_live_reminds_before_and_when_it_starts,
    a_live_that_is_moved_keeps_its_appointments,
    a_live_that_is_cancelled_says_so_once,
    long_ids_are_told_by_several_events,
    a_card_has_its_conditions,
    bad_appointments_are_refused_and_leave_nothing,
);
