//! `deploy/config/siyu.toml` is what operators read: it must not drift from the code.

use super::*;

/// A comment has a blank after its `#`, a key that is switched off has none.
fn with_all_keys(commented: &str) -> String {
    let switched_on = commented.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if key.starts_with(|first: char| first.is_ascii_lowercase()) => key,
        _ => line,
    });
    switched_on.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_documented_file_has_every_key_with_its_default() {
    let commented = include_str!("../../../../../deploy/config/siyu.toml");
    assert_eq!(file(commented).load().unwrap().config, Config::default(), "as it is delivered");

    let all = with_all_keys(commented);
    let loaded = file(&all).load().unwrap();
    assert_eq!(loaded.config, Config::default());
    let missing: Vec<_> = describe::keys(&loaded.defaults)
        .into_iter()
        .filter(|(key, _)| origin(&loaded.figment, key) == Some("default"))
        .collect();
    assert!(missing.is_empty(), "not in the file: {missing:?}");
}
