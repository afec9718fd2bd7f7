use roaring::RoaringBitmap;
use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use super::bitmap::{from_bytes, piece_of, pieces, to_bytes};
use crate::domain::reach::{Channel, caps::Touch, shared::SharedTouch};

statements! {
    INSERT = "INSERT INTO shared_touch (piece, deliver_time, message, account_id, enterprise_id, channel, persons) \
              VALUES ($1, $2, $3, $4, $5, $6, $7)";
    DELETE = "DELETE FROM shared_touch WHERE account_id = $1 AND message = $2";
    NEAR = ["SELECT shared_touch.message, shared_touch.enterprise_id, shared_touch.channel, shared_touch.deliver_time, \
             shared_touch.persons FROM ", lookup("shared_touch", "piece", "BIGINT", 1),
            " AND shared_touch.deliver_time > $2 AND shared_touch.deliver_time < $3 AND shared_touch.message <> $4 \
             ORDER BY shared_touch.deliver_time, shared_touch.message, shared_touch.piece"];
}

/// Whom a message of an account reaches, for storing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender<'a> {
    pub(crate) account_id: &'a str,
    pub(crate) enterprise_id: &'a str,
    /// Resource name of the message.
    pub(crate) message: &'a str,
}

/// Stores whom a message reaches.
pub(crate) async fn insert(tx: &mut Tx, sender: Sender<'_>, touches: &[Touch]) -> Result<(), DbError> {
    for touch in touches {
        for (piece, persons) in pieces(&touch.fans) {
            let text = tx.pick(INSERT);
            let persons = to_bytes(&persons);
            on_db!(&mut *tx, |conn| sqlx::query(text)
                .bind(piece)
                .bind(touch.time.0)
                .bind(sender.message)
                .bind(sender.account_id)
                .bind(sender.enterprise_id)
                .bind(touch.channel.name())
                .bind(persons)
                .execute(conn)
                .await
                .map(drop))?;
        }
    }
    Ok(())
}

/// Forgets whom a message reaches.
pub(crate) async fn delete(tx: &mut Tx, account_id: &str, message: &str) -> Result<(), DbError> {
    let text = tx.pick(DELETE);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(message).execute(conn).await.map(drop))
}

/// Message, enterprise, channel, time, persons.
type Row = (String, String, String, i64, Vec<u8>);

/// What reaches persons after the one time and before the other, in its order, but for one message. Of others who are reached too it
/// may be left out.
pub(crate) async fn near(
    tx: &mut Tx,
    persons: &RoaringBitmap,
    after: i64,
    before: i64,
    message: &str,
) -> Result<Vec<SharedTouch>, DbError> {
    let mut pieces: Vec<i64> = persons.iter().map(piece_of).collect();
    pieces.dedup();
    let text = tx.pick(NEAR);
    let pieces = rows(pieces.iter().map(|piece| [piece]))?;
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(pieces)
        .bind(after)
        .bind(before)
        .bind(message)
        .fetch_all(conn)
        .await)?;
    let mut touches: Vec<SharedTouch> = Vec::new();
    let mut last = None;
    for (message, enterprise_id, channel, time, bytes) in found {
        let fans = from_bytes(&bytes)?;
        let place = Some((time, message));
        match touches.last_mut() {
            Some(shared) if last == place => shared.touch.fans |= fans,
            _ => {
                let named = Channel::named(&channel);
                let channel =
                    named.ok_or_else(|| DbError::broken(format!("shared_touch.channel {channel:?}")))?;
                let touch = Touch { channel, time: Micros(time), fans };
                touches.push(SharedTouch { enterprise_id, touch });
                last = place;
            }
        }
    }
    Ok(touches)
}
