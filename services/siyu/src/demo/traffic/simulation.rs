//! Lets every user live through the days.

mod orders;
mod visits;

use jiff::civil::{Date, Weekday};
use rand::{RngExt, SeedableRng, distr::weighted::WeightedIndex, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use siyu_proto::crm::v1::{InteractionKind as Kind, Purchase, SourceDomain};

use super::{
    DAY_MILLIS,
    brand::{ACCOUNT_COUNT, accounts},
    model::{self, Persona, Show, show_on},
};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// One interaction, before it has an id and a date.
#[derive(Debug)]
pub(super) struct Event {
    /// Milliseconds of civil time since the first day began.
    pub(super) at: i64,
    pub(super) account: usize,
    pub(super) user: String,
    pub(super) kind: Kind,
    pub(super) target: String,
    /// The place the user came through, where that is known.
    pub(super) mount: String,
    pub(super) source: SourceDomain,
    pub(super) purchase: Option<Purchase>,
}

/// The events of all users, in no particular order; some lie after the last day.
pub(super) fn run(seed: u64, first_day: Date, days: u32) -> anyhow::Result<Vec<Event>> {
    let mut simulation = Simulation {
        rng: ChaCha8Rng::seed_from_u64(seed),
        account_ids: accounts().map(|(account_id, _)| account_id),
        first_weekday: first_day.weekday(),
        hours: WeightedIndex::new(model::VISITS_BY_HOUR)?,
        orders: 0,
        events: Vec::new(),
    };
    if days > 0 {
        for number in 1..=model::USER_COUNT {
            simulation.user(number, days)?;
        }
    }
    Ok(simulation.events)
}

struct Simulation {
    rng: ChaCha8Rng,
    account_ids: [&'static str; ACCOUNT_COUNT],
    first_weekday: Weekday,
    hours: WeightedIndex<u32>,
    orders: u32,
    events: Vec<Event>,
}

/// One user towards one account.
struct Relation {
    user: String,
    account: usize,
    persona: &'static Persona,
    /// Visits, against those of a user of this persona to the main account.
    closeness: f64,
    following: bool,
    bought: bool,
    gone: bool,
    /// Coupons claimed and not used, as cards.
    coupons: Vec<String>,
    left_contact: bool,
    /// Nothing happens before this, so that what a user does stays in order.
    free_from: i64,
}

/// Where a visit stands.
struct Visit {
    at: i64,
    source: SourceDomain,
    /// The place the user is at, where that is known.
    mount: String,
    day: u32,
}

impl Simulation {
    fn user(&mut self, number: u32, days: u32) -> anyhow::Result<()> {
        let persona = pick(&mut self.rng, &model::PERSONAS)?;
        let mut account = *pick(&mut self.rng, &model::MAIN_ACCOUNT)?;
        let mut closeness = 1.0;
        let mut first_day = 0;
        for _ in 0..ACCOUNT_COUNT {
            let relation = Relation {
                user: format!("users/u{number:05}"),
                account,
                persona,
                closeness,
                following: false,
                bought: false,
                gone: false,
                coupons: Vec::new(),
                left_contact: false,
                free_from: 0,
            };
            first_day = self.first_visit(persona, first_day, days);
            self.live_through(relation, first_day, days)?;
            if !self.rng.random_bool(persona.further_account) {
                break;
            }
            account = (account + 1) % ACCOUNT_COUNT;
            closeness *= model::FURTHER_CLOSENESS;
        }
        Ok(())
    }

    fn first_visit(&mut self, persona: &Persona, earliest: u32, days: u32) -> u32 {
        let day = self.rng.random_range(earliest..days);
        if persona.early { day.min(self.rng.random_range(earliest..days)) } else { day }
    }

    fn live_through(&mut self, mut relation: Relation, first_day: u32, days: u32) -> anyhow::Result<()> {
        for day in first_day..days {
            if relation.gone {
                break;
            }
            let weekday = self.first_weekday.wrapping_add(day);
            let show = show_on(relation.account, weekday);
            let first = day == first_day;
            let joins = if first { model::DRAWN_BY_LIVE } else { relation.persona.joins_live };
            if let Some(show) = show
                && self.rng.random_bool(joins)
            {
                self.live_visit(&mut relation, day, show)?;
            } else if first || self.rng.random_bool(daily_visit(&relation, weekday)) {
                self.ordinary_visit(&mut relation, day)?;
            }
        }
        Ok(())
    }

    fn ordinary_visit(&mut self, relation: &mut Relation, day: u32) -> anyhow::Result<()> {
        let hour = i64::try_from(self.rng.sample(&self.hours))?;
        let start = hour * HOUR + self.rng.random_range(0..HOUR);
        let mut visit = self.arrive(relation, day, start)?;
        let persona = relation.persona;

        let scanned = visit.source == SourceDomain::External && self.rng.random_bool(model::SCAN);
        if scanned {
            self.scan(relation, &mut visit)?;
        }
        for _ in 0..self.rng.random_range(1..=persona.most_videos) {
            self.watch_video(relation, &mut visit);
        }
        if scanned || self.rng.random_bool(persona.homepage) {
            self.look_at_homepage(relation, &mut visit)?;
        }
        let following_before = relation.following;
        self.perhaps_follow(relation, &mut visit, persona.follow);
        visit.mount.clear();
        if relation.following && self.rng.random_bool(persona.group_chat) {
            let group = format!("accounts/{}/groups/1", self.account_ids[relation.account]);
            for _ in 0..self.rng.random_range(1..=3) {
                self.act(relation, &mut visit, Kind::GroupMessage, group.clone());
            }
        }
        self.perhaps_order(relation, &mut visit, 1.0)?;
        if following_before && self.rng.random_bool(persona.unfollow) {
            self.act(relation, &mut visit, Kind::Unfollow, String::new());
            relation.following = false;
            relation.gone = true;
        }
        Ok(())
    }

    fn live_visit(&mut self, relation: &mut Relation, day: u32, show: &Show) -> anyhow::Result<()> {
        // Most come in the first half of the show.
        let minute = self.rng.random_range(0..show.minutes).min(self.rng.random_range(0..show.minutes));
        let start = (show.start_minute + minute) * MINUTE + self.rng.random_range(0..MINUTE);
        let mut visit = self.arrive(relation, day, start)?;
        let persona = relation.persona;

        let live = format!("lives/{}-{:02}", self.account_ids[relation.account], day + 1);
        self.act(relation, &mut visit, Kind::LiveWatch, live.clone());
        for (kind, probability) in [(Kind::Like, persona.like), (Kind::Comment, persona.comment)] {
            // Several times: a live room is livelier than a video.
            for _ in 0..4 {
                if self.rng.random_bool(probability) {
                    self.act(relation, &mut visit, kind, live.clone());
                }
            }
        }
        self.perhaps_follow(relation, &mut visit, persona.follow * model::LIVE_FACTOR);
        self.perhaps_order(relation, &mut visit, model::LIVE_FACTOR)
    }

    fn arrive(&mut self, relation: &Relation, day: u32, start: i64) -> anyhow::Result<Visit> {
        let source = if relation.following {
            *pick(&mut self.rng, &model::FAN_SOURCES)?
        } else {
            *pick(&mut self.rng, &model::STRANGER_SOURCES)?
        };
        let at = (i64::from(day) * DAY_MILLIS + start).max(relation.free_from);
        Ok(Visit { at, source, mount: String::new(), day })
    }

    fn watch_video(&mut self, relation: &mut Relation, visit: &mut Visit) {
        // One video a day; people see those of the last week.
        let video_number = 100 + visit.day - self.rng.random_range(0..7);
        let video = format!("videos/{}-{video_number}", self.account_ids[relation.account]);
        let persona = relation.persona;
        self.act(relation, visit, Kind::View, video.clone());
        for (kind, probability) in [
            (Kind::Like, persona.like),
            (Kind::Comment, persona.comment),
            (Kind::Share, persona.share),
            (Kind::Collect, persona.collect),
        ] {
            if self.rng.random_bool(probability) {
                self.act(relation, visit, kind, video.clone());
            }
        }
    }

    fn perhaps_follow(&mut self, relation: &mut Relation, visit: &mut Visit, probability: f64) {
        if !relation.following && self.rng.random_bool(probability.min(1.0)) {
            self.act(relation, visit, Kind::Follow, String::new());
            relation.following = true;
        }
    }

    /// Does one thing and takes a little time for it.
    fn act(&mut self, relation: &mut Relation, visit: &mut Visit, kind: Kind, target: String) {
        self.record(relation, visit, kind, target, None);
        visit.at += self.rng.random_range(2 * SECOND..2 * MINUTE);
        relation.free_from = visit.at;
    }

    fn record(
        &mut self,
        relation: &Relation,
        visit: &Visit,
        kind: Kind,
        target: String,
        purchase: Option<Purchase>,
    ) {
        self.events.push(Event {
            at: visit.at,
            account: relation.account,
            user: relation.user.clone(),
            kind,
            target,
            mount: visit.mount.clone(),
            source: visit.source,
            purchase,
        });
    }
}

fn daily_visit(relation: &Relation, weekday: Weekday) -> f64 {
    let weekend = matches!(weekday, Weekday::Saturday | Weekday::Sunday);
    let factor = if weekend { model::WEEKEND_FACTOR } else { 1.0 };
    (relation.persona.daily_visit * relation.closeness * factor).min(1.0)
}

fn pick<'a, T>(rng: &mut ChaCha8Rng, weighted: &'a [(u32, T)]) -> anyhow::Result<&'a T> {
    Ok(&weighted.choose_weighted(rng, |(weight, _)| *weight)?.1)
}
