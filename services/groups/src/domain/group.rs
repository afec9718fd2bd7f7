//! Groups (G1).

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::threshold::Threshold;

/// Members of a group for which nothing else is said.
pub(crate) const DEFAULT_CAPACITY: i64 = 500;
/// Most members that a group can be given.
pub(crate) const MOST_CAPACITY: i64 = 10_000;
const LEAST_CAPACITY: i64 = 2;

/// What a group is for, and so what it is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    Push,
    Welfare,
    Interactive,
    Distributor,
}

/// How users come into a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JoinMode {
    Open,
    Approval,
    Invitation,
}

impl Purpose {
    /// What it is stored as.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Welfare => "welfare",
            Self::Interactive => "interactive",
            Self::Distributor => "distributor",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [Self::Push, Self::Welfare, Self::Interactive, Self::Distributor];
        all.into_iter().find(|purpose| purpose.name() == name)
    }
}

impl JoinMode {
    /// What it is stored as.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approval => "approval",
            Self::Invitation => "invitation",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Open, Self::Approval, Self::Invitation].into_iter().find(|mode| mode.name() == name)
    }
}

/// What the account sets of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupSettings {
    pub(crate) display_name: String,
    pub(crate) capacity: i64,
    /// Whether the next of its series opens when it is full.
    pub(crate) opens_next: bool,
    pub(crate) join_mode: JoinMode,
    pub(crate) threshold: Threshold,
    pub(crate) announcement: String,
    pub(crate) welcome: String,
    /// Whether all but owner and admins are muted.
    pub(crate) muted: bool,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) account_id: String,
    pub(crate) group_id: String,
    /// The first group of its series.
    pub(crate) series_id: String,
    pub(crate) series_number: i64,
    pub(crate) purpose: Purpose,
    pub(crate) settings: GroupSettings,
    pub(crate) closed: bool,
    pub(crate) member_count: i64,
    pub(crate) last_sequence: i64,
    pub(crate) last_change: i64,
    /// Counts who went.
    pub(crate) departures: i64,
    /// The message that is pinned; 0: none.
    pub(crate) pinned_sequence: i64,
    /// When its threshold is asked again.
    pub(crate) check_time: Option<Micros>,
    pub(crate) revision: i64,
    pub(crate) create_time: Micros,
    pub(crate) update_time: Micros,
}

/// What is wrong with something: the field, below what it is in, and the rule.
pub(crate) type Wrong = (&'static str, String);

impl GroupSettings {
    /// Whether the settings fit together, for a group that has `member_count` members.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub(crate) fn check(&self, member_count: i64) -> Result<(), Wrong> {
        let least = member_count.max(LEAST_CAPACITY);
        if !(least..=MOST_CAPACITY).contains(&self.capacity) {
            return Err(("capacity", format!("must be {least} to {MOST_CAPACITY}")));
        }
        if self.display_name.trim().is_empty() {
            return Err(("display_name", "must not be blank".to_owned()));
        }
        self.threshold.check_rule()
    }
}

impl Group {
    /// The first group of a series.
    pub(crate) fn first(
        account_id: &str,
        group_id: &str,
        purpose: Purpose,
        settings: GroupSettings,
        now: Micros,
    ) -> Self {
        Self {
            account_id: account_id.to_owned(),
            group_id: group_id.to_owned(),
            series_id: group_id.to_owned(),
            series_number: 1,
            purpose,
            settings,
            closed: false,
            member_count: 0,
            last_sequence: 0,
            last_change: 0,
            departures: 0,
            pinned_sequence: 0,
            check_time: None,
            revision: 1,
            create_time: now,
            update_time: now,
        }
    }

    /// The group that follows this one, the last of its series.
    pub(crate) fn next(&self, now: Micros) -> Self {
        let series_number = self.series_number + 1;
        let group_id = format!("{}-{series_number}", self.series_id);
        let first = Self::first(&self.account_id, &group_id, self.purpose, self.settings.clone(), now);
        Self { series_id: self.series_id.clone(), series_number, check_time: self.check_time, ..first }
    }

    pub(crate) fn name(&self) -> String {
        name(&self.account_id, &self.group_id)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.member_count >= self.settings.capacity
    }

    /// Gives the next message its sequence, and the number of that change.
    pub(crate) fn append(&mut self) -> (i64, i64) {
        self.last_sequence += 1;
        self.last_change += 1;
        (self.last_sequence, self.last_change)
    }
}

/// `accounts/{account}/groups/{group}`
pub(crate) fn name(account_id: &str, group_id: &str) -> String {
    format!("accounts/{account_id}/groups/{group_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(capacity: i64) -> GroupSettings {
        GroupSettings {
            display_name: "Fans".to_owned(),
            capacity,
            opens_next: true,
            join_mode: JoinMode::Open,
            threshold: Threshold::default(),
            announcement: String::new(),
            welcome: String::new(),
            muted: false,
        }
    }

    #[test]
    fn capacity_holds_who_is_in() {
        let wrong = |capacity, members| settings(capacity).check(members).err().map(|(field, _)| field);
        assert_eq!(wrong(2, 0), None);
        assert_eq!(wrong(1, 0), Some("capacity"));
        assert_eq!(wrong(10_000, 0), None);
        assert_eq!(wrong(10_001, 0), Some("capacity"));
        assert_eq!(wrong(7, 7), None);
        assert_eq!(wrong(7, 8), Some("capacity"));
        let blank = GroupSettings { display_name: " ".to_owned(), ..settings(9) };
        assert_eq!(blank.check(0).map_err(|(field, _)| field), Err("display_name"));
    }

    #[test]
    fn the_next_of_a_series_is_empty_and_set_up_alike() {
        let mut first = Group::first("shop", "fans", Purpose::Welfare, settings(2), Micros(1));
        first.member_count = 2;
        assert_eq!(first.append(), (1, 1));
        assert!(first.is_full());
        let second = first.next(Micros(5));
        assert_eq!((second.group_id.as_str(), second.series_number, second.member_count), ("fans-2", 2, 0));
        assert_eq!((second.last_sequence, &second.settings), (0, &first.settings));
        let third = second.next(Micros(6));
        assert_eq!((third.group_id.as_str(), third.series_id.as_str()), ("fans-3", "fans"));
    }
}
