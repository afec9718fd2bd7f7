//! URIs that fans are sent to.

use url::Url;

const MOST_CHARACTERS: usize = 2_000;

/// What is wrong with a URI that fans open, if anything is.
pub(crate) fn mistake(uri: &str) -> Option<&'static str> {
    const NO_URI: &str = "must be an https URI, such as https://shop.example/serum";
    if uri.chars().count() > MOST_CHARACTERS {
        return Some("must have at most 2000 characters");
    }
    // The parser takes much that browsers take too, such as line breaks inside.
    if uri.chars().any(|character| character.is_whitespace() || character.is_control()) {
        return Some("must not have spaces or control characters");
    }
    let Ok(parsed) = Url::parse(uri) else { return Some(NO_URI) };
    if parsed.scheme() != "https" || !uri.to_ascii_lowercase().starts_with("https://") {
        return Some(NO_URI);
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Some("must not have a user name or password");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::mistake;

    #[test]
    fn https_it_is() {
        for good in ["https://shop.example", "https://shop.example:8443/a?b=c#d", "https://例子.cn/路"] {
            assert_eq!(mistake(good), None, "{good}");
        }
        let bad = [
            "",
            "shop.example",
            "http://shop.example",
            "javascript:alert(1)",
            "https:shop.example",
            "https://",
            "https://shop.example/a b",
            "https://shop.exa\nmple/",
            "https://li@shop.example",
            "https://li:secret@shop.example",
            "https://:secret@shop.example",
            "ftp://shop.example",
            "//shop.example",
        ];
        for bad in bad {
            assert!(mistake(bad).is_some(), "{bad}");
        }
        assert!(mistake(&format!("https://shop.example/{}", "a".repeat(2_000))).is_some());
    }
}
