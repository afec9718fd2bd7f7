//! Between the contract and what is stored.

use siyu_proto::accounts::v1 as pb;
use siyu_rpc::{Error, name, time::to_proto};

use crate::{
    app::rights::{AllowanceView, Granted, RightView, WalletView},
    domain::{
        reservation::{Reservation, State},
        right::{CertificationClass, Period, Policy, RightKind},
        wallet::EntryKind,
    },
    store::right_ledger::Recorded,
};

fn not_set(field: &str) -> Error {
    Error::invalid_field(field, "must be set")
}

pub(super) fn kind(kind: pb::RightKind) -> Result<RightKind, Error> {
    match kind {
        pb::RightKind::Push => Ok(RightKind::Push),
        pb::RightKind::PrivateMessage => Ok(RightKind::PrivateMessage),
        pb::RightKind::TrafficCredit => Ok(RightKind::TrafficCredit),
        pb::RightKind::Unspecified => Err(not_set("kind")),
    }
}

fn to_kind(kind: RightKind) -> pb::RightKind {
    match kind {
        RightKind::Push => pb::RightKind::Push,
        RightKind::PrivateMessage => pb::RightKind::PrivateMessage,
        RightKind::TrafficCredit => pb::RightKind::TrafficCredit,
    }
}

pub(super) fn class(class: pb::CertificationClass) -> Result<CertificationClass, Error> {
    match class {
        pb::CertificationClass::Basic => Ok(CertificationClass::Basic),
        pb::CertificationClass::Certified => Ok(CertificationClass::Certified),
        pb::CertificationClass::Unspecified => Err(not_set("certification_class")),
    }
}

fn to_class(class: CertificationClass) -> pb::CertificationClass {
    match class {
        CertificationClass::Basic => pb::CertificationClass::Basic,
        CertificationClass::Certified => pb::CertificationClass::Certified,
    }
}

pub(super) fn period(period: pb::AllowancePeriod) -> Result<Period, Error> {
    match period {
        pb::AllowancePeriod::Month => Ok(Period::Month),
        pb::AllowancePeriod::Once => Ok(Period::Once),
        pb::AllowancePeriod::Unspecified => Err(not_set("period")),
    }
}

fn to_period(period: Period) -> pb::AllowancePeriod {
    match period {
        Period::Month => pb::AllowancePeriod::Month,
        Period::Once => pb::AllowancePeriod::Once,
    }
}

pub(super) fn reservation_ids(text: &str) -> Result<[&str; 2], Error> {
    name::ids(text, ["accounts", "rightReservations"]).ok_or_else(|| {
        Error::invalid_field("name", "must be accounts/{account}/rightReservations/{reservation}")
    })
}

fn reservation_name(account_id: &str, id: &str) -> String {
    format!("accounts/{account_id}/rightReservations/{id}")
}

fn grant_name(account_id: &str, kind: RightKind, lot: i64) -> String {
    format!("accounts/{account_id}/rightGrants/{}-{lot}", kind.name())
}

pub(super) fn to_policy(policy: Policy) -> pb::RightPolicy {
    pb::RightPolicy {
        kind: to_kind(policy.kind).into(),
        certification_class: to_class(policy.class).into(),
        amount: policy.amount,
        period: to_period(policy.period).into(),
        effective_time: Some(to_proto(policy.effective_time)),
        create_time: Some(to_proto(policy.create_time)),
    }
}

pub(super) fn to_grant(account_id: &str, granted: Granted) -> pb::Grant {
    pb::Grant {
        name: grant_name(account_id, granted.kind, granted.lot),
        kind: to_kind(granted.kind).into(),
        amount: granted.amount,
        available: granted.available,
        reserved: granted.reserved,
        used: granted.used,
        reason: granted.reason,
        create_time: Some(to_proto(granted.create_time)),
        expire_time: granted.expire_time.map(to_proto),
    }
}

pub(super) fn to_wallet(account_id: &str, wallet: WalletView) -> pb::Wallet {
    pb::Wallet {
        name: format!("accounts/{account_id}/wallet"),
        time: Some(to_proto(wallet.time)),
        certification_class: to_class(wallet.class).into(),
        rights: wallet.rights.into_iter().map(|right| to_right(account_id, right)).collect(),
    }
}

fn to_right(account_id: &str, right: RightView) -> pb::Right {
    let totals = right.totals;
    pb::Right {
        kind: to_kind(right.kind).into(),
        available: right.available,
        allowance: right.allowance.map(to_allowance),
        grants: right.grants.into_iter().map(|granted| to_grant(account_id, granted)).collect(),
        balance: Some(pb::RightBalance {
            available: totals.available,
            reserved: totals.reserved,
            used: totals.used,
            last_sequence: totals.last_sequence,
        }),
    }
}

fn to_allowance(allowance: AllowanceView) -> pb::Allowance {
    let validity = allowance.validity;
    pb::Allowance {
        limit: allowance.limit,
        reserved: allowance.reserved,
        used: allowance.used,
        period: to_period(allowance.period).into(),
        start_time: validity.end.map(|_| to_proto(validity.start)),
        reset_time: validity.end.map(to_proto),
    }
}

pub(super) fn to_reservation(account_id: &str, reservation: Reservation) -> pb::Reservation {
    let state = match reservation.state {
        State::Reserved => pb::ReservationState::Reserved,
        State::Committed => pb::ReservationState::Committed,
        State::Released => pb::ReservationState::Released,
        State::Expired => pb::ReservationState::Expired,
    };
    pb::Reservation {
        name: reservation_name(account_id, &reservation.id),
        kind: to_kind(reservation.kind).into(),
        amount: reservation.amount,
        use_time: Some(to_proto(reservation.use_time)),
        expire_time: reservation.expire_time.map(to_proto),
        state: state.into(),
        create_time: Some(to_proto(reservation.create_time)),
        update_time: Some(to_proto(reservation.update_time)),
    }
}

pub(super) fn to_ledger_entry(account_id: &str, kind: RightKind, recorded: Recorded) -> pb::LedgerEntry {
    let entry = recorded.entry;
    let entry_kind = match entry.kind {
        EntryKind::Allow => pb::LedgerEntryKind::Allow,
        EntryKind::Grant => pb::LedgerEntryKind::Grant,
        EntryKind::Reserve => pb::LedgerEntryKind::Reserve,
        EntryKind::Commit => pb::LedgerEntryKind::Commit,
        EntryKind::Release => pb::LedgerEntryKind::Release,
        EntryKind::Lapse => pb::LedgerEntryKind::Lapse,
        EntryKind::Expire => pb::LedgerEntryKind::Expire,
    };
    let reservation = match entry.reservation.as_str() {
        "" => String::new(),
        id => reservation_name(account_id, id),
    };
    let grant = if recorded.of_grant { grant_name(account_id, kind, entry.lot) } else { String::new() };
    pb::LedgerEntry {
        kind: to_kind(kind).into(),
        sequence: entry.sequence,
        entry_kind: entry_kind.into(),
        available_change: entry.available,
        reserved_change: entry.reserved,
        used_change: entry.used,
        reservation,
        grant,
        reason: recorded.reason,
        actor: recorded.actor,
        create_time: Some(to_proto(recorded.create_time)),
    }
}
