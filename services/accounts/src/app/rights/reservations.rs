use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, retrying};
use siyu_telemetry::names;
use tonic::Code;

use super::{Books, quota};
use crate::{
    Accounts,
    app::{account, certification_class, collided},
    domain::{
        reservation::{Reservation, State},
        right::RightKind,
        wallet::{Allowance, Part},
    },
    store::{self, account::Account, right_ledger::Cause},
};

/// Most lots that one reservation takes from: it is stored with a part of each.
const MOST_PARTS: usize = 1_000;

/// A reservation that is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) id: String,
    pub(crate) kind: RightKind,
    pub(crate) amount: i64,
    /// None: now.
    pub(crate) use_time: Option<Micros>,
    pub(crate) expire_time: Option<Micros>,
}

/// Where a reservation is to be moved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Move {
    pub(crate) use_time: Micros,
    pub(crate) expire_time: Option<Micros>,
}

impl Accounts {
    /// Holds rights for a use to come. The same ask again answers the reservation as it stands, unless it was given back.
    pub(crate) async fn reserve_right(
        &self,
        account_id: &str,
        ask: &Ask,
        actor: &str,
    ) -> Result<Reservation, Error> {
        let answer = retrying(|| self.reserve_once(account_id, ask, actor)).await;
        let outcome = match &answer {
            Ok(_) => "reserved",
            Err(error) if error.reason() == ErrorReason::QuotaExceeded => "refused",
            Err(_) => return answer,
        };
        let kind = ask.kind.name();
        metrics::counter!(names::RIGHTS_RESERVATIONS_TOTAL, "kind" => kind, "outcome" => outcome)
            .increment(1);
        answer
    }

    async fn reserve_once(&self, account_id: &str, ask: &Ask, actor: &str) -> Result<Reservation, Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let account = account(&mut tx, account_id).await?;
        let mut books = Books::open(&mut tx, account_id, ask.kind, now).await?;
        if let Some(first) = store::right_reservation::get(&mut tx, account_id, &ask.id).await? {
            check_repeated(account_id, &first, ask)?;
            return match first.state {
                State::Reserved | State::Committed => Ok(first),
                State::Released | State::Expired => Err(closed(account_id, &first)),
            };
        }
        let use_time = ask.use_time.map_or(now, |time| time.max(now));
        check_expires_later(use_time, ask.expire_time)?;
        let mut reservation = Reservation {
            id: ask.id.clone(),
            kind: ask.kind,
            amount: ask.amount,
            asked_use_time: ask.use_time,
            asked_expire_time: ask.expire_time,
            moved_use_time: None,
            use_time,
            expire_time: ask.expire_time,
            state: State::Reserved,
            parts: Vec::new(),
            create_time: now,
            update_time: now,
        };
        reservation.parts = take(&mut tx, &mut books, &account, &reservation).await?;
        store::right_reservation::insert(&mut tx, account_id, &reservation).await.map_err(collided)?;
        books.close(&mut tx, Cause { actor, reason: "" }).await?;
        tx.commit().await?;
        Ok(reservation)
    }

    /// Gives a reservation back and takes it anew at another time of use; where that fails it stays as it was.
    pub(crate) async fn move_reservation(
        &self,
        account_id: &str,
        id: &str,
        to: Move,
        actor: &str,
    ) -> Result<Reservation, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let account = account(&mut tx, account_id).await?;
            let (mut books, mut reservation) = open(&mut tx, account_id, id, now).await?;
            expect_open(account_id, &reservation)?;
            if reservation.stands_at(to.use_time, to.expire_time) {
                return Ok(reservation);
            }
            let use_time = to.use_time.max(now);
            check_expires_later(use_time, to.expire_time)?;
            books.wallet.release(id, &reservation.parts);
            reservation.moved_use_time = Some(to.use_time);
            reservation.use_time = use_time;
            reservation.expire_time = to.expire_time;
            reservation.update_time = now;
            reservation.parts = take(&mut tx, &mut books, &account, &reservation).await?;
            settle(tx, books, reservation, Cause { actor, reason: "moved" }).await
        })
        .await
    }

    /// Uses what was reserved.
    pub(crate) async fn commit_reservation(
        &self,
        account_id: &str,
        id: &str,
        actor: &str,
    ) -> Result<Reservation, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let (mut books, mut reservation) = open(&mut tx, account_id, id, now).await?;
            if reservation.state == State::Committed {
                return Ok(reservation);
            }
            expect_open(account_id, &reservation)?;
            books.wallet.commit(id, &reservation.parts);
            reservation.state = State::Committed;
            reservation.update_time = now;
            settle(tx, books, reservation, Cause { actor, reason: "" }).await
        })
        .await
    }

    /// Gives back what was reserved.
    pub(crate) async fn release_reservation(
        &self,
        account_id: &str,
        id: &str,
        actor: &str,
    ) -> Result<Reservation, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let (mut books, mut reservation) = open(&mut tx, account_id, id, now).await?;
            match reservation.state {
                State::Reserved => {}
                State::Committed => return Err(closed(account_id, &reservation)),
                State::Released => return Ok(reservation),
                State::Expired => {
                    books.close(&mut tx, Cause::default()).await?;
                    tx.commit().await?;
                    return Ok(reservation);
                }
            }
            books.wallet.release(id, &reservation.parts);
            reservation.state = State::Released;
            reservation.update_time = now;
            settle(tx, books, reservation, Cause { actor, reason: "" }).await
        })
        .await
    }
}

/// Stores what became of a reservation and of its wallet, and commits.
async fn settle(
    mut tx: Tx,
    books: Books<'_>,
    reservation: Reservation,
    cause: Cause<'_>,
) -> Result<Reservation, Error> {
    store::right_reservation::update(&mut tx, books.account_id, &reservation).await?;
    books.close(&mut tx, cause).await?;
    tx.commit().await?;
    Ok(reservation)
}

/// The wallet that a reservation belongs to, locked, and the reservation as it is then.
async fn open<'a>(
    tx: &mut Tx,
    account_id: &'a str,
    id: &str,
    now: Micros,
) -> Result<(Books<'a>, Reservation), Error> {
    let missing = || Error::not_found(&name(account_id, id));
    let before = store::right_reservation::get(tx, account_id, id).await?.ok_or_else(missing)?;
    let books = Books::open(tx, account_id, before.kind, now).await?;
    // Another call may have changed it before the lock was had.
    let reservation = store::right_reservation::get(tx, account_id, id).await?.ok_or_else(missing)?;
    Ok((books, reservation))
}

/// Takes what the reservation asks for out of the wallet.
async fn take(
    tx: &mut Tx,
    books: &mut Books<'_>,
    account: &Account,
    reservation: &Reservation,
) -> Result<Vec<Part>, Error> {
    let Reservation { id, kind, amount, use_time, .. } = reservation;
    let class = certification_class(tx, &account.account_id, *use_time).await?;
    let policy = store::right_policy::in_force(tx, *kind, class, *use_time).await?;
    let zone = super::wallet::zone(account)?;
    let allowance = match &policy {
        None => None,
        Some(policy) => {
            let period = policy.period.around(*use_time, &zone).map_err(Error::internal)?;
            Some(Allowance { limit: policy.amount, period })
        }
    };
    let parts = books.wallet.reserve(id, *amount, *use_time, allowance).map_err(|shortage| {
        let policy = policy.as_ref().zip(allowance);
        quota::exceeded(&account.account_id, (*kind, class), policy, *amount, shortage)
    })?;
    if parts.len() > MOST_PARTS {
        let rule = format!(
            "takes from {} grants, and a reservation from {MOST_PARTS} at most: reserve it in several smaller ones",
            parts.len()
        );
        return Err(Error::invalid_field("amount", rule));
    }
    Ok(parts)
}

/// Whoever gives rights back before their use would have them used without a right.
fn check_expires_later(use_time: Micros, expire_time: Option<Micros>) -> Result<(), Error> {
    match expire_time {
        Some(expire_time) if expire_time <= use_time => {
            let rule = format!("must be later than the time of use, which is {use_time}");
            Err(Error::invalid_field("expire_time", rule))
        }
        _ => Ok(()),
    }
}

/// Whether the same is asked for as the first time.
fn check_repeated(account_id: &str, first: &Reservation, ask: &Ask) -> Result<(), Error> {
    let fields = [
        ("kind", first.kind == ask.kind),
        ("amount", first.amount == ask.amount),
        ("use_time", first.asked_use_time == ask.use_time),
        ("expire_time", first.asked_expire_time == ask.expire_time),
    ];
    match fields.into_iter().find(|(_, same)| !same) {
        None => Ok(()),
        Some((field, _)) => {
            let name = name(account_id, &first.id);
            let message =
                format!("{name} exists already with another {field}; a new reservation needs a new id");
            Err(Error::new(Code::AlreadyExists, ErrorReason::ResourceExists, message)
                .with("resource", name)
                .with("field", field))
        }
    }
}

fn expect_open(account_id: &str, reservation: &Reservation) -> Result<(), Error> {
    if reservation.state == State::Reserved { Ok(()) } else { Err(closed(account_id, reservation)) }
}

fn closed(account_id: &str, reservation: &Reservation) -> Error {
    let (name, state) = (name(account_id, &reservation.id), reservation.state.name());
    let message = format!("{name} is {state} and no longer reserved");
    Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message)
        .with("resource", name)
        .with("state", state)
}

fn name(account_id: &str, id: &str) -> String {
    format!("accounts/{account_id}/rightReservations/{id}")
}
