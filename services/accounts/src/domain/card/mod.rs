//! Cards: what an account can mount.

mod kind;
mod settings;

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::{conditions::Conditions, coupon::Stock, uri};

pub(crate) use kind::Kind;
pub(crate) use settings::{Product, Service, Settings};

/// A card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Card {
    pub(crate) account_id: String,
    pub(crate) card_id: String,
    pub(crate) content: Content,
    pub(crate) archived: bool,
    /// Grows with every change.
    pub(crate) revision: i64,
    /// Of a coupon.
    pub(crate) stock: Option<Stock>,
    pub(crate) create_time: Micros,
    pub(crate) update_time: Micros,
}

impl Card {
    /// `accounts/{account}/cards/{card}`
    pub(crate) fn name(&self) -> String {
        name(&self.account_id, &self.card_id)
    }

    pub(crate) fn kind(&self) -> Kind {
        self.content.settings.kind()
    }
}

/// `accounts/{account}/cards/{card}`
pub(crate) fn name(account_id: &str, card_id: &str) -> String {
    format!("accounts/{account_id}/cards/{card_id}")
}

/// What is chosen of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) display_name: String,
    pub(crate) description: String,
    /// Empty: there is none.
    pub(crate) picture_uri: String,
    pub(crate) conditions: Conditions,
    pub(crate) settings: Settings,
}

/// A field below the card, and the rule that it breaks.
pub(crate) type Mistake = (&'static str, &'static str);

impl Content {
    /// The first rule that is broken in a card of `account_id`.
    pub(crate) fn mistake(&self, account_id: &str) -> Option<Mistake> {
        if self.display_name.trim().is_empty() {
            return Some(("display_name", "must not be empty"));
        }
        if let Some(rule) = optional_uri_mistake(&self.picture_uri) {
            return Some(("picture_uri", rule));
        }
        if !self.conditions.is_empty() && !self.settings.kind().takes_conditions() {
            let rule = "must be unset: nothing is claimed, booked or joined with a card of this kind";
            return Some(("conditions", rule));
        }
        self.settings.mistake(account_id)
    }
}

/// What is wrong with a URI that may be left out.
fn optional_uri_mistake(uri: &str) -> Option<&'static str> {
    if uri.is_empty() { None } else { uri::mistake(uri) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(settings: Settings) -> Content {
        Content {
            display_name: "Card".to_owned(),
            description: String::new(),
            picture_uri: String::new(),
            conditions: Conditions::default(),
            settings,
        }
    }

    fn link(uri: &str) -> Content {
        content(Settings::Link { uri: uri.to_owned() })
    }

    fn field(content: &Content) -> Option<&'static str> {
        content.mistake("shop").map(|(field, _)| field)
    }

    #[test]
    fn rules_name_their_field() {
        let good = link("https://shop.example");
        assert_eq!(field(&good), None);
        assert_eq!(field(&Content { display_name: " ".to_owned(), ..good.clone() }), Some("display_name"));
        assert_eq!(field(&Content { picture_uri: "x".to_owned(), ..good.clone() }), Some("picture_uri"));
        let following = Conditions { follow_first: true, ..Conditions::default() };
        assert_eq!(field(&Content { conditions: following.clone(), ..good }), Some("conditions"));
        assert_eq!(field(&link("http://shop.example")), Some("link.uri"));

        let product = |price_minor, original_price_minor, uri: &str| {
            let product = Product { price_minor, original_price_minor, uri: uri.to_owned() };
            field(&content(Settings::Product(product)))
        };
        assert_eq!(product(100, 0, ""), None);
        assert_eq!(product(100, 100, "https://shop.example"), None);
        assert_eq!(product(100, 99, ""), Some("product.original_price_minor"));
        assert_eq!(product(100, 0, "shop"), Some("product.uri"));

        let live = |content_name: &str| {
            field(&Content {
                conditions: following.clone(),
                ..content(Settings::LiveAppointment { content: content_name.to_owned() })
            })
        };
        assert_eq!(live("accounts/shop/contents/live-1"), None);
        assert_eq!(live("accounts/shop-2/contents/live-1"), Some("live_appointment.content"));
        let group = Settings::GroupInvite { group: "accounts/other/groups/g".to_owned(), min_tier: None };
        assert_eq!(field(&content(group)), Some("group_invite.group"));
    }
}
