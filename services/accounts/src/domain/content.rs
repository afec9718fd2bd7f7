//! Contents (A11): what a video or a live may do next.

use serde::{Deserialize, Serialize};

/// Kinds of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ContentKind {
    Video,
    Live,
}

impl ContentKind {
    const ALL: [Self; 2] = [Self::Video, Self::Live];

    /// What it is called in storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Live => "live",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Where it begins.
    pub(crate) fn first_state(self) -> ContentState {
        match self {
            Self::Video => ContentState::Published,
            Self::Live => ContentState::Scheduled,
        }
    }
}

/// How far a content has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ContentState {
    Published,
    Scheduled,
    Live,
    Ended,
    Cancelled,
}

impl ContentState {
    const ALL: [Self; 5] = [Self::Published, Self::Scheduled, Self::Live, Self::Ended, Self::Cancelled];

    /// What it is called in storage and in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Scheduled => "scheduled",
            Self::Live => "live",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The state after `step`; the same where the step was taken before; none where it cannot be taken.
    pub(crate) fn after(self, step: LiveStep) -> Option<Self> {
        match (self, step) {
            (Self::Scheduled | Self::Live, LiveStep::Start) => Some(Self::Live),
            (Self::Live | Self::Ended, LiveStep::End) => Some(Self::Ended),
            (Self::Scheduled | Self::Cancelled, LiveStep::Cancel) => Some(Self::Cancelled),
            _ => None,
        }
    }
}

/// What can happen to a live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LiveStep {
    Start,
    End,
    Cancel,
}

impl LiveStep {
    /// What it does, in messages: "it cannot start".
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Cancel => "be cancelled",
        }
    }
}

/// What those with an appointment are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Notice {
    /// It starts soon.
    HeadsUp,
    /// It has started.
    Start,
    /// It will not be.
    Cancel,
}

impl Notice {
    const ALL: [Self; 3] = [Self::HeadsUp, Self::Start, Self::Cancel];

    /// What it is called in storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HeadsUp => "heads_up",
            Self::Start => "start",
            Self::Cancel => "cancel",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.name() == name)
    }

    /// How much whoever got it has been told: whoever was told less gets it too.
    pub(crate) fn told(self) -> i64 {
        match self {
            Self::HeadsUp => 1,
            Self::Start | Self::Cancel => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn steps() -> impl Strategy<Value = Vec<LiveStep>> {
        let step = prop::sample::select(vec![LiveStep::Start, LiveStep::End, LiveStep::Cancel]);
        prop::collection::vec(step, 0..20)
    }

    /// The states that a content goes through, each once, by steps of which some are refused.
    fn history(kind: ContentKind, steps: &[LiveStep]) -> Vec<ContentState> {
        let mut history = vec![kind.first_state()];
        for step in steps {
            let state = history[history.len() - 1];
            history.extend(state.after(*step).filter(|next| *next != state));
        }
        history
    }

    proptest! {
        #[test]
        fn a_live_goes_forward_only_and_ends_once(steps in steps()) {
            use ContentState::{Cancelled, Ended, Live, Scheduled};
            let history = history(ContentKind::Live, &steps);
            let paths: [&[ContentState]; 2] = [&[Scheduled, Live, Ended], &[Scheduled, Cancelled]];
            prop_assert!(paths.iter().any(|path| path.starts_with(&history)), "{:?}", history);
        }

        #[test]
        fn a_step_can_be_repeated(steps in steps(), step in prop::sample::select(vec![LiveStep::Start, LiveStep::End, LiveStep::Cancel])) {
            let history = history(ContentKind::Live, &steps);
            if let Some(next) = history[history.len() - 1].after(step) {
                prop_assert_eq!(next.after(step), Some(next));
            }
        }

        #[test]
        fn a_video_has_no_live_states(steps in steps()) {
            prop_assert_eq!(history(ContentKind::Video, &steps), [ContentState::Published]);
        }
    }

    #[test]
    fn what_is_over_stays_over() {
        assert_eq!(ContentState::Ended.after(LiveStep::Start), None);
        assert_eq!(ContentState::Ended.after(LiveStep::Cancel), None);
        assert_eq!(ContentState::Cancelled.after(LiveStep::Start), None);
        assert_eq!(ContentState::Live.after(LiveStep::Cancel), None);
        assert_eq!(ContentState::Scheduled.after(LiveStep::End), None);
    }

    #[test]
    fn names_survive_storage() {
        assert!(ContentState::ALL.into_iter().all(|state| ContentState::named(state.name()) == Some(state)));
        assert!(Notice::ALL.into_iter().all(|notice| Notice::named(notice.name()) == Some(notice)));
        assert!(ContentKind::ALL.into_iter().all(|kind| ContentKind::named(kind.name()) == Some(kind)));
    }
}
