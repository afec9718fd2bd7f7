//! Phone numbers as people write them, and as they are stored: E.164.

use phonenumber::{Mode, PhoneNumber, Type, country, metadata::DATABASE};
use unicode_normalization::UnicodeNormalization;

/// Longer than any number, however it is written.
const MOST_CHARACTERS: usize = 50;

const NOT_A_NUMBER: &str =
    "must be a phone number of digits, with + and the code of the country where it is foreign";
const NOT_VALID: &str =
    "must be a phone number that exists: a landline with its area code, such as 010-88886666";
const NOT_A_MOBILE: &str = "must be a mobile number of the Chinese mainland, such as 13812345678";
const LANDLINE: &str =
    "must be a mobile number of the Chinese mainland: this is a landline or a service number";
const FOREIGN: &str =
    "must be a mobile number of the Chinese mainland: this is a number of another country or region";

/// A mobile number of the Chinese mainland in E.164, or the rule that the text breaks.
///
/// # Errors
/// The rule.
pub fn mobile(text: &str) -> Result<String, &'static str> {
    let number = parse(text).map_err(|_| NOT_A_MOBILE)?;
    match (number.country().id(), number.number_type(&DATABASE)) {
        (Some(country::CN), Type::Mobile) => Ok(written(&number)),
        (Some(country::CN), _) => Err(LANDLINE),
        _ => Err(FOREIGN),
    }
}

/// Any phone number in E.164, or the rule that the text breaks. Without `+` it is taken for one of the Chinese mainland.
///
/// # Errors
/// The rule.
pub fn any_number(text: &str) -> Result<String, &'static str> {
    parse(text).map(|number| written(&number))
}

/// What may be shown of a number in E.164: `138****5678`, and of one that is no Chinese mobile `+86****5678`.
#[must_use]
pub fn masked(e164: &str) -> String {
    let last = e164.get(e164.len().saturating_sub(4)..).unwrap_or_default();
    let first = match e164.strip_prefix("+86") {
        Some(national) if national.len() == 11 && national.starts_with('1') => national.get(..3),
        _ => e164.get(..3),
    };
    format!("{}****{last}", first.unwrap_or_default())
}

fn parse(text: &str) -> Result<PhoneNumber, &'static str> {
    let plain = plain(text).ok_or(NOT_A_NUMBER)?;
    let number = phonenumber::parse(Some(country::CN), plain).map_err(|_| NOT_A_NUMBER)?;
    if number.is_valid() { Ok(number) } else { Err(NOT_VALID) }
}

/// The digits, and the `+` before them; none where there is anything else but what separates digits.
fn plain(text: &str) -> Option<String> {
    let mut plain = String::new();
    for character in text.trim().nfkc().take(MOST_CHARACTERS + 1) {
        match character {
            '0'..='9' => plain.push(character),
            '+' if plain.is_empty() => plain.push(character),
            ' ' | '-' | '.' | '(' | ')' | '\u{2010}'..='\u{2015}' => {}
            _ => return None,
        }
    }
    (plain.len() <= MOST_CHARACTERS).then_some(plain)
}

fn written(number: &PhoneNumber) -> String {
    number.format().mode(Mode::E164).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mobiles_are_taken_however_they_are_written() {
        let written = [
            "13812345678",
            " 138 1234 5678 ",
            "138-1234-5678",
            "(138)1234.5678",
            "+8613812345678",
            "+86 138 1234 5678",
            "008613812345678",
            "１３８１２３４５６７８",
            "＋８６－１３８－１２３４－５６７８",
            "138\u{3000}1234\u{2014}5678",
        ];
        for text in written {
            assert_eq!(mobile(text).as_deref(), Ok("+8613812345678"), "{text}");
            assert_eq!(any_number(text).as_deref(), Ok("+8613812345678"), "{text}");
        }
        // Prefixes of different operators.
        for text in ["13012345678", "14712345678", "15912345678", "16612345678", "17312345678", "19912345678"]
        {
            assert_eq!(mobile(text), Ok(format!("+86{text}")));
        }
    }

    #[test]
    fn landlines_and_foreign_numbers_are_phones_and_no_mobiles() {
        let landlines = [
            ("010-62345678", "+861062345678"),
            ("（０１０）６２３４５６７８", "+861062345678"),
            ("0755 8601 3388", "+8675586013388"),
            ("+86 10 6234 5678", "+861062345678"),
            ("400-820-8820", "+864008208820"),
            ("8008208820", "+868008208820"),
        ];
        for (text, e164) in landlines {
            assert_eq!((any_number(text).as_deref(), mobile(text)), (Ok(e164), Err(LANDLINE)), "{text}");
        }
        let foreign = [
            ("+1 650-253-0000", "+16502530000"),
            ("0044 20 7031 3000", "+442070313000"),
            ("+852 5123 4567", "+85251234567"),
        ];
        for (text, e164) in foreign {
            assert_eq!((any_number(text).as_deref(), mobile(text)), (Ok(e164), Err(FOREIGN)), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let many_digits = "1".repeat(100);
        let wrong = [
            "",
            " ",
            "+",
            "62345678",
            "1381234567",
            "138123456789",
            "12345678901",
            "110",
            "1381234567a",
            "tel:13812345678",
            "13812345678;ext=5",
            "138123+45678",
            "010-62345678 转 1",
            "+999123456789",
            "一三八一二三四五六七八",
            &many_digits,
        ];
        for text in wrong {
            assert!(any_number(text).is_err(), "{text}");
            assert_eq!(mobile(text), Err(NOT_A_MOBILE), "{text}");
        }
    }

    #[test]
    fn masks_show_the_beginning_and_the_end() {
        assert_eq!(masked("+8613812345678"), "138****5678");
        assert_eq!(masked("+861062345678"), "+86****5678");
        assert_eq!(masked("+16502530000"), "+16****0000");
        assert_eq!(masked(""), "****");
    }

    /// Writes the digits with separators between them, some of them full-width.
    fn decorated(digits: &str, choices: &[u8]) -> String {
        let decorate = |(digit, choice): (char, &u8)| {
            let digit = match choice % 2 {
                0 => digit,
                _ => char::from_u32(u32::from(digit) + 0xFEE0).unwrap_or(digit),
            };
            let separator = ["", " ", "-", "\u{3000}", "－"][usize::from(choice / 2) % 5];
            format!("{digit}{separator}")
        };
        digits.chars().zip(choices.iter().cycle()).map(decorate).collect()
    }

    proptest! {
        #[test]
        fn how_it_is_written_does_not_matter(
            rest in "[0-9]{8}",
            choices in proptest::collection::vec(any::<u8>(), 11),
        ) {
            let digits = format!("138{rest}");
            let expected = format!("+86{digits}");
            let written = mobile(&decorated(&digits, &choices));
            prop_assert_eq!(written.as_deref(), Ok(expected.as_str()));
            // What is stored is taken again, and stays as it is.
            let again = mobile(&expected);
            prop_assert_eq!(again.as_deref(), Ok(expected.as_str()));
        }

        #[test]
        fn no_text_is_too_odd(text in ".{0,60}") {
            if let Ok(e164) = any_number(&text) {
                prop_assert!(e164.starts_with('+') && e164[1..].bytes().all(|byte| byte.is_ascii_digit()));
                let again = any_number(&e164);
                prop_assert_eq!(again.as_deref(), Ok(e164.as_str()));
                prop_assert!(!masked(&e164).contains(&e164[3..]));
            }
        }
    }
}
