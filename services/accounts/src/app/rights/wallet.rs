use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::{Error, Mutation, Page, retrying};

use super::Books;
use crate::{
    Accounts,
    app::{account, certification_class},
    domain::{
        right::{CertificationClass, Period, RightKind},
        wallet::{Origin, Validity, Wallet},
    },
    store::{
        self,
        account::Account,
        right_ledger::{Cause, Recorded},
        right_wallet::{StoredLot, Totals},
    },
};

/// What an account may do at `time`.
#[derive(Debug, Clone)]
pub(crate) struct WalletView {
    pub(crate) time: Micros,
    pub(crate) class: CertificationClass,
    pub(crate) rights: Vec<RightView>,
}

/// One kind of right.
#[derive(Debug, Clone)]
pub(crate) struct RightView {
    pub(crate) kind: RightKind,
    pub(crate) available: i64,
    pub(crate) allowance: Option<AllowanceView>,
    pub(crate) grants: Vec<Granted>,
    pub(crate) totals: Totals,
}

/// The allowance of a period, as far as it is taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AllowanceView {
    pub(crate) limit: i64,
    pub(crate) reserved: i64,
    pub(crate) used: i64,
    pub(crate) period: Period,
    pub(crate) validity: Validity,
}

impl AllowanceView {
    fn available(&self) -> i64 {
        (self.limit - self.reserved - self.used).max(0)
    }
}

/// A grant to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewGrant {
    pub(crate) kind: RightKind,
    pub(crate) amount: i64,
    pub(crate) reason: String,
    /// None: they never expire.
    pub(crate) expire_time: Option<Micros>,
}

/// A grant, and what is left of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Granted {
    pub(crate) kind: RightKind,
    pub(crate) lot: i64,
    pub(crate) amount: i64,
    pub(crate) available: i64,
    pub(crate) reserved: i64,
    pub(crate) used: i64,
    pub(crate) reason: String,
    pub(crate) create_time: Micros,
    pub(crate) expire_time: Option<Micros>,
}

impl Granted {
    fn of(kind: RightKind, stored: StoredLot) -> Self {
        let lot = stored.lot;
        Self {
            kind,
            lot: lot.number,
            amount: stored.granted,
            available: lot.available,
            reserved: lot.reserved,
            used: lot.used,
            reason: stored.reason,
            create_time: stored.create_time,
            expire_time: lot.validity.end,
        }
    }
}

impl Accounts {
    /// What an account may do at `time`, or now.
    pub(crate) async fn wallet(&self, account_id: &str, time: Option<Micros>) -> Result<WalletView, Error> {
        let now = self.clock.now();
        let time = time.map_or(now, |time| time.max(now));
        let mut tx = self.db.begin_read().await?;
        let account = account(&mut tx, account_id).await?;
        let class = certification_class(&mut tx, account_id, time).await?;
        let mut rights = Vec::new();
        for kind in RightKind::ALL {
            rights.push(right(&mut tx, &account, (kind, class), (time, now)).await?);
        }
        Ok(WalletView { time, class, rights })
    }

    /// Gives an account rights beside its allowance.
    pub(crate) async fn grant_right(
        &self,
        mutation: &Mutation,
        account_id: &str,
        new: &NewGrant,
    ) -> Result<Granted, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            if new.expire_time.is_some_and(|time| time <= now) {
                return Err(Error::invalid_field("expire_time", "must be later than now"));
            }
            account(&mut tx, account_id).await?;
            let mut books = Books::open(&mut tx, account_id, new.kind, now).await?;
            let lot = books.wallet.grant(new.amount, Validity { start: now, end: new.expire_time });
            let cause = Cause { actor: &mutation.actor(), reason: &new.reason };
            books.close(&mut tx, cause).await?;
            let describe = store::right_wallet::describe_grant;
            describe(&mut tx, account_id, new.kind, lot, new.amount, &new.reason).await?;
            let granted = Granted {
                kind: new.kind,
                lot,
                amount: new.amount,
                available: new.amount,
                reserved: 0,
                used: 0,
                reason: new.reason.clone(),
                create_time: now,
                expire_time: new.expire_time,
            };
            mutation.finish(tx, &granted, now).await?;
            Ok(granted)
        })
        .await
    }

    /// A page of the ledger, newest first, and the token of the next.
    pub(crate) async fn ledger(
        &self,
        account_id: &str,
        kind: RightKind,
        page: &Page<i64>,
    ) -> Result<(Vec<Recorded>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        account(&mut tx, account_id).await?;
        let before = page.after.unwrap_or(i64::MAX);
        let mut found = store::right_ledger::list(&mut tx, account_id, kind, before, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.entry.sequence)?;
        Ok((found, next))
    }
}

async fn right(
    tx: &mut Tx,
    account: &Account,
    (kind, class): (RightKind, CertificationClass),
    (time, now): (Micros, Micros),
) -> Result<RightView, Error> {
    let account_id = &account.account_id;
    let lots = lots_now(tx, account_id, kind, now).await?;
    let allowance = match store::right_policy::in_force(tx, kind, class, time).await? {
        None => None,
        Some(policy) => {
            let validity = policy.period.around(time, &zone(account)?).map_err(Error::internal)?;
            let of_period =
                |stored: &&StoredLot| stored.lot.origin == Origin::Policy && stored.lot.validity == validity;
            let (reserved, used) =
                lots.iter().find(of_period).map_or((0, 0), |stored| (stored.lot.reserved, stored.lot.used));
            Some(AllowanceView { limit: policy.amount, reserved, used, period: policy.period, validity })
        }
    };
    let mut grants = lots;
    grants.retain(|stored| stored.lot.origin == Origin::Grant);
    grants.retain(|stored| stored.lot.available > 0 || stored.lot.reserved > 0);
    grants.sort_by_key(|stored| (stored.lot.validity.end.unwrap_or(Micros(i64::MAX)), stored.lot.number));
    let usable = grants.iter().filter(|stored| stored.lot.validity.covers(time));
    let granted: i64 = usable.map(|stored| stored.lot.available).sum();
    Ok(RightView {
        kind,
        available: allowance.as_ref().map_or(0, AllowanceView::available) + granted,
        allowance,
        grants: grants.into_iter().map(|stored| Granted::of(kind, stored)).collect(),
        totals: store::right_wallet::totals(tx, account_id, kind).await?,
    })
}

/// The lots as whoever writes next would find them, before background work has come by: what is over has been given back.
async fn lots_now(
    tx: &mut Tx,
    account_id: &str,
    kind: RightKind,
    now: Micros,
) -> Result<Vec<StoredLot>, Error> {
    let mut stored = store::right_wallet::open_lots(tx, account_id, kind, now).await?;
    let lots = stored.iter().map(|stored| stored.lot).collect();
    let mut wallet = Wallet { lots, ..Wallet::default() };
    for reservation in store::right_reservation::overdue(tx, account_id, kind, now).await? {
        wallet.lapse(&reservation.id, &reservation.parts);
    }
    wallet.expire(now);
    for (stored, lot) in stored.iter_mut().zip(wallet.lots) {
        stored.lot = lot;
    }
    Ok(stored)
}

pub(super) fn zone(account: &Account) -> Result<TimeZone, Error> {
    TimeZone::get(&account.time_zone).map_err(Error::internal)
}
