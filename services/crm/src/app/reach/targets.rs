//! Whom a message is meant for.

use roaring::RoaringBitmap;
use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::Error;

use super::super::tags::known;
use crate::{
    Crm,
    domain::tier::Tier,
    store::{self, bitmap::from_ordinals},
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
}

impl Outside {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Followers => "does not follow the account",
            Self::Tiers => "is of another tier",
            Self::Tags => "has none of the tags",
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

    /// The first field that a fan does not meet.
    pub(super) fn outside(&self, ordinal: u32) -> Option<Outside> {
        self.parts.iter().find(|(_, fans)| !fans.contains(ordinal)).map(|(outside, _)| *outside)
    }
}

impl Crm {
    /// The fans of an audience, as they are now.
    pub(super) async fn targets(&self, account_id: &str, audience: &Audience) -> Result<Targets, Error> {
        check(audience)?;
        let as_of = self.clock.now();
        let mut tx = self.db.begin_read().await?;
        let followers = from_ordinals(store::fan::followers(&mut tx, account_id).await?)?;
        let mut parts = Vec::new();
        if !audience.tiers.is_empty() {
            let mut fans = RoaringBitmap::new();
            for tier in &audience.tiers {
                fans |= from_ordinals(store::fan::of_tier(&mut tx, account_id, *tier).await?)?;
            }
            parts.push((Outside::Tiers, fans));
        }
        if !audience.tags.is_empty() {
            parts.push((Outside::Tags, tagged(&mut tx, account_id, &audience.tags).await?));
        }
        if parts.is_empty() {
            parts.push((Outside::Followers, followers.clone()));
        }
        let excluded = tagged(&mut tx, account_id, &audience.excluded_tags).await?;
        Ok(Targets { parts, excluded, followers, as_of })
    }
}

/// Filters, segments and packages are not looked up yet.
fn check(audience: &Audience) -> Result<(), Error> {
    let fields = [
        ("filter", audience.filter.is_empty()),
        ("segments", audience.segments.is_empty()),
        ("packages", audience.packages.is_empty()),
        ("excluded_segments", audience.excluded_segments.is_empty()),
        ("excluded_packages", audience.excluded_packages.is_empty()),
    ];
    match fields.into_iter().find(|(_, is_empty)| !is_empty) {
        Some((field, _)) => Err(Error::invalid_field(format!("audience.{field}"), "cannot be looked up yet")),
        None => Ok(()),
    }
}

/// Who has any of the tags.
async fn tagged(tx: &mut Tx, account_id: &str, tag_ids: &[String]) -> Result<RoaringBitmap, Error> {
    let mut fans = RoaringBitmap::new();
    for tag_id in tag_ids {
        let tag = known(tx, account_id, tag_id).await?;
        let ordinals = store::fan_tag::some_of_tag(tx, account_id, tag.number, i64::MAX).await?;
        fans |= from_ordinals(ordinals)?;
    }
    Ok(fans)
}
