//! `AppointmentService`: decode, call the use case, encode.

use siyu_clock::Micros;
use siyu_observed::{Origin, stored_domain};
use siyu_proto::accounts::v1::{
    self as pb, CancelAppointmentRequest, CancelAppointmentResponse, CreateAppointmentRequest,
    CreateAppointmentResponse, ListAppointmentsRequest, ListAppointmentsResponse,
    ListUserAppointmentsRequest, ListUserAppointmentsResponse,
    appointment_service_server::AppointmentService,
};
use siyu_rpc::{Error, Page, admit, name, time::to_proto};
use tonic::{Request, Response, Status};

use super::contents::content_ids;
use crate::{
    Accounts,
    app::{NewAppointment, With},
    store::appointment::Appointment,
};

#[tonic::async_trait]
impl AppointmentService for Accounts {
    async fn create_appointment(
        &self,
        request: Request<CreateAppointmentRequest>,
    ) -> Result<Response<CreateAppointmentResponse>, Status> {
        let request = admit(request)?;
        let made = self.create_appointment(&new_appointment(request)?).await?;
        let appointment = made.appointment.map(to_appointment);
        Ok(Response::new(CreateAppointmentResponse { appointment, live_now: made.live_now }))
    }

    async fn cancel_appointment(
        &self,
        request: Request<CancelAppointmentRequest>,
    ) -> Result<Response<CancelAppointmentResponse>, Status> {
        let request = admit(request)?;
        let [account_id, content_id] = content_ids(&request.parent, "parent")?;
        let user_id = name::id(&request.user, "users", "user")?;
        let appointment = self.cancel_appointment(account_id, content_id, user_id).await?;
        Ok(Response::new(CancelAppointmentResponse { appointment: Some(to_appointment(appointment)) }))
    }

    async fn list_appointments(
        &self,
        request: Request<ListAppointmentsRequest>,
    ) -> Result<Response<ListAppointmentsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListAppointments {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let [account_id, content_id] = content_ids(&request.parent, "parent")?;
        let (appointments, next_page_token) = self.list_appointments(account_id, content_id, &page).await?;
        let appointments = appointments.into_iter().map(to_appointment).collect();
        Ok(Response::new(ListAppointmentsResponse { appointments, next_page_token }))
    }

    async fn list_user_appointments(
        &self,
        request: Request<ListUserAppointmentsRequest>,
    ) -> Result<Response<ListUserAppointmentsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListUserAppointments {} {}", request.parent, request.user);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let user_id = name::id(&request.user, "users", "user")?;
        let (appointments, next_page_token) = self.list_user_appointments(account_id, user_id, &page).await?;
        let appointments = appointments.into_iter().map(to_appointment).collect();
        Ok(Response::new(ListUserAppointmentsResponse { appointments, next_page_token }))
    }
}

fn new_appointment(request: CreateAppointmentRequest) -> Result<NewAppointment, Error> {
    let account_id = name::id(&request.parent, "accounts", "parent")?;
    let with = match (request.content.is_empty(), request.card.is_empty()) {
        (false, true) => {
            let ids = content_ids(&request.content, "content")?;
            With::Content(of_account(account_id, ids, "content")?)
        }
        (true, false) => {
            let ids = name::ids(&request.card, ["accounts", "cards"]);
            let ids =
                ids.ok_or_else(|| Error::invalid_field("card", "must be accounts/{account}/cards/{card}"))?;
            With::Card(of_account(account_id, ids, "card")?)
        }
        _ => return Err(Error::invalid_field("content", "must be set, or else card")),
    };
    Ok(NewAppointment {
        account_id: account_id.to_owned(),
        user_id: name::id(&request.user, "users", "user")?.to_owned(),
        with,
        origin: Origin {
            source_domain: stored_domain(request.source_domain()),
            mount: request.mount,
            campaign: request.campaign,
        },
    })
}

/// The id of what must be of the account.
fn of_account(account_id: &str, [owner, id]: [&str; 2], field: &str) -> Result<String, Error> {
    if owner == account_id {
        return Ok(id.to_owned());
    }
    Err(Error::invalid_field(field, format!("must be of accounts/{account_id}, as parent says")))
}

fn to_appointment(appointment: Appointment) -> pb::Appointment {
    let account = format!("accounts/{}", appointment.account_id);
    let card = match appointment.card_id.as_str() {
        "" => String::new(),
        card_id => format!("{account}/cards/{card_id}"),
    };
    let state = match appointment.cancelled {
        0 => pb::AppointmentState::Active,
        _ => pb::AppointmentState::Cancelled,
    };
    pb::Appointment {
        name: appointment.name(),
        content: format!("{account}/contents/{}", appointment.content_id),
        user: format!("users/{}", appointment.user_id),
        card,
        mount: appointment.mount,
        state: state.into(),
        create_time: Some(to_proto(Micros(appointment.create_time))),
        update_time: Some(to_proto(Micros(appointment.update_time))),
    }
}
