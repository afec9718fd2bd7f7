//! Finding messages by what they say, a bounded number of them at a time (M11).

use serde::{Deserialize, Serialize};

use super::{
    archive::{Stretch, TimeRange},
    conversation::Conversation,
    message::{Message, Sender},
    replies::Folding,
};

/// Whoever searches does not know how it was written.
const FOLDING: Folding = Folding { width: true, case: true, script: true };

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Search {
    folded: String,
    sender: Option<Sender>,
    pub(crate) range: TimeRange,
}

impl Search {
    pub(crate) fn new(query: &str, sender: Option<Sender>, range: TimeRange) -> Self {
        Self { folded: FOLDING.fold(query), sender, range }
    }

    /// Whether a message is what is looked for. One that says nothing any more never is.
    pub(crate) fn finds(&self, message: &Message) -> bool {
        let Some(content) = &message.content else { return false };
        self.range.contains(message.create_time)
            && self.sender.is_none_or(|sender| sender == message.sender)
            && FOLDING.fold(&content.text).contains(&self.folded)
    }
}

/// Where a search goes on. Conversations are gone through by the time of their last message, the newest first, and each from its
/// newest message on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The last message of the conversation is this old.
    pub(crate) last_time: i64,
    pub(crate) user_id: String,
    /// The messages of it that are left come before this one.
    pub(crate) before: i64,
}

impl Place {
    /// Before all conversations.
    pub(crate) fn newest() -> Self {
        Self { last_time: i64::MAX, user_id: String::new(), before: i64::MAX }
    }

    /// Whether nothing is left of conversations.
    pub(crate) fn is_after(&self, conversations: &[Conversation]) -> bool {
        let is_after =
            |last: &Conversation| self.user_id == last.user_id && self.before <= last.forgotten_sequence + 1;
        conversations.last().is_none_or(is_after)
    }
}

/// What is looked at next: at most so many messages of conversations, which are in their order from `place` on. Answers the place after
/// them too.
pub(crate) fn next(place: &Place, conversations: &[Conversation], most: i64) -> (Vec<Stretch>, Place) {
    let mut stretches = Vec::new();
    let (mut rest, mut reached) = (most, place.clone());
    for conversation in conversations {
        if rest == 0 {
            break;
        }
        let Conversation { user_id, last_sequence, forgotten_sequence, .. } = conversation;
        let is_begun = *user_id == place.user_id;
        let to = if is_begun { (*last_sequence).min(place.before - 1) } else { *last_sequence };
        let after = (*forgotten_sequence).max(to - rest);
        reached = Place { last_time: conversation.last_time.0, user_id: user_id.clone(), before: after + 1 };
        if to > after {
            rest -= to - after;
            stretches.push(Stretch { user_id: user_id.clone(), after, to });
        }
    }
    (stretches, reached)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use siyu_clock::Micros;

    use super::*;
    use crate::domain::message::{Content, ContentKind};

    fn message(text: &str, sender: Sender, time: i64) -> Message {
        Message {
            account_id: "shop".to_owned(),
            user_id: "ann".to_owned(),
            sequence: 1,
            sender,
            author: String::new(),
            client_message_id: "m".to_owned(),
            content: Some(Content { text: text.to_owned(), ..Content::empty(ContentKind::Text) }),
            content_digest: String::new(),
            create_time: Micros(time),
            recall_time: None,
            forget_time: None,
            causation_depth: 0,
            account_change: 1,
            user_change: 1,
        }
    }

    fn conversation(user_id: &str, last_sequence: i64, forgotten_sequence: i64) -> Conversation {
        let last_time = Micros(-last_sequence);
        Conversation { last_sequence, forgotten_sequence, last_time, ..Conversation::new("shop", user_id) }
    }

    #[test]
    fn it_finds_however_it_was_written() {
        let finds = |query: &str, text: &str| {
            Search::new(query, None, TimeRange::ALL).finds(&message(text, Sender::User, 1))
        };
        assert!(finds("价格", "請問價格多少？"));
        assert!(finds("ＶＩＰ", "a vip card"));
        assert!(finds("%_", "50%_off"));
        assert!(!finds("refund", "re fund"));
    }

    #[test]
    fn sides_and_times_are_left_out() {
        let range = TimeRange { start: Micros(10), end: Micros(20) };
        let search = Search::new("a", Some(Sender::User), range);
        let finds = |sender, time| search.finds(&message("a", sender, time));
        assert!(finds(Sender::User, 10) && finds(Sender::User, 19));
        assert!(!finds(Sender::User, 9) && !finds(Sender::User, 20) && !finds(Sender::Account, 15));
    }

    #[test]
    fn what_says_nothing_any_more_is_not_found() {
        let gone = Message { content: None, ..message("a", Sender::User, 1) };
        assert!(!Search::new("a", None, TimeRange::ALL).finds(&gone));
    }

    proptest! {
        /// However many are looked at together, each message that is kept is looked at once, in order.
        #[test]
        fn everything_is_looked_at_once(
            sizes in prop::collection::vec((1_i64..40, 0_i64..40), 0..8),
            most in 1_i64..30,
        ) {
            let conversations: Vec<Conversation> = sizes.iter().enumerate()
                .map(|(number, (last, forgotten))| conversation(&number.to_string(), *last, *forgotten.min(last)))
                .collect();
            let mut looked = Vec::new();
            let mut place = Place::newest();
            let mut first = 0;
            while !place.is_after(&conversations) {
                let (stretches, reached) = next(&place, &conversations[first..], most);
                let count: i64 = stretches.iter().map(Stretch::len).sum();
                prop_assert!(count <= most);
                for Stretch { user_id, after, to } in stretches {
                    looked.extend((after + 1..=to).rev().map(|sequence| (user_id.clone(), sequence)));
                }
                prop_assert_ne!(&place, &reached);
                first = conversations.iter().position(|found| found.user_id == reached.user_id).unwrap();
                place = reached;
            }
            let expected: Vec<_> = conversations.iter()
                .flat_map(|found| (found.forgotten_sequence + 1..=found.last_sequence).rev()
                    .map(|sequence| (found.user_id.clone(), sequence)))
                .collect();
            prop_assert_eq!(looked, expected);
        }
    }
}
