//! What a homepage shows, whoever looks at it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use prost::Message;
use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_proto::accounts::v1::{EntranceKind, GetHomepageResponse, Homepage, ModuleKind};
use siyu_rpc::Error;

use super::render::{Viewer, render};
use crate::{
    domain::{
        card::{Card, Settings},
        homepage::mounted,
    },
    store::{self, account::Account, content::Content},
};

/// How late a live may be and still be announced.
const LATE: Duration = Duration::from_secs(6 * 3_600);
/// Lives that are announced at once.
const MOST_LIVES: i64 = 10;
/// Different views of one page that are kept: of strangers and of the tiers of followers, with and without tags.
const MOST_VIEWS: usize = 8;

/// A homepage with all that it shows, as of one moment.
#[derive(Debug)]
pub(crate) struct Page {
    pub(super) account_id: String,
    pub(super) display_name: String,
    pub(super) certified: bool,
    /// 0 where nothing is published.
    pub(super) version: i64,
    pub(super) homepage: Homepage,
    /// The cards that it mounts and that there are, by name.
    pub(super) cards: BTreeMap<String, Card>,
    /// The lives that it announces.
    pub(super) lives: Vec<Content>,
    /// The entrances behind which there is another service.
    pub(super) installed: Vec<EntranceKind>,
    /// The moment it is true for.
    pub(super) as_of: Micros,
    /// From then on something in it is different by time alone.
    changes_at: Micros,
    /// The tags that decide what a viewer sees.
    tags: BTreeSet<String>,
    /// What `GetHomepage` answers, encoded.
    answers: RwLock<HashMap<Viewer, Bytes>>,
}

impl Page {
    /// The page of `account` that shows `homepage`, where there are services behind the `installed` entrances.
    pub(super) async fn load(
        tx: &mut Tx,
        account: Account,
        version: i64,
        homepage: Homepage,
        installed: Vec<EntranceKind>,
        now: Micros,
    ) -> Result<Self, Error> {
        let ids = mounted(&homepage).into_iter().filter_map(|card| card.name.rsplit('/').next());
        let ids: BTreeSet<&str> = ids.collect();
        let found = match ids.is_empty() {
            true => Vec::new(),
            false => store::card::get_many(tx, &account.account_id, ids).await?,
        };
        let announces = homepage.modules.iter().any(|module| module.kind() == ModuleKind::LiveSchedule);
        let lives = match announces {
            true => store::content::shown(tx, &account.account_id, now.minus(LATE), MOST_LIVES).await?,
            false => Vec::new(),
        };
        let term = account.certification_start_time.zip(account.certification_expire_time);
        let certified = term.is_some_and(|(start, end)| (start..end).contains(&now.0));
        let ends = term.into_iter().flat_map(|(start, end)| [Micros(start), Micros(end)]);
        let changes = ends.chain(found.iter().flat_map(times)).filter(|time| *time > now);
        let changes_at = changes.min().unwrap_or(Micros(i64::MAX));
        let tags = found.iter().filter_map(|card| card.content.conditions.required_tag.clone()).collect();
        Ok(Self {
            account_id: account.account_id,
            display_name: account.display_name,
            certified,
            version,
            homepage,
            cards: found.into_iter().map(|card| (card.name(), card)).collect(),
            lives,
            installed,
            as_of: now,
            changes_at,
            tags,
            answers: RwLock::default(),
        })
    }

    /// How much memory it takes with all its views, about.
    pub(super) fn bytes(&self) -> usize {
        const CARD: usize = 1_000;
        (self.homepage.encoded_len() + self.cards.len() * CARD) * (MOST_VIEWS + 1)
    }

    /// Whether it is still true at `now`, as far as time alone decides.
    pub(super) fn is_true_at(&self, now: Micros) -> bool {
        now < self.changes_at
    }

    /// How it looks to somebody: an encoded `GetHomepageResponse`.
    pub(super) fn answer_to(&self, mut viewer: Viewer) -> Bytes {
        viewer.standing.tags.retain(|tag| self.tags.contains(tag));
        if let Some(answer) = self.answers.read().unwrap_or_else(PoisonError::into_inner).get(&viewer) {
            return answer.clone();
        }
        let homepage = Some(render(self, &viewer));
        let answer = Bytes::from(GetHomepageResponse { homepage }.encode_to_vec());
        let mut answers = self.answers.write().unwrap_or_else(PoisonError::into_inner);
        if answers.len() < MOST_VIEWS {
            answers.insert(viewer, answer.clone());
        }
        answer
    }
}

/// When a card is different by time alone.
fn times(card: &Card) -> Vec<Micros> {
    match &card.content.settings {
        Settings::Coupon(coupon) => coupon.claim_start.into_iter().chain(coupon.claim_end).collect(),
        _ => Vec::new(),
    }
}
