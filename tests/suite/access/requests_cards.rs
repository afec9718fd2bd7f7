//! Good requests to the services of cards and coupons.

use prost_types::FieldMask;
use siyu_proto::{
    accounts::v1::{
        ArchiveCardRequest, Card, CardKind, CreateCardRequest, GetCardRequest, GetClaimRequest, LinkSettings,
        ListCardsRequest, ListClaimsRequest, RedeemCouponRequest, UpdateCardRequest,
    },
    common::v1::Role,
};

use super::requests::{About, Good, good};

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    let account = about.account();
    let card_id = format!("card-{}", about.turn);
    let name = format!("{account}/cards/{card_id}");
    let link = Card {
        kind: CardKind::Link.into(),
        display_name: "Link".to_owned(),
        link: Some(LinkSettings { uri: "https://shop.example".to_owned() }),
        ..Card::default()
    };
    // Claimed by `two_tenants`.
    let coupon = format!("{account}/cards/ten-off");
    let claim = format!("{coupon}/claims/{}", about.turn);
    let renamed = Card { name: name.clone(), display_name: "Renamed".to_owned(), ..Card::default() };
    vec![
        good(
            Role::Operator,
            &CreateCardRequest { parent: account.clone(), card: Some(link), card_id, ..Default::default() },
        ),
        good(Role::Analyst, &GetCardRequest { name: coupon.clone() }),
        good(Role::Analyst, &ListCardsRequest { parent: account.clone(), ..Default::default() }),
        good(
            Role::Operator,
            &UpdateCardRequest {
                card: Some(renamed),
                update_mask: Some(FieldMask { paths: vec!["display_name".to_owned()] }),
                ..Default::default()
            },
        ),
        good(Role::Analyst, &ListClaimsRequest { parent: coupon, ..Default::default() }),
        good(Role::Agent, &GetClaimRequest { name: claim.clone() }),
        good(
            Role::Agent,
            &RedeemCouponRequest { parent: account.clone(), name: claim, ..Default::default() },
        ),
        good(Role::Operator, &ArchiveCardRequest { name }),
    ]
}
