use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::Error;
use tonic::Code;

use crate::{
    domain::{
        card::{Card, Settings},
        conditions::Conditions,
        coupon::Stock,
    },
    store,
};

/// One field of a card, with its new value.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    DisplayName(String),
    Description(String),
    PictureUri(String),
    Conditions(Conditions),
    Settings(Settings),
    /// Of a coupon: how many there are in all.
    Stock(i64),
}

impl Change {
    /// Makes the change, unless it cannot be made to this card.
    pub(super) fn apply(&self, card: &mut Card) -> Result<(), Error> {
        let content = &mut card.content;
        match self {
            Self::DisplayName(display_name) => content.display_name.clone_from(display_name),
            Self::Description(description) => content.description.clone_from(description),
            Self::PictureUri(picture_uri) => content.picture_uri.clone_from(picture_uri),
            Self::Conditions(conditions) => content.conditions.clone_from(conditions),
            Self::Settings(settings) => {
                check_settings(settings, &content.settings)?;
                content.settings.clone_from(settings);
            }
            Self::Stock(stock) => {
                let rule = || Error::invalid_field("update_mask", "coupon.stock: the card is no coupon");
                card.stock.as_mut().ok_or_else(rule)?.stock = *stock;
            }
        }
        Ok(())
    }
}

/// The kind of a card is fixed, and so is what a coupon is worth.
fn check_settings(new: &Settings, old: &Settings) -> Result<(), Error> {
    if new.kind() != old.kind() {
        let rule = format!("{}: the card is of the kind {}", new.kind().name(), old.kind().name());
        return Err(Error::invalid_field("update_mask", rule));
    }
    match (new, old) {
        (Settings::Coupon(new), Settings::Coupon(old)) if new.value != old.value => {
            const FIELD: &str = "card.coupon.value";
            let message = format!("{FIELD} is fixed and cannot be updated: make another coupon");
            Err(Error::new(Code::InvalidArgument, ErrorReason::ImmutableField, message).with("field", FIELD))
        }
        _ => Ok(()),
    }
}

/// Stores how many there are of a coupon: never less than are claimed.
pub(super) async fn store_stock(tx: &mut Tx, card: &Card) -> Result<(), Error> {
    let Some(Stock { stock, .. }) = card.stock else { return Ok(()) };
    if store::coupon::set_stock(tx, &card.account_id, &card.card_id, stock).await? {
        return Ok(());
    }
    Err(Error::invalid_field("card.coupon.stock", "must not be less than claimed_count"))
}
