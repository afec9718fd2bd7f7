//! What happens to a fan by a push (S7).

use siyu_clock::Micros;
use siyu_proto::crm::v1::InteractionKind;

/// What fans do with a push that they have seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    Open,
    Click,
    Like,
    Collect,
    Comment,
    /// What the push was for.
    Convert,
}

impl Action {
    /// As what the CRM learns of it. What a push is for shows in an interaction of its own: an order, a lead.
    pub(crate) fn interaction(self) -> Option<InteractionKind> {
        match self {
            Self::Open => Some(InteractionKind::View),
            Self::Click => Some(InteractionKind::Click),
            Self::Like => Some(InteractionKind::Like),
            Self::Collect => Some(InteractionKind::Collect),
            Self::Comment => Some(InteractionKind::Comment),
            Self::Convert => None,
        }
    }
}

/// What happened to one fan by one push, each for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Touch {
    /// It was returned to them with their feed.
    pub(crate) seen_time: Micros,
    pub(crate) open_time: Option<Micros>,
    pub(crate) click_time: Option<Micros>,
    pub(crate) convert_time: Option<Micros>,
}

/// How many fans did what with a push.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Tally {
    pub(crate) seen: i64,
    pub(crate) opened: i64,
    pub(crate) clicked: i64,
    pub(crate) liked: i64,
    pub(crate) collected: i64,
    pub(crate) commented: i64,
    pub(crate) converted: i64,
}

impl Tally {
    /// Counts fans who did something for the first time.
    pub(crate) fn add(&mut self, action: Action, fans: i64) {
        let count = match action {
            Action::Open => &mut self.opened,
            Action::Click => &mut self.clicked,
            Action::Like => &mut self.liked,
            Action::Collect => &mut self.collected,
            Action::Comment => &mut self.commented,
            Action::Convert => &mut self.converted,
        };
        *count += fans;
    }
}
