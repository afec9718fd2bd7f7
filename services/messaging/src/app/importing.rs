//! Messages that were sent elsewhere (M1).

use siyu_rpc::{Error, group_commit::Batch, retrying};

use super::sending::{NewMessage, Sent};
use crate::Messaging;

/// What became of messages that were to be imported.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    pub(crate) stored_count: i64,
    pub(crate) duplicate_count: i64,
    /// Which were not stored, by their place, and why.
    pub(crate) rejected: Vec<(usize, Error)>,
}

impl Messaging {
    /// Stores messages in the order in which they are given; each is good or bad by itself.
    ///
    /// # Errors
    /// When storage, or a service that knows accounts, fails: none is stored.
    pub(crate) async fn import(&self, messages: Vec<Result<NewMessage, Error>>) -> Result<Imported, Error> {
        let mut imported = Imported::default();
        let mut good = Vec::new();
        for (index, message) in messages.into_iter().enumerate() {
            let checked = match message {
                Ok(message) => self.check_imported(&message).await.map(|()| message),
                Err(error) => Err(error),
            };
            match checked {
                Ok(message) => good.push((index, message)),
                Err(error) if is_its_own(&error) => imported.rejected.push((index, error)),
                Err(error) => return Err(error),
            }
        }
        let (places, calls): (Vec<usize>, Vec<NewMessage>) = good.into_iter().unzip();
        // One transaction: those of a conversation are stored in the order in which they are given.
        let answers = retrying(|| self.sender.run(&calls)).await?;
        for ((index, message), sent) in places.into_iter().zip(&calls).zip(answers) {
            match sent {
                Sent::Stored(_) => imported.stored_count += 1,
                Sent::Repeated(_) => imported.duplicate_count += 1,
                refused => {
                    imported.rejected.extend(refused.stored(message).err().map(|error| (index, error)));
                }
            }
        }
        imported.rejected.sort_by_key(|(index, _)| *index);
        Ok(imported)
    }

    async fn check_imported(&self, message: &NewMessage) -> Result<(), Error> {
        if message.sent_time.is_some_and(|sent_time| sent_time > self.clock.now()) {
            return Err(Error::invalid_field("create_time", "must not be in the future"));
        }
        self.check(message).await
    }
}

/// Whether an error says something of the message alone.
fn is_its_own(error: &Error) -> bool {
    use tonic::Code;
    matches!(error.code(), Code::InvalidArgument | Code::NotFound)
}
