//! What services must know of accounts: that they exist, whether they are certified, their time zones, and their cards. From memory
//! where that does, else by asking.

use std::time::Duration;

use jiff::tz::TimeZone;
use quick_cache::sync::Cache;
use siyu_clock::{Clock, Micros};
use siyu_proto::accounts::v1::{
    Account, Card, CardKind, CardState, GetAccountRequest, GetCardRequest, LeadForm,
    accounts_service_client::AccountsServiceClient, card_service_client::CardServiceClient,
};
use siyu_rpc::{
    Error,
    peer::{Peer, unanswered},
    time::from_proto,
};
use tonic::Code;

/// Accounts that are remembered.
const MOST_KNOWN: usize = 100_000;
/// How long it is believed what an account is certified as: so much later a change shows.
const BELIEVED: Duration = Duration::from_secs(60);

/// What is known of an account.
#[derive(Debug, Clone)]
struct Known {
    /// The first moment at which it is certified, and the first at which it is no longer.
    certified: Option<(Micros, Micros)>,
    zone: TimeZone,
    asked: Micros,
}

/// Knows accounts: from memory, or by asking.
pub struct Accounts {
    clock: Clock,
    accounts: AccountsServiceClient<Peer>,
    cards: CardServiceClient<Peer>,
    known: Cache<String, Known>,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").finish_non_exhaustive()
    }
}

impl Accounts {
    /// Asks `accounts`, which serves them.
    #[must_use]
    pub fn new(clock: Clock, accounts: Peer) -> Self {
        Self {
            clock,
            accounts: AccountsServiceClient::new(accounts.clone()),
            cards: CardServiceClient::new(accounts),
            known: Cache::new(MOST_KNOWN),
        }
    }

    /// That there is such an account. One that there was, there is for ever.
    ///
    /// # Errors
    /// NOT_FOUND when there is none; UNAVAILABLE.
    pub async fn check(&self, account_id: &str) -> Result<(), Error> {
        if self.known.get(account_id).is_none() {
            self.ask(account_id).await?;
        }
        Ok(())
    }

    /// Its time zone. Where that cannot be asked again it is the one that it was.
    ///
    /// # Errors
    /// NOT_FOUND when there is no such account; UNAVAILABLE.
    pub async fn zone(&self, account_id: &str) -> Result<TimeZone, Error> {
        let known = self.known.get(account_id);
        if let Some(known) = known.as_ref().filter(|known| self.clock.now() < known.asked.plus(BELIEVED)) {
            return Ok(known.zone.clone());
        }
        match (self.ask(account_id).await, known) {
            (Ok(known), _) | (Err(_), Some(known)) => Ok(known.zone),
            (Err(error), None) => Err(error),
        }
    }

    /// Whether it is certified now.
    ///
    /// # Errors
    /// NOT_FOUND when there is no such account; UNAVAILABLE.
    pub async fn is_certified(&self, account_id: &str) -> Result<bool, Error> {
        let now = self.clock.now();
        let known = match self.known.get(account_id) {
            Some(known) if now < known.asked.plus(BELIEVED) => known,
            _ => self.ask(account_id).await?,
        };
        Ok(known.certified.is_some_and(|(start, end)| (start..end).contains(&now)))
    }

    /// The time zone of its calendar.
    ///
    /// # Errors
    /// NOT_FOUND when there is no such account; UNAVAILABLE.
    pub async fn time_zone(&self, account_id: &str) -> Result<String, Error> {
        Ok(self.read(account_id).await?.time_zone)
    }

    /// What users know it as.
    ///
    /// # Errors
    /// NOT_FOUND when there is no such account; UNAVAILABLE.
    pub async fn display_name(&self, account_id: &str) -> Result<String, Error> {
        Ok(self.read(account_id).await?.display_name)
    }

    async fn read(&self, account_id: &str) -> Result<Account, Error> {
        let name = format!("accounts/{account_id}");
        let answer = self.accounts.clone().get_account(GetAccountRequest { name: name.clone() }).await;
        let account = answer.map_err(|status| unanswered(status, "accounts", &name))?.into_inner().account;
        Ok(account.unwrap_or_default())
    }

    async fn ask(&self, account_id: &str) -> Result<Known, Error> {
        let asked = self.clock.now();
        let account = self.read(account_id).await?;
        let zone = TimeZone::get(&account.time_zone).map_err(Error::internal)?;
        let certified = account.certification_term.and_then(|term| {
            Some((from_proto(term.start_time.as_ref()?)?, from_proto(term.expire_time.as_ref()?)?))
        });
        let known = Known { certified, zone, asked };
        self.known.insert(account_id.to_owned(), known.clone());
        Ok(known)
    }

    /// That there is a card, which can be shown; `field` is where it was named. Answers its kind.
    ///
    /// # Errors
    /// INVALID_ARGUMENT with the field; UNAVAILABLE.
    pub async fn check_card(&self, name: &str, field: &str) -> Result<CardKind, Error> {
        Ok(self.card(name, field).await?.kind())
    }

    /// What a lead form asks for, which can be shown; `field` is where it was named.
    ///
    /// # Errors
    /// INVALID_ARGUMENT with the field; UNAVAILABLE.
    pub async fn lead_form(&self, name: &str, field: &str) -> Result<LeadForm, Error> {
        let form = self.card(name, field).await?.lead_form;
        form.ok_or_else(|| Error::invalid_field(field, "must be a card of the kind LEAD_FORM"))
    }

    async fn card(&self, name: &str, field: &str) -> Result<Card, Error> {
        let card = match self.cards.clone().get_card(GetCardRequest { name: name.to_owned() }).await {
            Ok(answer) => answer.into_inner().card.unwrap_or_default(),
            Err(status) if status.code() == Code::NotFound => {
                return Err(Error::invalid_field(field, format!("there is no {name}")));
            }
            Err(status) => return Err(unanswered(status, "accounts", name)),
        };
        if card.state() == CardState::Archived {
            return Err(Error::invalid_field(field, format!("{name} is archived")));
        }
        Ok(card)
    }
}
