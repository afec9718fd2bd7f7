//! Who is in a group (G2, G3).

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

/// What a member may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    Member,
    Admin,
    Owner,
}

/// Where somebody came into a group from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    Unknown,
    Homepage,
    PrivateMessage,
    Live,
    Video,
    Invitation,
    EntryCode,
    Account,
}

/// Why somebody is no longer in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LeaveReason {
    Left,
    Removed,
    Blocked,
    Threshold,
}

impl Role {
    /// What it is stored as.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Member, Self::Admin, Self::Owner].into_iter().find(|role| role.name() == name)
    }

    /// Whether they keep order: what binds members does not bind them.
    pub(crate) fn keeps_order(self) -> bool {
        self >= Self::Admin
    }
}

impl Source {
    const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Homepage,
        Self::PrivateMessage,
        Self::Live,
        Self::Video,
        Self::Invitation,
        Self::EntryCode,
        Self::Account,
    ];

    /// What it is stored as.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Homepage => "homepage",
            Self::PrivateMessage => "private_message",
            Self::Live => "live",
            Self::Video => "video",
            Self::Invitation => "invitation",
            Self::EntryCode => "entry_code",
            Self::Account => "account",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }
}

impl LeaveReason {
    /// What it is stored as.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Removed => "removed",
            Self::Blocked => "blocked",
            Self::Threshold => "threshold",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [Self::Left, Self::Removed, Self::Blocked, Self::Threshold];
        all.into_iter().find(|reason| reason.name() == name)
    }
}

/// Somebody in a group, or who was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) account_id: String,
    pub(crate) group_id: String,
    pub(crate) user_id: String,
    pub(crate) role: Role,
    pub(crate) source: Source,
    /// Empty where nobody invited them.
    pub(crate) inviter: String,
    pub(crate) join_time: Micros,
    /// Until when they may not speak; 0 where they may.
    pub(crate) mute_time: Micros,
    pub(crate) read_sequence: i64,
    /// When and why they went, where they did.
    pub(crate) left: Option<(Micros, LeaveReason)>,
}

impl Member {
    pub(crate) fn name(&self) -> String {
        name(&self.account_id, &self.group_id, &self.user_id)
    }

    pub(crate) fn is_muted(&self, now: Micros) -> bool {
        now < self.mute_time
    }
}

/// `accounts/{account}/groups/{group}/members/{user}`
pub(crate) fn name(account_id: &str, group_id: &str, user_id: &str) -> String {
    format!("accounts/{account_id}/groups/{group_id}/members/{user_id}")
}

/// What a user wants who wants into a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JoinRequest {
    pub(crate) account_id: String,
    pub(crate) group_id: String,
    pub(crate) user_id: String,
    pub(crate) text: String,
    pub(crate) source: Source,
    /// Empty where nobody invited them.
    pub(crate) inviter: String,
    pub(crate) create_time: Micros,
}

impl JoinRequest {
    pub(crate) fn name(&self) -> String {
        format!("accounts/{}/groups/{}/joinRequests/{}", self.account_id, self.group_id, self.user_id)
    }

    /// As a member, from `now` on.
    pub(crate) fn admitted(&self, group_id: &str, last_sequence: i64, now: Micros) -> Member {
        Member {
            account_id: self.account_id.clone(),
            group_id: group_id.to_owned(),
            user_id: self.user_id.clone(),
            role: Role::Member,
            source: self.source,
            inviter: self.inviter.clone(),
            join_time: now,
            mute_time: Micros(0),
            // What was said before them is not unread.
            read_sequence: last_sequence,
            left: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for role in [Role::Member, Role::Admin, Role::Owner] {
            assert_eq!(Role::named(role.name()), Some(role));
        }
        for source in Source::ALL {
            assert_eq!(Source::named(source.name()), Some(source));
        }
        assert!(Role::Owner.keeps_order() && Role::Admin.keeps_order() && !Role::Member.keeps_order());
    }
}
