//! The use cases.

mod api_keys;
mod authority;
pub(crate) mod cards;
mod certification;
mod create;
pub(crate) mod engagement;
pub(crate) mod fans;
mod grants;
pub(crate) mod homepage;
mod operators;
mod read;
pub(crate) mod rights;
mod signing_keys;
mod tokens;
mod update;

/// What may be chosen of an account when it is created.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewAccount {
    pub(crate) display_name: String,
    pub(crate) time_zone: String,
    pub(crate) currency_code: String,
    pub(crate) profile: Profile,
}

/// Who an account is to its fans.
#[derive(Debug, Clone, Default)]
pub(crate) struct Profile {
    pub(crate) industry: String,
    pub(crate) persona: String,
    pub(crate) regions: Vec<String>,
    pub(crate) opening_hours: Vec<crate::domain::calendar::Period>,
}

pub(crate) use api_keys::NewApiKey;
pub(crate) use certification::{Application, Decision, certification_class};
pub(crate) use operators::NewOperator;
pub(crate) use tokens::DEFAULT_LIFE as DEFAULT_TOKEN_LIFE;
pub(crate) use update::Change;
