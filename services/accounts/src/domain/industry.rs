//! Industries and the quadrant each belongs to: the table of the private domain white paper (domain.md §8).

use Quadrant::{HighFrequencyOffline, HighFrequencyOnline, LowFrequencyOffline, LowFrequencyOnline};

/// Transaction frequency × online degree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quadrant {
    HighFrequencyOnline,
    HighFrequencyOffline,
    LowFrequencyOnline,
    LowFrequencyOffline,
}

const INDUSTRIES: &[(&str, Quadrant)] = &[
    ("food_and_beverage", HighFrequencyOnline),
    ("fmcg", HighFrequencyOnline),
    ("apparel", HighFrequencyOnline),
    ("mother_and_baby", HighFrequencyOnline),
    ("skincare_and_cosmetics", HighFrequencyOnline),
    ("retail", HighFrequencyOnline),
    ("catering", HighFrequencyOffline),
    ("local_life", HighFrequencyOffline),
    ("manicure", HighFrequencyOffline),
    ("leisure", HighFrequencyOffline),
    ("fitness", HighFrequencyOffline),
    ("consumer_electronics", LowFrequencyOnline),
    ("designer_toys", LowFrequencyOnline),
    ("luxury", LowFrequencyOnline),
    ("accommodation", LowFrequencyOnline),
    ("adult_education", LowFrequencyOnline),
    ("finance_and_insurance", LowFrequencyOnline),
    ("media_and_content", LowFrequencyOnline),
    ("business_services", LowFrequencyOnline),
    ("real_estate", LowFrequencyOffline),
    ("automobile", LowFrequencyOffline),
    ("home_improvement", LowFrequencyOffline),
];

/// The quadrant of an industry, or none for a name that is not in the table.
pub(crate) fn quadrant_of(industry: &str) -> Option<Quadrant> {
    INDUSTRIES.iter().find(|(name, _)| *name == industry).map(|(_, quadrant)| *quadrant)
}

#[cfg(test)]
mod tests {
    use siyu_proto::accounts::v1::Industry;

    use super::*;

    #[test]
    fn every_industry_of_the_contract_has_a_quadrant() {
        for number in 1..=22 {
            let name = Industry::try_from(number)
                .unwrap()
                .as_str_name()
                .trim_start_matches("INDUSTRY_")
                .to_lowercase();
            assert!(quadrant_of(&name).is_some(), "{name}");
        }
        assert_eq!(INDUSTRIES.len(), 22);
        assert!(Industry::try_from(23).is_err(), "a new industry needs a quadrant");
    }

    #[test]
    fn quadrants_follow_the_white_paper() {
        assert_eq!(quadrant_of("skincare_and_cosmetics"), Some(HighFrequencyOnline));
        assert_eq!(quadrant_of("catering"), Some(HighFrequencyOffline));
        assert_eq!(quadrant_of("luxury"), Some(LowFrequencyOnline));
        assert_eq!(quadrant_of("automobile"), Some(LowFrequencyOffline));
        assert_eq!(quadrant_of(""), None);
    }
}
