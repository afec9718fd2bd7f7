//! Where values come from. Each file, variable and flag is its own figment provider, so that figment can say
//! which one a value came from; each refuses keys that do not exist.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use super::{Config, ConfigError};

const ENV_PREFIX: &str = "SIYU_";
const ENV_FILE: &str = "SIYU_CONFIG";

/// Values from one place.
pub(super) struct Layer {
    origin: String,
    values: Dict,
}

impl Layer {
    pub(super) fn new(origin: impl Into<String>, values: &Value) -> Self {
        let values = values.as_dict().cloned().unwrap_or_default();
        Self { origin: origin.into(), values }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

pub(super) fn defaults() -> Result<Value, ConfigError> {
    Ok(Value::serialize(Config::default())?)
}

pub(super) fn file(path: &Path, defaults: &Value) -> Result<Layer, ConfigError> {
    let wrong_file = |problem: String| ConfigError::File { path: path.to_owned(), problem };
    let text = std::fs::read_to_string(path).map_err(|error| wrong_file(error.to_string()))?;
    let values: Dict = Toml::from_str(&text).map_err(|error| wrong_file(error.to_string()))?;
    let origin = format!("file {}", path.display());
    for (name, value) in &values {
        match (defaults.as_dict().and_then(|known| known.get(name)), value) {
            (None, _) => return Err(unknown(name, &origin, defaults)),
            (Some(Value::Dict(_, known)), Value::Dict(_, section)) => {
                if let Some(key) = section.keys().find(|key| !known.contains_key(*key)) {
                    return Err(unknown(&format!("{name}.{key}"), &origin, defaults));
                }
            }
            (Some(Value::Dict(..)), _) => {
                let problem = format!("is a section: write [{name}] above its keys");
                return Err(ConfigError::Key { key: name.clone(), problem, origin });
            }
            _ => {}
        }
    }
    Ok(Layer { origin, values })
}

/// The variables that begin with `SIYU_`, sorted, so that the same mistake is always reported first.
pub(super) fn our_variables(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut variables = BTreeMap::new();
    for (name, value) in environment {
        let name = name.to_string_lossy().into_owned();
        if !name.starts_with(ENV_PREFIX) {
            continue;
        }
        let value = value.into_string().map_err(|_| ConfigError::Key {
            key: variable_key(&name),
            problem: "must be UTF-8 text".to_owned(),
            origin: format!("environment variable {name}"),
        })?;
        variables.insert(name, value);
    }
    Ok(variables)
}

pub(super) fn file_of(variables: &BTreeMap<String, String>) -> Option<PathBuf> {
    variables.get(ENV_FILE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

pub(super) fn environment(
    variables: &BTreeMap<String, String>,
    defaults: &Value,
) -> Result<Vec<Layer>, ConfigError> {
    variables
        .iter()
        .filter(|(name, _)| !is_no_key(name))
        .map(|(name, text)| {
            from_text(&variable_key(name), text, format!("environment variable {name}"), defaults)
        })
        .collect()
}

fn variable_key(name: &str) -> String {
    name.strip_prefix(ENV_PREFIX).unwrap_or(name).to_ascii_lowercase().replace("__", ".")
}

/// Variables that share the prefix but are meant for others.
fn is_no_key(name: &str) -> bool {
    let for_tools = name == ENV_FILE || name == "SIYU_TOKEN" || name.starts_with("SIYU_TEST_");
    // Kubernetes tells every pod about services named siyu or siyu-crm in variables such as SIYU_CRM_PORT.
    let service_link = ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT_"].iter().any(|part| name.contains(part))
        || name.ends_with("_PORT");
    for_tools || (service_link && !name.contains("__"))
}

pub(super) fn flags(pairs: &[String], defaults: &Value) -> Result<Vec<Layer>, ConfigError> {
    pairs.iter().map(|pair| flag(pair, defaults)).collect()
}

fn flag(pair: &str, defaults: &Value) -> Result<Layer, ConfigError> {
    let Some((key, text)) = pair.split_once('=') else {
        return Err(ConfigError::Key {
            key: pair.to_owned(),
            problem: "must be written section.key=value".to_owned(),
            origin: "flag --set".to_owned(),
        });
    };
    from_text(key.trim(), text, "flag --set".to_owned(), defaults)
}

/// Gives the text the type that the default of the key has: a secret of digits stays text.
fn from_text(key: &str, text: &str, origin: String, defaults: &Value) -> Result<Layer, ConfigError> {
    let value = match defaults.find_ref(key) {
        None | Some(Value::Dict(..)) => return Err(unknown(key, &origin, defaults)),
        Some(Value::String(..)) => Value::from(text),
        Some(Value::Array(..)) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Value::from(parts.collect::<Vec<_>>())
        }
        Some(_) => text.trim().parse::<u64>().map_or_else(|_| Value::from(text), Value::from),
    };
    Ok(Layer::new(origin, &figment::util::nest(key, value)))
}

fn unknown(key: &str, origin: &str, defaults: &Value) -> ConfigError {
    let section = key.split_once('.').and_then(|(section, _)| {
        let known = defaults.find_ref(section)?.as_dict()?;
        Some(format!("unknown key; [{section}] has {}", names(known)))
    });
    let everything = || {
        let known = defaults.as_dict().map(names).unwrap_or_default();
        format!("unknown key; the file has {known}, a variable is SIYU_<SECTION>__<KEY>, a flag section.key")
    };
    ConfigError::Key {
        key: key.to_owned(),
        problem: section.unwrap_or_else(everything),
        origin: origin.to_owned(),
    }
}

fn names(known: &Dict) -> String {
    known.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}
