//! Grabs of concurrent calls, decided together: one transaction with a fixed number of statements, an answer for each.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use jiff::tz::TimeZone;
use siyu_clock::{Clock, Micros};
use siyu_db::{Db, Engine, Tx};
use siyu_observed::{Observed, Origin, interaction, interactions_observed};
use siyu_outbox::{Draft, Outbox};
use siyu_proto::crm::v1::InteractionKind;
use siyu_rpc::{
    Error,
    group_commit::{Batch, GroupCommit, Limits},
};

use super::{day_in, grab::refused, not_found};
use crate::{
    domain::{
        envelope::{Fan, Grab, Pot, State, name},
        ledger::Entry,
    },
    events_envelopes as events,
    store::{self, envelope_fan},
};

/// Transactions at once under PostgreSQL; SQLite has one writer. Those who grab from one envelope take turns anyway.
const LANES: usize = 4;
/// What is done in a group comes from the account's own reach.
const PRIVATE: &str = "private";
/// Most characters of what the CRM is told that something was done to.
const MOST_TARGET: usize = 200;

/// Who grabs from which envelope.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) account_id: String,
    pub(crate) group_id: String,
    pub(crate) envelope_id: String,
    pub(crate) user_id: String,
}

impl Asked {
    pub(super) fn ids(&self) -> [&str; 3] {
        [&self.account_id, &self.group_id, &self.envelope_id]
    }

    pub(super) fn name(&self) -> String {
        name(&self.account_id, &self.group_id, &self.envelope_id)
    }

    /// Account and envelope.
    fn pot(&self) -> (&str, &str) {
        (&self.account_id, &self.envelope_id)
    }
}

/// Hands out shares.
#[derive(Debug)]
pub(crate) struct Grabbing {
    db: Db,
    clock: Clock,
    outbox: Outbox,
}

impl Grabbing {
    /// Starts it, with so many calls in a transaction at most. To be called inside a tokio runtime.
    pub(super) fn start(
        db: Db,
        clock: Clock,
        outbox: Outbox,
        max_calls_per_commit: usize,
    ) -> GroupCommit<Self> {
        let lanes = if db.engine() == Engine::Sqlite { 1 } else { LANES };
        let limits = Limits { lanes, calls: max_calls_per_commit, weight: max_calls_per_commit };
        GroupCommit::start(Self { db, clock, outbox }, limits)
    }
}

#[tonic::async_trait]
impl Batch for Grabbing {
    const NAME: &'static str = "groups.grab";
    type Call = Asked;
    /// The share, and whether the user had it before.
    type Answer = Result<(Grab, bool), Error>;

    fn weight(_: &Asked) -> usize {
        1
    }

    async fn run(&self, calls: &[Asked]) -> Result<Vec<Self::Answer>, Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let mut table = Table::open(&mut tx, calls, now).await?;
        let answers = calls.iter().map(|call| table.serve(call, now)).collect();
        let told = table.close(&mut tx, now).await?;
        if !told.is_empty() {
            self.outbox.write(&mut tx, told).await?;
            tx.commit().await?;
            self.outbox.wake();
        }
        Ok(answers)
    }
}

/// Envelopes that are grabbed from, which nobody else changes until the transaction ends.
struct Table {
    /// By account and id.
    pots: BTreeMap<(String, String), Pot>,
    /// Account, group and user of those who ask and are members.
    members: HashSet<(String, String, String)>,
    /// Those who may get something.
    fans: BTreeMap<envelope_fan::Key, Fan>,
}

impl Table {
    /// Locks the envelopes first and then the fans, each in their order, and loads what is decided by.
    async fn open(tx: &mut Tx, calls: &[Asked], now: Micros) -> Result<Self, Error> {
        let names: BTreeSet<(&str, &str)> = calls.iter().map(Asked::pot).collect();
        let envelopes = store::envelope::lock(tx, names).await?;
        let users = calls.iter().map(|call| (&*call.account_id, &*call.envelope_id, &*call.user_id));
        let mut grabs: BTreeMap<(String, String), Vec<Grab>> = BTreeMap::new();
        for (account_id, envelope_id, grab) in store::envelope_share::of_users(tx, users).await? {
            grabs.entry((account_id, envelope_id)).or_default().push(grab);
        }
        let members = members(tx, calls).await?;

        let mut pots = BTreeMap::new();
        for (envelope, fan_cap) in envelopes {
            let zone = TimeZone::get(&envelope.time_zone).map_err(Error::internal)?;
            let name = (envelope.account_id.clone(), envelope.envelope_id.clone());
            let grabs = grabs.remove(&name).unwrap_or_default();
            pots.insert(name, Pot::new(envelope, day_in(&zone, now), fan_cap, grabs));
        }
        let mut table = Self { pots, members, fans: BTreeMap::new() };
        let hopeful: Vec<&Asked> = calls.iter().filter(|call| table.is_hopeful(call, now)).collect();
        let fans: BTreeSet<_> = hopeful.iter().map(|call| (&*call.account_id, &*call.user_id)).collect();
        if !fans.is_empty() {
            table.fans = envelope_fan::lock(tx, fans).await?;
            table.lay_out(tx, &hopeful).await?;
        }
        Ok(table)
    }

    /// Whether somebody may get a share who has none.
    fn is_hopeful(&self, call: &Asked, now: Micros) -> bool {
        let pot = self.pots.get(&owned(call.pot()));
        let is_open =
            |pot: &Pot| pot.share_of(&call.user_id).is_none() && pot.envelope.refusal(now).is_none();
        pot.is_some_and(is_open) && self.is_member(call)
    }

    fn is_member(&self, call: &Asked) -> bool {
        let Asked { account_id, group_id, user_id, .. } = call;
        self.members.contains(&(account_id.clone(), group_id.clone(), user_id.clone()))
    }

    /// Reads the next shares, as many as may be given.
    async fn lay_out(&mut self, tx: &mut Tx, hopeful: &[&Asked]) -> Result<(), Error> {
        let mut counts: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for call in hopeful {
            *counts.entry(call.pot()).or_default() += 1;
        }
        let wanted = counts.iter().filter_map(|(&name, &count)| {
            let grabbed_count = self.pots.get(&owned(name))?.envelope.grabbed_count;
            Some((name.0, name.1, grabbed_count + 1, grabbed_count + count))
        });
        let wanted: Vec<_> = wanted.collect();
        let mut free: BTreeMap<(String, String), VecDeque<(i64, i64)>> = BTreeMap::new();
        for (account_id, envelope_id, place, amount) in store::envelope_share::next(tx, &wanted).await? {
            free.entry((account_id, envelope_id)).or_default().push_back((place, amount));
        }
        for (name, shares) in free {
            if let Some(pot) = self.pots.get_mut(&name) {
                pot.lay_out(shares);
            }
        }
        Ok(())
    }

    /// Decides one call.
    fn serve(&mut self, call: &Asked, now: Micros) -> Result<(Grab, bool), Error> {
        let is_member = self.is_member(call);
        let pot = self.pots.get_mut(&owned(call.pot())).ok_or_else(|| not_found(call.ids()))?;
        if let Some(first) = pot.share_of(&call.user_id) {
            return Ok((first.clone(), true));
        }
        // Who is not in it gets nothing, so nothing is lost with it.
        let mut nobody = Fan::default();
        let key = (call.account_id.clone(), call.user_id.clone());
        let fan = self.fans.get_mut(&key).unwrap_or(&mut nobody);
        let grab = pot.grab(&call.user_id, is_member, fan, now);
        grab.map(|grab| (grab, false)).map_err(|refusal| refused(refusal, &call.name(), &call.user_id))
    }

    /// Stores what was given; answers what is to be told of it.
    async fn close(self, tx: &mut Tx, now: Micros) -> Result<Vec<Draft>, Error> {
        let given: Vec<(&Pot, &Grab)> =
            self.pots.values().flat_map(|pot| pot.given().iter().map(move |grab| (pot, grab))).collect();
        if given.is_empty() {
            return Ok(Vec::new());
        }
        let named = given
            .iter()
            .map(|(pot, grab)| (pot.envelope.account_id.as_str(), pot.envelope.envelope_id.as_str(), *grab));
        store::envelope_share::insert_grabs(tx, named.clone()).await?;
        let entries = named.map(|(account_id, envelope_id, grab)| {
            (account_id, Entry::grab(envelope_id, grab.place, &grab.user_id, grab.amount_minor))
        });
        store::envelope_ledger::post(tx, entries, now).await?;
        let changed = || self.pots.values().filter(|pot| !pot.given().is_empty());
        store::envelope::save(tx, changed().map(|pot| &pot.envelope)).await?;
        envelope_fan::save(tx, &self.fans).await?;
        Ok(changed().flat_map(told).collect())
    }
}

/// Account, group and user of those who ask and are members now.
async fn members(tx: &mut Tx, calls: &[Asked]) -> Result<HashSet<(String, String, String)>, Error> {
    let asked: BTreeSet<[&str; 3]> =
        calls.iter().map(|call| [&*call.account_id, &*call.group_id, &*call.user_id]).collect();
    let members = store::member::find(tx, asked).await?;
    Ok(members.into_iter().map(|member| (member.account_id, member.group_id, member.user_id)).collect())
}

/// What is told of shares that were given just now.
fn told(pot: &Pot) -> Vec<Draft> {
    let envelope = &pot.envelope;
    let mut drafts = events::envelopes_grabbed(envelope, pot.given());
    drafts.extend(interactions_observed(
        &envelope.account_id,
        pot.given().iter().map(|grab| observed(pot, grab)),
    ));
    if envelope.state == State::Empty {
        drafts.push(events::envelope_changed(envelope));
    }
    drafts
}

/// What the CRM is told of a grab.
fn observed(pot: &Pot, grab: &Grab) -> Observed {
    let envelope = &pot.envelope;
    let event_id = format!("envelope:{}:{}", envelope.envelope_id, grab.place);
    let mount = format!("accounts/{}/groups/{}", envelope.account_id, envelope.group_id);
    let origin = Origin { mount, source_domain: PRIVATE.to_owned(), ..Origin::default() };
    let name = envelope.name();
    let target = if name.len() > MOST_TARGET { String::new() } else { name };
    let kind = InteractionKind::Click;
    interaction(event_id, &grab.user_id, kind, grab.grab_time, target, &origin).into()
}

fn owned((account_id, envelope_id): (&str, &str)) -> (String, String) {
    (account_id.to_owned(), envelope_id.to_owned())
}
