//! Money: decimal text to whole minor units, exactly.

/// The largest amount of one event, in minor units.
pub(super) const MAX_MINOR: i64 = 1_000_000_000_000;

/// Reads `11.77` as 1177 when the currency has two digits after the point.
///
/// Nothing is guessed: thousands separators, currency signs and exponents are errors, and so are more digits than
/// the currency has, since `1.000` is a thousand in half of Europe.
pub(super) fn parse_minor(text: &str, currency_digits: u8) -> Result<i64, String> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().next().is_none() || !digits().all(|byte| byte.is_ascii_digit()) {
        return Err("is not a plain decimal number like 1234.50".to_owned());
    }
    let missing = usize::from(currency_digits).checked_sub(fraction.len()).ok_or_else(|| {
        format!("has {} digits after the point, but the currency has {currency_digits}", fraction.len())
    })?;
    let mut minor = 0;
    for digit in digits().chain(std::iter::repeat_n(b'0', missing)) {
        minor = minor * 10 + i64::from(digit - b'0');
        if minor > MAX_MINOR {
            return Err(format!("is more than {MAX_MINOR} minor units"));
        }
    }
    Ok(if negative { -minor } else { minor })
}
