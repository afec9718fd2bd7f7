//! The keys that sign tokens. They are made when the first is needed; the database of the service holds them.

use std::time::Duration;

use siyu_clock::Micros;
use siyu_db::{DbError, Tx};
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{
    Error, Mutation,
    auth::{Caller, Signer, SigningKey},
    retrying,
};
use tonic::Code;

use super::tokens::{LONGEST_LIFE, Token};
use crate::{
    Accounts,
    store::{
        self,
        signing_key::{CurrentKey, NewKey, PublicKey, Stage},
    },
};

/// How long a key that no longer signs stays listed: until its last token has expired. That may have been made a little
/// later than the rotation, by a call that had read the key before, or by the clock of another process.
const LISTED_FOR: Duration = LONGEST_LIFE.saturating_add(Duration::from_secs(10 * 60));
/// How old the next key must be before it signs: by then every process knows it.
const KNOWN_AFTER: Duration = Duration::from_secs(60);

impl Accounts {
    /// The public keys that tokens are checked with, oldest first.
    pub(crate) async fn list_signing_keys(&self) -> Result<Vec<PublicKey>, Error> {
        self.current_key().await?;
        let mut tx = self.db.begin_read().await?;
        Ok(store::signing_key::listed(&mut tx, self.clock.now().0).await?)
    }

    /// Has the next key sign from now on, if it is old enough to be known everywhere. The one before is listed until its last
    /// token has expired; or none that there was is, with `retire_at_once`. Answers the key that signs now.
    pub(crate) async fn rotate_signing_keys(
        &self,
        mutation: &Mutation,
        retire_at_once: bool,
    ) -> Result<PublicKey, Error> {
        self.current_key().await?;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            store::signing_key::lock(&mut tx).await?;
            if retire_at_once {
                store::signing_key::retire_all(&mut tx, now.0).await?;
                self.make_key(&mut tx, Stage::Current, now).await?;
            } else {
                check_known(&mut tx, now).await?;
                store::signing_key::retire_current(&mut tx, now.plus(LISTED_FOR).0).await?;
                store::signing_key::promote_next(&mut tx).await?;
            }
            self.make_key(&mut tx, Stage::Next, now).await?;
            let current = store::signing_key::current(&mut tx).await?.ok_or_else(no_key)?;
            mutation.finish(tx, &current.public, now).await?;
            Ok(current.public)
        })
        .await
    }

    /// Forgets keys that are retired at `now`.
    pub(crate) async fn forget_signing_keys(&self, now: Micros) -> Result<(), DbError> {
        let mut tx = self.db.begin().await?;
        store::signing_key::forget(&mut tx, now.0).await?;
        tx.commit().await
    }

    /// A token for `caller`, good from `now` until `expire_time`, to the second.
    pub(super) async fn sign(
        &self,
        caller: &Caller,
        now: Micros,
        expire_time: Micros,
    ) -> Result<Token, Error> {
        let key = self.current_key().await?;
        let mut seed = [0; 32];
        const_hex::decode_to_slice(&key.seed, &mut seed).map_err(Error::internal)?;
        let key = SigningKey::from_seed(&key.public.kid, &seed).map_err(Error::internal)?;
        let signer = Signer::with_key(&self.issuer.issuer, &self.issuer.audience, &key);
        let text = signer.sign(caller, now, expire_time.since(now))?;
        let whole_seconds = expire_time.0 - expire_time.0.rem_euclid(Micros::PER_SECOND);
        Ok(Token { text, expire_time: Micros(whole_seconds) })
    }

    /// The key that signs. Where there is none yet, one is made, and the next; when several processes do so at the same
    /// time, one of them wins.
    async fn current_key(&self) -> Result<CurrentKey, Error> {
        let mut tx = self.db.begin_read().await?;
        let current = store::signing_key::current(&mut tx).await?;
        drop(tx);
        if let Some(current) = current {
            return Ok(current);
        }
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        self.make_key(&mut tx, Stage::Current, now).await?;
        self.make_key(&mut tx, Stage::Next, now).await?;
        let current = store::signing_key::current(&mut tx).await?.ok_or_else(no_key)?;
        tx.commit().await?;
        Ok(current)
    }

    /// Stores a new key, unless there is one of this stage.
    async fn make_key(&self, tx: &mut Tx, stage: Stage, now: Micros) -> Result<(), Error> {
        let mut seed = [0; 32];
        self.ids.fill(&mut seed);
        let kid = self.ids.ulid(now);
        let key = SigningKey::from_seed(&kid, &seed).map_err(Error::internal)?;
        let (x, seed) = (key.x().to_owned(), const_hex::encode(seed));
        let new = NewKey { kid, stage, seed, x, create_time: now.0 };
        Ok(store::signing_key::insert(tx, &new).await?)
    }
}

/// A key that not every process has heard of yet would have its first tokens refused.
async fn check_known(tx: &mut Tx, now: Micros) -> Result<(), Error> {
    let created = store::signing_key::next_create_time(tx).await?.map_or(now, Micros);
    let known = created.plus(KNOWN_AFTER);
    if known <= now {
        return Ok(());
    }
    let message = format!(
        "the next key was made a moment ago and may not be known everywhere: try again at {known}, or set \
         retire_at_once"
    );
    Err(Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message))
}

fn no_key() -> Error {
    Error::internal("there is no key that signs")
}
