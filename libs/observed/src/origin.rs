use serde::{Deserialize, Serialize};
use siyu_clock::Micros;
use siyu_proto::crm::v1::{Interaction, InteractionKind, SourceDomain};
use siyu_rpc::time::to_proto;

const SOURCE_DOMAIN: &str = "SOURCE_DOMAIN_";

/// Where a user came from when they did something.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow, Serialize, Deserialize)]
pub struct Origin {
    /// Resource name of the place where it was done; empty where unknown.
    pub mount: String,
    /// `public`, `commercial`, `private` or `external`; empty where unknown.
    pub source_domain: String,
    /// As the account calls it; empty where there is none.
    pub campaign: String,
}

/// Something a user did to `target`, as the CRM is told of it. `event_id` names it within the account for ever.
#[must_use]
pub fn interaction(
    event_id: String,
    user_id: &str,
    kind: InteractionKind,
    now: Micros,
    target: String,
    origin: &Origin,
) -> Interaction {
    Interaction {
        event_id,
        user: format!("users/{user_id}"),
        kind: kind.into(),
        event_time: Some(to_proto(now)),
        target,
        source_domain: named_domain(&origin.source_domain).into(),
        purchase: None,
        mount: origin.mount.clone(),
        campaign: origin.campaign.clone(),
    }
}

/// `SOURCE_DOMAIN_PUBLIC` is stored as `public`, and an unknown one as nothing.
#[must_use]
pub fn stored_domain(domain: SourceDomain) -> String {
    match domain {
        SourceDomain::Unspecified => String::new(),
        domain => domain.as_str_name().trim_start_matches(SOURCE_DOMAIN).to_lowercase(),
    }
}

/// The domain that is stored as `name`.
#[must_use]
pub fn named_domain(name: &str) -> SourceDomain {
    SourceDomain::from_str_name(&format!("{SOURCE_DOMAIN}{}", name.to_uppercase())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_keep_their_names_in_storage() {
        for number in 0..=4 {
            let domain = SourceDomain::try_from(number).unwrap();
            assert_eq!(named_domain(&stored_domain(domain)), domain);
        }
    }
}
