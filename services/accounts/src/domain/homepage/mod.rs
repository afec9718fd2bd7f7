//! What a homepage may show (A3).
//!
//! The document is the message of the contract itself: it is stored and given back as it was published, byte for byte.

pub(crate) mod template;

use std::collections::BTreeSet;

use prost::Message;
use siyu_proto::accounts::v1::{EntranceKind, Homepage, ModuleKind};

use super::card::Kind;

/// Most bytes of a document.
const MOST_BYTES: usize = 200_000;

/// A rule that a document breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The path of the field, from the document on: `modules[2].cards[0]`; empty for the document itself.
    pub(crate) field: String,
    /// The rule, which reads on from the name of the field.
    pub(crate) rule: String,
}

impl Mistake {
    pub(crate) fn new(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into() }
    }
}

/// A card that a document mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mounted<'a> {
    /// Path of the field that names it.
    pub(crate) field: String,
    /// Its resource name.
    pub(crate) name: &'a str,
    /// The kind of its module.
    pub(crate) module: ModuleKind,
}

/// The cards of a document, in its order.
pub(crate) fn mounted(homepage: &Homepage) -> Vec<Mounted<'_>> {
    let mut found = Vec::new();
    for (place, module) in homepage.modules.iter().enumerate() {
        for (card, name) in module.cards.iter().enumerate() {
            let field = format!("modules[{place}].cards[{card}]");
            found.push(Mounted { field, name, module: module.kind() });
        }
    }
    found
}

/// The first rule that a document breaks by itself, beside those that the contract declares.
pub(crate) fn mistake(homepage: &Homepage) -> Option<Mistake> {
    if homepage.encoded_len() > MOST_BYTES {
        return Some(Mistake::new("", format!("must have at most {MOST_BYTES} bytes")));
    }
    let mut entrances = BTreeSet::new();
    for (place, module) in homepage.modules.iter().enumerate() {
        let path = format!("modules[{place}]");
        if !module.entrances.is_empty() && module.kind() != ModuleKind::Entrances {
            return Some(Mistake::new(
                format!("{path}.entrances"),
                "must be empty but with MODULE_KIND_ENTRANCES",
            ));
        }
        for (number, entrance) in module.entrances.iter().enumerate() {
            if !entrances.insert(entrance.kind) {
                let rule = "must be of a kind that the homepage does not have yet";
                return Some(Mistake::new(format!("{path}.entrances[{number}].kind"), rule));
            }
        }
    }
    None
}

/// What an entrance is called in resource names: `private_message`.
pub(crate) fn entrance_id(kind: EntranceKind) -> String {
    kind.as_str_name().trim_start_matches("ENTRANCE_KIND_").to_lowercase()
}

/// Whether entrances of some kind are called so.
pub(crate) fn is_entrance(id: &str) -> bool {
    let named = EntranceKind::from_str_name(&format!("ENTRANCE_KIND_{}", id.to_uppercase()));
    named.is_some_and(|kind| kind != EntranceKind::Unspecified && entrance_id(kind) == id)
}

/// Whether a module of this kind mounts cards of that kind.
pub(crate) fn fits(module: ModuleKind, card: Kind) -> bool {
    match module {
        ModuleKind::Unspecified | ModuleKind::Brand | ModuleKind::ServiceIntroduction => false,
        ModuleKind::Banner => true,
        ModuleKind::LiveSchedule => card == Kind::LiveAppointment,
        ModuleKind::Topics => card == Kind::Link,
        ModuleKind::ProductShowcase => card == Kind::Product,
        ModuleKind::Services => card == Kind::Service,
        ModuleKind::Stores => matches!(card, Kind::Link | Kind::Service | Kind::Booking),
        ModuleKind::Coupons => card == Kind::Coupon,
        ModuleKind::LeadForm => card == Kind::LeadForm,
        ModuleKind::Booking => card == Kind::Booking,
        ModuleKind::Entrances => card == Kind::GroupInvite,
    }
}

#[cfg(test)]
mod tests {
    use siyu_proto::accounts::v1::{Entrance, Module};

    use super::*;

    fn module(kind: ModuleKind, entrances: &[EntranceKind]) -> Module {
        let entrances = entrances.iter().map(|kind| Entrance { kind: (*kind).into(), ..Entrance::default() });
        Module { kind: kind.into(), entrances: entrances.collect(), ..Module::default() }
    }

    fn field_of_mistake(modules: Vec<Module>) -> Option<String> {
        mistake(&Homepage { modules }).map(|mistake| mistake.field)
    }

    #[test]
    fn entrances_are_in_their_module_and_there_once() {
        use EntranceKind::{PrivateMessage, Subscribe};
        let both = [Subscribe, PrivateMessage];
        assert_eq!(field_of_mistake(vec![module(ModuleKind::Entrances, &both)]), None);
        assert_eq!(field_of_mistake(vec![module(ModuleKind::Brand, &both)]).unwrap(), "modules[0].entrances");
        let twice = [module(ModuleKind::Entrances, &both), module(ModuleKind::Entrances, &[Subscribe])];
        assert_eq!(field_of_mistake(twice.to_vec()).unwrap(), "modules[1].entrances[0].kind");
    }

    #[test]
    fn a_document_has_a_size() {
        let text = |bytes| Module { text: "x".repeat(bytes), ..module(ModuleKind::Brand, &[]) };
        assert_eq!(field_of_mistake(vec![text(MOST_BYTES - 20)]), None);
        assert_eq!(field_of_mistake(vec![text(MOST_BYTES)]).unwrap(), "");
    }

    #[test]
    fn cards_are_named_by_their_path() {
        let with_cards = |names: &[&str]| Module {
            cards: names.iter().map(|name| (*name).to_owned()).collect(),
            ..module(ModuleKind::Coupons, &[])
        };
        let homepage = Homepage { modules: vec![with_cards(&["a"]), with_cards(&["b", "c"])] };
        let found: Vec<_> =
            mounted(&homepage).into_iter().map(|card| format!("{}={}", card.field, card.name)).collect();
        assert_eq!(found, ["modules[0].cards[0]=a", "modules[1].cards[0]=b", "modules[1].cards[1]=c"]);
    }

    #[test]
    fn entrances_have_names() {
        assert_eq!(entrance_id(EntranceKind::PrivateMessage), "private_message");
        assert!(is_entrance("private_message") && is_entrance("group"));
        assert!(!["", "unspecified", "GROUP", "castle"].into_iter().any(is_entrance));
    }
}
