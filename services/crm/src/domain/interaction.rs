//! One thing a user did.

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

/// Where interactions come from, as storage calls it; an empty text is not known.
pub(crate) const SOURCES: [&str; 4] = ["public", "commercial", "private", "external"];

/// One thing a user did towards an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interaction {
    pub(crate) event_id: String,
    pub(crate) user_id: String,
    pub(crate) kind: Kind,
    pub(crate) event_time: Micros,
    pub(crate) target: String,
    /// `public`, `commercial`, `private`, `external`, or empty.
    pub(crate) source: String,
    /// Set with the kinds that [`Kind::is_purchase`] names.
    pub(crate) purchase: Option<Purchase>,
    /// Resource name of the place the user came through, or empty.
    pub(crate) mount: String,
    /// What the account calls the campaign that brought the user, or empty.
    pub(crate) campaign: String,
}

/// What an order, cancellation or refund is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Purchase {
    pub(crate) order_id: String,
    pub(crate) amount_minor: i64,
    pub(crate) quantity: i64,
}

/// Kinds of interaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    View,
    Like,
    Comment,
    Share,
    Collect,
    LiveWatch,
    HomepageVisit,
    Click,
    PrivateMessage,
    GroupMessage,
    Order,
    OrderCancel,
    Refund,
    Follow,
    Unfollow,
    Scan,
    CouponClaim,
    CouponRedeem,
    Lead,
    Booking,
    LiveAppointment,
}

impl Kind {
    pub(crate) const ALL: [Self; 21] = [
        Self::View,
        Self::Like,
        Self::Comment,
        Self::Share,
        Self::Collect,
        Self::LiveWatch,
        Self::HomepageVisit,
        Self::Click,
        Self::PrivateMessage,
        Self::GroupMessage,
        Self::Order,
        Self::OrderCancel,
        Self::Refund,
        Self::Follow,
        Self::Unfollow,
        Self::Scan,
        Self::CouponClaim,
        Self::CouponRedeem,
        Self::Lead,
        Self::Booking,
        Self::LiveAppointment,
    ];

    /// What it is called in storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Like => "like",
            Self::Comment => "comment",
            Self::Share => "share",
            Self::Collect => "collect",
            Self::LiveWatch => "live_watch",
            Self::HomepageVisit => "homepage_visit",
            Self::Click => "click",
            Self::PrivateMessage => "private_message",
            Self::GroupMessage => "group_message",
            Self::Order => "order",
            Self::OrderCancel => "order_cancel",
            Self::Refund => "refund",
            Self::Follow => "follow",
            Self::Unfollow => "unfollow",
            Self::Scan => "scan",
            Self::CouponClaim => "coupon_claim",
            Self::CouponRedeem => "coupon_redeem",
            Self::Lead => "lead",
            Self::Booking => "booking",
            Self::LiveAppointment => "live_appointment",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its place in [`Kind::ALL`].
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// Whether it is about an order.
    pub(crate) fn is_purchase(self) -> bool {
        matches!(self, Self::Order | Self::OrderCancel | Self::Refund)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_by_name_and_by_place() {
        for (place, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(Kind::named(kind.name()), Some(kind));
            assert_eq!(kind.index(), place);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        assert_eq!(Kind::named("ORDER"), None);
    }
}
