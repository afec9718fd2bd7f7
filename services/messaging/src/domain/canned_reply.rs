//! Replies that agents have at hand, with variables in them (M6).

/// A piece of a reply.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
}

const OPEN: &str = "{{";
const CLOSE: &str = "}}";
const LONGEST_NAME: usize = 32;

/// The text with its variables replaced by what `value` knows.
///
/// # Errors
/// The name of the first variable that is not known.
pub(crate) fn render(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, &str> {
    let mut rendered = String::new();
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => rendered.push_str(text),
            Piece::Variable(name) => rendered.push_str(&value(name).ok_or(name)?),
        }
    }
    Ok(rendered)
}

/// The first `{{` in a text that begins no variable: what is written after it.
pub(crate) fn mistake(text: &str) -> Option<&str> {
    pieces(text).into_iter().find_map(|piece| match piece {
        Piece::Variable(name) if !is_name(name) => Some(name),
        Piece::Text(text) => text.split_once(OPEN).map(|(_, rest)| rest),
        Piece::Variable(_) => None,
    })
}

/// Texts, and what stands between pairs of braces.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, name, after)) = next(rest) {
        pieces.push(Piece::Text(before));
        pieces.push(Piece::Variable(name));
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    pieces
}

fn next(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once(OPEN)?;
    let (name, after) = rest.split_once(CLOSE)?;
    Some((before, name, after))
}

fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase();
    let mut bytes = name.bytes();
    name.len() <= LONGEST_NAME
        && bytes.next().is_some_and(is_letter)
        && bytes.all(|byte| is_letter(byte) || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn known(name: &str) -> Option<String> {
        match name {
            "user" => Some("ann".to_owned()),
            "shop" => Some("{{user}}".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_replaced_once() {
        assert_eq!(render("Hi {{user}}, {{shop}}!", known).unwrap(), "Hi ann, {{user}}!");
        assert_eq!(render("no { braces } {}", known).unwrap(), "no { braces } {}");
        assert_eq!(render("{{user}} and {{order}}", known), Err("order"));
    }

    #[test]
    fn what_is_no_variable_is_named() {
        assert_eq!(mistake("Hi {{user}}, {{a_1}} }}"), None);
        assert_eq!(mistake("Hi {{User}}"), Some("User"));
        assert_eq!(mistake("Hi {{ user }}"), Some(" user "));
        assert_eq!(mistake("Hi {{}}"), Some(""));
        assert_eq!(mistake("Hi {{user"), Some("user"));
        assert_eq!(mistake(&format!("{{{{{}}}}}", "a".repeat(33))), Some("a".repeat(33).as_str()));
    }

    proptest! {
        #[test]
        fn text_without_braces_stays(text in "[^{}]*") {
            prop_assert_eq!(render(&text, known).unwrap(), text.clone());
            prop_assert_eq!(mistake(&text), None);
        }
    }
}
