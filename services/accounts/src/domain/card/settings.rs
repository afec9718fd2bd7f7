use serde::{Deserialize, Serialize};

use super::{Kind, Mistake, optional_uri_mistake};
use crate::domain::{booking::BookingSettings, coupon::Coupon, lead::LeadForm, standing::Tier, uri};

/// What is chosen of a card beside what all kinds have. Stored as JSON: what is added later needs a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Settings {
    Product(Product),
    Service(Service),
    Coupon(Coupon),
    LeadForm(LeadForm),
    Booking(BookingSettings),
    LiveAppointment {
        /// `accounts/{account}/contents/{content}`
        content: String,
    },
    GroupInvite {
        /// `accounts/{account}/groups/{group}`
        group: String,
        min_tier: Option<Tier>,
    },
    Link {
        uri: String,
    },
}

/// Goods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Product {
    pub(crate) price_minor: i64,
    /// 0: there is none.
    pub(crate) original_price_minor: i64,
    /// Empty: there is none.
    pub(crate) uri: String,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Service {
    pub(crate) price_minor: i64,
    /// 0: not told.
    pub(crate) duration_minutes: i32,
    pub(crate) store: String,
}

impl Settings {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Product(_) => Kind::Product,
            Self::Service(_) => Kind::Service,
            Self::Coupon(_) => Kind::Coupon,
            Self::LeadForm(_) => Kind::LeadForm,
            Self::Booking(_) => Kind::Booking,
            Self::LiveAppointment { .. } => Kind::LiveAppointment,
            Self::GroupInvite { .. } => Kind::GroupInvite,
            Self::Link { .. } => Kind::Link,
        }
    }

    /// The first rule that is broken in a card of `account_id`, beside those that the contract declares.
    pub(super) fn mistake(&self, account_id: &str) -> Option<Mistake> {
        let of_account = |name: &str| name.starts_with(&format!("accounts/{account_id}/"));
        match self {
            Self::Product(product) => product.mistake(),
            // What a form asks for is judged with the places of its fields: see `LeadForm::mistake`.
            Self::Service(_) | Self::LeadForm(_) | Self::Booking(_) => None,
            Self::Coupon(coupon) => coupon.mistake(),
            Self::LiveAppointment { content } if !of_account(content) => {
                Some(("live_appointment.content", "must be content of the same account"))
            }
            Self::GroupInvite { group, .. } if !of_account(group) => {
                Some(("group_invite.group", "must be a group of the same account"))
            }
            Self::LiveAppointment { .. } | Self::GroupInvite { .. } => None,
            Self::Link { uri } => uri::mistake(uri).map(|rule| ("link.uri", rule)),
        }
    }
}

impl Product {
    fn mistake(&self) -> Option<Mistake> {
        let is_reduced = self.original_price_minor == 0 || self.original_price_minor >= self.price_minor;
        if !is_reduced {
            return Some(("product.original_price_minor", "must be at least price_minor, or 0"));
        }
        optional_uri_mistake(&self.uri).map(|rule| ("product.uri", rule))
    }
}
