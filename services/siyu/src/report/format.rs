//! Numbers and times as text, from integers alone: only the last digit of a percentage is rounded.

use anyhow::Context;
use jiff::Timestamp;

/// `1,234,567`.
pub(super) fn count(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", thousands(number.unsigned_abs()))
}

/// `1,234,567.89 CNY` of 123456789 fen.
pub(super) fn money(amount_minor: i64, currency_code: &str) -> String {
    let sign = if amount_minor < 0 { "-" } else { "" };
    let digits = minor_digits(currency_code);
    let unit = 10_u64.pow(digits);
    let (major, minor) = (amount_minor.unsigned_abs() / unit, amount_minor.unsigned_abs() % unit);
    let major = thousands(major);
    match usize::try_from(digits) {
        Ok(width @ 1..) => format!("{sign}{major}.{minor:0width$} {currency_code}"),
        _ => format!("{sign}{major} {currency_code}"),
    }
}

/// `12.34 %`, rounded half up; `–` where there is nothing to divide by.
fn percent(numerator: i64, denominator: i64) -> String {
    if denominator <= 0 || numerator < 0 {
        return "–".to_owned();
    }
    let (numerator, denominator) = (i128::from(numerator), i128::from(denominator));
    let hundredths = (numerator * 20_000 + denominator) / (denominator * 2);
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

/// `12.34 % (123 / 997)`.
pub(super) fn rate(numerator: i64, denominator: i64) -> String {
    format!("{} ({} / {})", percent(numerator, denominator), count(numerator), count(denominator))
}

/// `12.34 % (123)`, for where the whole is beside it.
pub(super) fn share(numerator: i64, denominator: i64) -> String {
    format!("{} ({})", percent(numerator, denominator), count(numerator))
}

/// `25.00 % (1.00 CNY / 4.00 CNY)`.
pub(super) fn money_rate(part_minor: i64, whole_minor: i64, currency_code: &str) -> String {
    let (part, whole) = (money(part_minor, currency_code), money(whole_minor, currency_code));
    format!("{} ({part} / {whole})", percent(part_minor, whole_minor))
}

/// RFC 3339, in UTC.
pub(super) fn time(time: Option<prost_types::Timestamp>) -> anyhow::Result<String> {
    let time = time.context("the answer has no time")?;
    Ok(Timestamp::new(time.seconds, time.nanos)?.to_string())
}

/// Digits after the point, by ISO 4217: two but for these.
fn minor_digits(currency_code: &str) -> u32 {
    match currency_code {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
