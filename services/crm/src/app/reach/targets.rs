//! Whom a message is meant for.

use roaring::RoaringBitmap;
use siyu_clock::Micros;
use siyu_rpc::Error;

use super::super::audience::Selection;
use crate::{
    Crm,
    domain::{
        filter::{Comparator, Filter, Test},
        tier::Tier,
    },
};

/// Whom something is for: who meets every field that is set, and none of the exclusions. Nothing set: all who follow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Audience {
    /// One of these.
    pub(crate) tiers: Vec<Tier>,
    /// Ids; one of these.
    pub(crate) tags: Vec<String>,
    /// In the language of segments.
    pub(crate) filter: String,
    /// Ids; one of these.
    pub(crate) segments: Vec<String>,
    /// Ids; one of these.
    pub(crate) packages: Vec<String>,
    pub(crate) excluded_tags: Vec<String>,
    pub(crate) excluded_segments: Vec<String>,
    pub(crate) excluded_packages: Vec<String>,
}

/// What of an audience somebody does not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outside {
    Followers,
    Tiers,
    Tags,
    /// Or the filter.
    Segments,
    Packages,
}

impl Outside {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Followers => "does not follow the account",
            Self::Tiers => "is of another tier",
            Self::Tags => "has none of the tags",
            Self::Segments => "does not match the filter, or is in none of the segments",
            Self::Packages => "is in none of the packages",
        }
    }
}

/// An audience, as it is at a moment: bitmaps of ordinals.
#[derive(Debug, Clone)]
pub(crate) struct Targets {
    /// Who meets each field that is set: one at least.
    parts: Vec<(Outside, RoaringBitmap)>,
    pub(super) excluded: RoaringBitmap,
    pub(super) followers: RoaringBitmap,
    pub(super) as_of: Micros,
}

impl Targets {
    /// Who meets all.
    pub(super) fn planned(&self) -> RoaringBitmap {
        let mut parts = self.parts.iter().map(|(_, fans)| fans);
        let first = parts.next().cloned().unwrap_or_default();
        parts.fold(first, |planned, fans| planned & fans)
    }

    /// The same, for one fan who meets all.
    pub(super) fn of_one(self, ordinal: u32) -> Self {
        Self { parts: vec![(Outside::Followers, [ordinal].into())], ..self }
    }

    /// The first field that a fan does not meet.
    pub(super) fn outside(&self, ordinal: u32) -> Option<Outside> {
        self.parts.iter().find(|(_, fans)| !fans.contains(ordinal)).map(|(outside, _)| *outside)
    }
}

impl Crm {
    /// The fans of an audience, as they are now.
    pub(super) async fn targets(&self, account_id: &str, audience: &Audience) -> Result<Targets, Error> {
        let parts = self.parts(account_id, audience).await?;
        let excluded = self.excluded(account_id, audience).await?;
        let mut filters = vec![Filter::Test(Test::Following(true))];
        filters.extend(parts.iter().map(|(_, filter)| filter.clone()));
        filters.extend(excluded);
        let Selection { fans, as_of, .. } = self.select(account_id, filters).await?;

        let mut fans = fans.into_iter();
        let followers = fans.next().unwrap_or_default();
        let mut parts: Vec<(Outside, RoaringBitmap)> =
            parts.into_iter().map(|(outside, _)| outside).zip(fans.by_ref()).collect();
        if !audience.packages.is_empty() {
            parts.push((Outside::Packages, self.fans_of_packages(account_id, &audience.packages).await?));
        }
        if parts.is_empty() {
            parts.push((Outside::Followers, followers.clone()));
        }
        let mut excluded = fans.next().unwrap_or_default();
        excluded |= self.fans_of_packages(account_id, &audience.excluded_packages).await?;
        Ok(Targets { parts, excluded, followers, as_of })
    }

    /// What each field that is set asks for.
    async fn parts(&self, account_id: &str, audience: &Audience) -> Result<Vec<(Outside, Filter)>, Error> {
        let tiers = audience.tiers.iter().map(|tier| Filter::Test(Test::Tier(Comparator::Equal, *tier)));
        let filter = match audience.filter.as_str() {
            "" => None,
            text => Some(self.filter(account_id, "audience.filter", text).await?),
        };
        let parts = [
            (Outside::Tiers, any(tiers.collect())),
            (Outside::Tags, any(self.tag_filters(account_id, &audience.tags).await?)),
            (Outside::Segments, filter),
            (Outside::Segments, any(self.segment_filters(account_id, &audience.segments).await?)),
        ];
        Ok(parts.into_iter().filter_map(|(outside, filter)| Some((outside, filter?))).collect())
    }

    /// What must not hold of a fan.
    async fn excluded(&self, account_id: &str, audience: &Audience) -> Result<Option<Filter>, Error> {
        let mut excluded = self.tag_filters(account_id, &audience.excluded_tags).await?;
        excluded.extend(self.segment_filters(account_id, &audience.excluded_segments).await?);
        Ok(any(excluded))
    }

    /// Who is in any of the packages.
    async fn fans_of_packages(
        &self,
        account_id: &str,
        package_ids: &[String],
    ) -> Result<RoaringBitmap, Error> {
        let mut fans = RoaringBitmap::new();
        for package_id in package_ids {
            fans |= self.fans_of_package(account_id, package_id).await?;
        }
        Ok(fans)
    }

    async fn tag_filters(&self, account_id: &str, tag_ids: &[String]) -> Result<Vec<Filter>, Error> {
        for tag_id in tag_ids {
            self.get_tag(account_id, tag_id).await?;
        }
        Ok(tag_ids.iter().map(|tag_id| Filter::Test(Test::Tag(tag_id.clone()))).collect())
    }

    async fn segment_filters(&self, account_id: &str, segment_ids: &[String]) -> Result<Vec<Filter>, Error> {
        let mut filters = Vec::with_capacity(segment_ids.len());
        for segment_id in segment_ids {
            filters.push(self.filter_of_segment(account_id, segment_id).await?);
        }
        Ok(filters)
    }
}

/// A filter that holds where any of them does; none where there are none.
fn any(mut filters: Vec<Filter>) -> Option<Filter> {
    if filters.len() > 1 { Some(Filter::Any(filters)) } else { filters.pop() }
}
