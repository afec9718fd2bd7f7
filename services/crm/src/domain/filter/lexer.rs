use super::{Comparator, Mistake};

/// A word of the language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Open,
    Close,
    Minus,
    Star,
    Has,
    Comparator(Comparator),
    /// A field, a keyword, or a value without quotes.
    Text(String),
    Quoted(String),
    End,
}

/// A token, and the position of its first character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) position: usize,
    pub(super) token: Token,
}

/// The tokens of a text; the last is the end.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, Mistake> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut done = 0;
    while let Some(first) = characters.get(done) {
        if first.is_whitespace() {
            done += 1;
            continue;
        }
        let (token, length) = token(&characters[done..], done + 1)?;
        tokens.push(Placed { position: done + 1, token });
        done += length;
    }
    tokens.push(Placed { position: done + 1, token: Token::End });
    Ok(tokens)
}

/// The first token of `rest`, and of how many characters it is.
fn token(rest: &[char], position: usize) -> Result<(Token, usize), Mistake> {
    let symbol = match rest {
        ['(', ..] => (Token::Open, 1),
        [')', ..] => (Token::Close, 1),
        ['-', ..] => (Token::Minus, 1),
        ['*', ..] => (Token::Star, 1),
        [':', ..] => (Token::Has, 1),
        ['<', '=', ..] => (Token::Comparator(Comparator::LessOrEqual), 2),
        ['<', ..] => (Token::Comparator(Comparator::Less), 1),
        ['>', '=', ..] => (Token::Comparator(Comparator::GreaterOrEqual), 2),
        ['>', ..] => (Token::Comparator(Comparator::Greater), 1),
        ['!', '=', ..] => (Token::Comparator(Comparator::NotEqual), 2),
        ['=', ..] => (Token::Comparator(Comparator::Equal), 1),
        [quote @ ('"' | '\''), ..] => return quoted(*quote, &rest[1..], position),
        _ => return unquoted(rest, position),
    };
    Ok(symbol)
}

fn quoted(quote: char, rest: &[char], position: usize) -> Result<(Token, usize), Mistake> {
    let mut text = String::new();
    let mut characters = rest.iter();
    // The quote that opens it.
    let mut length = 1;
    while let Some(character) = characters.next() {
        length += 1;
        match character {
            '\\' => {
                text.extend(characters.next());
                length += 1;
            }
            end if *end == quote => return Ok((Token::Quoted(text), length)),
            other => text.push(*other),
        }
    }
    Err(Mistake { position, expected: format!("a {quote} at the end of what begins here") })
}

fn unquoted(rest: &[char], position: usize) -> Result<(Token, usize), Mistake> {
    let belongs = |character: &&char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
    let text: String = rest.iter().take_while(belongs).collect();
    if text.is_empty() {
        let expected = "a field, a comparison, a value or a parenthesis".to_owned();
        return Err(Mistake { position, expected });
    }
    let length = text.chars().count();
    Ok((Token::Text(text), length))
}
