use std::sync::Arc;

use serde::{Deserialize, Serialize};
use siyu_proto::common::v1::Role;

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    subject: String,
    kind: CallerKind,
    grants: Vec<Grant>,
    on_behalf_of: Option<Arc<Caller>>,
    issued_by_accounts: bool,
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

/// What a role is called in tokens, storage and messages: `analyst`, `agent`, `operator`, `admin` or `owner`.
#[must_use]
pub fn role_name(role: Role) -> String {
    role.as_str_name().trim_start_matches("ROLE_").to_lowercase()
}

/// The role that is called so.
#[must_use]
pub fn role_named(name: &str) -> Option<Role> {
    let role = Role::from_str_name(&format!("ROLE_{}", name.to_uppercase()));
    role.filter(|role| *role != Role::Unspecified)
}

impl Caller {
    /// A service of the platform.
    #[must_use]
    pub fn service(name: &str) -> Self {
        Self::new(name, CallerKind::Service, Vec::new())
    }

    /// A user of the platform.
    #[must_use]
    pub fn user(name: &str) -> Self {
        Self::new(name, CallerKind::User, Vec::new())
    }

    /// An operator with grants.
    #[must_use]
    pub fn operator(name: &str, grants: Vec<Grant>) -> Self {
        Self::new(name, CallerKind::Operator, grants)
    }

    fn new(name: &str, kind: CallerKind, grants: Vec<Grant>) -> Self {
        Self { subject: name.to_owned(), kind, grants, on_behalf_of: None, issued_by_accounts: false }
    }

    /// The same caller, whose token the accounts service made, or somebody else did.
    pub(crate) fn with_token_of_accounts(self, issued_by_accounts: bool) -> Self {
        Self { issued_by_accounts, ..self }
    }

    /// The same caller, acting for another.
    pub(crate) fn acting_for(self, end_caller: Arc<Self>) -> Self {
        Self { on_behalf_of: Some(end_caller), ..self }
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

    /// Whether it is the user called `name`, `users/{user}`. A token names them so, or by the id alone.
    #[must_use]
    pub fn is_user(&self, name: &str) -> bool {
        let id = self.subject.strip_prefix("users/").unwrap_or(&self.subject);
        self.kind == CallerKind::User && !id.is_empty() && name.strip_prefix("users/") == Some(id)
    }

    /// Whom a service acts for: the caller whose call it was serving when it made this one. What is allowed is decided by
    /// the service alone, but for managing operators and API keys; else this is for logs and audit.
    #[must_use]
    pub fn on_behalf_of(&self) -> Option<&Self> {
        self.on_behalf_of.as_deref()
    }

    /// Whether the accounts service made the token: what the caller may do is then stored there, and may be less by now.
    /// False for tokens of the platform's identity provider, and for calls without a token.
    #[must_use]
    pub fn issued_by_accounts(&self) -> bool {
        self.issued_by_accounts
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
