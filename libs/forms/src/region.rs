//! Codes of the regions of China, after GB/T 2260: two digits for the province, two for the city, two for the district.

/// The first two digits of a code: provinces, autonomous regions, municipalities, special administrative regions.
const PROVINCES: &[&str] = &[
    "11", "12", "13", "14", "15", "21", "22", "23", "31", "32", "33", "34", "35", "36", "37", "41", "42",
    "43", "44", "45", "46", "50", "51", "52", "53", "54", "61", "62", "63", "64", "65", "71", "81", "82",
];

/// Whether `code` looks like the code of a province, a city or a district of China. Which cities and districts there are
/// changes with the years; that is not checked.
#[must_use]
pub fn is_code(code: &str) -> bool {
    let has_shape = matches!(code.len(), 2 | 4 | 6) && code.bytes().all(|byte| byte.is_ascii_digit());
    has_shape && PROVINCES.contains(&&code[..2]) && code.get(2..4) != Some("00")
}

/// The province of a code.
#[must_use]
pub fn province(code: &str) -> &str {
    code.get(..2).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn codes_have_a_province_and_two_digits_for_each_division() {
        // The last one: a city without districts.
        for code in ["11", "82", "3301", "330106", "659001", "441900"] {
            assert!(is_code(code), "{code}");
        }
        for code in ["", "1", "16", "99", "330", "33010", "3300", "330006", "3301060", "33a1", "３３", "州1"]
        {
            assert!(!is_code(code), "{code}");
        }
        assert_eq!(province("330106"), "33");
    }

    /// Every code of the official tree, where that is at hand.
    #[test]
    fn every_region_there_is_has_a_code_of_this_shape() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/cn_geo/pca-code.json");
        let Ok(text) = std::fs::read_to_string(path) else {
            eprintln!("SKIP: the tree of regions is not at hand");
            return;
        };
        let tree: Value = serde_json::from_str(&text).unwrap();
        let mut codes = 0;
        let mut left = vec![&tree];
        while let Some(value) = left.pop() {
            left.extend(value.as_array().into_iter().flatten());
            left.extend(value.get("children"));
            // Four cities without districts have towns in their place: with nine digits they are no regions.
            if let Some(code) = value.get("code").and_then(Value::as_str).filter(|code| code.len() <= 6) {
                assert!(is_code(code), "{code}");
                codes += 1;
            }
        }
        assert!(codes > 3_000, "{codes}");
    }
}
