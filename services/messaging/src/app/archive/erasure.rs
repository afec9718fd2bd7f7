//! A conversation that is forgotten because somebody has the right to it (M11).

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::{Error, Mutation, retrying};
use siyu_telemetry::names;

use crate::{Messaging, app::read::conversation, domain::archive::Stretch, store};

/// Messages that one transaction forgets: whoever sends waits no longer than that.
const ERASED_AT_ONCE: i64 = 2_000;
/// Later than all notes and comments.
const EVER: Micros = Micros(i64::MAX);

/// How far an erasure has come.
#[derive(Debug, Clone, Copy)]
struct Erased {
    count: u64,
    /// The last message that there was when it began.
    until: i64,
    is_done: bool,
}

impl Messaging {
    /// Forgets what was said in a conversation; answers how many messages that were. The audit log says so from the first transaction on.
    pub(crate) async fn erase(&self, mutation: &Mutation, ids: [&str; 2]) -> Result<u64, Error> {
        self.check_account(ids[0]).await?;
        let mut erased = self.begin_erasure(mutation, ids).await?;
        while !erased.is_done {
            erased = self.erase_more(ids, erased).await?;
        }
        Ok(erased.count)
    }

    /// Forgets what is not a message, and the first messages.
    async fn begin_erasure(&self, mutation: &Mutation, ids: [&str; 2]) -> Result<Erased, Error> {
        let [account_id, user_id] = ids;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            // First: the lock would make the row of an account that nobody knows.
            conversation(&mut tx, ids).await?;
            store::inbox::lock(&mut tx, [format!("accounts/{account_id}").as_str()]).await?;
            let mut conversation = conversation(&mut tx, ids).await?;
            if let Some(desk) = &mut conversation.desk {
                desk.labels.clear();
                desk.forget_comment();
                store::conversation::save(&mut tx, [&conversation]).await?;
            }
            store::note::forget(&mut tx, account_id, [user_id; 2], EVER, now).await?;
            store::review::forget_comments(&mut tx, account_id, [user_id; 2], EVER).await?;
            let begun = Erased { count: 0, until: conversation.last_sequence, is_done: false };
            let erased = erase_some(&mut tx, ids, conversation.forgotten_sequence, begun, now).await?;
            mutation.finish(tx, &(), now).await?;
            count(erased.count);
            Ok(erased)
        })
        .await
    }

    async fn erase_more(&self, ids: [&str; 2], before: Erased) -> Result<Erased, Error> {
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            store::inbox::lock(&mut tx, [format!("accounts/{}", ids[0]).as_str()]).await?;
            let forgotten_sequence = conversation(&mut tx, ids).await?.forgotten_sequence;
            let erased = erase_some(&mut tx, ids, forgotten_sequence, before, self.clock.now()).await?;
            tx.commit().await?;
            count(erased.count - before.count);
            Ok(erased)
        })
        .await
    }
}

/// Forgets the next messages after those that are forgotten.
async fn erase_some(
    tx: &mut Tx,
    [account_id, user_id]: [&str; 2],
    after: i64,
    before: Erased,
    now: Micros,
) -> Result<Erased, Error> {
    let to = before.until.min(after + ERASED_AT_ONCE);
    let stretch = Stretch { user_id: user_id.to_owned(), after, to };
    let count = store::archive::forget(tx, account_id, &[stretch], now).await?;
    Ok(Erased { count: before.count + count, until: before.until, is_done: to >= before.until })
}

fn count(erased: u64) {
    metrics::counter!(names::FORGOTTEN_MESSAGES_TOTAL, "cause" => "erasure").increment(erased);
}
