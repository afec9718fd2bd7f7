//! What an account puts up for its visitors, by name: the homepage, the cards on it, the codes outside.

/// A product: a serum.
pub const HYDRA_SERUM: &str = "hydra-serum";
/// Its price in fen.
pub const HYDRA_SERUM_MINOR: i64 = 26_900;
/// A product: a toner.
pub const ROSE_TONER: &str = "rose-toner";
/// Its price in fen.
pub const ROSE_TONER_MINOR: i64 = 12_900;
/// A coupon for everybody.
pub const WELCOME_COUPON: &str = "welcome-coupon";
/// A coupon for who follows.
pub const FANS_COUPON: &str = "fans-coupon";
/// What it takes off, in fen.
pub const FANS_COUPON_OFF_MINOR: i64 = 3_000;
/// A lead form: a free skin test.
pub const SKIN_TEST: &str = "skin-test";
/// Bookings of a visit to the store.
pub const STORE_VISIT: &str = "store-visit";
/// The code on the card in every parcel.
pub const PARCEL_CARD: &str = "parcel-card";
/// The tag of who scans it.
pub const PARCEL_TAG: &str = "buyer";
/// The code on the poster at the till.
pub const TILL_POSTER: &str = "till-poster";

/// `accounts/{account}/homepage`
pub fn homepage(account_id: &str) -> String {
    format!("accounts/{account_id}/homepage")
}

/// `accounts/{account}/homepage/entrances/private_message`
pub fn message_entrance(account_id: &str) -> String {
    format!("{}/entrances/private_message", homepage(account_id))
}

/// `accounts/{account}/cards/{card}`
pub fn card(account_id: &str, card_id: &str) -> String {
    format!("accounts/{account_id}/cards/{card_id}")
}

/// `accounts/{account}/entryCodes/{entry_code}`
pub fn entry_code(account_id: &str, entry_code_id: &str) -> String {
    format!("accounts/{account_id}/entryCodes/{entry_code_id}")
}
