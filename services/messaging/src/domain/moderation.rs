//! Words that are not let through (M10): found by one automaton for a list, however many there are.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, BuildError};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Most words of a list.
pub(crate) const MOST_WORDS: i64 = 5_000;
/// What a character is masked with.
const MASK: char = '*';

/// What is done about a message with a word; the later, the graver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WordAction {
    /// Its characters are replaced.
    Mask,
    /// It is sent, and somebody looks at it.
    Review,
    /// It is refused.
    Block,
}

impl WordAction {
    pub(crate) const ALL: [Self; 3] = [Self::Mask, Self::Review, Self::Block];

    /// What it is stored as.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mask => "mask",
            Self::Review => "review",
            Self::Block => "block",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// In which ways a text may differ from a word that is found in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Matching {
    /// Upper or lower case.
    pub(crate) any_case: bool,
    /// Full-width or half-width characters, and other forms of the same.
    pub(crate) any_width: bool,
    /// Whatever is neither letter nor digit, between the characters of the word.
    pub(crate) across_separators: bool,
}

impl Matching {
    /// The one of a list of which nothing else is said.
    pub(crate) const ANY: Self = Self { any_case: true, any_width: true, across_separators: true };

    /// The characters that are compared, each with the place of that which it comes from.
    fn fold(self, text: &str) -> impl Iterator<Item = (usize, char)> {
        text.chars()
            .enumerate()
            .flat_map(move |(place, original)| {
                let forms: Vec<char> =
                    if self.any_width { original.nfkc().collect() } else { vec![original] };
                forms.into_iter().map(move |form| (place, form))
            })
            .flat_map(move |(place, form)| {
                let lower: Vec<char> = if self.any_case { form.to_lowercase().collect() } else { vec![form] };
                lower.into_iter().map(move |folded| (place, folded))
            })
            .filter(move |(_, folded)| !self.across_separators || folded.is_alphanumeric())
    }

    /// Whether anything of a word is left to be compared.
    pub(crate) fn can_find(self, word: &str) -> bool {
        self.fold(word).next().is_some()
    }
}

impl Default for Matching {
    fn default() -> Self {
        Self::ANY
    }
}

/// The words of an account or of the platform.
#[derive(Debug, Default)]
pub(crate) struct WordList {
    matching: Matching,
    /// By number of the pattern.
    words: Vec<(String, WordAction)>,
    automaton: Option<AhoCorasick>,
}

impl WordList {
    /// Makes the automaton. Of words that are the same after folding, the gravest action holds.
    pub(crate) fn new(
        matching: Matching,
        words: impl IntoIterator<Item = (String, WordAction)>,
    ) -> Result<Self, BuildError> {
        let mut patterns: BTreeMap<String, (String, WordAction)> = BTreeMap::new();
        for (word, action) in words {
            let pattern: String = matching.fold(&word).map(|(_, folded)| folded).collect();
            if pattern.is_empty() {
                continue;
            }
            let (_, gravest) = patterns.entry(pattern).or_insert((word, action));
            *gravest = action.max(*gravest);
        }
        let automaton = if patterns.is_empty() { None } else { Some(AhoCorasick::new(patterns.keys())?) };
        Ok(Self { matching, words: patterns.into_values().collect(), automaton })
    }

    /// Tells `found` of every place of every word: word, action, and the first and last character.
    fn find<'a>(&'a self, text: &str, mut found: impl FnMut(&'a str, WordAction, usize, usize)) {
        let Some(automaton) = &self.automaton else { return };
        let mut folded = String::with_capacity(text.len());
        // The place in the text that each byte comes from.
        let mut places = Vec::with_capacity(text.len());
        for (place, character) in self.matching.fold(text) {
            folded.push(character);
            places.resize(folded.len(), place);
        }
        for hit in automaton.find_overlapping_iter(&folded) {
            let (word, action) = &self.words[hit.pattern().as_usize()];
            found(word, *action, places[hit.start()], places[hit.end() - 1]);
        }
    }
}

/// What was found in a text, and what it means for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The gravest.
    pub(crate) action: WordAction,
    /// The words, each once.
    pub(crate) words: Vec<String>,
    /// The text with what is to be masked masked; None where nothing is.
    pub(crate) masked: Option<String>,
}

/// What lists say of a text; None where they say nothing.
pub(crate) fn judge<'a>(lists: impl IntoIterator<Item = &'a WordList>, text: &str) -> Option<Verdict> {
    let mut words: BTreeMap<&str, WordAction> = BTreeMap::new();
    let mut masks: Vec<(usize, usize)> = Vec::new();
    for list in lists {
        list.find(text, |word, action, first, last| {
            words.entry(word).and_modify(|gravest| *gravest = action.max(*gravest)).or_insert(action);
            if action == WordAction::Mask {
                masks.push((first, last));
            }
        });
    }
    let action = words.values().copied().max()?;
    let masked = (!masks.is_empty()).then(|| mask(text, masks));
    Some(Verdict { action, words: words.into_keys().map(str::to_owned).collect(), masked })
}

/// Replaces each character of the ranges, which have their ends in them and may overlap.
fn mask(text: &str, mut ranges: Vec<(usize, usize)>) -> String {
    ranges.sort_unstable();
    let mut ranges = ranges.into_iter().peekable();
    // The first place that is not covered by the ranges that began before.
    let mut uncovered = 0;
    let replace = |(place, character): (usize, char)| {
        while let Some((_, last)) = ranges.next_if(|(first, _)| *first <= place) {
            uncovered = uncovered.max(last + 1);
        }
        if place < uncovered { MASK } else { character }
    };
    text.chars().enumerate().map(replace).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXACT: Matching = Matching { any_case: false, any_width: false, across_separators: false };

    fn list(matching: Matching, words: &[(&str, WordAction)]) -> WordList {
        WordList::new(matching, words.iter().map(|(word, action)| ((*word).to_owned(), *action))).unwrap()
    }

    fn masked(matching: Matching, words: &[&str], text: &str) -> Option<String> {
        let words: Vec<_> = words.iter().map(|word| (*word, WordAction::Mask)).collect();
        judge([&list(matching, &words)], text).and_then(|verdict| verdict.masked)
    }

    #[test]
    fn words_are_masked_in_whatever_form_the_list_asks_for() {
        let found = |matching, text| masked(matching, &["vx", "微信"], text);
        assert_eq!(found(EXACT, "加微信 vx123"), Some("加** **123".to_owned()));
        assert_eq!(found(EXACT, "加微 信 VX ｖｘ"), None);
        assert_eq!(found(Matching { any_case: true, ..EXACT }, "VX ｖｘ"), Some("** ｖｘ".to_owned()));
        assert_eq!(found(Matching { any_width: true, ..EXACT }, "VX ｖｘ"), Some("VX **".to_owned()));
        let across = Matching { across_separators: true, ..EXACT };
        assert_eq!(found(across, "加微-·信, v.x!"), Some("加****, ***!".to_owned()));
        // Zero-width characters hide nothing.
        assert_eq!(found(Matching::ANY, "微\u{200b}信 Ｖ_X"), Some("*** ***".to_owned()));
        assert_eq!(found(Matching::ANY, "nothing"), None);
    }

    #[test]
    fn characters_that_become_several_are_masked_whole() {
        // One character that is three, one that is two in lower case.
        assert_eq!(masked(Matching::ANY, &["m2"], "10㎡"), Some("10*".to_owned()));
        assert_eq!(masked(Matching::ANY, &["i"], "aİb"), Some("a*b".to_owned()));
    }

    #[test]
    fn overlapping_words_are_all_masked() {
        assert_eq!(masked(EXACT, &["abc", "cde", "b"], "xabcdex"), Some("x*****x".to_owned()));
        assert_eq!(masked(EXACT, &["aa"], "aaa"), Some("***".to_owned()));
    }

    #[test]
    fn the_gravest_action_holds() {
        let words = [("spam", WordAction::Mask), ("loan", WordAction::Review), ("drug", WordAction::Block)];
        let list = list(Matching::ANY, &words);
        let verdict = |text| judge([&list], text).unwrap();
        let reviewed = verdict("a loan, no Spam, a LOAN");
        assert_eq!(
            (reviewed.action, reviewed.words),
            (WordAction::Review, vec!["loan".into(), "spam".into()])
        );
        assert_eq!(reviewed.masked.unwrap(), "a loan, no ****, a LOAN");
        assert_eq!(verdict("spam and drug").action, WordAction::Block);
        assert_eq!(judge([&list], "fine"), None);
    }

    #[test]
    fn words_that_are_the_same_are_one_and_those_of_two_lists_add_up() {
        let own = list(Matching::ANY, &[("Spam", WordAction::Mask), ("spam", WordAction::Block)]);
        let platform = list(EXACT, &[("egg", WordAction::Mask)]);
        let verdict = judge([&own, &platform], "SPAM egg EGG").unwrap();
        assert_eq!((verdict.action, verdict.words), (WordAction::Block, vec!["Spam".into(), "egg".into()]));
        assert_eq!(verdict.masked.unwrap(), "SPAM *** EGG");
    }

    #[test]
    fn a_word_of_separators_alone_finds_nothing() {
        assert!(!Matching::ANY.can_find("--"));
        assert!(EXACT.can_find("--"));
        assert_eq!(masked(Matching::ANY, &["--"], "a -- b"), None);
    }

    /// Tries every word at every place.
    fn naive(matching: Matching, words: &[String], text: &str) -> String {
        let folded: Vec<(usize, char)> = matching.fold(text).collect();
        let mut characters: Vec<char> = text.chars().collect();
        for word in words {
            let word: Vec<char> = matching.fold(word).map(|(_, folded)| folded).collect();
            if word.is_empty() {
                continue;
            }
            for window in folded.windows(word.len()) {
                if window.iter().map(|(_, folded)| *folded).eq(word.iter().copied()) {
                    characters[window[0].0..=window[window.len() - 1].0].fill('*');
                }
            }
        }
        characters.into_iter().collect()
    }

    fn matchings() -> impl Strategy<Value = Matching> {
        any::<[bool; 3]>().prop_map(|[any_case, any_width, across_separators]| Matching {
            any_case,
            any_width,
            across_separators,
        })
    }

    proptest! {
        #[test]
        fn masks_what_a_naive_search_masks(
            matching in matchings(),
            words in prop::collection::vec("[abAB微信ａ㎡İ -]{1,4}", 0..12),
            text in "[abAB微信ａ㎡İ -]{0,40}",
        ) {
            let pairs: Vec<_> = words.iter().map(|word| (word.as_str(), WordAction::Mask)).collect();
            let verdict = judge([&list(matching, &pairs)], &text);
            let found = verdict.and_then(|verdict| verdict.masked).unwrap_or_else(|| text.clone());
            prop_assert_eq!(found, naive(matching, &words, &text));
        }

        #[test]
        fn what_is_not_to_be_folded_is_found_where_it_stands(word in "[ab信]{1,3}", text in "[ab信]{0,20}") {
            let is_found = judge([&list(EXACT, &[(&word, WordAction::Block)])], &text).is_some();
            prop_assert_eq!(is_found, text.contains(&word));
        }
    }
}
