//! What a fan shows at the till: short enough to be typed, and nobody can guess it.

/// Crockford's: without I, L, O and U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 60 random bits.
const LENGTH: usize = 12;
const BITS_OF_DIGIT: usize = 5;

/// The code that random bits make.
pub(crate) fn of(random: [u8; 8]) -> String {
    let bits = u64::from_le_bytes(random);
    let digit = |place| DIGITS[usize::try_from(bits >> (place * BITS_OF_DIGIT) & 31).unwrap_or_default()];
    (0..LENGTH).map(|place| char::from(digit(place))).collect()
}

/// A code as it was typed, as it is stored: small letters, spaces and hyphens do not matter, and what looks alike is
/// taken for what it must be.
pub(crate) fn typed(code: &str) -> String {
    let characters = code.chars().filter(|character| !matches!(character, ' ' | '-'));
    let digits = characters.map(|character| match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    });
    digits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_made_of_60_bits() {
        assert_eq!(of([0; 8]), "000000000000");
        assert_eq!(of([0xff; 8]), "ZZZZZZZZZZZZ");
        let one_bit = of([1, 0, 0, 0, 0, 0, 0, 8]);
        assert_eq!(one_bit, "10000000000G");
    }

    #[test]
    fn a_code_may_be_typed_carelessly() {
        assert_eq!(typed(" 0o1l-iabc "), "00111ABC");
        let code = of([7, 99, 3, 250, 17, 5, 81, 12]);
        assert_eq!(typed(&code.to_lowercase()), code);
    }
}
