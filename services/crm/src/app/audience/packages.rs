//! Packages: audiences as they were at a moment (C7).

use std::collections::HashSet;

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, retrying};
use tonic::Code;

use crate::{
    Crm,
    store::{self, bitmap::from_ordinals, package::Package},
};

/// Most packages of an account.
const MOST_PACKAGES: i64 = 1_000;
/// Field that a filter comes in.
const FILTER: &str = "package.source.filter";

/// What a package is made from; segments and packages by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Filter(String),
    Segment(String),
    Users(Vec<String>),
    Union(Vec<String>),
    Intersection(Vec<String>),
    Difference(Vec<String>),
}

/// A new package, and how many users of those it was made from the account does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Made {
    pub(crate) package: Package,
    pub(crate) unknown_users: i64,
}

/// Who is in a package that is being made.
#[derive(Debug, Clone)]
struct Contents {
    fans: RoaringBitmap,
    unknown_users: i64,
    as_of: Micros,
}

impl Source {
    /// What the source is called in storage, and what is stored of it.
    fn stored(&self) -> (&'static str, String) {
        match self {
            Self::Filter(filter) => ("filter", filter.clone()),
            Self::Segment(segment_id) => ("segment", segment_id.clone()),
            Self::Users(_) => ("users", String::new()),
            Self::Union(ids) => ("union", ids.join(",")),
            Self::Intersection(ids) => ("intersection", ids.join(",")),
            Self::Difference(ids) => ("difference", ids.join(",")),
        }
    }

    /// What is stored; the users are not.
    pub(crate) fn of(package: &Package) -> Result<Self, Error> {
        let Package { kind, source, .. } = package;
        let ids = || source.split(',').map(str::to_owned).collect();
        Ok(match kind.as_str() {
            "filter" => Self::Filter(source.clone()),
            "segment" => Self::Segment(source.clone()),
            "users" => Self::Users(Vec::new()),
            "union" => Self::Union(ids()),
            "intersection" => Self::Intersection(ids()),
            "difference" => Self::Difference(ids()),
            other => return Err(Error::internal(format!("package.kind {other:?}"))),
        })
    }
}

impl Crm {
    /// Makes a package.
    pub(crate) async fn create_package(
        &self,
        mutation: &Mutation,
        account_id: &str,
        package_id: &str,
        display_name: &str,
        source: &Source,
    ) -> Result<Made, Error> {
        if display_name.trim().is_empty() {
            return Err(Error::invalid_field("package.display_name", "must not be blank"));
        }
        self.directory.get(account_id).await?;
        let (kind, stored) = source.stored();
        let selected = self.selected(account_id, source).await?;
        let _turn = self.turns.take(account_id).await;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            store::account::lock(&mut tx, account_id).await?;
            if store::package::get(&mut tx, account_id, package_id).await?.is_some() {
                return Err(Error::exists(&name(account_id, package_id)));
            }
            check_count(&mut tx, account_id).await?;
            let contents = match &selected {
                Some(selected) => selected.clone(),
                None => contents(&mut tx, account_id, source, now).await?,
            };
            let Contents { fans, unknown_users, as_of } = contents;
            let byte_count = store::package::insert_fans(&mut tx, account_id, package_id, &fans).await?;
            let package = Package {
                package_id: package_id.to_owned(),
                display_name: display_name.to_owned(),
                kind: kind.to_owned(),
                source: stored.clone(),
                fan_count: i64::try_from(fans.len()).map_err(Error::internal)?,
                byte_count: i64::try_from(byte_count).map_err(Error::internal)?,
                as_of: as_of.0,
                create_time: now.0,
            };
            store::package::insert(&mut tx, account_id, &package).await?;
            let made = Made { package, unknown_users };
            mutation.finish(tx, &made, now).await?;
            Ok(made)
        })
        .await
    }

    /// The fans of a filter or a segment; none for what is made from users or packages.
    async fn selected(&self, account_id: &str, source: &Source) -> Result<Option<Contents>, Error> {
        let filter = match source {
            Source::Filter(text) => self.filter(account_id, FILTER, text).await?,
            Source::Segment(segment_id) => self.filter_of_segment(account_id, segment_id).await?,
            _ => return Ok(None),
        };
        let selection = self.select(account_id, vec![filter]).await?;
        let fans = selection.fans.into_iter().next().unwrap_or_default();
        Ok(Some(Contents { fans, unknown_users: 0, as_of: selection.as_of }))
    }

    pub(crate) async fn get_package(&self, account_id: &str, package_id: &str) -> Result<Package, Error> {
        let mut tx = self.db.begin_read().await?;
        known(&mut tx, account_id, package_id).await
    }

    /// A page of packages by id, and the token of the next.
    pub(crate) async fn list_packages(
        &self,
        account_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<Package>, String), Error> {
        self.directory.get(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut packages = store::package::list(&mut tx, account_id, after, page.limit()).await?;
        let next = page.finish(&mut packages, |last| last.package_id.clone())?;
        Ok((packages, next))
    }

    /// Deletes a package.
    pub(crate) async fn delete_package(
        &self,
        mutation: &Mutation,
        account_id: &str,
        package_id: &str,
    ) -> Result<(), Error> {
        let _turn = self.turns.take(account_id).await;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(()) = mutation.first_answer(&mut tx, now).await? {
                return Ok(());
            }
            // Before the lock, which would make the row of an account that nobody knows.
            known(&mut tx, account_id, package_id).await?;
            store::account::lock(&mut tx, account_id).await?;
            known(&mut tx, account_id, package_id).await?;
            store::package::delete(&mut tx, account_id, package_id).await?;
            mutation.finish(tx, &(), now).await
        })
        .await
    }

    /// The ordinals of the fans in a package.
    pub(crate) async fn fans_of_package(
        &self,
        account_id: &str,
        package_id: &str,
    ) -> Result<RoaringBitmap, Error> {
        let mut tx = self.db.begin_read().await?;
        fans(&mut tx, account_id, package_id).await
    }

    /// The users with some ordinals.
    pub(crate) async fn members(&self, account_id: &str, ordinals: Vec<u32>) -> Result<Vec<String>, Error> {
        let mut tx = self.db.begin_read().await?;
        let ordinals = ordinals.into_iter().map(i64::from);
        let mut users = store::fan::users(&mut tx, account_id, ordinals).await?;
        users.sort_unstable_by_key(|(ordinal, _)| *ordinal);
        Ok(users.into_iter().map(|(_, user_id)| user_id).collect())
    }
}

/// Who is in a package made from users or packages.
async fn contents(tx: &mut Tx, account_id: &str, source: &Source, now: Micros) -> Result<Contents, Error> {
    let mut unknown_users = 0;
    let fans = match source {
        // Those were selected before.
        Source::Filter(_) | Source::Segment(_) => RoaringBitmap::new(),
        Source::Users(user_ids) => {
            let users: HashSet<&str> = user_ids.iter().map(String::as_str).collect();
            let count = users.len();
            let found = store::fan::find_by_user(tx, account_id, users).await?;
            unknown_users = i64::try_from(count - found.len()).map_err(Error::internal)?;
            from_ordinals(found.iter().map(|fan| fan.ordinal))?
        }
        Source::Union(ids) => combined(tx, account_id, ids, |all, other| *all |= other).await?,
        Source::Intersection(ids) => combined(tx, account_id, ids, |all, other| *all &= other).await?,
        Source::Difference(ids) => combined(tx, account_id, ids, |all, other| *all -= other).await?,
    };
    Ok(Contents { fans, unknown_users, as_of: now })
}

/// The first of some packages, with each of the others put to it.
async fn combined(
    tx: &mut Tx,
    account_id: &str,
    package_ids: &[String],
    put: impl Fn(&mut RoaringBitmap, &RoaringBitmap),
) -> Result<RoaringBitmap, Error> {
    let mut all: Option<RoaringBitmap> = None;
    for package_id in package_ids {
        let other = fans(tx, account_id, package_id).await?;
        match &mut all {
            Some(all) => put(all, &other),
            None => all = Some(other),
        }
    }
    Ok(all.unwrap_or_default())
}

/// The ordinals of the fans in a package.
pub(crate) async fn fans(tx: &mut Tx, account_id: &str, package_id: &str) -> Result<RoaringBitmap, Error> {
    known(tx, account_id, package_id).await?;
    Ok(store::package::fans(tx, account_id, package_id).await?)
}

async fn known(tx: &mut Tx, account_id: &str, package_id: &str) -> Result<Package, Error> {
    let found = store::package::get(tx, account_id, package_id).await?;
    found.ok_or_else(|| Error::not_found(&name(account_id, package_id)))
}

fn name(account_id: &str, package_id: &str) -> String {
    format!("accounts/{account_id}/packages/{package_id}")
}

async fn check_count(tx: &mut Tx, account_id: &str) -> Result<(), Error> {
    if store::package::count(tx, account_id).await? < MOST_PACKAGES {
        return Ok(());
    }
    let message = format!("accounts/{account_id} has {MOST_PACKAGES} packages, as many as it may have");
    let error = Error::new(Code::ResourceExhausted, ErrorReason::LimitReached, message);
    Err(error.with("limit", MOST_PACKAGES.to_string()))
}
