//! What the traffic is made of: who the users are, when they come, how likely they do what.

use jiff::civil::Weekday;
use siyu_proto::crm::v1::SourceDomain;

use super::{
    brand::{FLAGSHIP, HOST, STORE},
    places::{FANS_COUPON, PARCEL_CARD, SKIN_TEST, TILL_POSTER, WELCOME_COUPON},
};

/// Users of the month.
pub(super) const USER_COUNT: u32 = 3_000;

/// One sort of users. Probabilities are per visit where nothing else is said.
#[derive(Debug)]
pub(super) struct Persona {
    /// Visits on an ordinary weekday, as a probability.
    pub(super) daily_visit: f64,
    /// Watches a live show when there is one that day.
    pub(super) joins_live: f64,
    /// Videos watched at most.
    pub(super) most_videos: u32,
    /// Likes, comments, shares or collects a video watched.
    pub(super) like: f64,
    pub(super) comment: f64,
    pub(super) share: f64,
    pub(super) collect: f64,
    /// Looks at the homepage.
    pub(super) homepage: f64,
    /// Clicks an entrance or a card there.
    pub(super) click: f64,
    /// Follows, when not following yet.
    pub(super) follow: f64,
    /// Stops following, and stays away from then on.
    pub(super) unfollow: f64,
    /// Speaks in a group, when following.
    pub(super) group_chat: f64,
    /// Orders, when never ordered before.
    pub(super) first_order: f64,
    /// Orders, when ordered before.
    pub(super) repurchase: f64,
    /// The median amount of an order, in fen.
    pub(super) median_order_minor: i64,
    /// Knows a second account of the matrix; with the same probability again, the third.
    pub(super) further_account: f64,
    /// Tends to come early in the month, because such users were near the brand all the time.
    pub(super) early: bool,
}

/// The personas with their weights, in users of a hundred.
pub(super) static PERSONAS: [(u32, Persona); 5] =
    [(56, PASSING_VIEWER), (28, BROWSER), (10, FAN), (5, LOYAL), (1, WHALE)];

/// Sees a recommended video, and rarely comes back.
const PASSING_VIEWER: Persona = Persona {
    daily_visit: 0.09,
    joins_live: 0.01,
    most_videos: 3,
    like: 0.08,
    comment: 0.01,
    share: 0.005,
    collect: 0.01,
    homepage: 0.06,
    click: 0.2,
    follow: 0.025,
    unfollow: 0.06,
    group_chat: 0.0,
    first_order: 0.004,
    repurchase: 0.01,
    median_order_minor: 11_900,
    further_account: 0.08,
    early: false,
};

/// Looks around, compares, follows perhaps, buys once.
const BROWSER: Persona = Persona {
    daily_visit: 0.13,
    joins_live: 0.03,
    most_videos: 3,
    like: 0.12,
    comment: 0.02,
    share: 0.01,
    collect: 0.05,
    homepage: 0.25,
    click: 0.4,
    follow: 0.22,
    unfollow: 0.03,
    group_chat: 0.01,
    first_order: 0.03,
    repurchase: 0.04,
    median_order_minor: 14_900,
    further_account: 0.15,
    early: false,
};

/// Follows and takes part.
const FAN: Persona = Persona {
    daily_visit: 0.33,
    joins_live: 0.15,
    most_videos: 3,
    like: 0.25,
    comment: 0.06,
    share: 0.02,
    collect: 0.06,
    homepage: 0.25,
    click: 0.5,
    follow: 0.6,
    unfollow: 0.01,
    group_chat: 0.06,
    first_order: 0.06,
    repurchase: 0.06,
    median_order_minor: 16_900,
    further_account: 0.35,
    early: true,
};

/// The brand's regular: in the group, in the live room, buys again and again.
const LOYAL: Persona = Persona {
    daily_visit: 0.55,
    joins_live: 0.45,
    most_videos: 4,
    like: 0.4,
    comment: 0.15,
    share: 0.06,
    collect: 0.08,
    homepage: 0.35,
    click: 0.6,
    follow: 0.9,
    unfollow: 0.002,
    group_chat: 0.3,
    first_order: 0.2,
    repurchase: 0.12,
    median_order_minor: 19_900,
    further_account: 0.55,
    early: true,
};

/// Talks little and spends much.
const WHALE: Persona = Persona {
    daily_visit: 0.4,
    joins_live: 0.4,
    most_videos: 2,
    like: 0.2,
    comment: 0.04,
    share: 0.02,
    collect: 0.1,
    homepage: 0.5,
    click: 0.7,
    follow: 0.85,
    unfollow: 0.002,
    group_chat: 0.1,
    first_order: 0.3,
    repurchase: 0.25,
    median_order_minor: 98_000,
    further_account: 0.5,
    early: true,
};

/// Where a user first meets the brand: account index, with its weight.
pub(super) const MAIN_ACCOUNT: [(u32, usize); 3] = [(52, FLAGSHIP), (18, STORE), (30, HOST)];

/// Visits to a further account, against those to the main one.
pub(super) const FURTHER_CLOSENESS: f64 = 0.5;
/// Visits on Saturdays and Sundays, against weekdays.
pub(super) const WEEKEND_FACTOR: f64 = 1.4;
/// Somebody who comes for the first time on the day of a live show came because of it.
pub(super) const DRAWN_BY_LIVE: f64 = 0.35;
/// Following and ordering in a live show, against an ordinary visit.
pub(super) const LIVE_FACTOR: f64 = 1.8;
/// Homepage visits that go on into private messages: the figure of the case in domain.md, A5.
pub(super) const HOMEPAGE_TO_MESSAGE: f64 = 0.23;
/// Visits from outside that begin with scanning a code.
pub(super) const SCAN: f64 = 0.6;
/// The codes that are scanned, with their weights.
pub(super) const ENTRY_CODES: [(u32, &str); 2] = [(70, PARCEL_CARD), (30, TILL_POSTER)];
/// The cards that are clicked, with their weights.
pub(super) const CARDS: [(u32, &str); 3] = [(45, WELCOME_COUPON), (35, FANS_COUPON), (20, SKIN_TEST)];
/// Clicks on a card that go on: a coupon is claimed, a form is filled in, a time is booked.
pub(super) const USE_CARD: f64 = 0.45;
/// Who does not follow, and follows for a coupon.
pub(super) const FOLLOW_FOR_COUPON: f64 = 0.5;
/// Orders that use a coupon, of those whose customer has one.
pub(super) const REDEEM: f64 = 0.6;
/// Orders cancelled within hours.
pub(super) const CANCEL: f64 = 0.04;
/// Orders refunded within days, half of them in full.
pub(super) const REFUND: f64 = 0.06;
/// Orders followed by a second one in the same visit.
pub(super) const SECOND_ORDER: f64 = 0.07;
/// Orders with a free sample: a line of amount zero.
pub(super) const FREE_SAMPLE: f64 = 0.12;

/// Lines of an order, with their weights.
pub(super) const ORDER_LINES: [(u32, u32); 4] = [(62, 1), (25, 2), (9, 3), (4, 4)];

/// The products on sale.
pub(super) const PRODUCTS: [&str; 6] = [
    "products/lumi-hydra-serum",
    "products/lumi-repair-cream",
    "products/lumi-amino-cleanser",
    "products/lumi-sun-fluid",
    "products/lumi-rose-toner",
    "products/lumi-overnight-mask",
];
/// What comes as a free sample.
pub(super) const SAMPLE: &str = "products/lumi-sample-set";

/// How many ordinary visits begin in each hour of the day: noon and evening peaks, quiet nights.
pub(super) const VISITS_BY_HOUR: [u32; 24] =
    [6, 3, 1, 1, 1, 2, 8, 18, 26, 28, 30, 36, 56, 48, 32, 30, 32, 36, 46, 60, 76, 84, 62, 26];

/// Where strangers come from.
pub(super) const STRANGER_SOURCES: [(u32, SourceDomain); 3] =
    [(70, SourceDomain::Public), (20, SourceDomain::Commercial), (10, SourceDomain::External)];
/// Where fans come from: mostly from the account's own reach.
pub(super) const FAN_SOURCES: [(u32, SourceDomain); 4] = [
    (60, SourceDomain::Private),
    (32, SourceDomain::Public),
    (5, SourceDomain::Commercial),
    (3, SourceDomain::External),
];

/// A live show that repeats every week.
#[derive(Debug)]
pub(super) struct Show {
    pub(super) account: usize,
    pub(super) weekdays: &'static [Weekday],
    pub(super) start_minute: i64,
    pub(super) minutes: i64,
}

/// The live shows: the host works four evenings, head office one, the store a Saturday afternoon.
pub(super) static SHOWS: [Show; 3] = [
    Show {
        account: HOST,
        weekdays: &[Weekday::Tuesday, Weekday::Thursday, Weekday::Saturday, Weekday::Sunday],
        start_minute: 19 * 60 + 30,
        minutes: 150,
    },
    Show { account: FLAGSHIP, weekdays: &[Weekday::Friday], start_minute: 20 * 60, minutes: 120 },
    Show { account: STORE, weekdays: &[Weekday::Saturday], start_minute: 15 * 60, minutes: 90 },
];

/// The live show of an account on such a day.
pub(super) fn show_on(account: usize, weekday: Weekday) -> Option<&'static Show> {
    SHOWS.iter().find(|show| show.account == account && show.weekdays.contains(&weekday))
}
