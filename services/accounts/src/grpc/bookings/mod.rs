//! `BookingService`: decode, call the use case, encode.

mod convert;

use siyu_proto::accounts::v1::{
    CancelBookingRequest, CancelBookingResponse, CompleteBookingRequest, CompleteBookingResponse,
    CreateBookingRequest, CreateBookingResponse, CreateSlotsRequest, CreateSlotsResponse,
    DeclineBookingRequest, DeclineBookingResponse, DeleteSlotRequest, DeleteSlotResponse, GetBookingRequest,
    GetBookingResponse, ListBookingsRequest, ListBookingsResponse, ListFreeSlotsRequest,
    ListFreeSlotsResponse, ListSlotsRequest, ListSlotsResponse, ListUserBookingsRequest,
    ListUserBookingsResponse, MarkNoShowRequest, MarkNoShowResponse, booking_service_server::BookingService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, name, time::from_proto};
use tonic::{Request, Response, Status};

use self::convert::{booking_ids, new_booking, new_slots, slot_ids, to_booking, to_slot};
use super::cards::{card_ids, card_of};
use crate::{Accounts, domain::booking::Step, store::booking::Of};

#[tonic::async_trait]
impl BookingService for Accounts {
    async fn create_slots(
        &self,
        request: Request<CreateSlotsRequest>,
    ) -> Result<Response<CreateSlotsResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, card_id] = card_ids(&request.parent, "parent")?;
        let new = new_slots(&request.slots)?;
        let slots = self.create_slots(&mutation, account_id, card_id, &new).await?;
        Ok(Response::new(CreateSlotsResponse { slots: slots.into_iter().map(to_slot).collect() }))
    }

    async fn list_slots(
        &self,
        request: Request<ListSlotsRequest>,
    ) -> Result<Response<ListSlotsResponse>, Status> {
        let request = admit(request)?;
        let [account_id, card_id] = card_ids(&request.parent, "parent")?;
        let arguments = format!("ListSlots {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (slots, next_page_token) = self.list_slots(account_id, card_id, false, &page).await?;
        let slots = slots.into_iter().map(to_slot).collect();
        Ok(Response::new(ListSlotsResponse { slots, next_page_token }))
    }

    async fn list_free_slots(
        &self,
        request: Request<ListFreeSlotsRequest>,
    ) -> Result<Response<ListFreeSlotsResponse>, Status> {
        let request = admit(request)?;
        let [account_id, card_id] = card_ids(&request.parent, "parent")?;
        let arguments = format!("ListFreeSlots {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (slots, next_page_token) = self.list_slots(account_id, card_id, true, &page).await?;
        let slots = slots.into_iter().map(to_slot).collect();
        Ok(Response::new(ListFreeSlotsResponse { slots, next_page_token }))
    }

    async fn delete_slot(
        &self,
        request: Request<DeleteSlotRequest>,
    ) -> Result<Response<DeleteSlotResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let (account_id, card_id, start) = slot_ids(&request.name, "name")?;
        self.delete_slot(&mutation, account_id, card_id, start).await?;
        Ok(Response::new(DeleteSlotResponse {}))
    }

    async fn create_booking(
        &self,
        request: Request<CreateBookingRequest>,
    ) -> Result<Response<CreateBookingResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let booking = self.create_booking(&mutation, &new_booking(request)?).await?;
        Ok(Response::new(CreateBookingResponse { booking: Some(to_booking(booking)?) }))
    }

    async fn cancel_booking(
        &self,
        request: Request<CancelBookingRequest>,
    ) -> Result<Response<CancelBookingResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let ids = booking_ids(&request.name)?;
        let user_id = name::id(&request.user, "users", "user")?;
        let booking = self.settle_booking(&mutation, ids, Some(user_id), Step::Cancel, "").await?;
        Ok(Response::new(CancelBookingResponse { booking: Some(to_booking(booking)?) }))
    }

    async fn decline_booking(
        &self,
        request: Request<DeclineBookingRequest>,
    ) -> Result<Response<DeclineBookingResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let ids = booking_ids(&request.name)?;
        let reason = request.reason.trim();
        if reason.is_empty() {
            return Err(Error::invalid_field("reason", "must not be empty").into());
        }
        let booking = self.settle_booking(&mutation, ids, None, Step::Decline, reason).await?;
        Ok(Response::new(DeclineBookingResponse { booking: Some(to_booking(booking)?) }))
    }

    async fn complete_booking(
        &self,
        request: Request<CompleteBookingRequest>,
    ) -> Result<Response<CompleteBookingResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let ids = booking_ids(&request.name)?;
        let booking = self.settle_booking(&mutation, ids, None, Step::Complete, "").await?;
        Ok(Response::new(CompleteBookingResponse { booking: Some(to_booking(booking)?) }))
    }

    async fn mark_no_show(
        &self,
        request: Request<MarkNoShowRequest>,
    ) -> Result<Response<MarkNoShowResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let ids = booking_ids(&request.name)?;
        let booking = self.settle_booking(&mutation, ids, None, Step::MissIt, "").await?;
        Ok(Response::new(MarkNoShowResponse { booking: Some(to_booking(booking)?) }))
    }

    async fn get_booking(
        &self,
        request: Request<GetBookingRequest>,
    ) -> Result<Response<GetBookingResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let (account_id, booking_id) = booking_ids(&request.name)?;
        let booking = self.get_booking(&mutation, account_id, booking_id).await?;
        Ok(Response::new(GetBookingResponse { booking: Some(to_booking(booking)?) }))
    }

    async fn list_bookings(
        &self,
        request: Request<ListBookingsRequest>,
    ) -> Result<Response<ListBookingsResponse>, Status> {
        let request = admit(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let of = match request.card.as_str() {
            "" => Of::Account,
            card => Of::Card(card_of(card, account_id, "card")?),
        };
        let from = match &request.start_time {
            None => i64::MIN,
            Some(time) => {
                let wrong = || Error::invalid_field("start_time", "must be a valid timestamp");
                from_proto(time).ok_or_else(wrong)?.0
            }
        };
        let arguments = format!("ListBookings {account_id} {of:?} {from}");
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (bookings, next_page_token) = self.list_bookings(account_id, of, from, &page).await?;
        let bookings = bookings.into_iter().map(to_booking).collect::<Result<_, _>>()?;
        Ok(Response::new(ListBookingsResponse { bookings, next_page_token }))
    }

    async fn list_user_bookings(
        &self,
        request: Request<ListUserBookingsRequest>,
    ) -> Result<Response<ListUserBookingsResponse>, Status> {
        let request = admit(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let of = Of::User(name::id(&request.user, "users", "user")?);
        let arguments = format!("ListUserBookings {account_id} {of:?}");
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (bookings, next_page_token) = self.list_bookings(account_id, of, i64::MIN, &page).await?;
        let bookings = bookings.into_iter().map(to_booking).collect::<Result<_, _>>()?;
        Ok(Response::new(ListUserBookingsResponse { bookings, next_page_token }))
    }
}
