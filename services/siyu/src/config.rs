//! The configuration: built-in defaults, then a file, then the environment, then flags; the later wins.
//!
//! A wrong key or value stops the start with a message that says which key, what is wrong and where it was set.

mod check;
mod describe;
mod layers;
mod schema;
#[cfg(test)]
mod tests;
mod values;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::error::Kind;
use figment::value::Value;

pub use schema::{
    Accounts, Auth, Config, Crm, Environment, Messaging, Peers, Server, Storage, Subscriptions,
};
pub use values::{HumanDuration, Secret};

use layers::Layer;

/// Read when neither a flag nor `SIYU_CONFIG` names a file; it may be missing.
const DEFAULT_FILE: &str = "siyu.toml";

/// What the command line says about the configuration.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Overrides {
    /// Configuration file; else SIYU_CONFIG names it, else ./siyu.toml is read if it exists
    #[arg(id = "config", long, value_name = "PATH", global = true)]
    pub file: Option<PathBuf>,
    /// Sets one key, over file and environment; may be repeated
    #[arg(long, value_name = "SECTION.KEY=VALUE", global = true)]
    pub set: Vec<String>,
    /// Whether `--sim-clock` was given, which production refuses.
    #[arg(skip)]
    pub sim_clock: bool,
}

/// A configuration that passed all checks, and where its values come from.
pub struct Loaded {
    /// The values.
    pub config: Config,
    figment: Figment,
    defaults: Value,
}

/// Why the configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// A key that does not exist, or its value is wrong.
    Key {
        /// The full dotted path, such as `server.listen`.
        key: String,
        /// What is wrong.
        problem: String,
        /// Where it was set: a file, an environment variable, a flag or the defaults.
        origin: String,
    },
    /// A file that cannot be read or is not TOML.
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// Reads all layers and checks the result.
pub fn load(overrides: &Overrides) -> Result<Loaded, ConfigError> {
    load_from(overrides, std::env::vars_os(), Path::new(DEFAULT_FILE))
}

fn load_from(
    overrides: &Overrides,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    default_file: &Path,
) -> Result<Loaded, ConfigError> {
    let environment = layers::our_variables(environment)?;
    let defaults = layers::defaults()?;
    let named_file = overrides.file.clone().or_else(|| layers::file_of(&environment));
    let file = named_file.or_else(|| default_file.exists().then(|| default_file.to_owned()));

    let mut figment = Figment::from(Layer::new("default", &defaults));
    if let Some(path) = file {
        figment = figment.merge(layers::file(&path, &defaults)?);
    }
    for layer in layers::environment(&environment, &defaults)? {
        figment = figment.merge(layer);
    }
    for layer in layers::flags(&overrides.set, &defaults)? {
        figment = figment.merge(layer);
    }

    let config: Config = figment.extract().map_err(ConfigError::from)?;
    check::check(&config, overrides.sim_clock).map_err(|wrong| ConfigError::Key {
        origin: origin(&figment, wrong.key).unwrap_or("flag").to_owned(),
        key: wrong.key.to_owned(),
        problem: wrong.problem,
    })?;
    Ok(Loaded { config, figment, defaults })
}

fn origin<'a>(figment: &'a Figment, key: &str) -> Option<&'a str> {
    figment.find_metadata(key).map(|metadata| metadata.name.as_ref())
}

// The layers hold secrets in clear text.
impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("config", &self.config).finish_non_exhaustive()
    }
}

impl From<figment::Error> for ConfigError {
    fn from(error: figment::Error) -> Self {
        let problem = match error.kind {
            Kind::UnknownVariant(found, known) => format!("{found:?} is none of {}", known.join(", ")),
            other => other
                .to_string()
                .replace("expected u32", "expected a whole number up to 4294967295")
                .replace("invalid socket address syntax", "must be IP:PORT such as 127.0.0.1:50051"),
        };
        let origin = error.metadata.map_or_else(String::new, |metadata| metadata.name.into_owned());
        Self::Key { key: error.path.join("."), problem, origin }
    }
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key { key, problem, origin } => write!(f, "{key}: {problem} (from {origin})"),
            Self::File { path, problem } => write!(f, "configuration file {}: {problem}", path.display()),
        }
    }
}

impl std::error::Error for ConfigError {}
