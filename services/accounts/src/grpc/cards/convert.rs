//! Between the contract of cards and what is stored.

use siyu_proto::{accounts::v1 as pb, common::v1::ErrorReason, crm::v1 as crm};
use siyu_rpc::{Error, etag, name, time::to_proto};
use tonic::Code;

use super::{
    coupon::{coupon, stock, to_coupon},
    lead_form::{lead_form, to_lead_form},
};
use crate::{
    app::{
        cards::{Change, NewCard},
        fans::{self, Tier, tier},
    },
    domain::{
        booking::BookingSettings,
        card::{Card, Content, Kind, Product, Service, Settings},
        conditions::Conditions,
    },
};

/// Account and card of a card's name.
pub(crate) fn card_ids<'a>(name: &'a str, field: &str) -> Result<[&'a str; 2], Error> {
    let found = name::ids(name, ["accounts", "cards"]);
    found.ok_or_else(|| Error::invalid_field(field, "must be accounts/{account}/cards/{card}"))
}

/// The card of a name, which must be of the account.
pub(crate) fn card_of<'a>(name: &'a str, account_id: &str, field: &str) -> Result<&'a str, Error> {
    let [of_account, card_id] = card_ids(name, field)?;
    if of_account == account_id {
        Ok(card_id)
    } else {
        Err(Error::invalid_field(field, format!("must be a card of accounts/{account_id}")))
    }
}

pub(super) fn kind(kind: pb::CardKind) -> Option<Kind> {
    match kind {
        pb::CardKind::Unspecified => None,
        pb::CardKind::Product => Some(Kind::Product),
        pb::CardKind::Service => Some(Kind::Service),
        pb::CardKind::Coupon => Some(Kind::Coupon),
        pb::CardKind::LeadForm => Some(Kind::LeadForm),
        pb::CardKind::Booking => Some(Kind::Booking),
        pb::CardKind::LiveAppointment => Some(Kind::LiveAppointment),
        pb::CardKind::GroupInvite => Some(Kind::GroupInvite),
        pb::CardKind::Link => Some(Kind::Link),
    }
}

fn to_kind(kind: Kind) -> pb::CardKind {
    match kind {
        Kind::Product => pb::CardKind::Product,
        Kind::Service => pb::CardKind::Service,
        Kind::Coupon => pb::CardKind::Coupon,
        Kind::LeadForm => pb::CardKind::LeadForm,
        Kind::Booking => pb::CardKind::Booking,
        Kind::LiveAppointment => pb::CardKind::LiveAppointment,
        Kind::GroupInvite => pb::CardKind::GroupInvite,
        Kind::Link => pb::CardKind::Link,
    }
}

/// Whether cards of this state are archived; none: of any state.
pub(super) fn archived(state: pb::CardState) -> Option<bool> {
    match state {
        pb::CardState::Unspecified => None,
        pb::CardState::Active => Some(false),
        pb::CardState::Archived => Some(true),
    }
}

pub(super) fn new_card(card: pb::Card) -> Result<NewCard, Error> {
    let kind = kind(card.kind()).ok_or_else(|| Error::invalid_field("card.kind", "must be set"))?;
    if let Some(other) = settings_set(&card).into_iter().find(|other| *other != kind) {
        let rule = format!("must be unset: the card is of the kind {}", to_kind(kind).as_str_name());
        return Err(Error::invalid_field(format!("card.{}", other.name()), rule));
    }
    let settings = settings(&card, kind)?;
    let stock = if kind == Kind::Coupon { Some(stock(card.coupon.as_ref())?) } else { None };
    let content = Content {
        display_name: card.display_name,
        description: card.description,
        picture_uri: card.picture_uri,
        conditions: conditions(card.conditions.unwrap_or_default()),
        settings,
    };
    Ok(NewCard { content, stock })
}

/// The kinds whose settings are set.
fn settings_set(card: &pb::Card) -> Vec<Kind> {
    let set = [
        (Kind::Product, card.product.is_some()),
        (Kind::Service, card.service.is_some()),
        (Kind::Coupon, card.coupon.is_some()),
        (Kind::LeadForm, card.lead_form.is_some()),
        (Kind::Booking, card.booking.is_some()),
        (Kind::LiveAppointment, card.live_appointment.is_some()),
        (Kind::GroupInvite, card.group_invite.is_some()),
        (Kind::Link, card.link.is_some()),
    ];
    set.into_iter().filter(|(_, is_set)| *is_set).map(|(kind, _)| kind).collect()
}

/// The settings of a card of this kind.
fn settings(card: &pb::Card, kind: Kind) -> Result<Settings, Error> {
    let found = match kind {
        Kind::Product => card.product.clone().map(product),
        Kind::Service => card.service.clone().map(service),
        Kind::Coupon => card.coupon.map(coupon).transpose()?.map(Settings::Coupon),
        Kind::LeadForm => card.lead_form.clone().map(lead_form).transpose()?.map(Settings::LeadForm),
        Kind::Booking => card.booking.clone().map(booking),
        Kind::LiveAppointment => card.live_appointment.clone().map(live_appointment),
        Kind::GroupInvite => card.group_invite.clone().map(group_invite),
        Kind::Link => card.link.clone().map(|link| Settings::Link { uri: link.uri }),
    };
    found.ok_or_else(|| Error::invalid_field(format!("card.{}", kind.name()), "must be set"))
}

fn product(product: pb::ProductSettings) -> Settings {
    let pb::ProductSettings { price_minor, original_price_minor, uri } = product;
    Settings::Product(Product { price_minor, original_price_minor, uri })
}

fn service(service: pb::ServiceSettings) -> Settings {
    let pb::ServiceSettings { price_minor, duration_minutes, store } = service;
    Settings::Service(Service { price_minor, duration_minutes, store })
}

fn booking(booking: pb::BookingSettings) -> Settings {
    let pb::BookingSettings { place, contact_required } = booking;
    Settings::Booking(BookingSettings { place, contact_required })
}

fn live_appointment(live: pb::LiveAppointmentSettings) -> Settings {
    Settings::LiveAppointment { content: live.content }
}

fn group_invite(invite: pb::GroupInviteSettings) -> Settings {
    let min_tier = tier(invite.min_tier());
    Settings::GroupInvite { group: invite.group, min_tier }
}

fn conditions(conditions: pb::Conditions) -> Conditions {
    let min_tier = tier(conditions.min_tier());
    let required_tag = Some(conditions.required_tag).filter(|tag| !tag.is_empty());
    Conditions { follow_first: conditions.follow_first, min_tier, required_tag }
}

/// The changes that a field mask asks for.
pub(super) fn changes(card: pb::Card, paths: &[String]) -> Result<Vec<Change>, Error> {
    if paths.is_empty() {
        return Err(Error::invalid_field("update_mask", "must name at least one field"));
    }
    let mut changes = Vec::new();
    for path in paths {
        match path.as_str() {
            "display_name" => changes.push(Change::DisplayName(card.display_name.clone())),
            "description" => changes.push(Change::Description(card.description.clone())),
            "picture_uri" => changes.push(Change::PictureUri(card.picture_uri.clone())),
            "conditions" => {
                changes.push(Change::Conditions(conditions(card.conditions.clone().unwrap_or_default())));
            }
            "coupon.stock" => changes.push(Change::Stock(stock(card.coupon.as_ref())?)),
            "name" | "kind" | "state" | "create_time" | "update_time" | "coupon.value" => {
                let message = format!("update_mask: {path} is fixed and cannot be updated");
                let error = Error::new(Code::InvalidArgument, ErrorReason::ImmutableField, message);
                return Err(error.with("field", path));
            }
            other => {
                let rule = || Error::invalid_field("update_mask", format!("{path:?} is no field to update"));
                let kind = Kind::named(other).ok_or_else(rule)?;
                changes.push(Change::Settings(settings(&card, kind)?));
                if kind == Kind::Coupon {
                    changes.push(Change::Stock(stock(card.coupon.as_ref())?));
                }
            }
        }
    }
    Ok(changes)
}

pub(crate) fn to_card(card: Card) -> pb::Card {
    let state = if card.archived { pb::CardState::Archived } else { pb::CardState::Active };
    let mut encoded = pb::Card {
        name: card.name(),
        kind: to_kind(card.kind()).into(),
        display_name: card.content.display_name,
        description: card.content.description,
        picture_uri: card.content.picture_uri,
        conditions: to_conditions(card.content.conditions),
        state: state.into(),
        etag: etag::of(card.revision),
        create_time: Some(to_proto(card.create_time)),
        update_time: Some(to_proto(card.update_time)),
        ..pb::Card::default()
    };
    match card.content.settings {
        Settings::Product(Product { price_minor, original_price_minor, uri }) => {
            encoded.product = Some(pb::ProductSettings { price_minor, original_price_minor, uri });
        }
        Settings::Service(Service { price_minor, duration_minutes, store }) => {
            encoded.service = Some(pb::ServiceSettings { price_minor, duration_minutes, store });
        }
        Settings::Coupon(coupon) => encoded.coupon = Some(to_coupon(&coupon, card.stock)),
        Settings::LeadForm(form) => encoded.lead_form = Some(to_lead_form(form)),
        Settings::Booking(BookingSettings { place, contact_required }) => {
            encoded.booking = Some(pb::BookingSettings { place, contact_required });
        }
        Settings::LiveAppointment { content } => {
            encoded.live_appointment = Some(pb::LiveAppointmentSettings { content });
        }
        Settings::GroupInvite { group, min_tier } => {
            encoded.group_invite =
                Some(pb::GroupInviteSettings { group, min_tier: to_tier(min_tier).into() });
        }
        Settings::Link { uri } => encoded.link = Some(pb::LinkSettings { uri }),
    }
    encoded
}

fn to_conditions(conditions: Conditions) -> Option<pb::Conditions> {
    (!conditions.is_empty()).then(|| pb::Conditions {
        follow_first: conditions.follow_first,
        min_tier: to_tier(conditions.min_tier).into(),
        required_tag: conditions.required_tag.unwrap_or_default(),
    })
}

fn to_tier(tier: Option<Tier>) -> crm::Tier {
    tier.map_or(crm::Tier::Unspecified, fans::to_tier)
}
