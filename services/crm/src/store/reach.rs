use roaring::RoaringBitmap;
use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, statements};

use super::bitmap::{from_bytes, piece_of, pieces, to_bytes};
use crate::domain::reach::{Channel, Set, Verdict, caps::Touch};

statements! {
    GET = "SELECT * FROM reach WHERE account_id = $1 AND message = $2";
    INSERT = "INSERT INTO reach (account_id, message, channel, send_time, service, high_priority, topic, policy_version, \
              as_of, shared_version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    RELEASE = "UPDATE reach SET release_time = $3 WHERE account_id = $1 AND message = $2";
    INSERT_PIECE = "INSERT INTO reach_set (account_id, message, verdict, cap, deliver_time, piece, ordinals) \
                    VALUES ($1, $2, $3, $4, $5, $6, $7)";
    SETS = "SELECT verdict, cap, deliver_time, ordinals FROM reach_set WHERE account_id = $1 AND message = $2 \
            AND verdict <> 'kept' ORDER BY verdict, cap, deliver_time, piece";
    SETS_OF_PIECE = "SELECT verdict, cap, deliver_time, ordinals FROM reach_set WHERE account_id = $1 AND message = $2 \
                     AND piece = $3 AND verdict <> 'kept' ORDER BY verdict, cap, deliver_time";
    KEPT_COUNTED = "SELECT ordinals FROM reach_set WHERE account_id = $1 AND message = $2 AND verdict = 'kept'";
    /// What counts for caps; of what was taken back only what was kept.
    TOUCHES = "SELECT reach_set.message, channel, deliver_time, ordinals FROM reach_set \
               JOIN reach ON reach.account_id = reach_set.account_id AND reach.message = reach_set.message \
               WHERE reach_set.account_id = $1 AND deliver_time > $2 AND deliver_time < $3 \
               AND verdict IN ('held', 'eligible', 'kept') AND (verdict = 'kept') = (release_time IS NOT NULL) \
               AND service = 0 ORDER BY deliver_time, reach_set.message";
    TOUCHES_OF_PIECE = "SELECT reach_set.message, channel, deliver_time, ordinals FROM reach_set \
                        JOIN reach ON reach.account_id = reach_set.account_id AND reach.message = reach_set.message \
                        WHERE reach_set.account_id = $1 AND deliver_time > $2 AND deliver_time < $3 AND piece = $4 \
                        AND verdict IN ('held', 'eligible', 'kept') AND (verdict = 'kept') = (release_time IS NOT NULL) \
                        AND service = 0 ORDER BY deliver_time, reach_set.message";
    OLD = "SELECT account_id, message FROM reach WHERE send_time < $1 ORDER BY send_time LIMIT 100";
    DELETE = "DELETE FROM reach WHERE account_id = $1 AND message = $2";
    DELETE_SETS = "DELETE FROM reach_set WHERE account_id = $1 AND message = $2";
}

/// A message whose audience is frozen.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Reach {
    /// Resource name.
    pub(crate) message: String,
    /// Name of the channel.
    pub(crate) channel: String,
    pub(crate) send_time: i64,
    /// 1: caps and quiet hours do not hold for it.
    pub(crate) service: i64,
    /// 1: some of what caps allow is kept for it.
    pub(crate) high_priority: i64,
    pub(crate) topic: String,
    pub(crate) policy_version: i64,
    pub(crate) as_of: i64,
    /// When it was taken back.
    pub(crate) release_time: Option<i64>,
    /// Version of the shared policy; none where the message does not count for that.
    pub(crate) shared_version: Option<i64>,
}

/// The verdict under which sets are stored that count though the message was taken back.
const KEPT: &str = "kept";

/// The message, if it is frozen.
pub(crate) async fn get(tx: &mut Tx, account_id: &str, message: &str) -> Result<Option<Reach>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(message).fetch_optional(conn).await)
}

/// Stores a message with what becomes of everybody it is meant for.
pub(crate) async fn insert(
    tx: &mut Tx,
    account_id: &str,
    reach: &Reach,
    sets: &[Set],
) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(&mut *tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(&reach.message)
        .bind(&reach.channel)
        .bind(reach.send_time)
        .bind(reach.service)
        .bind(reach.high_priority)
        .bind(&reach.topic)
        .bind(reach.policy_version)
        .bind(reach.as_of)
        .bind(reach.shared_version)
        .execute(conn)
        .await
        .map(drop))?;
    for set in sets {
        insert_set(tx, account_id, &reach.message, set.verdict.name(), set).await?;
    }
    Ok(())
}

/// Takes a message back. What counts from now on are the sets of those who `kept` it.
pub(crate) async fn release(
    tx: &mut Tx,
    account_id: &str,
    message: &str,
    kept: &[Set],
    now: Micros,
) -> Result<(), DbError> {
    let text = tx.pick(RELEASE);
    on_db!(&mut *tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(message)
        .bind(now.0)
        .execute(conn)
        .await
        .map(drop))?;
    for set in kept {
        insert_set(tx, account_id, message, KEPT, set).await?;
    }
    Ok(())
}

async fn insert_set(
    tx: &mut Tx,
    account_id: &str,
    message: &str,
    verdict: &str,
    set: &Set,
) -> Result<(), DbError> {
    let cap = set.verdict.cap().and_then(|place| i64::try_from(place).ok()).unwrap_or_default();
    for (number, ordinals) in pieces(&set.fans) {
        let text = tx.pick(INSERT_PIECE);
        let ordinals = to_bytes(&ordinals);
        on_db!(&mut *tx, |conn| sqlx::query(text)
            .bind(account_id)
            .bind(message)
            .bind(verdict)
            .bind(cap)
            .bind(set.deliver_time.0)
            .bind(number)
            .bind(ordinals)
            .execute(conn)
            .await
            .map(drop))?;
    }
    Ok(())
}

/// Verdict, place of the cap, time, ordinals.
type SetRow = (String, i64, i64, Vec<u8>);

fn to_set((verdict, cap, deliver_time, ordinals): SetRow) -> Result<Set, DbError> {
    let named = Verdict::named(&verdict, usize::try_from(cap).unwrap_or_default());
    let verdict = named.ok_or_else(|| DbError::broken(format!("reach_set.verdict {verdict:?}")))?;
    Ok(Set { verdict, deliver_time: Micros(deliver_time), fans: from_bytes(&ordinals)? })
}

/// What became of everybody a frozen message is meant for.
pub(crate) async fn sets(tx: &mut Tx, account_id: &str, message: &str) -> Result<Vec<Set>, DbError> {
    let text = tx.pick(SETS);
    let found: Vec<SetRow> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(message).fetch_all(conn).await)?;
    let mut sets: Vec<Set> = Vec::new();
    for piece in found.into_iter().map(to_set) {
        let piece = piece?;
        match sets.last_mut() {
            Some(last) if (last.verdict, last.deliver_time) == (piece.verdict, piece.deliver_time) => {
                last.fans |= piece.fans;
            }
            _ => sets.push(piece),
        }
    }
    Ok(sets)
}

/// The set of a frozen message that a fan is in, if they were planned.
pub(crate) async fn set_of(
    tx: &mut Tx,
    account_id: &str,
    message: &str,
    ordinal: u32,
) -> Result<Option<Set>, DbError> {
    let text = tx.pick(SETS_OF_PIECE);
    let found: Vec<SetRow> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(message)
        .bind(piece_of(ordinal))
        .fetch_all(conn)
        .await)?;
    for set in found.into_iter().map(to_set) {
        let set = set?;
        if set.fans.contains(ordinal) {
            return Ok(Some(set));
        }
    }
    Ok(None)
}

/// Those for whom a message counts though it was taken back.
pub(crate) async fn kept(tx: &mut Tx, account_id: &str, message: &str) -> Result<RoaringBitmap, DbError> {
    let text = tx.pick(KEPT_COUNTED);
    let found: Vec<Vec<u8>> =
        on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).bind(message).fetch_all(conn).await)?;
    found.iter().try_fold(RoaringBitmap::new(), |all, ordinals| Ok(all | from_bytes(ordinals)?))
}

/// Message, channel, time, ordinals.
type TouchRow = (String, String, i64, Vec<u8>);

fn to_touches(found: Vec<TouchRow>) -> Result<Vec<(String, Touch)>, DbError> {
    let mut touches: Vec<(String, Touch)> = Vec::new();
    for (message, channel, time, ordinals) in found {
        let fans = from_bytes(&ordinals)?;
        match touches.last_mut() {
            Some((last, touch)) if *last == message && touch.time.0 == time => touch.fans |= fans,
            _ => {
                let named = Channel::named(&channel);
                let channel = named.ok_or_else(|| DbError::broken(format!("reach.channel {channel:?}")))?;
                touches.push((message, Touch { channel, time: Micros(time), fans }));
            }
        }
    }
    Ok(touches)
}

/// Whom what counts for caps reaches after the one time and before the other, in its order: each with the message.
pub(crate) async fn touches(
    tx: &mut Tx,
    account_id: &str,
    after: i64,
    before: i64,
) -> Result<Vec<(String, Touch)>, DbError> {
    let text = tx.pick(TOUCHES);
    to_touches(on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(after)
        .bind(before)
        .fetch_all(conn)
        .await)?)
}

/// Like [`touches`], of what may reach one fan.
pub(crate) async fn touches_near(
    tx: &mut Tx,
    account_id: &str,
    after: i64,
    before: i64,
    ordinal: u32,
) -> Result<Vec<(String, Touch)>, DbError> {
    let text = tx.pick(TOUCHES_OF_PIECE);
    to_touches(on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(after)
        .bind(before)
        .bind(piece_of(ordinal))
        .fetch_all(conn)
        .await)?)
}

/// Account and name of some messages that were to be sent before `time`, oldest first.
pub(crate) async fn old(tx: &mut Tx, time: Micros) -> Result<Vec<(String, String)>, DbError> {
    let text = tx.pick(OLD);
    on_db!(tx, |conn| sqlx::query_as(text).bind(time.0).fetch_all(conn).await)
}

/// Forgets a message.
pub(crate) async fn delete(tx: &mut Tx, account_id: &str, message: &str) -> Result<(), DbError> {
    for statement in [DELETE_SETS, DELETE] {
        let text = tx.pick(statement);
        on_db!(&mut *tx, |conn| sqlx::query(text)
            .bind(account_id)
            .bind(message)
            .execute(conn)
            .await
            .map(drop))?;
    }
    Ok(())
}
