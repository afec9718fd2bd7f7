//! What a person may do where, all roles taken together.

use std::collections::BTreeMap;

use siyu_proto::common::v1::Role;

/// Most grants of a token. It travels in a header: with 50 grants on the longest names it has about 8 KiB.
pub(crate) const MOST: usize = 50;

/// The role of a person on each account and company.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Grants {
    roles: BTreeMap<String, Role>,
}

impl Grants {
    /// Adds a role. Where there is one already, the stronger counts.
    pub(crate) fn add(&mut self, resource: String, role: Role) {
        let strongest = self.roles.entry(resource).or_insert(role);
        *strongest = role.max(*strongest);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.roles.len()
    }

    /// By resource.
    pub(crate) fn into_pairs(self) -> impl Iterator<Item = (String, Role)> {
        self.roles.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_role_counts() {
        let mut grants = Grants::default();
        grants.add("accounts/b".to_owned(), Role::Analyst);
        grants.add("accounts/a".to_owned(), Role::Owner);
        grants.add("accounts/a".to_owned(), Role::Agent);
        grants.add("accounts/b".to_owned(), Role::Admin);
        assert_eq!(grants.len(), 2);
        let pairs: Vec<_> = grants.into_pairs().collect();
        assert_eq!(pairs, [("accounts/a".to_owned(), Role::Owner), ("accounts/b".to_owned(), Role::Admin)]);
    }
}
