//! Figures of random traffic against a model that holds it all in memory and follows every user along their time.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng, RngExt};
use siyu_proto::crm::v1::{
    CardResult, CompareSourcesRequest, GetHomepageFunnelRequest, HomepageTarget, Interaction,
    InteractionKind as Kind, ListCardResultsRequest, SourceDomain, SourceGrouping, SourceResult,
    traffic_service_client::TrafficServiceClient,
};
use siyu_rpc::time::to_proto;
use siyu_tests::TestSuite;

use crate::support::{event, micros, purchase, seconds_ago, seeded, shuffled, store};

const DAYS: i64 = 6;
const HOMEPAGE: &str = "accounts/shop/homepage";
const CODES: &str = "accounts/shop/entryCodes/";
const ENTRANCES: &str = "accounts/shop/homepage/entrances/";
const CARDS: &str = "accounts/shop/cards/";
const TOUCHES: [Kind; 4] = [Kind::HomepageVisit, Kind::Click, Kind::Scan, Kind::View];
const CONVERSIONS: [Kind; 4] = [Kind::CouponClaim, Kind::Lead, Kind::Booking, Kind::LiveAppointment];

fn pick<'a>(random: &mut impl Rng, choice: &[&'a str]) -> &'a str {
    choice[random.random_range(0..choice.len())]
}

/// What 40 users did in six days, often at the very same moment, beside much that tells nothing of where they come from.
fn random_traffic(suite: &TestSuite, random: &mut impl Rng) -> Vec<Interaction> {
    const KINDS: [Kind; 18] = [
        Kind::HomepageVisit,
        Kind::HomepageVisit,
        Kind::HomepageVisit,
        Kind::Click,
        Kind::Click,
        Kind::Click,
        Kind::Scan,
        Kind::Scan,
        Kind::Follow,
        Kind::Follow,
        Kind::Unfollow,
        Kind::CouponClaim,
        Kind::CouponRedeem,
        Kind::Lead,
        Kind::Booking,
        Kind::LiveAppointment,
        Kind::PrivateMessage,
        Kind::View,
    ];
    let domains =
        [SourceDomain::Unspecified, SourceDomain::Public, SourceDomain::Private, SourceDomain::External];
    let mounts =
        ["", "", HOMEPAGE, HOMEPAGE, "accounts/shop/pushes/p1", "accounts/shop/entryCodes/till", "video/7"];
    let targets = [
        "",
        "accounts/shop/cards/tea",
        "accounts/shop/cards/cup",
        "accounts/shop/homepage/entrances/private_message",
        "accounts/shop/homepage/entrances/group",
        "accounts/other/cards/tea",
    ];
    let mut events = Vec::new();
    for number in 0..2_500 {
        let user = format!("u{}", random.random_range(0..40));
        let time = seconds_ago(suite, random.random_range(1..DAYS * 86_400 / 1_200) * 1_200);
        let id = format!("e{:05}", random.random_range(0..10_000) * 10_000 + number);
        if random.random_ratio(1, 10) {
            // Orders of one line or two, some of them cancelled.
            let order = format!("o{}", number / 60);
            let user = format!("u{}", number / 60 % 40);
            let (kind, amount) = if random.random_ratio(1, 9) {
                (Kind::OrderCancel, 0)
            } else {
                (Kind::Order, random.random_range(0..9_000))
            };
            events.push(purchase(&id, &user, kind, time, (&order, amount)));
            continue;
        }
        let kind = KINDS[random.random_range(0..KINDS.len())];
        let mount = match kind {
            Kind::Scan => pick(random, &["accounts/shop/entryCodes/till", "accounts/shop/entryCodes/parcel"]),
            _ => pick(random, &mounts),
        };
        events.push(Interaction {
            target: pick(random, &targets).to_owned(),
            source_domain: domains[random.random_range(0..domains.len())].into(),
            mount: mount.to_owned(),
            campaign: pick(random, &["", "", "spring", "summer"]).to_owned(),
            ..event(&id, &user, kind, time)
        });
    }
    events
}

/// What a user did, or an order they placed.
#[derive(Debug, Clone)]
struct Act {
    id: String,
    user: String,
    kind: Kind,
    time: i64,
    target: String,
    domain: String,
    mount: String,
    campaign: String,
    amount: i64,
}

/// The acts that count: orders are folded, of those that were cancelled nothing is left.
fn acts(events: &[Interaction]) -> Vec<Act> {
    let act = |event: &Interaction| Act {
        id: event.event_id.clone(),
        user: event.user.clone(),
        kind: event.kind(),
        time: micros(event.event_time.as_ref()),
        target: event.target.clone(),
        domain: match event.source_domain() {
            SourceDomain::Unspecified => String::new(),
            domain => domain.as_str_name().to_owned(),
        },
        mount: event.mount.clone(),
        campaign: event.campaign.clone(),
        amount: 0,
    };
    let mut orders: BTreeMap<String, Vec<&Interaction>> = BTreeMap::new();
    let mut acts = Vec::new();
    for event in events {
        match &event.purchase {
            Some(purchase) => orders.entry(purchase.order_id.clone()).or_default().push(event),
            None => acts.push(act(event)),
        }
    }
    for events in orders.into_values() {
        let is_cancelled = events.iter().any(|event| event.kind() == Kind::OrderCancel);
        if !is_cancelled {
            let amount = events.iter().map(|event| event.purchase.as_ref().unwrap().amount_minor).sum();
            let time = events.iter().map(|event| micros(event.event_time.as_ref())).min().unwrap();
            acts.push(Act { time, amount, ..act(events[0]) });
        }
    }
    acts
}

impl Act {
    /// Who views something came from somewhere only where it says so.
    fn is_touch(&self) -> bool {
        TOUCHES.contains(&self.kind) && (self.kind != Kind::View || !self.mount.is_empty())
    }
}

/// A span of time and a window, in microseconds.
#[derive(Debug, Clone, Copy)]
struct Asked {
    start: Option<i64>,
    end: Option<i64>,
    window: i64,
}

impl Asked {
    fn has(&self, act: &Act) -> bool {
        self.start.is_none_or(|start| act.time >= start) && self.end.is_none_or(|end| act.time < end)
    }
}

struct Model {
    acts: Vec<Act>,
}

impl Model {
    fn of_user(&self, user: &str) -> impl Iterator<Item = &Act> {
        self.acts.iter().filter(move |act| act.user == user)
    }

    /// Whether the last follow or unfollow before `(time, id)` was a follow.
    fn follows_before(&self, user: &str, time: i64, id: &str) -> bool {
        let changes = self.of_user(user).filter(|act| [Kind::Follow, Kind::Unfollow].contains(&act.kind));
        let before = changes.filter(|act| (act.time, act.id.as_str()) < (time, id));
        before.max_by_key(|act| (act.time, &act.id)).is_some_and(|last| last.kind == Kind::Follow)
    }

    /// Where an act belongs, when `own` says what it names itself.
    fn source(&self, act: &Act, window: i64, own: &dyn Fn(&Act) -> String) -> String {
        if !own(act).is_empty() {
            return own(act);
        }
        let touches = self.of_user(&act.user).filter(|other| other.is_touch());
        let before = touches.filter(|touch| !own(touch).is_empty() && touch.time <= act.time);
        let last = before.max_by_key(|touch| (touch.time, &touch.id));
        last.filter(|touch| touch.time >= act.time - window).map(own).unwrap_or_default()
    }

    fn compared(&self, grouping: SourceGrouping, asked: Asked) -> Vec<SourceResult> {
        let own = move |act: &Act| match grouping {
            SourceGrouping::SourceDomain => act.domain.clone(),
            SourceGrouping::Campaign => act.campaign.clone(),
            SourceGrouping::EntryCode if !act.mount.starts_with(CODES) => String::new(),
            SourceGrouping::Mount if act.kind == Kind::HomepageVisit && act.mount.is_empty() => {
                HOMEPAGE.to_owned()
            }
            _ => act.mount.clone(),
        };
        // Orders name nothing.
        let own = |act: &Act| if act.kind == Kind::Order { String::new() } else { own(act) };
        let mut sources: BTreeMap<String, Vec<&Act>> = BTreeMap::new();
        for act in self.acts.iter().filter(|act| asked.has(act)) {
            let is_counted = match act.kind {
                Kind::View => act.is_touch(),
                kind => kind != Kind::PrivateMessage,
            };
            if is_counted {
                sources.entry(self.source(act, asked.window, &own)).or_default().push(act);
            }
        }
        sources.into_iter().map(|(source, acts)| self.result(source, &acts)).collect()
    }

    fn result(&self, source: String, acts: &[&Act]) -> SourceResult {
        let number = |kind: Kind| count(acts.iter().filter(|act| act.kind == kind));
        let came = people(acts.iter().filter(|act| act.is_touch()));
        let followed = |act: &Act| self.follows_before(&act.user, act.time, &act.id);
        let began = acts.iter().filter(|act| act.kind == Kind::Follow && !followed(act));
        let left = acts.iter().filter(|act| act.kind == Kind::Unfollow && followed(act));
        let followers = people(began.clone());
        SourceResult {
            source,
            scan_count: number(Kind::Scan),
            visit_count: number(Kind::HomepageVisit),
            click_count: number(Kind::Click),
            view_count: number(Kind::View),
            person_count: count(came.iter()),
            follow_count: count(began),
            unfollow_count: count(left),
            follow_rate: ratio(count(came.intersection(&followers)), count(came.iter())),
            claim_count: number(Kind::CouponClaim),
            redeem_count: number(Kind::CouponRedeem),
            lead_count: number(Kind::Lead),
            booking_count: number(Kind::Booking),
            appointment_count: number(Kind::LiveAppointment),
            order_count: number(Kind::Order),
            gmv_minor: acts.iter().map(|act| act.amount).sum(),
        }
    }

    /// Visits, visitors, strangers, new followers, visitors who wrote.
    fn funnel(&self, asked: Asked) -> [i64; 5] {
        let own = |act: &Act| match act.kind {
            Kind::HomepageVisit => HOMEPAGE.to_owned(),
            _ => act.mount.clone(),
        };
        let visits: Vec<&Act> =
            self.acts.iter().filter(|act| act.kind == Kind::HomepageVisit && asked.has(act)).collect();
        let visitors = people(visits.iter());
        let is_soon_after_visit = |act: &Act| {
            visits.iter().any(|visit| {
                visit.user == act.user && (visit.time..=visit.time + asked.window).contains(&act.time)
            })
        };
        let is_stranger = |user: &&str| {
            let first = visits.iter().filter(|visit| visit.user == *user).map(|visit| visit.time).min();
            !self.follows_before(user, first.unwrap(), "")
        };
        let strangers: BTreeSet<&str> = visitors.iter().copied().filter(is_stranger).collect();
        let has_followed = |user: &&&str| {
            self.of_user(user).any(|act| {
                act.kind == Kind::Follow
                    && !self.follows_before(user, act.time, &act.id)
                    && is_soon_after_visit(act)
                    && self.source(act, asked.window, &own) == HOMEPAGE
            })
        };
        let has_written = |user: &&&str| {
            self.of_user(user).any(|act| act.kind == Kind::PrivateMessage && is_soon_after_visit(act))
        };
        [
            count(visits.iter()),
            count(visitors.iter()),
            count(strangers.iter()),
            count(strangers.iter().filter(has_followed)),
            count(visitors.iter().filter(has_written)),
        ]
    }

    /// What was clicked on the homepage: entrances wherever they were, cards there alone.
    fn targets(&self, asked: Asked, prefix: &str) -> Vec<HomepageTarget> {
        let within: Vec<&Act> = self.acts.iter().filter(|act| asked.has(act)).collect();
        let visitors = people(within.iter().filter(|act| act.kind == Kind::HomepageVisit));
        let mut targets: BTreeMap<&str, Vec<&Act>> = BTreeMap::new();
        for act in within.iter().filter(|act| act.kind == Kind::Click && act.target.starts_with(prefix)) {
            if prefix == ENTRANCES || act.mount == HOMEPAGE {
                targets.entry(&act.target).or_default().push(act);
            }
        }
        let mut targets: Vec<_> = targets
            .into_iter()
            .map(|(target, clicks)| {
                let clickers = people(clicks.iter());
                HomepageTarget {
                    target: target.to_owned(),
                    click_count: count(clicks.iter()),
                    clicker_count: count(clickers.iter()),
                    visitor_share: ratio(count(clickers.intersection(&visitors)), count(visitors.iter())),
                }
            })
            .collect();
        targets.sort_by_key(|target| -target.clicker_count);
        targets
    }

    fn cards(&self, asked: Asked, card: &str) -> Vec<CardResult> {
        let mut groups: BTreeMap<(&str, &str), Vec<&Act>> = BTreeMap::new();
        let counting = [&CONVERSIONS[..], &[Kind::Click, Kind::CouponRedeem]].concat();
        for act in self.acts.iter().filter(|act| asked.has(act) && counting.contains(&act.kind)) {
            if act.target.starts_with(CARDS) && (card.is_empty() || act.target == card) {
                groups.entry((&act.target, &act.mount)).or_default().push(act);
            }
        }
        let result = |((card, mount), acts): ((&str, &str), Vec<&Act>)| {
            let number = |kind: Kind| count(acts.iter().filter(|act| act.kind == kind));
            CardResult {
                card: card.to_owned(),
                mount: mount.to_owned(),
                click_count: number(Kind::Click),
                clicker_count: count(people(acts.iter().filter(|act| act.kind == Kind::Click)).iter()),
                claim_count: number(Kind::CouponClaim),
                redeem_count: number(Kind::CouponRedeem),
                lead_count: number(Kind::Lead),
                booking_count: number(Kind::Booking),
                appointment_count: number(Kind::LiveAppointment),
                converted_count: count(
                    people(acts.iter().filter(|act| CONVERSIONS.contains(&act.kind))).iter(),
                ),
            }
        };
        groups.into_iter().map(result).collect()
    }
}

fn people<'a: 'b, 'b>(acts: impl Iterator<Item = &'b &'a Act>) -> BTreeSet<&'a str> {
    acts.map(|act| act.user.as_str()).collect()
}

fn count(items: impl Iterator) -> i64 {
    i64::try_from(items.count()).unwrap()
}

fn ratio(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn moment(time: Option<i64>) -> Option<prost_types::Timestamp> {
    time.map(|time| to_proto(siyu_clock::Micros(time)))
}

fn window(asked: Asked) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds: asked.window / 1_000_000, nanos: 0 })
}

/// All pages of a comparison, of one source or of all.
async fn compare(
    suite: &TestSuite,
    grouping: SourceGrouping,
    asked: Asked,
    source: &str,
) -> Vec<SourceResult> {
    let mut results = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = CompareSourcesRequest {
            parent: "accounts/shop".to_owned(),
            group_by: grouping.into(),
            start_time: moment(asked.start),
            end_time: moment(asked.end),
            attribution_window: window(asked),
            page_size: 2,
            page_token,
            source: source.to_owned(),
        };
        let mut traffic = TrafficServiceClient::new(suite.client());
        let page = traffic.compare_sources(request).await.unwrap().into_inner();
        assert_eq!((page.attribution_window, page.currency_code.as_str()), (window(asked), "CNY"));
        results.extend(page.results);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return results;
        }
    }
}

async fn cards(suite: &TestSuite, asked: Asked, card: &str) -> Vec<CardResult> {
    let mut results = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListCardResultsRequest {
            parent: "accounts/shop".to_owned(),
            card: card.to_owned(),
            start_time: moment(asked.start),
            end_time: moment(asked.end),
            page_size: 3,
            page_token,
        };
        let mut traffic = TrafficServiceClient::new(suite.client());
        let page = traffic.list_card_results(request).await.unwrap().into_inner();
        results.extend(page.results);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return results;
        }
    }
}

async fn check(suite: &TestSuite, model: &Model, asked: Asked) {
    for grouping in [
        SourceGrouping::SourceDomain,
        SourceGrouping::Mount,
        SourceGrouping::Campaign,
        SourceGrouping::EntryCode,
    ] {
        let found = compare(suite, grouping, asked, "").await;
        assert_eq!(found, model.compared(grouping, asked), "{grouping:?} {asked:?}");
        if let Some(last) = found.last().filter(|last| !last.source.is_empty()) {
            let alone = compare(suite, grouping, asked, &last.source).await;
            assert_eq!(alone, std::slice::from_ref(last), "{grouping:?} {asked:?}");
        }
    }
    for card in ["", "accounts/shop/cards/tea", "accounts/shop/cards/none"] {
        assert_eq!(cards(suite, asked, card).await, model.cards(asked, card), "{card} {asked:?}");
    }
    let request = GetHomepageFunnelRequest {
        parent: "accounts/shop".to_owned(),
        start_time: moment(asked.start),
        end_time: moment(asked.end),
        attribution_window: window(asked),
    };
    let mut traffic = TrafficServiceClient::new(suite.client());
    let funnel = traffic.get_homepage_funnel(request).await.unwrap().into_inner();
    let numbers = [
        funnel.visit_count,
        funnel.visitor_count,
        funnel.stranger_count,
        funnel.new_follower_count,
        funnel.messaging_visitor_count,
    ];
    assert_eq!(numbers, model.funnel(asked), "{asked:?}");
    assert_eq!(funnel.follow_rate, ratio(numbers[3], numbers[2]));
    assert_eq!(funnel.message_rate, ratio(numbers[4], numbers[1]));
    assert_eq!(funnel.entrances, model.targets(asked, ENTRANCES), "{asked:?}");
    assert_eq!(funnel.cards, model.targets(asked, CARDS), "{asked:?}");
}

async fn figures_of_random_traffic_are_those_of_the_model(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    suite.account("lumi", "other").await;
    let mut random = seeded(20_260_322);
    let events = random_traffic(&suite, &mut random);
    store(&suite, "shop", &shuffled(&events, 5)).await;
    store(&suite, "other", &shuffled(&random_traffic(&suite, &mut random), 6)).await;
    let model = Model { acts: acts(&events) };

    let now = suite.clock.now().0;
    const HOUR: i64 = 3_600_000_000;
    let mut found_some = [0; 5];
    for window in [60_000_000, HOUR, 24 * HOUR, 90 * 24 * HOUR] {
        let mut spans = vec![(None, None), (Some(now - 48 * HOUR), None), (None, Some(now - 72 * HOUR))];
        for _ in 0..3 {
            let (one, other) = (random.random_range(0..DAYS * 24), random.random_range(0..DAYS * 24));
            spans.push((Some(now - (one.max(other) + 1) * HOUR), Some(now - one.min(other) * HOUR)));
        }
        for (start, end) in spans {
            let asked = Asked { start, end, window };
            check(&suite, &model, asked).await;
            found_some.iter_mut().zip(model.funnel(asked)).for_each(|(sum, number)| *sum += number);
        }
    }
    assert!(found_some.iter().all(|sum| *sum > 20), "{found_some:?}");
    suite.finish().await;
}

siyu_tests::on_both_engines!(figures_of_random_traffic_are_those_of_the_model);
