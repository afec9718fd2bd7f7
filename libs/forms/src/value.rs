//! One answer, by what its field asks for.

use email_address::{EmailAddress, Options};
use jiff::civil::Date;
use unicode_normalization::UnicodeNormalization;

use crate::{
    field::{Field, FieldKind},
    phone, region,
};

const MOST_OF_NAME: usize = 50;
const MOST_OF_EMAIL: usize = 254;
const DIGITS_BEFORE_POINT: std::ops::RangeInclusive<usize> = 1..=15;
const DIGITS_AFTER_POINT: std::ops::RangeInclusive<usize> = 1..=6;

/// The answer as it is stored, or the rule that it breaks. The rule never repeats the answer.
pub(crate) fn checked(field: &Field, text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    match field.kind {
        FieldKind::Name => name(text),
        FieldKind::Mobile => phone::mobile(text),
        FieldKind::Phone => phone::any_number(text),
        FieldKind::Region => region(&narrow(text)),
        FieldKind::Choice | FieldKind::MultiChoice => option(field, text),
        FieldKind::Text => free_text(text, field.most_characters()),
        FieldKind::Number => number(&narrow(text)),
        FieldKind::Date => date(&narrow(text)),
        FieldKind::Email => email(&narrow(text)),
    }
}

/// The text with ordinary letters, digits and signs in the place of full-width ones, without spaces around it: two that are
/// equal so look the same to people.
#[must_use]
pub fn same_width(text: &str) -> String {
    narrow(text.trim())
}

fn narrow(text: &str) -> String {
    text.nfkc().collect()
}

fn name(text: &str) -> Result<String, &'static str> {
    let is_name = text.chars().any(char::is_alphabetic)
        && text.chars().count() <= MOST_OF_NAME
        && !text.chars().any(char::is_control);
    if is_name { Ok(text.to_owned()) } else { Err("must be a name of at most 50 characters") }
}

fn region(text: &str) -> Result<String, &'static str> {
    if region::is_code(text) {
        Ok(text.to_owned())
    } else {
        Err("must be the code of a region of China with 2, 4 or 6 digits, such as 330106")
    }
}

fn option(field: &Field, text: &str) -> Result<String, &'static str> {
    let text = same_width(text);
    let found = field.options.iter().find(|option| same_width(option) == text);
    found.cloned().ok_or("must be one of the options of the field")
}

fn free_text(text: &str, most: usize) -> Result<String, &'static str> {
    if text.chars().count() > most {
        return Err("must not be longer than the field allows");
    }
    if text.chars().any(|character| character.is_control() && !matches!(character, '\n' | '\r' | '\t')) {
        return Err("must not have control characters");
    }
    Ok(text.to_owned())
}

fn number(text: &str) -> Result<String, &'static str> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) =
        unsigned.split_once('.').map_or((unsigned, None), |(whole, rest)| (whole, Some(rest)));
    let are_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = DIGITS_BEFORE_POINT.contains(&whole.len())
        && are_digits(whole)
        && fraction.is_none_or(|digits| DIGITS_AFTER_POINT.contains(&digits.len()) && are_digits(digits));
    if is_number { Ok(text.to_owned()) } else { Err("must be a number such as 90 or -1.5") }
}

fn date(text: &str) -> Result<String, &'static str> {
    // Written again it must be the same: there are other ways to write a day.
    let is_day = text.parse().is_ok_and(|date: Date| date.to_string() == text);
    if is_day { Ok(text.to_owned()) } else { Err("must be a day such as 2026-03-01") }
}

fn email(text: &str) -> Result<String, &'static str> {
    let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
    let is_address = text.len() <= MOST_OF_EMAIL && EmailAddress::parse_with_options(text, options).is_ok();
    if is_address { Ok(text.to_owned()) } else { Err("must be an e-mail address such as li@example.com") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: FieldKind, text: &str) -> Result<String, &'static str> {
        let options = vec!["Dry".to_owned(), "Oily 油性".to_owned()];
        let (key, label) = ("key".to_owned(), "Label".to_owned());
        checked(&Field { key, label, kind, required: true, options, max_length: 5 }, text)
    }

    #[test]
    fn good_answers_are_stored_in_one_form() {
        let good = [
            (FieldKind::Name, " 王小明 ", "王小明"),
            (FieldKind::Name, "Anne-Marie O'Neill", "Anne-Marie O'Neill"),
            (FieldKind::Mobile, "１３８ 1234-5678", "+8613812345678"),
            (FieldKind::Phone, "010-62345678", "+861062345678"),
            (FieldKind::Region, "３３０１０６", "330106"),
            (FieldKind::Choice, "Ｄｒｙ", "Dry"),
            (FieldKind::MultiChoice, " Oily 油性", "Oily 油性"),
            (FieldKind::Text, " 你好\n世界 ", "你好\n世界"),
            (FieldKind::Number, "－１．５", "-1.5"),
            (FieldKind::Number, "90", "90"),
            (FieldKind::Date, "２０２６-02-28", "2026-02-28"),
            (FieldKind::Email, "li.na+shop@mail.example.com", "li.na+shop@mail.example.com"),
        ];
        for (kind, text, stored) in good {
            assert_eq!(answer(kind, text).as_deref(), Ok(stored), "{kind:?} {text}");
        }
    }

    #[test]
    fn bad_answers_are_refused() {
        let long_name = "王".repeat(51);
        let long_number = "1".repeat(16);
        let bad = [
            (FieldKind::Name, "138"),
            (FieldKind::Name, "王\u{7}"),
            (FieldKind::Name, long_name.as_str()),
            (FieldKind::Mobile, "010-62345678"),
            (FieldKind::Phone, "62345678"),
            (FieldKind::Region, "990101"),
            (FieldKind::Choice, "Normal"),
            (FieldKind::Choice, "dry"),
            (FieldKind::Text, "123456"),
            (FieldKind::Text, "a\u{1b}"),
            (FieldKind::Number, "1e5"),
            (FieldKind::Number, "."),
            (FieldKind::Number, "1."),
            (FieldKind::Number, ".5"),
            (FieldKind::Number, "--1"),
            (FieldKind::Number, long_number.as_str()),
            (FieldKind::Date, "2026-02-29"),
            (FieldKind::Date, "20260228"),
            (FieldKind::Date, "2026-2-28"),
            (FieldKind::Email, "li"),
            (FieldKind::Email, "li@localhost"),
            (FieldKind::Email, "Li <li@example.com>"),
            (FieldKind::Email, "li@[127.0.0.1]"),
            (FieldKind::Email, "li na@example.com"),
        ];
        for (kind, text) in bad {
            assert!(answer(kind, text).is_err(), "{kind:?} {text}");
        }
    }
}
