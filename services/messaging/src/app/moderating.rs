//! What is not let through, as sending asks for it: in memory, for every message (M10).

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use siyu_clock::{Ids, Micros};
use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::Error;
use siyu_telemetry::names;
use tonic::Code;

use super::sending::NewMessage;
use crate::{
    domain::{
        message::Sender,
        moderation::{MOST_WORDS, Verdict, WordAction, WordList, judge},
        review::{Cause, ReviewItem, State},
    },
    store::{self, review::Hit},
};

/// Whose list holds for all accounts; its settings have a version as those of an account.
pub(super) const PLATFORM: &str = "platform";
/// How long it is believed which words the platform has: so much later a change shows.
const BELIEVED: Duration = Duration::from_secs(3);

/// What an account does not let through.
#[derive(Debug, Default)]
pub(crate) struct Moderation {
    words: WordList,
    /// Users who cannot write.
    blocked: HashSet<String>,
}

impl Moderation {
    pub(super) async fn load(tx: &mut Tx, account_id: &str) -> Result<Self, Error> {
        let words = word_list(tx, &format!("accounts/{account_id}")).await?;
        let blocked = store::moderation::all_blocked(tx, account_id).await?.into_iter().collect();
        Ok(Self { words, blocked })
    }

    /// Whether a user can write to the account.
    pub(crate) fn is_blocked(&self, user_id: &str) -> bool {
        self.blocked.contains(user_id)
    }

    /// What the words of the account and of the platform say of a text; None where they say nothing.
    pub(crate) fn judge(&self, platform: &WordList, text: &str) -> Option<Verdict> {
        judge([&self.words, platform], text)
    }
}

pub(super) async fn word_list(tx: &mut Tx, owner: &str) -> Result<WordList, Error> {
    let matching = store::moderation::matching(tx, owner).await?;
    let words = store::moderation::list_words(tx, owner, "", MOST_WORDS).await?;
    let words = words.into_iter().map(|word| (word.text, word.action));
    WordList::new(matching, words).map_err(Error::internal)
}

/// The words of the platform, read again every few seconds where they have changed.
#[derive(Debug, Default)]
pub(crate) struct PlatformWords {
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug, Clone)]
struct Kept {
    asked: Micros,
    version: i64,
    words: Arc<WordList>,
}

impl PlatformWords {
    pub(crate) async fn get(&self, tx: &mut Tx, now: Micros) -> Result<Arc<WordList>, Error> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kept) = &kept
            && now < kept.asked.plus(BELIEVED)
        {
            return Ok(kept.words.clone());
        }
        let version = store::inbox::settings_version(tx, PLATFORM).await?;
        let words = match kept {
            Some(kept) if kept.version == version => kept.words,
            _ if version == 0 => Arc::default(),
            _ => Arc::new(word_list(tx, PLATFORM).await?),
        };
        let kept = Kept { asked: now, version, words: words.clone() };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(words)
    }
}

/// What is logged of a message in which words were found. `sequence` is 0 where it is refused.
pub(super) fn hit(
    call: &NewMessage,
    digest: &str,
    verdict: Option<&Verdict>,
    sequence: i64,
    now: Micros,
) -> Option<Hit> {
    let verdict = verdict?;
    Some(Hit {
        account_id: call.account_id.clone(),
        hit_id: String::new(),
        user_id: call.user_id.clone(),
        sender: call.sender,
        client_message_id: call.client_message_id.clone(),
        content_digest: digest.to_owned(),
        sequence,
        action: verdict.action,
        words: verdict.words.clone(),
        create_time: now,
    })
}

/// Logs hits, and opens the reviews that they ask for.
pub(super) async fn store_hits(tx: &mut Tx, ids: &Ids, hits: &[Hit]) -> Result<(), Error> {
    if hits.is_empty() {
        return Ok(());
    }
    let mut hits = hits.to_vec();
    for hit in &mut hits {
        hit.hit_id = ids.ulid(hit.create_time);
        metrics::counter!(names::MODERATION_HITS_TOTAL, "action" => hit.action.name()).increment(1);
    }
    store::review::insert_hits(tx, &hits).await?;
    let reviewed = hits.iter().filter(|hit| hit.action == WordAction::Review);
    let items: Vec<ReviewItem> = reviewed.map(opened).collect();
    if !items.is_empty() {
        store::review::insert_items(tx, &items).await?;
    }
    Ok(())
}

fn opened(hit: &Hit) -> ReviewItem {
    ReviewItem {
        account_id: hit.account_id.clone(),
        user_id: hit.user_id.clone(),
        sequence: hit.sequence,
        cause: Cause::Words,
        words: hit.words.clone(),
        comment: String::new(),
        state: State::Open,
        create_time: hit.create_time,
        decide_time: None,
        decider: String::new(),
    }
}

/// Why a message with these words is refused. Users are not told which they are: they would write them in another way.
pub(super) fn refusal(field: &str, sender: Sender, words: &[String]) -> Error {
    let rule = match sender {
        Sender::User => "has words that are not let through".to_owned(),
        Sender::Account => format!("has words that are not let through: {}", words.join(", ")),
    };
    Error::invalid_field(field, rule)
}

/// The account has blocked the user.
pub(super) fn blocked(account_id: &str, user_id: &str) -> Error {
    let message = format!("accounts/{account_id} has blocked users/{user_id}, who cannot write to it");
    let refused = Error::new(Code::FailedPrecondition, ErrorReason::ConditionNotMet, message);
    refused.with("condition", "not_blocked").with("required", "not to be blocked by the account")
}
