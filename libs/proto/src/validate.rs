//! What the generated validation and policy code is made of.

use std::{collections::HashSet, hash::Hash};

use crate::common::v1::{Access, Role};

/// A message that knows the rules its proto declares.
pub trait Validate {
    /// Adds to `out` every field that breaks its rule.
    fn validate(&self, out: &mut Violations);

    /// Every field that breaks its rule; empty when the message is good.
    fn violations(&self) -> Vec<FieldViolation> {
        let mut out = Violations::default();
        self.validate(&mut out);
        out.found
    }
}

/// A field that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// Path of the field from the request, e.g. `account.profile.regions[2]`.
    pub field: String,
    /// The rule, as words that follow the field's name: `must have at most 100 characters`.
    pub rule: &'static str,
}

/// Collects violations, knowing where in the message it is.
#[derive(Debug, Default)]
pub struct Violations {
    path: String,
    found: Vec<FieldViolation>,
}

impl Violations {
    /// Notes a violation of the field `name` of the message being looked at, unless `holds`.
    pub fn check(&mut self, name: &str, holds: bool, rule: &'static str) {
        if !holds {
            let field = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
            self.found.push(FieldViolation { field, rule });
        }
    }

    /// Notes a violation of the value being looked at, unless `holds`.
    pub fn check_here(&mut self, holds: bool, rule: &'static str) {
        if !holds {
            self.found.push(FieldViolation { field: self.path.clone(), rule });
        }
    }

    /// Looks at the field `name`.
    pub fn within(&mut self, name: &str, look: impl FnOnce(&mut Self)) {
        let outer = self.path.len();
        if outer > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        look(self);
        self.path.truncate(outer);
    }

    /// Looks at one item of the repeated field `name`.
    pub fn within_item(&mut self, name: &str, index: usize, look: impl FnOnce(&mut Self)) {
        let outer = self.path.len();
        self.within(name, |out| {
            out.path.push_str(&format!("[{index}]"));
            look(out);
        });
        self.path.truncate(outer);
    }
}

/// Whether no two items are equal.
pub(crate) fn all_distinct<T: Eq + Hash>(items: &[T]) -> bool {
    let mut seen = HashSet::with_capacity(items.len());
    items.iter().all(|item| seen.insert(item))
}

/// Whether a text has at most so many characters.
pub(crate) fn at_most_chars(text: &str, most: usize) -> bool {
    // The byte length is cheap and never smaller: count only what could be too long.
    text.len() <= most || text.chars().count() <= most
}

/// One method of the suite and who may call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// `/package.Service/Method`
    pub path: &'static str,
    /// The kind of caller.
    pub access: Access,
    /// With [`Access::Resource`], the least role.
    pub role: Role,
    /// Whether the client sends a stream.
    pub client_streaming: bool,
    /// Whether the server sends a stream.
    pub server_streaming: bool,
    /// Whether it changes nothing, so that it may be repeated freely.
    pub read_only: bool,
    /// Whether repeating it is harmless by itself: read-only methods, and those with a natural key. All others take a
    /// `request_id`.
    pub idempotent: bool,
}

impl Method {
    /// The method at `/package.Service/Method`, if it is one of the suite.
    #[must_use]
    pub fn find(path: &str) -> Option<&'static Self> {
        let methods = crate::METHODS;
        methods.binary_search_by(|method| method.path.cmp(path)).ok().map(|index| &methods[index])
    }
}

/// A request: the message that a method is called with.
pub trait Call: Validate {
    /// The method it calls.
    fn method() -> &'static Method;

    /// The resource name that says which account or enterprise is acted on; empty where the policy needs none.
    fn resource(&self) -> &str;

    /// With [`Access::User`], the name of the user who is acted for; empty elsewhere.
    fn user(&self) -> &str;

    /// What makes a repeat of the call recognizable; empty where its caller gave none, or the method takes none.
    fn request_id(&self) -> &str;
}
