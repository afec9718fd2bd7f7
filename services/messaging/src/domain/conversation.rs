//! Conversations: the sequence of their messages, what is read of them, and how much may be sent (M1, M2).

use siyu_clock::Micros;

use super::{desk::Desk, message::Sender, replies::Automation};

/// What an account and a user write to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conversation {
    pub(crate) account_id: String,
    pub(crate) user_id: String,
    pub(crate) last_sequence: i64,
    /// When the last message was stored.
    pub(crate) last_time: Micros,
    /// Messages of the account since the last of the user.
    pub(crate) unanswered_count: i64,
    pub(crate) user_read_sequence: i64,
    pub(crate) account_read_sequence: i64,
    pub(crate) user_unread_count: i64,
    pub(crate) account_unread_count: i64,
    /// What all messages up to this one said is forgotten; 0 where none is.
    pub(crate) forgotten_sequence: i64,
    /// Where it stands at the service desk; none while nothing is known.
    pub(crate) desk: Option<Box<Desk>>,
    pub(crate) automation: Automation,
}

/// Up to which sequence both sides have read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadMarks {
    pub(crate) user: i64,
    pub(crate) account: i64,
}

impl Conversation {
    /// One in which nobody has written.
    pub(crate) fn new(account_id: &str, user_id: &str) -> Self {
        Self {
            account_id: account_id.to_owned(),
            user_id: user_id.to_owned(),
            last_sequence: 0,
            last_time: Micros(i64::MIN),
            unanswered_count: 0,
            user_read_sequence: 0,
            account_read_sequence: 0,
            user_unread_count: 0,
            account_unread_count: 0,
            forgotten_sequence: 0,
            desk: None,
            automation: Automation::default(),
        }
    }

    /// A message is added at `now`; answers its sequence and its time, which is never before that of the last.
    pub(crate) fn append(&mut self, sender: Sender, now: Micros) -> (i64, Micros) {
        self.last_sequence += 1;
        self.last_time = self.last_time.max(now);
        match sender {
            Sender::User => {
                self.unanswered_count = 0;
                self.account_unread_count += 1;
            }
            Sender::Account => {
                self.unanswered_count += 1;
                self.user_unread_count += 1;
            }
        }
        (self.last_sequence, self.last_time)
    }

    /// An automatic reply is added. It does not count as unanswered: an agent may still send as much as without it.
    pub(crate) fn append_reply(&mut self, now: Micros) -> (i64, Micros) {
        let unanswered_count = self.unanswered_count;
        let appended = self.append(Sender::Account, now);
        self.unanswered_count = unanswered_count;
        appended
    }

    /// A message of `sender` is taken back: whoever has not read it need not.
    pub(crate) fn recall(&mut self, sender: Sender, sequence: i64) {
        let (read, unread) = match sender {
            Sender::User => (self.account_read_sequence, &mut self.account_unread_count),
            Sender::Account => (self.user_read_sequence, &mut self.user_unread_count),
        };
        if sequence > read {
            *unread -= 1;
        }
    }

    /// `reader` has read up to `sequence`, after which there are `unread` messages of the other side. Answers whether that
    /// moved the mark, which never goes back.
    pub(crate) fn mark_read(&mut self, reader: Sender, sequence: i64, unread: i64) -> bool {
        let (mark, count) = match reader {
            Sender::User => (&mut self.user_read_sequence, &mut self.user_unread_count),
            Sender::Account => (&mut self.account_read_sequence, &mut self.account_unread_count),
        };
        if sequence <= *mark {
            return false;
        }
        *mark = sequence;
        *count = unread;
        true
    }

    /// Where it stands at the service desk, to be changed.
    pub(crate) fn desk_mut(&mut self) -> &mut Desk {
        self.desk.get_or_insert_with(|| Box::new(Desk::idle()))
    }

    /// `accounts/{account}/conversations/{user}`
    pub(crate) fn name(&self) -> String {
        format!("accounts/{}/conversations/{}", self.account_id, self.user_id)
    }

    /// How far both sides have read.
    pub(crate) fn read_marks(&self) -> ReadMarks {
        ReadMarks { user: self.user_read_sequence, account: self.account_read_sequence }
    }

    /// Messages of the other side that `reader` has not read.
    pub(crate) fn unread_count(&self, reader: Sender) -> i64 {
        match reader {
            Sender::User => self.user_unread_count,
            Sender::Account => self.account_unread_count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_resets_what_is_unanswered() {
        let mut conversation = Conversation::new("shop", "ann");
        for sequence in 1..=3 {
            assert_eq!(conversation.append(Sender::Account, Micros(sequence)), (sequence, Micros(sequence)));
        }
        assert_eq!((conversation.unanswered_count, conversation.user_unread_count), (3, 3));
        // A clock that went back does not turn back the conversation.
        assert_eq!(conversation.append(Sender::User, Micros(1)), (4, Micros(3)));
        assert_eq!((conversation.unanswered_count, conversation.account_unread_count), (0, 1));
        assert_eq!(conversation.append_reply(Micros(4)), (5, Micros(4)));
        assert_eq!((conversation.unanswered_count, conversation.user_unread_count), (0, 4));
    }

    #[test]
    fn what_was_read_stays_read_and_what_was_taken_back_is_not_unread() {
        let mut conversation = Conversation::new("shop", "ann");
        for _ in 0..4 {
            conversation.append(Sender::Account, Micros(1));
        }
        assert!(conversation.mark_read(Sender::User, 2, 2));
        assert!(!conversation.mark_read(Sender::User, 1, 3));
        assert_eq!((conversation.user_read_sequence, conversation.unread_count(Sender::User)), (2, 2));
        conversation.recall(Sender::Account, 2);
        assert_eq!(conversation.unread_count(Sender::User), 2);
        conversation.recall(Sender::Account, 3);
        assert_eq!(conversation.unread_count(Sender::User), 1);
        assert_eq!(conversation.unread_count(Sender::Account), 0);
    }
}
