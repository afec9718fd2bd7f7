//! Unified social credit codes of companies (GB 32100-2015).

/// The characters of a code, each worth its place. I, O, S, V and Z are left out: they look like digits or each other.
const CHARACTERS: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
const MODULUS: usize = 31;
const LENGTH: usize = 18;

/// What is wrong with a code, as words that follow the name of the field; none when nothing is.
pub(crate) fn mistake(code: &str) -> Option<String> {
    let values: Option<Vec<usize>> = code.chars().map(|character| CHARACTERS.find(character)).collect();
    let Some(values) = values.filter(|values| values.len() == LENGTH) else {
        return Some(
            "must be a unified social credit code (GB 32100-2015): 18 digits and capital letters without I, O, S, V, Z"
                .to_owned(),
        );
    };
    let (check, body) = values.split_last()?;
    if *check == check_value(body) {
        return None;
    }
    Some(
        "must be a unified social credit code (GB 32100-2015): its last character does not fit the others"
            .to_owned(),
    )
}

/// The value of the last character: the sum of all others, each weighted with a power of 3, and it divide by 31.
fn check_value(body: &[usize]) -> usize {
    let mut weight = 1;
    let mut sum = 0;
    for value in body {
        sum += value * weight;
        weight = weight * 3 % MODULUS;
    }
    (MODULUS - sum % MODULUS) % MODULUS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of companies that print theirs on their web sites.
    const REAL: [&str; 4] =
        ["91330100799655058B", "91440300708461136T", "914403001922038216", "91110000802100433B"];

    #[test]
    fn codes_of_real_companies_are_good() {
        for code in REAL {
            assert_eq!(mistake(code), None, "{code}");
        }
    }

    #[test]
    fn any_other_last_character_is_refused() {
        for code in REAL {
            let (body, last) = code.split_at(LENGTH - 1);
            for other in CHARACTERS.chars().filter(|other| !last.contains(*other)) {
                assert!(
                    mistake(&format!("{body}{other}")).unwrap().contains("last character"),
                    "{body}{other}"
                );
            }
        }
    }

    #[test]
    fn one_wrong_character_is_noticed_wherever_it_is() {
        for code in REAL {
            for place in 0..LENGTH {
                for other in CHARACTERS.chars() {
                    let mut changed: Vec<char> = code.chars().collect();
                    if std::mem::replace(&mut changed[place], other) != other {
                        let changed: String = changed.into_iter().collect();
                        assert!(mistake(&changed).is_some(), "{changed}");
                    }
                }
            }
        }
    }

    #[test]
    fn two_neighbours_in_the_wrong_order_are_noticed() {
        for code in REAL {
            for place in 1..LENGTH {
                let mut changed: Vec<char> = code.chars().collect();
                changed.swap(place - 1, place);
                let changed: String = changed.into_iter().collect();
                assert_eq!(mistake(&changed).is_some(), changed != code, "{changed}");
            }
        }
    }

    #[test]
    fn other_lengths_and_characters_are_refused() {
        for code in
            ["", "9133010079965505", "91330100799655058BB", "9133010079965505ZB", "91330100799655058b", "字"]
        {
            assert!(mistake(code).unwrap().contains("18 digits"), "{code}");
        }
    }
}
