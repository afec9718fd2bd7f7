//! Writing that is read alike: full and half width, upper and lower case, traditional and simplified Chinese.

use std::{collections::HashMap, sync::LazyLock};

use ferrous_opencc::{OpenCC, config::BuiltinConfig};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// What is read alike. Keyword and message are folded by the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Folding {
    /// Ｆｕｌｌ and half width, and what else Unicode calls compatible (NFKC).
    pub(crate) width: bool,
    pub(crate) case: bool,
    /// Traditional and simplified Chinese, character by character.
    pub(crate) script: bool,
}

impl Folding {
    /// The text as it is compared.
    pub(crate) fn fold(self, text: &str) -> String {
        let mut folded = if self.width { text.nfkc().collect() } else { text.to_owned() };
        if self.case {
            // Character by character: a keyword is folded as it is in the middle of a message.
            folded = folded.chars().flat_map(char::to_lowercase).collect();
        }
        if self.script { simplified(&folded) } else { folded }
    }

    /// The text of a regular expression, whose syntax must not change: only its Chinese is folded.
    pub(crate) fn fold_pattern(self, pattern: &str) -> String {
        if self.script { simplified(pattern) } else { pattern.to_owned() }
    }
}

fn simplified(text: &str) -> String {
    text.chars().map(|character| SIMPLIFIED.get(&character).copied().unwrap_or(character)).collect()
}

/// The simplified form of traditional characters. Words do not matter here: a keyword would else be written otherwise by itself
/// than within a message.
static SIMPLIFIED: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    // It is part of the program; a test sees that it is there.
    let Ok(converter) = OpenCC::from_config(BuiltinConfig::T2s) else { return HashMap::new() };
    let han = ('\u{3400}'..='\u{9fff}').chain('\u{f900}'..='\u{faff}').chain('\u{20000}'..='\u{323af}');
    let single = |character: char| {
        let converted = converter.convert(character.encode_utf8(&mut [0; 4]));
        let mut characters = converted.chars();
        let simplified = characters.next()?;
        (characters.next().is_none() && simplified != character).then_some((character, simplified))
    };
    han.filter_map(single).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Folding = Folding { width: true, case: true, script: true };

    #[test]
    fn each_folding_does_its_own() {
        let text = "ＡＢＣ　營業時間？ｶﾞ①";
        assert_eq!(Folding::default().fold(text), text);
        assert_eq!(Folding { width: true, ..Folding::default() }.fold(text), "ABC 營業時間?ガ1");
        assert_eq!(Folding { case: true, ..Folding::default() }.fold("ＡBc"), "ａbc");
        assert_eq!(
            Folding { script: true, ..Folding::default() }.fold("營業時間 价格 價格"),
            "营业时间 价格 价格"
        );
        assert_eq!(ALL.fold(text), "abc 营业时间?ガ1");
        assert_eq!(ALL.fold_pattern("價(格|錢)（Ａ）"), "价(格|钱)（Ａ）");
    }

    #[test]
    fn thousands_of_characters_have_a_simplified_form() {
        assert!(SIMPLIFIED.len() > 2_500, "{}", SIMPLIFIED.len());
    }

    #[test]
    fn a_letter_is_folded_the_same_wherever_it_stands() {
        assert!(ALL.fold("ΟΔΟΣ 1").contains(&ALL.fold("ΟΔΟΣ")));
    }
}
