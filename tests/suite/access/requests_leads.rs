//! Good requests to the services of leads and bookings.

use std::time::Duration;

use siyu_clock::Micros;
use siyu_proto::{
    accounts::v1::{
        AssignLeadRequest, ClaimLeadRequest, CompleteBookingRequest, CreateCardRequest, CreateSlotsRequest,
        DeclineBookingRequest, DeleteLeadRequest, DeleteSlotRequest, DistributeLeadsRequest,
        ExportLeadsRequest, GetBookingRequest, GetLeadPipelineSettingsRequest, GetLeadReportRequest,
        GetLeadRequest, GetLeadTaskRequest, GiveBackLeadRequest, HandOverLeadsRequest,
        LeadDistributionMember, LeadHandOverTarget, LeadPipelineSettings, LeadStage, ListBookingsRequest,
        ListLeadChangesRequest, ListLeadTasksRequest, ListLeadsRequest, ListSlotsRequest, MarkNoShowRequest,
        MoveLeadRequest, Slot, UpdateLeadPipelineSettingsRequest, card_service_client::CardServiceClient,
    },
    common::v1::Role,
};
use siyu_rpc::time::to_proto;
use siyu_tests::TestSuite;

use super::requests::{About, Good, good};
use crate::{
    bookings::{booking, booking_card, bookings},
    leads::{form, form_card, lead, leads},
    operators::add,
};

const TURNS: [&str; 5] = ["analyst", "agent", "operator", "admin", "owner"];
/// When the clock of every test suite begins.
const START: Micros = Micros::from_seconds(1_772_323_200);
const HOUR: Duration = Duration::from_secs(3_600);

/// A slot of an hour, so many hours after the clock began.
fn slot(hour: u32) -> Slot {
    Slot {
        start_time: Some(to_proto(START.plus(HOUR * hour))),
        end_time: Some(to_proto(START.plus(HOUR * (hour + 1)))),
        capacity: 100,
        ..Slot::default()
    }
}

fn slot_name(card: &str, hour: u32) -> String {
    format!("{card}/slots/{}", START.plus(HOUR * hour).0 / Micros::PER_SECOND)
}

/// What there must be in `accounts/{id}` before its leads and bookings are read and changed.
pub(super) async fn prepare(suite: &TestSuite, id: &str) {
    let parent = format!("accounts/{id}");
    let mut version = String::new();
    for (card_id, card) in [("skin-test", form_card(form())), ("store-visit", booking_card(false))] {
        let request = CreateCardRequest {
            parent: parent.clone(),
            card_id: card_id.to_owned(),
            card: Some(card),
            ..CreateCardRequest::default()
        };
        let made = CardServiceClient::new(suite.client()).create_card(request).await.unwrap().into_inner();
        version = made.card.unwrap().lead_form.map_or(version, |form| form.consent_version);
    }
    for lead_id in ["l1", "in-pipeline"] {
        let mut request = lead(lead_id, "u1", &version);
        (request.parent, request.form) = (parent.clone(), format!("{parent}/cards/skin-test"));
        leads(suite).submit_lead(request).await.unwrap();
    }
    add(suite, &parent, "seller", Role::Agent).await;

    let card = format!("{parent}/cards/store-visit");
    let slots = (1..=6).map(slot).collect();
    let request = CreateSlotsRequest { parent: card.clone(), slots, ..CreateSlotsRequest::default() };
    bookings(suite).create_slots(request).await.unwrap();
    for turn in TURNS {
        for end in ["declined", "completed", "missed"] {
            let name = format!("{turn}-{end}");
            let mut request = booking(&name, &name, &slot_name(&card, 1));
            request.parent.clone_from(&parent);
            bookings(suite).create_booking(request).await.unwrap();
        }
    }
}

/// Whoever calls claims a lead, moves it, and gives it back; then it goes to somebody else and back again.
fn in_pipeline(about: About<'_>) -> Vec<Good> {
    let account = about.account();
    let (parent, name) = (account.clone(), format!("{account}/leads/in-pipeline"));
    let settings = format!("{account}/leadPipelineSettings");
    let seller = format!("{account}/agents/idp|seller");
    let stage =
        if ["agent", "admin"].contains(&about.turn) { LeadStage::Contacted } else { LeadStage::Qualified };
    let member = LeadDistributionMember { agent: seller.clone(), weight: 1, cap: 100, open_count: 0 };
    let distribution = LeadPipelineSettings {
        name: settings.clone(),
        distribution_enabled: true,
        members: vec![member],
        ..Default::default()
    };
    let to_pool = HandOverLeadsRequest {
        parent: parent.clone(),
        from: seller.clone(),
        target: LeadHandOverTarget::Pool.into(),
        ..Default::default()
    };
    vec![
        good(Role::Analyst, &GetLeadTaskRequest { name: name.clone() }),
        good(Role::Analyst, &ListLeadTasksRequest { parent: parent.clone(), ..Default::default() }),
        good(Role::Agent, &ListLeadChangesRequest { parent: name.clone(), ..Default::default() }),
        good(Role::Agent, &ClaimLeadRequest { name: name.clone(), ..Default::default() }),
        good(Role::Agent, &MoveLeadRequest { name: name.clone(), stage: stage.into(), ..Default::default() }),
        good(Role::Agent, &GiveBackLeadRequest { name: name.clone(), ..Default::default() }),
        good(Role::Admin, &AssignLeadRequest { name, agent: seller, ..Default::default() }),
        good(Role::Analyst, &GetLeadPipelineSettingsRequest { name: settings }),
        good(
            Role::Admin,
            &UpdateLeadPipelineSettingsRequest { settings: Some(distribution), ..Default::default() },
        ),
        good(Role::Admin, &DistributeLeadsRequest { parent: parent.clone(), ..Default::default() }),
        good(Role::Admin, &to_pool),
        good(Role::Analyst, &GetLeadReportRequest { parent, ..Default::default() }),
    ]
}

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    let account = about.account();
    let card = format!("{account}/cards/store-visit");
    let place = TURNS.iter().position(|turn| *turn == about.turn).unwrap_or_default();
    let hour = u32::try_from(place).unwrap();
    let lead = format!("{account}/leads/l1");
    let booking = |end: &str| format!("{account}/bookings/{}-{end}", about.turn);
    let reason = "Closed".to_owned();
    let of_leads_and_bookings = vec![
        good(Role::Analyst, &ListLeadsRequest { parent: account.clone(), ..Default::default() }),
        good(Role::Agent, &GetLeadRequest { name: lead.clone() }),
        good(Role::Admin, &ExportLeadsRequest { parent: account.clone(), ..Default::default() }),
        good(Role::Admin, &DeleteLeadRequest { name: lead }),
        good(
            Role::Operator,
            &CreateSlotsRequest { parent: card.clone(), slots: vec![slot(100 + hour)], ..Default::default() },
        ),
        good(Role::Analyst, &ListSlotsRequest { parent: card.clone(), ..Default::default() }),
        good(Role::Operator, &DeleteSlotRequest { name: slot_name(&card, 2 + hour), ..Default::default() }),
        good(Role::Agent, &DeclineBookingRequest { name: booking("declined"), reason, ..Default::default() }),
        good(Role::Agent, &CompleteBookingRequest { name: booking("completed"), ..Default::default() }),
        good(Role::Agent, &MarkNoShowRequest { name: booking("missed"), ..Default::default() }),
        good(Role::Agent, &GetBookingRequest { name: booking("missed") }),
        good(Role::Analyst, &ListBookingsRequest { parent: account, ..Default::default() }),
    ];
    [of_leads_and_bookings, in_pipeline(about)].concat()
}
