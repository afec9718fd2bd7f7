//! Thousands of keywords, looked for at once.
//!
//! Keywords are ranked when they are compiled: which of two wins is known before any message comes. A message is read once for
//! each folding that is in use, whatever the number of rules.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::RegexSet;

use super::{
    fold::Folding,
    patterns,
    rule::{KeywordMatch, ReplyRule},
};

/// Why keywords that were checked cannot be made ready, which the limits of an account prevent.
pub(crate) type Broken = Box<dyn std::error::Error + Send + Sync>;

/// A place among all keywords of the account; 0 wins over all.
type Rank = usize;

/// The keywords of an account.
#[derive(Debug, Default)]
pub(crate) struct Matcher {
    /// Whose the keywords are, by rank: places among the rules.
    owners: Vec<usize>,
    groups: Vec<Group>,
}

/// The keywords with the same folding. Each is looked for once, however many rules have it.
#[derive(Debug)]
struct Group {
    folding: Folding,
    exact: HashMap<String, Vec<Rank>>,
    contains: Option<AhoCorasick>,
    contains_ranks: Vec<Vec<Rank>>,
    patterns: Option<RegexSet>,
    pattern_ranks: Vec<Vec<Rank>>,
}

/// Keywords of one folding, with the ranks of those who have them.
type Keywords = BTreeMap<(KeywordMatch, String), Vec<Rank>>;

impl Matcher {
    /// Makes those of `rules` ready. A keyword wins over another by the priority of its rule, then by how it is looked for, then
    /// by its length in characters, then by the id of its rule.
    ///
    /// # Errors
    /// When all of them together are too large.
    pub(crate) fn compile(rules: &[ReplyRule]) -> Result<Self, Broken> {
        let mut ranked = Vec::new();
        for (place, rule) in rules.iter().enumerate() {
            let folding = rule.definition.folding;
            for keyword in &rule.definition.keywords {
                let text = keyword.folded(folding);
                let length = Reverse(text.chars().count());
                let order = (Reverse(rule.definition.priority), keyword.matching, length, &rule.rule_id);
                ranked.push((order, place, folding, text));
            }
        }
        ranked.sort_by_key(|(order, ..)| *order);
        let owners = ranked.iter().map(|(_, place, ..)| *place).collect();
        let mut foldings: BTreeMap<Folding, Keywords> = BTreeMap::new();
        for (rank, ((_, matching, ..), _, folding, text)) in ranked.into_iter().enumerate() {
            let keywords = foldings.entry(folding).or_default();
            keywords.entry((matching, text)).or_default().push(rank);
        }
        let groups = foldings.into_iter().map(|(folding, keywords)| Group::compile(folding, keywords));
        Ok(Self { owners, groups: groups.collect::<Result<_, _>>()? })
    }

    /// The rule that wins among those that `may` answer.
    pub(crate) fn best(&self, text: &str, may: impl Fn(usize) -> bool) -> Option<usize> {
        let mut best = Rank::MAX;
        self.each_found(text, |ranks| {
            let better = ranks.iter().copied().take_while(|rank| *rank < best);
            if let Some(rank) = better.into_iter().find(|rank| may(self.owners[*rank])) {
                best = rank;
            }
        });
        self.owners.get(best).copied()
    }

    /// All rules with a keyword in the text, the winner first.
    pub(crate) fn all(&self, text: &str) -> Vec<usize> {
        let mut found: BTreeSet<Rank> = BTreeSet::new();
        self.each_found(text, |ranks| found.extend(ranks));
        let mut told = BTreeSet::new();
        found.into_iter().map(|rank| self.owners[rank]).filter(|owner| told.insert(*owner)).collect()
    }

    /// Says of each keyword in the text who has it, best first; of some more than once.
    fn each_found(&self, text: &str, mut say: impl FnMut(&[Rank])) {
        for group in &self.groups {
            group.each_found(&group.folding.fold(text), &mut say);
        }
    }
}

impl Group {
    fn compile(folding: Folding, keywords: Keywords) -> Result<Self, Broken> {
        let mut exact = HashMap::new();
        let (mut contained, mut contains_ranks) = (Vec::new(), Vec::new());
        let (mut expressions, mut pattern_ranks) = (Vec::new(), Vec::new());
        for ((matching, text), ranks) in keywords {
            match matching {
                KeywordMatch::Exact => drop(exact.insert(text, ranks)),
                KeywordMatch::Contains => {
                    contained.push(text);
                    contains_ranks.push(ranks);
                }
                KeywordMatch::Regex => {
                    expressions.push(text);
                    pattern_ranks.push(ranks);
                }
            }
        }
        let contains = if contained.is_empty() { None } else { Some(automaton(&contained)?) };
        let patterns =
            if expressions.is_empty() { None } else { Some(patterns::compile_all(&expressions, folding)?) };
        Ok(Self { folding, exact, contains, contains_ranks, patterns, pattern_ranks })
    }

    fn each_found(&self, text: &str, say: &mut impl FnMut(&[Rank])) {
        if let Some(ranks) = self.exact.get(text.trim()) {
            say(ranks);
        }
        for found in self.contains.iter().flat_map(|automaton| automaton.find_overlapping_iter(text)) {
            say(&self.contains_ranks[found.pattern().as_usize()]);
        }
        if let Some(patterns) = &self.patterns {
            for place in patterns.matches(text) {
                say(&self.pattern_ranks[place]);
            }
        }
    }
}

/// In the compact form: thousands of keywords are a few megabytes.
fn automaton(keywords: &[String]) -> Result<AhoCorasick, aho_corasick::BuildError> {
    AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(keywords)
}

#[cfg(test)]
mod tests;
