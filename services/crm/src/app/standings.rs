//! Telling other services where fans stand now.

use std::collections::HashMap;

use siyu_db::{DbError, Tx};
use siyu_outbox::Outbox;

use crate::{
    events::fans_changed,
    grpc::to_fan_standing,
    store::{self, fan::Fan},
};

/// Tells where the fans stand now, with the tags that are stored.
pub(super) async fn tell(
    tx: &mut Tx,
    outbox: &Outbox,
    account_id: &str,
    fans: &[&Fan],
) -> Result<(), DbError> {
    if fans.is_empty() {
        return Ok(());
    }
    let ordinals: Vec<i64> = fans.iter().map(|fan| fan.ordinal).collect();
    let mut tags: HashMap<i64, Vec<String>> = HashMap::new();
    for held in store::fan_tag::of_fans(tx, account_id, ordinals).await? {
        tags.entry(held.ordinal).or_default().push(held.tag_id);
    }
    let mut standings = Vec::with_capacity(fans.len());
    for fan in fans {
        let mut tags = tags.remove(&fan.ordinal).unwrap_or_default();
        tags.sort();
        standings.push(to_fan_standing(&fan.user_id, &fan.standing, tags));
    }
    outbox.write(tx, fans_changed(account_id, standings)).await
}

/// Like [`tell`], of the fans with the ordinals.
pub(super) async fn tell_of(
    tx: &mut Tx,
    outbox: &Outbox,
    account_id: &str,
    ordinals: &[i64],
) -> Result<(), DbError> {
    if ordinals.is_empty() {
        return Ok(());
    }
    let mut fans = store::fan::find_by_ordinal(tx, account_id, ordinals.iter().copied()).await?;
    fans.sort_by_key(|fan| fan.ordinal);
    tell(tx, outbox, account_id, &fans.iter().collect::<Vec<_>>()).await
}
