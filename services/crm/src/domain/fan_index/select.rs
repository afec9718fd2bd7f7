//! What filters select.

use std::collections::HashMap;

use roaring::RoaringBitmap;
use siyu_clock::Micros;

use super::{FanIndex, NEVER};
use crate::domain::{
    filter::{Comparator, Filter, Moment, Number, Test},
    interaction::SOURCES,
    lifecycle::Stage,
    lifecycle_rules::LifecycleRules,
    tier::Tier,
    value_class::ValueClass,
};

/// Of fewer candidates than one in so many fans each is looked at; of more, the whole column is, which is quicker for each.
const FEW: u64 = 16;

/// What a filter is judged by beside the fans.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) rules: LifecycleRules,
    pub(crate) now: Micros,
    /// Numbers of the tags that the filter names, by id.
    pub(crate) tags: HashMap<String, i64>,
}

impl FanIndex {
    /// The fans of whom the filter holds.
    pub(crate) fn select(&self, filter: &Filter, context: &Context) -> RoaringBitmap {
        self.select_from(&self.known, filter, context)
    }

    /// Those of the candidates of whom the filter holds.
    fn select_from(&self, candidates: &RoaringBitmap, filter: &Filter, context: &Context) -> RoaringBitmap {
        match filter {
            Filter::All(parts) => {
                let mut parts: Vec<&Filter> = parts.iter().collect();
                parts.sort_by_key(|part| cost(part));
                let mut left = candidates.clone();
                for part in parts {
                    left = self.select_from(&left, part, context);
                }
                left
            }
            Filter::Any(parts) => {
                let mut found = RoaringBitmap::new();
                for part in parts {
                    found |= self.select_from(&(candidates - &found), part, context);
                }
                found
            }
            Filter::Not(part) => candidates - self.select_from(candidates, part, context),
            Filter::Test(test) => self.test(candidates, test, context),
        }
    }

    fn test(&self, candidates: &RoaringBitmap, test: &Test, context: &Context) -> RoaringBitmap {
        let Context { rules, now, tags } = context;
        let those_if = |found: RoaringBitmap, yes: bool| if yes { found } else { candidates - found };
        match test {
            Test::Following(following) => those_if(candidates & &self.following, *following),
            Test::Tier(comparator, tier) => {
                let fits = |other: &Tier| comparator.holds(*other, *tier);
                let tiers = Tier::ALL.into_iter().zip(&self.tiers).filter(|(other, _)| fits(other));
                tiers.fold(RoaringBitmap::new(), |found, (_, fans)| found | (candidates & fans))
            }
            Test::Stage(stage, yes) => {
                let is = |ordinal| (Stage::of(&self.facts(ordinal), rules, *now) == *stage) == *yes;
                look_at_each(candidates, is)
            }
            Test::ValueClass(class, yes) => {
                let is = |ordinal| (ValueClass::of(&self.facts(ordinal), rules, *now) == *class) == *yes;
                look_at_each(candidates, is)
            }
            Test::Source(source, yes) => {
                let place = SOURCES.iter().position(|known| known == source);
                let found = place.map(|place| candidates & &self.sources[place]);
                those_if(found.unwrap_or_default(), *yes)
            }
            Test::HasSource => {
                self.sources.iter().fold(RoaringBitmap::new(), |found, fans| found | (candidates & fans))
            }
            Test::Tag(tag_id) => {
                let tagged = tags.get(tag_id).and_then(|number| self.tags.get(number));
                tagged.map(|fans| candidates & fans).unwrap_or_default()
            }
            Test::HasTag => {
                let all = self.tags.values().fold(RoaringBitmap::new(), |found, fans| found | fans);
                candidates & all
            }
            Test::Number(number, comparator, value) => self.number(candidates, *number, *comparator, *value),
            Test::Time(moment, comparator, time) => self.time(candidates, *moment, *comparator, time.0),
            Test::Age(moment, comparator, age) => {
                self.time(candidates, *moment, comparator.of_age(), now.0.saturating_sub(*age))
            }
            Test::HasTime(moment) => self.time(candidates, *moment, Comparator::Greater, NEVER),
        }
    }

    fn number(
        &self,
        candidates: &RoaringBitmap,
        number: Number,
        comparator: Comparator,
        value: i64,
    ) -> RoaringBitmap {
        let columns = &self.columns;
        let counts = match number {
            Number::Interactions => &columns.interaction_count,
            Number::Active => &columns.active_count,
            Number::Shares => &columns.share_count,
            Number::Orders => &columns.order_count,
            Number::OrderDays => &columns.order_day_count,
            Number::NetGmv => return compare(candidates, &columns.net_minor, comparator, value),
        };
        match u32::try_from(value) {
            Ok(value) => compare(candidates, counts, comparator, value),
            // Every count is greater than what is negative, and less than what no count can be.
            Err(_) if comparator.holds(0, value) => candidates.clone(),
            Err(_) => RoaringBitmap::new(),
        }
    }

    fn time(
        &self,
        candidates: &RoaringBitmap,
        moment: Moment,
        comparator: Comparator,
        time: i64,
    ) -> RoaringBitmap {
        if comparator == Comparator::NotEqual {
            return candidates - self.time(candidates, moment, Comparator::Equal, time);
        }
        let columns = &self.columns;
        let column = match moment {
            Moment::Follow => &columns.follow_change,
            Moment::FirstInteraction => &columns.first,
            Moment::LastInteraction => &columns.last,
            Moment::LastActive => &columns.last_active,
            Moment::LastShare => &columns.last_share,
            Moment::LastOrder => &columns.last_order,
        };
        let found = match comparator {
            // What is not set comes before every time, and is not meant.
            Comparator::Less => find(candidates, column, |value| value < time && value != NEVER),
            Comparator::LessOrEqual => find(candidates, column, |value| value <= time && value != NEVER),
            _ => compare(candidates, column, comparator, time),
        };
        if moment == Moment::Follow { found & &self.following } else { found }
    }
}

/// How much work a filter is, about: bitmaps, columns, rules.
fn cost(filter: &Filter) -> u32 {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => parts.iter().map(cost).sum(),
        Filter::Not(part) => cost(part),
        Filter::Test(Test::Stage(..) | Test::ValueClass(..)) => 20,
        Filter::Test(Test::Number(..) | Test::Time(..) | Test::Age(..) | Test::HasTime(_)) => 4,
        Filter::Test(_) => 1,
    }
}

/// Those of the candidates whose value stands so to `right`. A loop for each comparator, which the processor does in strides.
fn compare<T: Copy + Ord>(
    candidates: &RoaringBitmap,
    column: &[T],
    comparator: Comparator,
    right: T,
) -> RoaringBitmap {
    match comparator {
        Comparator::Less => find(candidates, column, |value| value < right),
        Comparator::LessOrEqual => find(candidates, column, |value| value <= right),
        Comparator::Equal => find(candidates, column, |value| value == right),
        Comparator::NotEqual => find(candidates, column, |value| value != right),
        Comparator::GreaterOrEqual => find(candidates, column, |value| value >= right),
        Comparator::Greater => find(candidates, column, |value| value > right),
    }
}

/// Those of the candidates whose value is good.
fn find<T: Copy>(candidates: &RoaringBitmap, column: &[T], is_good: impl Fn(T) -> bool) -> RoaringBitmap {
    if candidates.len() < column.len() as u64 / FEW {
        return look_at_each(candidates, |ordinal| is_good(column[ordinal as usize]));
    }
    // Eight values make a byte: a length that the compiler knows is what lets it compare several at once.
    let (eights, rest) = column.as_chunks::<8>();
    let mut bits = Vec::with_capacity(eights.len() + 1);
    bits.extend(eights.iter().map(|values| byte(values, &is_good)));
    bits.push(byte(rest, &is_good));
    candidates & RoaringBitmap::from_lsb0_bytes(0, &bits)
}

/// Which of up to eight values are good, the first in the lowest bit.
fn byte<T: Copy>(values: &[T], is_good: impl Fn(T) -> bool) -> u8 {
    let bits = values.iter().enumerate();
    bits.fold(0, |bits, (bit, value)| bits | (u8::from(is_good(*value)) << bit))
}

fn look_at_each(candidates: &RoaringBitmap, is_good: impl Fn(u32) -> bool) -> RoaringBitmap {
    let good = candidates.iter().filter(|ordinal| is_good(*ordinal));
    // They come in their order.
    RoaringBitmap::from_sorted_iter(good).unwrap_or_default()
}
