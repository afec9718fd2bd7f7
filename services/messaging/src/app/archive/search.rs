//! Finding messages by what they say (M11). Nothing is indexed for it, which every message would pay for; so a call looks at a bounded
//! number of messages.

use std::{cmp::Reverse, collections::HashMap};

use siyu_db::Tx;
use siyu_rpc::{Error, Page};
use siyu_telemetry::names;

use crate::{
    Messaging,
    app::read::conversation,
    domain::{
        conversation::Conversation,
        message::Message,
        search::{Place, Search, next},
    },
    store,
};

/// Most messages, and conversations that are passed, that one call looks at.
const MOST_LOOKED_AT: usize = 10_000;
/// Most messages, and most conversations, that one statement reads.
const MESSAGES_AT_ONCE: usize = 500;
const CONVERSATIONS_AT_ONCE: usize = 100;

/// A page of what was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) messages: Vec<Message>,
    pub(crate) next_page_token: String,
    /// Messages that were looked at.
    pub(crate) looked_at: usize,
}

impl Messaging {
    /// Messages of an account, or of one conversation, that are what is looked for.
    pub(crate) async fn search(
        &self,
        account_id: &str,
        user_id: Option<&str>,
        search: &Search,
        page: &Page<Place>,
    ) -> Result<Found, Error> {
        self.check_account(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let mut found = Found::default();
        let place =
            look(&mut tx, [account_id, user_id.unwrap_or_default()], search, page, &mut found).await?;
        metrics::counter!(names::SEARCHED_MESSAGES_TOTAL).increment(found.looked_at as u64);
        if let Some(place) = place {
            found.next_page_token = page.token_after(place)?;
        }
        Ok(found)
    }
}

/// Looks at messages until the page is full or it were too many; answers where to go on, if anything is left. Without a user it looks at
/// all conversations of the account.
async fn look(
    tx: &mut Tx,
    [account_id, user_id]: [&str; 2],
    search: &Search,
    page: &Page<Place>,
    found: &mut Found,
) -> Result<Option<Place>, Error> {
    let mut place = page.after.clone().unwrap_or_else(Place::newest);
    let mut rest = MOST_LOOKED_AT;
    while rest > 0 {
        let mut conversations = if user_id.is_empty() {
            let limit = i64::try_from(CONVERSATIONS_AT_ONCE).unwrap_or(i64::MAX);
            store::archive::from_place(tx, account_id, &place, limit).await?
        } else {
            vec![conversation(tx, [account_id, user_id]).await?]
        };
        // All others are older too.
        conversations.retain(|conversation| conversation.last_time >= search.range.start);
        let are_last = conversations.len() < CONVERSATIONS_AT_ONCE;
        let most = i64::try_from(rest.min(MESSAGES_AT_ONCE)).unwrap_or(i64::MAX);
        let (stretches, reached) = next(&place, &conversations, most);
        place = reached;
        let messages = store::archive::in_stretches(tx, account_id, &stretches).await?;
        found.looked_at += messages.len();
        rest = rest.saturating_sub(messages.len() + conversations.len());
        let messages = in_order(messages, &conversations);
        if messages.last().is_some_and(|(_, oldest)| oldest.create_time < search.range.start) {
            // The rest of its conversation is older still.
            place.before = 1;
        }
        for (last_time, message) in messages {
            if search.finds(&message) {
                let after = Place { last_time, user_id: message.user_id.clone(), before: message.sequence };
                found.messages.push(message);
                if found.messages.len() == page.size {
                    return Ok(Some(after));
                }
            }
        }
        if are_last && place.is_after(&conversations) {
            return Ok(None);
        }
    }
    Ok(Some(place))
}

/// Messages in the order of their conversations, each from the newest on, with the time of the last message of its conversation.
fn in_order(messages: Vec<Message>, conversations: &[Conversation]) -> Vec<(i64, Message)> {
    let places: HashMap<&str, (usize, i64)> = conversations
        .iter()
        .enumerate()
        .map(|(place, found)| (found.user_id.as_str(), (place, found.last_time.0)))
        .collect();
    let place = |message: &Message| places.get(message.user_id.as_str()).copied().unwrap_or_default();
    let mut messages: Vec<(i64, Message)> =
        messages.into_iter().map(|message| (place(&message).1, message)).collect();
    messages.sort_by_key(|(_, message)| (place(message).0, Reverse(message.sequence)));
    messages
}
