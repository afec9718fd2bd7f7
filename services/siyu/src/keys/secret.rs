//! Secrets that a process makes for itself, in development, and keeps in the data directory.

use std::{
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use anyhow::Context;
use siyu_clock::Ids;

const SECRET_FILE: &str = "dev-secret";

/// The secret that tokens are signed with.
pub(super) fn kept_secret(data_dir: &Path) -> anyhow::Result<String> {
    kept(data_dir, SECRET_FILE, || {
        let mut random = [0; 32];
        Ids::random().fill(&mut random);
        random.iter().map(|byte| format!("{byte:02x}")).collect()
    })
}

/// What the file `name` in the data directory holds. Whoever comes first makes it; only its owner may read it.
pub(super) fn kept(data_dir: &Path, name: &str, make: impl FnOnce() -> String) -> anyhow::Result<String> {
    let created = fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir);
    created.with_context(|| format!("storage.data_dir {}", data_dir.display()))?;
    let path = data_dir.join(name);
    // Written beside and linked into place: nobody ever reads half a secret.
    if !path.exists() {
        let draft = data_dir.join(format!("{name}.{}", std::process::id()));
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(make().as_bytes())?;
        file.sync_all()?;
        match fs::hard_link(&draft, &path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
            _ => fs::remove_file(&draft)?,
        }
    }
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_development_secret_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let first = kept_secret(folder.path()).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(kept_secret(folder.path()).unwrap(), first);
        let names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [SECRET_FILE]);
    }
}
