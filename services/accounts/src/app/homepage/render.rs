//! How a homepage looks to somebody.

use siyu_clock::Micros;
use siyu_proto::{
    accounts::v1::{
        self as pb, CardAvailability, CardView, Entrance, EntranceKind, EntranceState, EntranceView,
        HomepageView, Module, ModuleKind, ModuleView,
    },
    crm::v1 as crm,
};

use super::page::Page;
use crate::{
    app::fans::{tier, to_tier},
    domain::{
        card::{Card, Settings},
        conditions::{Conditions, Unmet},
        homepage::entrance_id,
        standing::Standing,
    },
    grpc::{to_card, to_content},
    store::content::Content,
};

/// Somebody who looks at a homepage.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Viewer {
    /// Whether it is known where they stand.
    pub(crate) known: bool,
    pub(crate) standing: Standing,
}

impl Viewer {
    /// Somebody of whom nothing is known.
    pub(crate) fn unknown() -> Self {
        Self { known: false, standing: Standing::stranger() }
    }

    /// Somebody who stands so.
    pub(crate) fn who_stands(standing: Standing) -> Self {
        Self { known: true, standing }
    }
}

/// The page as `viewer` sees it.
pub(super) fn render(page: &Page, viewer: &Viewer) -> HomepageView {
    let modules = page.homepage.modules.iter().map(|module| render_module(page, module, &viewer.standing));
    HomepageView {
        name: format!("accounts/{}/homepage", page.account_id),
        display_name: page.display_name.clone(),
        certified: page.certified,
        version: page.version,
        modules: modules.collect(),
        viewer_known: viewer.known,
        following: viewer.standing.following,
        tier: to_tier(viewer.standing.tier).into(),
    }
}

fn render_module(page: &Page, module: &Module, standing: &Standing) -> ModuleView {
    let card = |name: &String| render_card(name, page.cards.get(name), standing, page.as_of);
    let entrance =
        |entrance: &Entrance| render_entrance(&page.account_id, entrance, &page.installed, standing);
    let is_schedule = module.kind() == ModuleKind::LiveSchedule;
    let lives = page.lives.iter().filter(|_| is_schedule);
    ModuleView {
        kind: module.kind,
        title: module.title.clone(),
        text: module.text.clone(),
        picture_uris: module.picture_uris.clone(),
        links: module.links.clone(),
        cards: module.cards.iter().map(card).collect(),
        entrances: module.entrances.iter().map(entrance).collect(),
        lives: lives.map(|live| announced(live.clone())).collect(),
    }
}

fn render_card(name: &str, card: Option<&Card>, standing: &Standing, now: Micros) -> CardView {
    let Some(card) = card.filter(|card| !card.archived) else {
        let availability = CardAvailability::Gone.into();
        return CardView { name: name.to_owned(), card: None, availability };
    };
    CardView {
        name: name.to_owned(),
        card: Some(for_users(card)),
        availability: availability(card, standing, now).into(),
    }
}

/// A live without what is for operators alone.
fn announced(live: Content) -> pb::Content {
    pb::Content { etag: String::new(), create_time: None, update_time: None, ..to_content(live) }
}

/// A card without what is for operators alone.
fn for_users(card: &Card) -> pb::Card {
    let mut shown = to_card(card.clone());
    shown.etag.clear();
    (shown.create_time, shown.update_time) = (None, None);
    if let Some(coupon) = &mut shown.coupon {
        (coupon.stock, coupon.claimed_count, coupon.redeemed_count) = (None, 0, 0);
    }
    shown
}

fn availability(card: &Card, standing: &Standing, now: Micros) -> CardAvailability {
    if let Settings::Coupon(coupon) = &card.content.settings {
        if coupon.claim_start.is_some_and(|start| now < start) {
            return CardAvailability::NotYet;
        }
        if coupon.claim_end.is_some_and(|end| now >= end) {
            return CardAvailability::Over;
        }
        if card.stock.is_some_and(|stock| stock.claimed >= stock.stock) {
            return CardAvailability::SoldOut;
        }
    }
    let of_group = match &card.content.settings {
        Settings::GroupInvite { min_tier, .. } => Conditions { min_tier: *min_tier, ..Conditions::default() },
        _ => Conditions::default(),
    };
    let unmet = card.content.conditions.unmet(standing).or_else(|| of_group.unmet(standing));
    match unmet {
        None => CardAvailability::Open,
        Some(Unmet { condition: "follow_first", .. }) => CardAvailability::FollowFirst,
        Some(Unmet { condition: "min_tier", .. }) => CardAvailability::TierTooLow,
        Some(_) => CardAvailability::TagMissing,
    }
}

fn render_entrance(
    account_id: &str,
    entrance: &Entrance,
    installed: &[EntranceKind],
    standing: &Standing,
) -> EntranceView {
    let min_tier = tier(entrance.min_tier());
    let conditions = Conditions { follow_first: entrance.follow_first, min_tier, required_tag: None };
    let state = match conditions.unmet(standing) {
        Some(Unmet { condition: "follow_first", .. }) => EntranceState::FollowFirst,
        Some(_) => EntranceState::TierTooLow,
        None => within(entrance.kind(), installed, standing),
    };
    let required = min_tier.filter(|_| state == EntranceState::TierTooLow);
    let kind = entrance_id(entrance.kind());
    EntranceView {
        name: format!("accounts/{account_id}/homepage/entrances/{kind}"),
        kind: entrance.kind,
        title: entrance.title.clone(),
        state: state.into(),
        required_tier: required.map_or(crm::Tier::Unspecified, to_tier).into(),
    }
}

/// What is behind an entrance, for somebody who may enter. Following and live rooms are the platform's own; what is behind the
/// others is `installed` or not.
fn within(kind: EntranceKind, installed: &[EntranceKind], standing: &Standing) -> EntranceState {
    match kind {
        EntranceKind::Subscribe if standing.following => EntranceState::FollowingAlready,
        EntranceKind::Subscribe | EntranceKind::LiveRoom => EntranceState::Open,
        kind if installed.contains(&kind) => EntranceState::Open,
        EntranceKind::PrivateMessage | EntranceKind::Group | EntranceKind::Unspecified => {
            EntranceState::NotInstalled
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::standing::Tier;

    fn stands(following: bool, tier: Tier) -> Standing {
        Standing { following, tier, tags: Vec::new() }
    }

    fn of(kind: EntranceKind) -> Entrance {
        Entrance { kind: kind.into(), ..Entrance::default() }
    }

    /// Where messages are installed, and groups are not.
    fn view(entrance: &Entrance, following: bool, tier: Tier) -> EntranceView {
        render_entrance("shop", entrance, &[EntranceKind::PrivateMessage], &stands(following, tier))
    }

    fn state(entrance: &Entrance, following: bool, tier: Tier) -> EntranceState {
        view(entrance, following, tier).state()
    }

    #[test]
    fn entrances_open_as_one_comes_closer() {
        let group =
            Entrance { follow_first: true, min_tier: crm::Tier::Favorable.into(), ..of(EntranceKind::Group) };
        assert_eq!(state(&group, false, Tier::Potential), EntranceState::FollowFirst);
        assert_eq!(state(&group, true, Tier::Passerby), EntranceState::TierTooLow);
        assert_eq!(state(&group, true, Tier::Favorable), EntranceState::NotInstalled);
        let view = view(&group, true, Tier::Passerby);
        assert_eq!(view.required_tier(), crm::Tier::Favorable);
        assert_eq!(view.name, "accounts/shop/homepage/entrances/group");
    }

    #[test]
    fn who_follows_need_not_subscribe() {
        let subscribe = of(EntranceKind::Subscribe);
        assert_eq!(state(&subscribe, false, Tier::Potential), EntranceState::Open);
        assert_eq!(state(&subscribe, true, Tier::Passerby), EntranceState::FollowingAlready);
        assert_eq!(state(&of(EntranceKind::LiveRoom), false, Tier::Potential), EntranceState::Open);
    }

    #[test]
    fn what_is_not_installed_is_not_open() {
        let nobody = stands(false, Tier::Potential);
        let kinds = [EntranceKind::PrivateMessage, EntranceKind::Group];
        let states = |installed: &[EntranceKind]| kinds.map(|kind| within(kind, installed, &nobody));
        assert_eq!(states(&[]), [EntranceState::NotInstalled; 2]);
        assert_eq!(states(&kinds[..1]), [EntranceState::Open, EntranceState::NotInstalled]);
        assert_eq!(states(&kinds), [EntranceState::Open; 2]);
    }
}
