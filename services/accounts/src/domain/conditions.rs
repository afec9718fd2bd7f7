//! What a fan must meet to claim, book, sign up or join.

use serde::{Deserialize, Serialize};

use super::standing::{Standing, Tier};

/// All of it must be met.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Conditions {
    pub(crate) follow_first: bool,
    pub(crate) min_tier: Option<Tier>,
    /// Id of a tag.
    pub(crate) required_tag: Option<String>,
}

/// A condition that is not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unmet {
    /// `follow_first`, `min_tier` or `required_tag`.
    pub(crate) condition: &'static str,
    /// What it asks for: `true`, a tier, the id of a tag.
    pub(crate) required: String,
}

impl Conditions {
    /// Whether anybody meets them: then nobody needs to ask where the user stands.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The first condition that somebody who stands so does not meet.
    pub(crate) fn unmet(&self, standing: &Standing) -> Option<Unmet> {
        let of = |condition, required: &str| Some(Unmet { condition, required: required.to_owned() });
        if self.follow_first && !standing.following {
            return of("follow_first", "true");
        }
        if let Some(min_tier) = self.min_tier.filter(|min_tier| standing.tier < *min_tier) {
            return of("min_tier", min_tier.name());
        }
        match &self.required_tag {
            Some(tag) if !standing.tags.contains(tag) => of("required_tag", tag),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fan() -> Standing {
        Standing { following: true, tier: Tier::Favorable, tags: vec!["member".to_owned()] }
    }

    fn first_unmet(conditions: &Conditions, standing: &Standing) -> Option<&'static str> {
        conditions.unmet(standing).map(|unmet| unmet.condition)
    }

    #[test]
    fn every_condition_counts() {
        let all = Conditions {
            follow_first: true,
            min_tier: Some(Tier::Favorable),
            required_tag: Some("member".to_owned()),
        };
        assert_eq!(first_unmet(&all, &fan()), None);
        assert_eq!(first_unmet(&all, &Standing { tier: Tier::TrueLove, ..fan() }), None);
        assert_eq!(first_unmet(&all, &Standing { following: false, ..fan() }), Some("follow_first"));
        assert_eq!(first_unmet(&all, &Standing { tier: Tier::Passerby, ..fan() }), Some("min_tier"));
        assert_eq!(first_unmet(&all, &Standing { tags: Vec::new(), ..fan() }), Some("required_tag"));
        let unmet = all.unmet(&Standing { tier: Tier::Potential, ..fan() });
        assert_eq!(unmet.map(|unmet| unmet.required), Some("favorable".to_owned()));
    }

    #[test]
    fn without_conditions_a_stranger_is_welcome() {
        let none = Conditions::default();
        assert!(none.is_empty() && none.unmet(&Standing::stranger()).is_none());
        assert!(!Conditions { min_tier: Some(Tier::Potential), ..none }.is_empty());
    }
}
