//! Rights held for a use to come.

use siyu_clock::Micros;

use super::{right::RightKind, wallet::Part};

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reservation {
    pub(crate) id: String,
    pub(crate) kind: RightKind,
    pub(crate) amount: i64,
    /// What the first call asked for; none: the time it came.
    pub(crate) asked_use_time: Option<Micros>,
    /// What the first call asked for.
    pub(crate) asked_expire_time: Option<Micros>,
    /// What the last move asked for; none: it was never moved.
    pub(crate) moved_use_time: Option<Micros>,
    pub(crate) use_time: Micros,
    /// None: it is held until it is used.
    pub(crate) expire_time: Option<Micros>,
    pub(crate) state: State,
    /// What it took, or took before it was given back.
    pub(crate) parts: Vec<Part>,
    pub(crate) create_time: Micros,
    pub(crate) update_time: Micros,
}

impl Reservation {
    /// Whether it stands where a move to `use_time` would bring it. A use in the past became a use at the time of the
    /// move, so a repeat of the move is known by what it asks for.
    pub(crate) fn stands_at(&self, use_time: Micros, expire_time: Option<Micros>) -> bool {
        self.moved_use_time.unwrap_or(self.use_time) == use_time && self.expire_time == expire_time
    }
}

/// Where a reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Reserved,
    Committed,
    Released,
    Expired,
}

impl State {
    const ALL: [Self; 4] = [Self::Reserved, Self::Committed, Self::Released, Self::Expired];

    /// What it is called in storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Committed => "committed",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}
