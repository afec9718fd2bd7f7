//! Homepages to begin with (A4): one for each quadrant, and the one of an account that has none.

use siyu_proto::{
    accounts::v1::{
        Entrance,
        EntranceKind::{self, Group, LiveRoom, PrivateMessage, Subscribe},
        Homepage, Module,
        ModuleKind::{
            self, Banner, Booking, Brand, Coupons, Entrances, LeadForm, LiveSchedule, ProductShowcase,
            ServiceIntroduction, Services, Stores, Topics,
        },
    },
    crm::v1::Tier,
};

use crate::domain::industry::Quadrant;

/// A homepage to begin with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Template {
    /// Last segment of its name.
    pub(crate) id: &'static str,
    pub(crate) display_name: &'static str,
    pub(crate) quadrant: Quadrant,
    modules: &'static [(ModuleKind, &'static str)],
    entrances: &'static [EntranceKind],
}

/// All of them, by id.
pub(crate) const TEMPLATES: [Template; 4] = [
    Template {
        id: "flagship-store",
        display_name: "Flagship store",
        quadrant: Quadrant::HighFrequencyOnline,
        modules: &[
            (Banner, ""),
            (Brand, "Our brand"),
            (ProductShowcase, "Bestsellers"),
            (Coupons, "For you"),
            (LiveSchedule, "Live"),
            (Topics, "Topics"),
        ],
        entrances: &[Subscribe, PrivateMessage, Group, LiveRoom],
    },
    Template {
        id: "knowledge",
        display_name: "Knowledge",
        quadrant: Quadrant::LowFrequencyOnline,
        modules: &[
            (Brand, "Who we are"),
            (ServiceIntroduction, "What we help with"),
            (Topics, "Good to know"),
            (LiveSchedule, "Live"),
            (ProductShowcase, "Our choice"),
            (LeadForm, "Ask us"),
        ],
        entrances: &[Subscribe, PrivateMessage, LiveRoom],
    },
    Template {
        id: "local-merchant",
        display_name: "Local merchant",
        quadrant: Quadrant::HighFrequencyOffline,
        modules: &[
            (Banner, "Activities"),
            (Services, "Services"),
            (Coupons, "Specials"),
            (Stores, "Stores"),
            (Booking, "Book a time"),
            (Brand, "About us"),
        ],
        entrances: &[Subscribe, PrivateMessage, Group],
    },
    Template {
        id: "trust-building",
        display_name: "Trust building with booking",
        quadrant: Quadrant::LowFrequencyOffline,
        modules: &[
            (Brand, "Who we are"),
            (ServiceIntroduction, "How we work"),
            (Topics, "Seen by others"),
            (Booking, "Book a visit"),
            (LeadForm, "Leave your number"),
            (Stores, "Stores"),
        ],
        entrances: &[Subscribe, PrivateMessage],
    },
];

/// The template called so.
pub(crate) fn named(id: &str) -> Option<Template> {
    TEMPLATES.into_iter().find(|template| template.id == id)
}

impl Template {
    /// What it shows, of an account that says `persona` of itself.
    pub(crate) fn homepage(&self, persona: &str) -> Homepage {
        let modules = self.modules.iter().map(|(kind, title)| module(*kind, title, persona));
        Homepage { modules: modules.chain([entrances(self.entrances)]).collect() }
    }
}

/// What an account shows that has published nothing.
pub(crate) fn of_profile(persona: &str) -> Homepage {
    Homepage {
        modules: vec![
            module(Brand, "", persona),
            module(LiveSchedule, "", ""),
            entrances(&[Subscribe, PrivateMessage]),
        ],
    }
}

fn module(kind: ModuleKind, title: &str, persona: &str) -> Module {
    let text = if kind == Brand { persona.to_owned() } else { String::new() };
    Module { kind: kind.into(), title: title.to_owned(), text, ..Module::default() }
}

fn entrances(kinds: &[EntranceKind]) -> Module {
    let entrance = |kind: &EntranceKind| Entrance {
        kind: (*kind).into(),
        // Groups are for those who follow.
        follow_first: *kind == Group,
        min_tier: Tier::Unspecified.into(),
        ..Entrance::default()
    };
    let entrances = kinds.iter().map(entrance).collect();
    Module { entrances, ..module(Entrances, "", "") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::homepage::mistake;

    #[test]
    fn every_quadrant_has_one_and_none_breaks_a_rule() {
        use Quadrant::{HighFrequencyOffline, HighFrequencyOnline, LowFrequencyOffline, LowFrequencyOnline};
        for quadrant in [HighFrequencyOnline, HighFrequencyOffline, LowFrequencyOnline, LowFrequencyOffline] {
            assert_eq!(TEMPLATES.iter().filter(|template| template.quadrant == quadrant).count(), 1);
        }
        for template in TEMPLATES {
            let homepage = template.homepage("We care");
            assert_eq!(mistake(&homepage), None);
            let brand = homepage.modules.iter().find(|module| module.kind() == Brand).unwrap();
            assert_eq!(brand.text, "We care");
        }
        assert!(TEMPLATES.is_sorted_by_key(|template| template.id));
        assert_eq!(mistake(&of_profile("")), None);
    }
}
