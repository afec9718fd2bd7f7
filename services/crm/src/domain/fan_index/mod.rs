//! The fans of one account in memory, so that filters are answered in milliseconds (C6): columns by ordinal for numbers
//! and times, bitmaps of ordinals for the rest.

mod select;

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use siyu_clock::Micros;

use super::{
    activity::Activity,
    interaction::SOURCES,
    lifecycle::{Facts, Orders},
    profile::Profile,
};

pub(crate) use select::Context;

/// In a column of times: not set.
const NEVER: i64 = i64::MIN;
/// Room for more fans than there are, as a part of those: one in so many.
const SPARE: usize = 16;

/// The fans of an account.
#[derive(Debug, Default)]
pub(crate) struct FanIndex {
    known: RoaringBitmap,
    /// By place in `Tier::ALL`.
    tiers: [RoaringBitmap; 4],
    following: RoaringBitmap,
    /// By place in `SOURCES`.
    sources: [RoaringBitmap; 4],
    /// By number of the tag.
    tags: BTreeMap<i64, RoaringBitmap>,
    columns: Columns,
}

/// Values by ordinal; those of ordinals that are not known mean nothing.
#[derive(Debug, Default)]
struct Columns {
    interaction_count: Vec<u32>,
    active_count: Vec<u32>,
    share_count: Vec<u32>,
    order_count: Vec<u32>,
    order_day_count: Vec<u32>,
    net_minor: Vec<i64>,
    /// Of the latest follow or unfollow.
    follow_change: Vec<i64>,
    first: Vec<i64>,
    last: Vec<i64>,
    last_active: Vec<i64>,
    last_share: Vec<i64>,
    last_order: Vec<i64>,
}

impl FanIndex {
    /// An index with room for the ordinals up to `last`.
    pub(crate) fn with_room(last: u32) -> Self {
        let mut index = Self::default();
        index.columns.reach(last as usize);
        index
    }

    /// Number of fans.
    pub(crate) fn len(&self) -> u64 {
        self.known.len()
    }

    /// Takes in fans as they are now, new ones and known ones, each once.
    pub(crate) fn apply(&mut self, profiles: &[Profile]) {
        let changed: RoaringBitmap = profiles.iter().map(|profile| profile.ordinal).collect();
        let Some(last) = changed.max() else { return };
        self.columns.reach(last as usize);
        if !self.known.is_disjoint(&changed) {
            self.forget(&changed);
        }
        self.known |= &changed;
        for profile in profiles {
            let Profile { ordinal, tier, source, facts, tags, .. } = profile;
            // In the order of `Tier::ALL`.
            self.tiers[*tier as usize].insert(*ordinal);
            if facts.following {
                self.following.insert(*ordinal);
            }
            if let Some(place) = SOURCES.iter().position(|known| Some(*known) == *source) {
                self.sources[place].insert(*ordinal);
            }
            for tag in tags {
                self.tags.entry(*tag).or_default().insert(*ordinal);
            }
            self.columns.set(profile);
        }
    }

    /// Takes fans out of all bitmaps.
    fn forget(&mut self, changed: &RoaringBitmap) {
        self.following -= changed;
        self.tiers.iter_mut().chain(&mut self.sources).for_each(|bitmap| *bitmap -= changed);
        self.tags.values_mut().for_each(|bitmap| *bitmap -= changed);
        self.tags.retain(|_, bitmap| !bitmap.is_empty());
    }

    /// What lifecycle stage and value class look at.
    fn facts(&self, ordinal: u32) -> Facts {
        let Columns { active_count, share_count, order_count, order_day_count, net_minor, .. } =
            &self.columns;
        let Columns { follow_change, first, last, last_active, last_share, last_order, .. } = &self.columns;
        let place = ordinal as usize;
        Facts {
            following: self.following.contains(ordinal),
            follow_change: moment(follow_change[place]),
            first_time: Micros(first[place]),
            last_time: Micros(last[place]),
            activity: Activity {
                active_count: active_count[place].into(),
                last_active: moment(last_active[place]),
                share_count: share_count[place].into(),
                last_share: moment(last_share[place]),
            },
            orders: Orders {
                count: order_count[place].into(),
                day_count: order_day_count[place].into(),
                net_minor: net_minor[place],
                last: moment(last_order[place]),
            },
        }
    }

    /// The memory it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let bitmaps = [&self.known, &self.following];
        let bitmaps = bitmaps.into_iter().chain(&self.tiers).chain(&self.sources).chain(self.tags.values());
        bitmaps.map(bytes_of).sum::<usize>() + self.columns.bytes()
    }
}

impl Columns {
    fn counts(&mut self) -> [&mut Vec<u32>; 5] {
        let Self { interaction_count, active_count, share_count, order_count, order_day_count, .. } = self;
        [interaction_count, active_count, share_count, order_count, order_day_count]
    }

    fn times(&mut self) -> [&mut Vec<i64>; 6] {
        let Self { follow_change, first, last, last_active, last_share, last_order, .. } = self;
        [follow_change, first, last, last_active, last_share, last_order]
    }

    /// Makes room for the ordinals up to `last`, and some more.
    fn reach(&mut self, last: usize) {
        let length = last + 1;
        if length <= self.net_minor.len() {
            return;
        }
        let room = if length <= self.net_minor.capacity() { 0 } else { length / SPARE };
        self.counts().into_iter().for_each(|column| grow(column, length, room, 0));
        self.times().into_iter().for_each(|column| grow(column, length, room, NEVER));
        grow(&mut self.net_minor, length, room, 0);
    }

    fn set(&mut self, profile: &Profile) {
        let Profile { ordinal, interaction_count, facts, .. } = profile;
        let Facts { follow_change, first_time, last_time, activity, orders, .. } = facts;
        let place = *ordinal as usize;
        let counts =
            [*interaction_count, activity.active_count, activity.share_count, orders.count, orders.day_count];
        for (column, count) in self.counts().into_iter().zip(counts) {
            column[place] = u32::try_from(count).unwrap_or(u32::MAX);
        }
        let times = [
            *follow_change,
            Some(*first_time),
            Some(*last_time),
            activity.last_active,
            activity.last_share,
            orders.last,
        ];
        for (column, time) in self.times().into_iter().zip(times) {
            column[place] = time.map_or(NEVER, |time| time.0);
        }
        self.net_minor[place] = orders.net_minor;
    }

    fn bytes(&self) -> usize {
        const COUNTS: usize = 5 * size_of::<u32>();
        const TIMES_AND_GMV: usize = 7 * size_of::<i64>();
        // They all grow together.
        self.interaction_count.capacity() * COUNTS + self.net_minor.capacity() * TIMES_AND_GMV
    }
}

fn grow<T: Copy>(column: &mut Vec<T>, length: usize, room: usize, value: T) {
    column.reserve_exact(length + room - column.len());
    column.resize(length, value);
}

fn moment(time: i64) -> Option<Micros> {
    (time != NEVER).then_some(Micros(time))
}

/// The memory of a bitmap, about.
fn bytes_of(bitmap: &RoaringBitmap) -> usize {
    /// Of a container beside its content.
    const CONTAINER: usize = 40;
    let containers = bitmap.statistics().n_containers as usize;
    bitmap.serialized_size() + containers * CONTAINER
}

#[cfg(test)]
mod tests;
