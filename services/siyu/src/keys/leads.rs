//! The keys that encrypt what users leave in lead forms.

use std::fs;

use anyhow::{Context, ensure};
use siyu_accounts::LeadKeys;

use super::secret::kept;
use crate::config::{Config, Environment};

const KEY: &str = "accounts.lead_keys_file";
const KEPT_FILE: &str = "lead.keys";

/// The keys in the file that the configuration names; without one, those in the data directory, made at the first start.
///
/// # Errors
/// With the configuration key, when the file cannot be read or used, or must be named and is not.
pub(crate) fn lead_keys(config: &Config) -> anyhow::Result<LeadKeys> {
    let path = &config.accounts.lead_keys_file;
    if !path.as_os_str().is_empty() {
        let context = || format!("{KEY} {}", path.display());
        let text = fs::read_to_string(path).with_context(context)?;
        return LeadKeys::parse(&text).with_context(context);
    }
    let in_production = config.environment == Environment::Production;
    ensure!(!in_production, "{KEY}: must be set when environment is \"production\"");
    let is_one_process = siyu_db::sqlite_path(&config.accounts_database_url()).is_some();
    ensure!(
        is_one_process,
        "{KEY}: must be set with PostgreSQL: all processes of accounts need the same keys"
    );
    let text = kept(&config.storage.data_dir, KEPT_FILE, LeadKeys::generate)?;
    LeadKeys::parse(&text).with_context(|| format!("{KEPT_FILE} in storage.data_dir"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::{Overrides, load};

    fn config(settings: &[String]) -> Config {
        let overrides = Overrides { set: settings.to_vec(), ..Overrides::default() };
        load(&overrides).unwrap().config
    }

    #[test]
    fn a_developer_gets_a_key_that_only_its_owner_reads() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(&[format!("storage.data_dir={}", folder.path().display())]);
        lead_keys(&config).unwrap();
        let path = folder.path().join(KEPT_FILE);
        let first = fs::read_to_string(&path).unwrap();
        lead_keys(&config).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn where_processes_share_a_database_the_keys_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = format!("storage.data_dir={}", folder.path().display());
        let on_server = "accounts.database_url=postgres://u@h/d".to_owned();
        let mut unnamed = config(&[data_dir.clone(), on_server.clone()]);
        assert!(lead_keys(&unnamed).unwrap_err().to_string().starts_with(KEY));
        unnamed = config(std::slice::from_ref(&data_dir));
        unnamed.environment = Environment::Production;
        assert!(lead_keys(&unnamed).unwrap_err().to_string().starts_with(KEY));

        let path = folder.path().join("keys");
        fs::write(&path, "no key").unwrap();
        let named = config(&[data_dir, on_server, format!("{KEY}={}", path.display())]);
        let error = format!("{:#}", lead_keys(&named).unwrap_err());
        assert!(error.starts_with(KEY) && error.contains("line 1"), "{error}");
        fs::write(&path, LeadKeys::generate()).unwrap();
        lead_keys(&named).unwrap();
        assert!(!folder.path().join(KEPT_FILE).exists());
    }
}
