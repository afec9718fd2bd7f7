use serde::{Deserialize, Serialize};
use siyu_proto::common::v1::Role;

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    subject: String,
    kind: CallerKind,
    grants: Vec<Grant>,
}

/// Kinds of caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallerKind {
    /// A person acting for an account.
    Operator,
    /// Anybody on the platform.
    User,
    /// A service of the platform, or of the suite itself.
    Service,
}

/// What an operator may do on one account or enterprise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// `accounts/{account}` or `enterprises/{enterprise}`.
    pub resource: String,
    /// The role there.
    pub role: Role,
}

impl Caller {
    /// A service of the platform.
    #[must_use]
    pub fn service(name: &str) -> Self {
        Self { subject: name.to_owned(), kind: CallerKind::Service, grants: Vec::new() }
    }

    /// A user of the platform.
    #[must_use]
    pub fn user(name: &str) -> Self {
        Self { subject: name.to_owned(), kind: CallerKind::User, grants: Vec::new() }
    }

    /// An operator with grants.
    #[must_use]
    pub fn operator(name: &str, grants: Vec<Grant>) -> Self {
        Self { subject: name.to_owned(), kind: CallerKind::Operator, grants }
    }

    /// Who it is, for logs and audit.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// What kind of caller it is.
    #[must_use]
    pub fn kind(&self) -> CallerKind {
        self.kind
    }

    /// What an operator is allowed where.
    #[must_use]
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// The strongest role on `resource`, or none without a grant.
    #[must_use]
    pub fn role_on(&self, resource: &str) -> Option<Role> {
        self.grants.iter().filter(|grant| grant.resource == resource).map(|grant| grant.role).max()
    }
}
