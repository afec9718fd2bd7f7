//! What `siyu config` prints.

use comfy_table::{Table, presets};
use figment::value::Value;

use super::{Loaded, origin};

const MASK: &str = "****";
const SECRET_KEY: &str = "auth.hs256_secret";

impl Loaded {
    /// Every key with its value, its default and where the value was set; secrets and passwords masked.
    pub fn describe(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["KEY", "VALUE", "DEFAULT", "SET BY"]);
        for (key, default) in keys(&self.defaults) {
            let value =
                self.figment.find_value(&key).map_or_else(|_| String::new(), |value| shown(&key, &value));
            let set_by = origin(&self.figment, &key).unwrap_or_default();
            table.add_row([&key, &value, &shown(&key, default), &set_by.to_owned()]);
        }
        table.to_string().lines().map(|line| format!("{}\n", line.trim())).collect()
    }
}

/// The full path of each key with its default.
pub(super) fn keys(defaults: &Value) -> Vec<(String, &Value)> {
    let top_level = defaults.as_dict().into_iter().flatten();
    top_level
        .flat_map(|(name, value)| match value {
            Value::Dict(_, section) => {
                section.iter().map(|(key, value)| (format!("{name}.{key}"), value)).collect()
            }
            _ => vec![(name.clone(), value)],
        })
        .collect()
}

fn shown(key: &str, value: &Value) -> String {
    let masked = match value.as_str() {
        Some("") | None => value.clone(),
        Some(_) if key == SECRET_KEY => Value::from(MASK),
        Some(text) => Value::from(without_password(text)),
    };
    serde_json::to_string(&masked).unwrap_or_default()
}

/// Masks `user:password@` and `password=` in a URL; where a URL is odd it masks too much rather than too little.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let rest = without_password_parameter(rest);
    match rest.rsplit_once('@').and_then(|(login, host)| Some((login.split_once(':')?.0, host))) {
        Some((user, host)) => format!("{scheme}://{user}:{MASK}@{host}"),
        None => format!("{scheme}://{rest}"),
    }
}

fn without_password_parameter(url: &str) -> String {
    let Some((address, query)) = url.split_once('?') else {
        return url.to_owned();
    };
    let masked = query.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name, _)) if name.eq_ignore_ascii_case("password") => format!("{name}={MASK}"),
        _ => parameter.to_owned(),
    });
    format!("{address}?{}", masked.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_in_odd_urls_too() {
        for url in
            ["postgres://u:a@b@h/d", "postgres://u:a?b@h/d", "postgres://u:a/b@h/d", "postgres://u:a:b@h"]
        {
            let masked = without_password(url);
            assert!(masked.starts_with("postgres://u:****@h"), "{url} gave {masked}");
        }
        assert_eq!(without_password("sqlite:./data/a.db"), "sqlite:./data/a.db");
        assert_eq!(without_password("http://127.0.0.1:4317"), "http://127.0.0.1:4317");
    }
}
