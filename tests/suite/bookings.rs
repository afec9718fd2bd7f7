//! Slots and bookings: what overlaps, who gets a place, and what becomes of it.

use std::time::Duration;

use prost_types::Timestamp;
use siyu_clock::Micros;
use siyu_proto::{
    accounts::v1::{
        Booking, BookingSettings, BookingState, CancelBookingRequest, Card, CardKind, CompleteBookingRequest,
        CreateBookingRequest, CreateSlotsRequest, DeclineBookingRequest, DeleteSlotRequest,
        GetBookingRequest, ListBookingsRequest, ListFreeSlotsRequest, ListSlotsRequest,
        ListUserBookingsRequest, MarkNoShowRequest, Slot, booking_service_client::BookingServiceClient,
    },
    common::v1::Role,
    crm::v1::{InteractionKind, InteractionsObserved},
};
use siyu_rpc::{auth::Caller, time::to_proto};
use siyu_tests::TestSuite;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::{
    events::events_after,
    leads::create_card,
    mutations::entries,
    support::{fields, micros, reason, texts_of_accounts_db},
};

type Client = BookingServiceClient<siyu::connect::Client>;

const CARD: &str = "accounts/shop/cards/store-visit";
const HOUR: i64 = 3_600;

pub(crate) fn bookings(suite: &TestSuite) -> Client {
    BookingServiceClient::new(suite.client())
}

pub(crate) fn booking_card(contact_required: bool) -> Card {
    Card {
        kind: CardKind::Booking.into(),
        display_name: "A visit to the store".to_owned(),
        booking: Some(BookingSettings { place: "Nanjing Road 1".to_owned(), contact_required }),
        ..Card::default()
    }
}

/// So many hours after the suite's clock stands now.
fn hours(suite: &TestSuite, hours: i64) -> Timestamp {
    to_proto(Micros(suite.clock.now().0 + hours * HOUR * Micros::PER_SECOND))
}

fn slot(suite: &TestSuite, from: i64, to: i64, capacity: i32) -> Slot {
    Slot {
        start_time: Some(hours(suite, from)),
        end_time: Some(hours(suite, to)),
        capacity,
        ..Slot::default()
    }
}

pub(crate) async fn create_slots(suite: &TestSuite, slots: Vec<Slot>) -> Result<Vec<Slot>, Status> {
    let request = CreateSlotsRequest { parent: CARD.to_owned(), slots, ..CreateSlotsRequest::default() };
    bookings(suite).create_slots(request).await.map(|answer| answer.into_inner().slots)
}

/// `accounts/shop` with [`CARD`] and one slot, an hour from now.
async fn shop_with_slot(suite: &TestSuite, capacity: i32) -> Slot {
    suite.account("lumi", "shop").await;
    create_card(suite, "store-visit", booking_card(false)).await.unwrap();
    create_slots(suite, vec![slot(suite, 1, 2, capacity)]).await.unwrap().remove(0)
}

pub(crate) fn booking(id: &str, user: &str, slot: &str) -> CreateBookingRequest {
    CreateBookingRequest {
        parent: "accounts/shop".to_owned(),
        booking_id: id.to_owned(),
        slot: slot.to_owned(),
        user: format!("users/{user}"),
        contact_phone: "010-62345678".to_owned(),
        mount: "accounts/shop/homepage".to_owned(),
        ..CreateBookingRequest::default()
    }
}

async fn book(suite: &TestSuite, request: CreateBookingRequest) -> Result<Booking, Status> {
    bookings(suite).create_booking(request).await.map(|answer| answer.into_inner().booking.unwrap())
}

async fn cancel(suite: &TestSuite, id: &str, user: &str) -> Result<Booking, Status> {
    let name = format!("accounts/shop/bookings/{id}");
    let request = CancelBookingRequest { name, user: format!("users/{user}") };
    bookings(suite).cancel_booking(request).await.map(|answer| answer.into_inner().booking.unwrap())
}

async fn decline(suite: &TestSuite, id: &str, reason: &str) -> Result<Booking, Status> {
    let name = format!("accounts/shop/bookings/{id}");
    let request =
        DeclineBookingRequest { name, reason: reason.to_owned(), ..DeclineBookingRequest::default() };
    bookings(suite).decline_booking(request).await.map(|answer| answer.into_inner().booking.unwrap())
}

async fn complete(suite: &TestSuite, id: &str) -> Result<Booking, Status> {
    let name = format!("accounts/shop/bookings/{id}");
    let request = CompleteBookingRequest { name, ..CompleteBookingRequest::default() };
    bookings(suite).complete_booking(request).await.map(|answer| answer.into_inner().booking.unwrap())
}

async fn missed(suite: &TestSuite, id: &str) -> Result<Booking, Status> {
    let name = format!("accounts/shop/bookings/{id}");
    let request = MarkNoShowRequest { name, ..MarkNoShowRequest::default() };
    bookings(suite).mark_no_show(request).await.map(|answer| answer.into_inner().booking.unwrap())
}

async fn slots(suite: &TestSuite) -> Vec<Slot> {
    let request =
        ListSlotsRequest { parent: CARD.to_owned(), page_size: 1_000, ..ListSlotsRequest::default() };
    bookings(suite).list_slots(request).await.unwrap().into_inner().slots
}

async fn free_slots(suite: &TestSuite) -> Vec<Slot> {
    let request = ListFreeSlotsRequest {
        parent: CARD.to_owned(),
        user: "users/u1".to_owned(),
        ..ListFreeSlotsRequest::default()
    };
    bookings(suite).list_free_slots(request).await.unwrap().into_inner().slots
}

fn refused<T: std::fmt::Debug>(result: Result<T, Status>) -> (Code, String) {
    let status = result.unwrap_err();
    (status.code(), reason(&status))
}

fn wrong_state() -> (Code, String) {
    (Code::FailedPrecondition, "WRONG_STATE".to_owned())
}

async fn slots_are_made_listed_and_deleted(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    create_card(&suite, "store-visit", booking_card(false)).await.unwrap();
    let made = (1..=1_000).rev().map(|hour| slot(&suite, hour, hour + 1, 2)).collect();
    let made = create_slots(&suite, made).await.unwrap();
    assert_eq!((made.len(), slots(&suite).await), (1_000, made.clone()));
    let start = micros(made[0].start_time.as_ref()) / Micros::PER_SECOND;
    assert_eq!(made[0].name, format!("{CARD}/slots/{start}"));
    assert_eq!((made[0].capacity, made[0].free_count), (2, 2));

    let mut paged = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListSlotsRequest { parent: CARD.to_owned(), page_size: 400, page_token };
        let page = bookings(&suite).list_slots(request).await.unwrap().into_inner();
        paged.extend(page.slots);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, made);

    let delete = |name: &str| {
        let request = DeleteSlotRequest { name: name.to_owned(), ..DeleteSlotRequest::default() };
        let mut client = bookings(&suite);
        async move { client.delete_slot(request).await.map(drop) }
    };
    book(&suite, booking("b1", "u1", &made[0].name)).await.unwrap();
    assert_eq!(refused(delete(&made[0].name).await), wrong_state());
    decline(&suite, "b1", "Ill").await.unwrap();
    delete(&made[0].name).await.unwrap();
    assert_eq!(refused(delete(&made[0].name).await).0, Code::NotFound);
    // An hour and a half later the slot before is over.
    suite.advance(Duration::from_secs(2 * 3_600 + 1_800)).await;
    assert_eq!(slots(&suite).await, made[1..]);
    assert_eq!(free_slots(&suite).await, made[2..52]);
    suite.finish().await;
}

async fn slots_with_mistakes_are_not_made(suite: TestSuite) {
    let stored = shop_with_slot(&suite, 1).await;
    let good = slot(&suite, 5, 6, 1);
    let half = Timestamp { nanos: 500_000_000, ..hours(&suite, 8) };
    let wrong = [
        (Slot { capacity: 0, ..good.clone() }, "slots[1].capacity"),
        (Slot { capacity: -1, ..good.clone() }, "slots[1].capacity"),
        (Slot { capacity: 10_001, ..good.clone() }, "slots[1].capacity"),
        (Slot { start_time: None, ..good.clone() }, "slots[1].start_time"),
        (
            Slot { start_time: Some(half), end_time: Some(hours(&suite, 9)), ..good.clone() },
            "slots[1].start_time",
        ),
        (slot(&suite, 0, 1, 1), "slots[1].start_time"),
        (slot(&suite, -1, 8, 1), "slots[1].start_time"),
        (slot(&suite, 8, 8, 1), "slots[1].end_time"),
        (slot(&suite, 8, 7, 1), "slots[1].end_time"),
        (slot(&suite, 8, 8 + 7 * 24 + 1, 1), "slots[1].end_time"),
        (good.clone(), "slots[1]"),
        (slot(&suite, 4, 7, 1), "slots[0]"),
        (slot(&suite, 1, 2, 1), "slots[1]"),
    ];
    for (slot, field) in wrong {
        let status = create_slots(&suite, vec![good.clone(), slot]).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![field.to_owned()]),
            "{status}"
        );
    }
    let status = create_slots(&suite, vec![good.clone(), slot(&suite, 0, 3, 1)]).await.unwrap_err();
    assert!(status.message().starts_with("slots[1].start_time"), "{status}");
    let mut around = slot(&suite, 1, 3, 1);
    around.start_time =
        Some(to_proto(Micros(micros(stored.start_time.as_ref()) - 1_800 * Micros::PER_SECOND)));
    let status = create_slots(&suite, vec![good.clone(), around]).await.unwrap_err();
    assert!(status.message().contains(&stored.name) && fields(&status) == ["slots[1]"], "{status}");
    assert_eq!(slots(&suite).await, [stored]);

    let many = vec![good.clone(); 1_001];
    assert_eq!(fields(&create_slots(&suite, many).await.unwrap_err()), ["slots"]);
    let request = CreateSlotsRequest {
        parent: "accounts/shop/cards/nothing".to_owned(),
        slots: vec![good],
        ..CreateSlotsRequest::default()
    };
    assert_eq!(refused(bookings(&suite).create_slots(request).await).0, Code::NotFound);
    suite.finish().await;
}

/// Two who make slots at once do not overlap either.
async fn slots_made_at_once_do_not_overlap(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    create_card(&suite, "store-visit", booking_card(false)).await.unwrap();
    let mut making = JoinSet::new();
    for shift in 0..8 {
        let mut client = bookings(&suite);
        let slots = vec![slot(&suite, 1 + shift, 12 + shift, 1)];
        let request = CreateSlotsRequest { parent: CARD.to_owned(), slots, ..CreateSlotsRequest::default() };
        making.spawn(async move { client.create_slots(request).await.map(drop) });
    }
    let refused: Vec<_> = making.join_all().await.into_iter().filter_map(Result::err).collect();
    assert_eq!((refused.len(), slots(&suite).await.len()), (7, 1));
    assert!(refused.iter().all(|status| status.code() == Code::InvalidArgument), "{refused:?}");
    suite.finish().await;
}

async fn a_booking_goes_its_way(suite: TestSuite) {
    let slot = shop_with_slot(&suite, 3).await;
    let first = book(&suite, booking("b1", "u1", &slot.name)).await.unwrap();
    assert_eq!((first.state(), first.slot.as_str()), (BookingState::Booked, slot.name.as_str()));
    assert_eq!((&first.start_time, &first.end_time), (&slot.start_time, &slot.end_time));
    assert_eq!(first.contact_phone, "+86****5678");
    // Sent again, it is the same booking.
    assert_eq!(book(&suite, booking("b1", "u1", &slot.name)).await.unwrap(), first);
    assert_eq!(free_slots(&suite).await[0].free_count, 2);
    let exists = (Code::AlreadyExists, "RESOURCE_EXISTS".to_owned());
    assert_eq!(refused(book(&suite, booking("b1", "u2", &slot.name)).await), exists);
    let second = book(&suite, booking("b2", "u1", &slot.name)).await.unwrap_err();
    assert!(second.message().contains(&first.name), "{second}");
    assert_eq!(refused::<Booking>(Err(second)), exists);

    // Who cancels may book again.
    assert_eq!(refused(cancel(&suite, "b1", "u2").await).0, Code::NotFound);
    for _ in 0..2 {
        assert_eq!(cancel(&suite, "b1", "u1").await.unwrap().state(), BookingState::Cancelled);
    }
    assert_eq!(free_slots(&suite).await[0].free_count, 3);
    assert_eq!(refused(complete(&suite, "b1").await), wrong_state());
    for (id, user) in [("b3", "u1"), ("b4", "u2"), ("b5", "u3")] {
        book(&suite, booking(id, user, &slot.name)).await.unwrap();
    }
    assert_eq!(free_slots(&suite).await, []);
    let full = (Code::ResourceExhausted, "SOLD_OUT".to_owned());
    assert_eq!(refused(book(&suite, booking("b6", "u4", &slot.name)).await), full);
    assert_eq!(fields(&decline(&suite, "b5", " ").await.unwrap_err()), ["reason"]);
    let declined = decline(&suite, "b5", "Closed for repairs").await.unwrap();
    assert_eq!(
        (declined.state(), declined.decline_reason.as_str()),
        (BookingState::Declined, "Closed for repairs")
    );
    book(&suite, booking("b6", "u4", &slot.name)).await.unwrap();

    assert_eq!(refused(complete(&suite, "b3").await), wrong_state());
    suite.advance(Duration::from_secs(3_600)).await;
    assert_eq!(refused(cancel(&suite, "b3", "u1").await), wrong_state());
    assert_eq!(complete(&suite, "b3").await.unwrap().state(), BookingState::Completed);
    assert_eq!(refused(complete(&suite, "b3").await), wrong_state());
    assert_eq!(missed(&suite, "b4").await.unwrap().state(), BookingState::NoShow);
    let late = (Code::FailedPrecondition, "OUTSIDE_VALIDITY".to_owned());
    assert_eq!(refused(book(&suite, booking("b7", "u5", &slot.name)).await), late);
    // What was booked before is answered as it is.
    assert_eq!(book(&suite, booking("b3", "u1", &slot.name)).await.unwrap().state(), BookingState::Completed);
    suite.finish().await;
}

async fn bookings_are_listed_and_read(suite: TestSuite) {
    let near = shop_with_slot(&suite, 9).await;
    let far = create_slots(&suite, vec![slot(&suite, 5, 6, 9)]).await.unwrap().remove(0);
    for (id, user, slot) in [("b3", "u1", &far), ("b2", "u2", &near), ("b1", "u1", &near)] {
        book(&suite, booking(id, user, &slot.name)).await.unwrap();
    }
    let list = |request: ListBookingsRequest| {
        let mut client = bookings(&suite);
        let request = ListBookingsRequest { parent: "accounts/shop".to_owned(), ..request };
        async move {
            let page = client.list_bookings(request).await.unwrap().into_inner();
            assert!(page.bookings.iter().all(|booking| booking.contact_phone == "+86****5678"));
            let ids = page.bookings.iter().map(|booking| booking.name.rsplit('/').next().unwrap().to_owned());
            (ids.collect::<Vec<_>>(), page.next_page_token)
        }
    };
    let (page, page_token) =
        list(ListBookingsRequest { page_size: 2, ..ListBookingsRequest::default() }).await;
    assert_eq!(page, ["b1", "b2"]);
    let rest = list(ListBookingsRequest { page_size: 2, page_token, ..ListBookingsRequest::default() }).await;
    assert_eq!(rest, (vec!["b3".to_owned()], String::new()));
    let of_card = ListBookingsRequest { card: CARD.to_owned(), ..ListBookingsRequest::default() };
    assert_eq!(list(of_card).await.0.len(), 3);
    let later = ListBookingsRequest { start_time: far.start_time, ..ListBookingsRequest::default() };
    assert_eq!(list(later).await.0, ["b3"]);

    let caller = Caller::user("users/u1");
    let mut user = BookingServiceClient::new(suite.client_as(&caller).await);
    let of_user = |user: &str| ListUserBookingsRequest {
        parent: "accounts/shop".to_owned(),
        user: format!("users/{user}"),
        ..ListUserBookingsRequest::default()
    };
    let own = user.list_user_bookings(of_user("u1")).await.unwrap().into_inner().bookings;
    assert_eq!(own.len(), 2);
    assert_eq!(refused(user.list_user_bookings(of_user("u2")).await).0, Code::PermissionDenied);
    let other = booking("b9", "u2", &far.name);
    assert_eq!(refused(user.create_booking(other).await).0, Code::PermissionDenied);

    let request = GetBookingRequest { name: "accounts/shop/bookings/b1".to_owned() };
    let mut agent = BookingServiceClient::new(suite.operator("accounts/shop", Role::Agent).await);
    let read = agent.get_booking(request).await.unwrap().into_inner().booking.unwrap();
    assert_eq!(read.contact_phone, "+861062345678");
    let entries = entries(&suite, "accounts/shop", "accounts").await;
    assert_eq!(entries.iter().filter(|entry| entry.method.ends_with("/GetBooking")).count(), 1);
    let stored = texts_of_accounts_db(&suite, "SELECT sealed FROM booking").await;
    assert!(stored.iter().all(|sealed| !sealed.is_empty() && !sealed.contains("62345678")));
    suite.finish().await;
}

async fn phone_numbers_are_checked(suite: TestSuite) {
    let slot = shop_with_slot(&suite, 9).await;
    for phone in ["62345678", "abc", "138123456789"] {
        let request =
            CreateBookingRequest { contact_phone: phone.to_owned(), ..booking("b1", "u1", &slot.name) };
        let status = book(&suite, request).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec!["contact_phone".to_owned()])
        );
        assert!(!status.message().contains(phone), "{status}");
    }
    let without = CreateBookingRequest { contact_phone: String::new(), ..booking("b1", "u1", &slot.name) };
    assert_eq!(book(&suite, without.clone()).await.unwrap().contact_phone, "");
    let foreign = CreateBookingRequest {
        contact_phone: "＋１ 650-253-0000".to_owned(),
        ..booking("b2", "u2", &slot.name)
    };
    assert_eq!(book(&suite, foreign).await.unwrap().contact_phone, "+16****0000");

    create_card(&suite, "with-contact", booking_card(true)).await.unwrap();
    let request = CreateSlotsRequest {
        parent: "accounts/shop/cards/with-contact".to_owned(),
        slots: vec![self::slot(&suite, 1, 2, 1)],
        ..CreateSlotsRequest::default()
    };
    let slots = bookings(&suite).create_slots(request).await.unwrap().into_inner().slots;
    let without =
        CreateBookingRequest { booking_id: "b3".to_owned(), slot: slots[0].name.clone(), ..without };
    assert_eq!(fields(&book(&suite, without).await.unwrap_err()), ["contact_phone"]);
    suite.finish().await;
}

/// 64 users, 10 places; some cancel at the same time.
async fn ten_places_are_taken_by_ten(suite: TestSuite) {
    let slot = shop_with_slot(&suite, 10).await;
    let mut booking_at_once = JoinSet::new();
    for number in 0..64 {
        let mut client = bookings(&suite);
        let request = booking(&format!("b{number}"), &format!("u{number}"), &slot.name);
        booking_at_once.spawn(async move { client.create_booking(request).await.map(drop) });
    }
    let refused: Vec<_> = booking_at_once.join_all().await.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 54);
    for status in refused {
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::ResourceExhausted, "SOLD_OUT"),
            "{status}"
        );
    }
    assert_eq!(slots(&suite).await[0].free_count, 0);
    let states = "SELECT state FROM booking";
    assert_eq!(texts_of_accounts_db(&suite, states).await, vec!["booked"; 10]);

    // Those who have a place cancel while the others try again: the counter follows.
    let mut changing = JoinSet::new();
    for number in 0..64 {
        let (mut client, mut other) = (bookings(&suite), bookings(&suite));
        let (id, user) = (format!("b{number}"), format!("users/u{number}"));
        let request = booking(&format!("again{number}"), &format!("u{number}"), &slot.name);
        changing.spawn(async move {
            let name = format!("accounts/shop/bookings/{id}");
            let _ = client.cancel_booking(CancelBookingRequest { name, user }).await;
            let _ = other.create_booking(request).await;
        });
    }
    changing.join_all().await;
    let booked = "SELECT booking_id FROM booking WHERE state = 'booked'";
    let booked = texts_of_accounts_db(&suite, booked).await.len();
    let free = usize::try_from(slots(&suite).await[0].free_count).unwrap();
    assert_eq!(booked + free, 10);
    suite.finish().await;
}

async fn the_crm_learns_that_they_booked(suite: TestSuite) {
    let slot = shop_with_slot(&suite, 1).await;
    book(&suite, booking("b1", "u1", &slot.name)).await.unwrap();
    cancel(&suite, "b1", "u1").await.unwrap();
    suite.advance(Duration::from_millis(1)).await;
    let events = events_after(&suite, Vec::new()).await.unwrap();
    let observed =
        events.iter().filter_map(|event| event.payload.as_ref()?.to_msg::<InteractionsObserved>().ok());
    let observed: Vec<_> = observed.flat_map(|observed| observed.interactions).collect();
    let [interaction] = &observed[..] else { panic!("{observed:?}") };
    assert_eq!((interaction.event_id.as_str(), interaction.kind()), ("booking:b1", InteractionKind::Booking));
    assert_eq!((interaction.target.as_str(), interaction.mount.as_str()), (CARD, "accounts/shop/homepage"));
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_booking_goes_its_way,
    bookings_are_listed_and_read,
    phone_numbers_are_checked,
    slots_are_made_listed_and_deleted,
    slots_made_at_once_do_not_overlap,
    slots_with_mistakes_are_not_made,
    ten_places_are_taken_by_ten,
    the_crm_learns_that_they_booked,
);
