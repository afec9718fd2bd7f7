//! Certification of accounts as enterprises (A1): apply, review, expiry.

use jiff::tz::TimeZone;
use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, failures::Failures, retrying};
use tonic::Code;

use super::create::{check_display_name, to_json};
use crate::{
    Accounts,
    domain::{certification::Term, credit_code, right::CertificationClass},
    events,
    store::{
        self,
        account::Account,
        certification::{Certification, Place},
    },
};

/// Expired certifications that are looked up at once.
const EXPIRED_AT_ONCE: i64 = 100;

/// What is applied with.
#[derive(Debug, Clone)]
pub(crate) struct Application {
    pub(crate) company_name: String,
    pub(crate) social_credit_code: String,
    /// Kind, name and SHA-256 of each.
    pub(crate) documents: Vec<(String, String, String)>,
}

/// What a review comes to.
#[derive(Debug, Clone)]
pub(crate) enum Decision {
    Approve,
    Reject { reason: String },
}

/// What an account is certified as, and how that came to be.
#[derive(Debug, Clone)]
pub(crate) struct CertificationStatus {
    pub(crate) class: CertificationClass,
    pub(crate) account: Account,
    pub(crate) latest: Option<Certification>,
}

/// What the account is certified as at `time`. It depends on the terms alone, not on background work.
pub(crate) async fn certification_class(
    tx: &mut Tx,
    account_id: &str,
    time: Micros,
) -> Result<CertificationClass, Error> {
    let is_certified = store::certification::covers(tx, account_id, time.0).await?;
    Ok(if is_certified { CertificationClass::Certified } else { CertificationClass::Basic })
}

impl Accounts {
    /// Applies for the certification of an account.
    pub(crate) async fn apply_certification(
        &self,
        mutation: &Mutation,
        account_id: &str,
        application: &Application,
    ) -> Result<Certification, Error> {
        check_display_name("certification.company_name", &application.company_name)?;
        if let Some(mistake) = credit_code::mistake(&application.social_credit_code) {
            return Err(Error::invalid_field("certification.social_credit_code", mistake));
        }
        let documents = to_json(&application.documents)?;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let account = locked(&mut tx, account_id).await?;
            let latest = store::certification::latest(&mut tx, account_id).await?;
            check_may_apply(&account, latest.as_ref(), now)?;
            let certification = Certification {
                account_id: account_id.to_owned(),
                number: latest.map_or(1, |latest| latest.number + 1),
                state: "pending".to_owned(),
                company_name: application.company_name.clone(),
                social_credit_code: application.social_credit_code.clone(),
                documents: documents.clone(),
                reject_reason: String::new(),
                apply_time: now.0,
                review_time: None,
                start_time: None,
                expire_time: None,
                ends_certification: 0,
            };
            store::certification::insert(&mut tx, &certification).await?;
            mutation.finish(tx, &certification, now).await?;
            Ok(certification)
        })
        .await
    }

    /// Approves or rejects an application.
    pub(crate) async fn review_certification(
        &self,
        mutation: &Mutation,
        account_id: &str,
        number: i64,
        decision: &Decision,
    ) -> Result<Certification, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let mut account = locked(&mut tx, account_id).await?;
            let found = store::certification::get(&mut tx, account_id, number).await?;
            let name = format!("accounts/{account_id}/certifications/{number}");
            let mut certification = found.ok_or_else(|| Error::not_found(&name))?;
            if certification.state != "pending" {
                let message = format!("{name} was {} before: it is reviewed once", certification.state);
                return Err(wrong_state(message));
            }
            certification.review_time = Some(now.0);
            match decision {
                Decision::Approve => self.approve(&mut tx, &mut certification, &mut account, now).await?,
                Decision::Reject { reason } => {
                    self.reject(&mut tx, &mut certification, &account, reason).await?;
                }
            }
            mutation.finish(tx, &certification, now).await?;
            self.outbox.wake();
            Ok(certification)
        })
        .await
    }

    async fn approve(
        &self,
        tx: &mut Tx,
        certification: &mut Certification,
        account: &mut Account,
        now: Micros,
    ) -> Result<(), Error> {
        // The term before may have ended a moment ago.
        self.expire(tx, account, now).await?;
        let held = term_of(account).filter(|held| held.covers(now));
        let term = Term::of_approval(now, held, &zone_of(account)?).map_err(Error::internal)?;
        certification.state = "approved".to_owned();
        certification.start_time = Some(term.start.0);
        certification.expire_time = Some(term.end.0);
        certification.ends_certification = 1;
        store::certification::settle(tx, &account.account_id).await?;
        store::certification::review(tx, certification).await?;
        account.certification_start_time = Some(held.unwrap_or(term).start.0);
        account.certification_expire_time = Some(term.end.0);
        account.update_time = now.0;
        store::account::certify(tx, account).await?;
        Ok(self.outbox.write(tx, [events::certification_approved(certification, account)?]).await?)
    }

    async fn reject(
        &self,
        tx: &mut Tx,
        certification: &mut Certification,
        account: &Account,
        reason: &str,
    ) -> Result<(), Error> {
        certification.state = "rejected".to_owned();
        certification.reject_reason = reason.to_owned();
        store::certification::review(tx, certification).await?;
        Ok(self.outbox.write(tx, [events::certification_rejected(certification, account)?]).await?)
    }

    /// What an account is certified as now, and its last application.
    pub(crate) async fn get_certification(&self, account_id: &str) -> Result<CertificationStatus, Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin_read().await?;
        let found = store::account::get(&mut tx, account_id).await?;
        let account = found.ok_or_else(|| account_not_found(account_id))?;
        let class = certification_class(&mut tx, account_id, now).await?;
        let latest = store::certification::latest(&mut tx, account_id).await?;
        Ok(CertificationStatus { class, account, latest })
    }

    /// A page of all applications, oldest first, and the token of the next.
    pub(crate) async fn list_certifications(
        &self,
        state: Option<&str>,
        page: &Page<Place>,
    ) -> Result<(Vec<Certification>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        let first = (i64::MIN, String::new(), 0);
        let after = page.after.as_ref().unwrap_or(&first);
        let mut found = store::certification::list(&mut tx, state, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| (last.apply_time, last.account_id.clone(), last.number))?;
        Ok((found, next))
    }

    /// Tells of every certification that has ended at `now`, each once, whichever process does it. One that fails does not
    /// stop the others; the first failure is answered.
    pub(crate) async fn expire_certifications(&self, now: Micros) -> Result<(), Error> {
        let mut failures = Failures::default();
        loop {
            let mut tx = self.db.begin_read().await?;
            let limit = failures.and(EXPIRED_AT_ONCE);
            let mut over = store::certification::over(&mut tx, now.0, limit).await?;
            drop(tx);
            over.retain(|account_id| !failures.has(&account_name(account_id)));
            if over.is_empty() {
                return failures.into_result();
            }
            for account_id in over {
                let told = retrying(|| async {
                    let mut tx = self.db.begin().await?;
                    let account = locked(&mut tx, &account_id).await?;
                    self.expire(&mut tx, &account, now).await?;
                    Ok(tx.commit().await?)
                })
                .await;
                if let Err(error) = told {
                    failures.note(account_name(&account_id), error);
                }
            }
            self.outbox.wake();
        }
    }

    /// Tells that the certification of the account has ended, if it has and nobody has told yet.
    async fn expire(&self, tx: &mut Tx, account: &Account, now: Micros) -> Result<(), Error> {
        if store::certification::settle_over(tx, &account.account_id, now.0).await? {
            self.outbox.write(tx, [events::certification_expired(account)?]).await?;
        }
        Ok(())
    }
}

/// The account, which nobody else changes until the transaction ends.
pub(super) async fn locked(tx: &mut Tx, account_id: &str) -> Result<Account, Error> {
    let found = store::account::get_for_update(tx, account_id).await?;
    found.ok_or_else(|| account_not_found(account_id))
}

fn account_not_found(account_id: &str) -> Error {
    Error::not_found(&account_name(account_id))
}

fn account_name(account_id: &str) -> String {
    format!("accounts/{account_id}")
}

fn check_may_apply(account: &Account, latest: Option<&Certification>, now: Micros) -> Result<(), Error> {
    if let Some(pending) = latest.filter(|latest| latest.state == "pending") {
        let name = format!("accounts/{}/certifications/{}", pending.account_id, pending.number);
        return Err(wrong_state(format!("{name} is pending: there is one application at a time")));
    }
    let Some(term) = term_of(account).filter(|term| now < term.end) else { return Ok(()) };
    let renewable_from = term.renewable_from(&zone_of(account)?).map_err(Error::internal)?;
    if now < renewable_from {
        let message = format!(
            "accounts/{} is certified until {}: it may apply again from {renewable_from}",
            account.account_id, term.end
        );
        return Err(wrong_state(message));
    }
    Ok(())
}

fn wrong_state(message: String) -> Error {
    Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message)
}

fn term_of(account: &Account) -> Option<Term> {
    let start = account.certification_start_time.map(Micros)?;
    let end = account.certification_expire_time.map(Micros)?;
    Some(Term { start, end })
}

/// The time zone of an account.
pub(super) fn zone_of(account: &Account) -> Result<TimeZone, Error> {
    TimeZone::get(&account.time_zone).map_err(Error::internal)
}
