//! Appointments with lives (A6).

mod notices;

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_observed::{Origin, interaction, interactions_observed};
use siyu_proto::crm::v1::InteractionKind;
use siyu_rpc::{Error, Page, name, retrying};

use super::{
    cards::{check_active, check_conditions},
    contents::{locked, wrong_state},
};
use crate::{
    Accounts,
    domain::{
        card::Settings,
        content::{ContentKind, ContentState},
    },
    store::{self, appointment::Appointment, content::Content},
};

/// What a user asks for.
#[derive(Debug, Clone)]
pub(crate) struct NewAppointment {
    pub(crate) account_id: String,
    pub(crate) user_id: String,
    pub(crate) with: With,
    pub(crate) origin: Origin,
}

/// What an appointment is made with.
#[derive(Debug, Clone)]
pub(crate) enum With {
    /// A live, by id.
    Content(String),
    /// A card that names a live, by id.
    Card(String),
}

/// What becomes of a wish for an appointment.
#[derive(Debug, Clone)]
pub(crate) struct Appointed {
    /// None where the live runs already and there was none before.
    pub(crate) appointment: Option<Appointment>,
    pub(crate) live_now: bool,
}

impl Accounts {
    /// Makes an appointment of a user with a live, once.
    pub(crate) async fn create_appointment(&self, new: &NewAppointment) -> Result<Appointed, Error> {
        let (content_id, card_id) = match &new.with {
            With::Content(content_id) => (content_id.clone(), String::new()),
            With::Card(card_id) => (self.live_of_card(new, card_id).await?, card_id.clone()),
        };
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let content = locked(&mut tx, &new.account_id, &content_id).await?;
            let before = store::appointment::get(&mut tx, &new.account_id, &content_id, &new.user_id).await?;
            let live_now = content.state == ContentState::Live;
            if before.as_ref().is_some_and(|before| before.cancelled == 0) || live_now {
                return Ok(Appointed { appointment: before, live_now });
            }
            check_can_come(&content)?;
            let appointment = Appointment {
                account_id: new.account_id.clone(),
                content_id: content_id.clone(),
                user_id: new.user_id.clone(),
                card_id: card_id.clone(),
                mount: new.origin.mount.clone(),
                cancelled: 0,
                create_time: before.as_ref().map_or(now.0, |before| before.create_time),
                update_time: now.0,
            };
            self.store_made(&mut tx, &appointment, new, before.is_none(), now).await?;
            tx.commit().await?;
            self.outbox.wake();
            Ok(Appointed { appointment: Some(appointment), live_now })
        })
        .await
    }

    /// The live that a card names. Its conditions must be met, except by whoever has an appointment already.
    async fn live_of_card(&self, new: &NewAppointment, card_id: &str) -> Result<String, Error> {
        let NewAppointment { account_id, user_id, .. } = new;
        let card = self.get_card(account_id, card_id).await?;
        check_active(&card)?;
        let Settings::LiveAppointment { content } = &card.content.settings else {
            return Err(Error::invalid_field("card", "must be of the kind LIVE_APPOINTMENT"));
        };
        let ids = name::ids(content, ["accounts", "contents"]);
        let [_, content_id] = ids.ok_or_else(|| Error::internal(format!("card.content {content:?}")))?;
        let conditions = &card.content.conditions;
        if !conditions.is_empty() && !self.has_appointment(account_id, content_id, user_id).await? {
            let standing = self.fans.standing(account_id, user_id).await?;
            check_conditions(conditions, &standing, &card.name())?;
        }
        Ok(content_id.to_owned())
    }

    async fn has_appointment(
        &self,
        account_id: &str,
        content_id: &str,
        user_id: &str,
    ) -> Result<bool, Error> {
        let mut tx = self.db.begin_read().await?;
        let found = store::appointment::get(&mut tx, account_id, content_id, user_id).await?;
        Ok(found.is_some_and(|appointment| appointment.cancelled == 0))
    }

    /// Stores an appointment that was made, for the first time or again; the CRM hears of the first time.
    async fn store_made(
        &self,
        tx: &mut Tx,
        appointment: &Appointment,
        new: &NewAppointment,
        is_first: bool,
        now: Micros,
    ) -> Result<(), Error> {
        if !is_first {
            return Ok(store::appointment::update(tx, appointment).await?);
        }
        store::appointment::insert(tx, appointment).await?;
        let account_id = &appointment.account_id;
        let target = match &new.with {
            With::Content(content_id) => format!("accounts/{account_id}/contents/{content_id}"),
            With::Card(card_id) => format!("accounts/{account_id}/cards/{card_id}"),
        };
        let event_id = format!("appointment:{}", self.ids.ulid(now));
        let kind = InteractionKind::LiveAppointment;
        let interaction = interaction(event_id, &appointment.user_id, kind, now, target, &new.origin);
        let events = interactions_observed(account_id, [interaction.into()]);
        Ok(self.outbox.write(tx, events).await?)
    }

    /// Cancels the appointment of a user.
    pub(crate) async fn cancel_appointment(
        &self,
        account_id: &str,
        content_id: &str,
        user_id: &str,
    ) -> Result<Appointment, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let content = locked(&mut tx, account_id, content_id).await?;
            let found = store::appointment::get(&mut tx, account_id, content_id, user_id).await?;
            let not_found = || Error::not_found(&format!("{}/appointments/{user_id}", content.name()));
            let mut appointment = found.ok_or_else(not_found)?;
            if appointment.cancelled == 0 {
                appointment.cancelled = 1;
                appointment.update_time = now.0;
                store::appointment::update(&mut tx, &appointment).await?;
                tx.commit().await?;
            }
            Ok(appointment)
        })
        .await
    }

    /// A page of the appointments with a live, and the token of the next.
    pub(crate) async fn list_appointments(
        &self,
        account_id: &str,
        content_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<Appointment>, String), Error> {
        self.get_content(account_id, content_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut found =
            store::appointment::list(&mut tx, account_id, content_id, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.user_id.clone())?;
        Ok((found, next))
    }

    /// A page of the appointments of a user, and the token of the next.
    pub(crate) async fn list_user_appointments(
        &self,
        account_id: &str,
        user_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<Appointment>, String), Error> {
        self.get_account(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut found =
            store::appointment::list_of_user(&mut tx, account_id, user_id, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.content_id.clone())?;
        Ok((found, next))
    }
}

/// Whether it is a live that is still to come.
fn check_can_come(content: &Content) -> Result<(), Error> {
    match (content.kind, content.state) {
        (ContentKind::Live, ContentState::Scheduled) => Ok(()),
        (ContentKind::Video, _) => {
            Err(wrong_state(content, "is a video: appointments are made with lives".to_owned()))
        }
        (ContentKind::Live, state) => {
            Err(wrong_state(content, format!("is {}: there is nothing to wait for", state.name())))
        }
    }
}
