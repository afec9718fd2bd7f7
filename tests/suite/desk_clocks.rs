//! The clocks of the service desk: in working time, told once, and what came of them.

use std::time::Duration;

use siyu::{
    keys::Keys,
    suite::{ServiceName, Suite},
};
use siyu_clock::{Ids, Micros};
use siyu_proto::messaging::v1::{
    AgentState, BusinessCalendar, CaseClock, DayPeriod, GetBusinessCalendarRequest, GetResponseReportRequest,
    GetResponseReportResponse, GetResponseTargetsRequest, RateConversationRequest, ReplyTrigger,
    ResponseAlarm, ResponseClock, ResponseClockRang, ResponseClocksRang, ResponseTarget,
    SetBusinessCalendarRequest, SetResponseTargetsRequest, SpecialDay, Weekday, WeeklyPeriod,
    response_time_service_client::ResponseTimeServiceClient,
};
use siyu_rpc::time::from_proto;
use siyu_tests::TestSuite;

use crate::{
    auto_replies::{make, messages_after, rule},
    desk::{case, close, set_state, support, write},
    events::feed_events,
    follows::SHOP,
    messages::{desk, to_user},
    support::{at, fields},
};

const MINUTE: Duration = Duration::from_secs(60);

fn times(suite: &TestSuite) -> ResponseTimeServiceClient<siyu::connect::Client> {
    ResponseTimeServiceClient::new(suite.client())
}

fn hours(open: i32, close: i32) -> DayPeriod {
    DayPeriod { open_minute: open * 60, close_minute: close * 60 }
}

/// Monday to Friday 9 to 12 and 14 to 18 in the zone of the account, Shanghai; the 3rd of March is a holiday.
fn office() -> BusinessCalendar {
    let periods =
        |day| [hours(9, 12), hours(14, 18)].map(|period| WeeklyPeriod { day, period: Some(period) });
    let holiday = SpecialDay { date: "2026-03-03".to_owned(), periods: Vec::new() };
    BusinessCalendar {
        time_zone: String::new(),
        week: (1..=5).flat_map(periods).collect(),
        special_days: vec![holiday],
    }
}

async fn set_calendar(suite: &TestSuite, calendar: BusinessCalendar) -> BusinessCalendar {
    let parent = SHOP.to_owned();
    let request = SetBusinessCalendarRequest { parent, calendar: Some(calendar), ..Default::default() };
    times(suite).set_business_calendar(request).await.unwrap().into_inner().calendar.unwrap()
}

fn target(clock: ResponseClock, minutes: i64, warning_percent: i64) -> ResponseTarget {
    let within = Some(prost_types::Duration { seconds: minutes * 60, nanos: 0 });
    ResponseTarget { clock: clock.into(), within, warning_percent }
}

async fn set_targets(suite: &TestSuite, targets: Vec<ResponseTarget>) {
    let request = SetResponseTargetsRequest { parent: SHOP.to_owned(), targets, ..Default::default() };
    times(suite).set_response_targets(request).await.unwrap();
}

/// Moves the clock to a moment of March 2026, and does what becomes due by that.
async fn at_time(suite: &TestSuite, text: &str) {
    let moment = from_proto(&at(&format!("2026-03-{text}:00Z"))).unwrap();
    suite.advance(moment.since(suite.clock.now())).await;
}

/// What was told so far: user, clock and alarm.
async fn told(suite: &TestSuite) -> Vec<(String, ResponseClock, ResponseAlarm)> {
    let rang = rang(suite).await.into_iter().map(|rang| {
        let user = rang.conversation.rsplit('/').next().unwrap().to_owned();
        (user, rang.clock(), rang.alarm())
    });
    rang.collect()
}

async fn rang(suite: &TestSuite) -> Vec<ResponseClockRang> {
    let events = feed_events(suite, "feeds/messaging", Vec::new()).await.unwrap();
    let told = events.into_iter().filter_map(|event| event.payload?.to_msg::<ResponseClocksRang>().ok());
    told.flat_map(|told| told.rang).collect()
}

async fn clock(suite: &TestSuite, user: &str, kind: ResponseClock) -> CaseClock {
    let clocks = case(suite, user).await.unwrap().clocks;
    clocks.into_iter().find(|clock| clock.clock() == kind).unwrap()
}

async fn reply(suite: &TestSuite, user: &str, id: &str) {
    desk(suite).send_desk_message(to_user(user, id)).await.unwrap();
}

const FIRST: ResponseClock = ResponseClock::FirstHuman;

async fn half_an_hour_is_half_an_hour_of_work(suite: TestSuite) {
    suite.account("mine", "shop").await;
    assert_eq!(set_calendar(&suite, office()).await.time_zone, "Asia/Shanghai");
    set_targets(&suite, vec![target(FIRST, 30, 50)]).await;
    // 9 in Shanghai is 1 o'clock UTC: over lunch, over a night with a holiday, over a night.
    let cases = [
        ("lunch", "02T03:50", "02T06:05", "02T06:20"),
        ("holiday", "02T09:50", "04T01:05", "04T01:20"),
        ("night", "04T09:50", "05T01:05", "05T01:20"),
    ];
    for (user, begin, warning, breach) in cases {
        at_time(&suite, begin).await;
        write(&suite, user, "hello").await;
        let clock = clock(&suite, user, FIRST).await;
        assert_eq!(clock.due_time, Some(at(&format!("2026-03-{breach}:00Z"))), "{user}");
        let before = told(&suite).await.len();
        let moment = from_proto(&at(&format!("2026-03-{warning}:00Z"))).unwrap();
        suite.advance(moment.minus(Duration::from_secs(1)).since(suite.clock.now())).await;
        assert_eq!(told(&suite).await.len(), before, "{user}: too early");
        at_time(&suite, warning).await;
        assert_eq!(told(&suite).await.len(), before + 1, "{user}");
        suite.advance(MINUTE).await;
        assert_eq!(told(&suite).await.len(), before + 1, "{user}: once");
        at_time(&suite, breach).await;
        suite.advance(MINUTE).await;
        let all = told(&suite).await;
        let expected =
            [ResponseAlarm::Warning, ResponseAlarm::Breach].map(|alarm| (user.to_owned(), FIRST, alarm));
        let own: Vec<_> = all.into_iter().filter(|(told, ..)| told == user).collect();
        assert_eq!(own, expected);
        reply(&suite, user, "r").await;
    }
    let case = case(&suite, "lunch").await.unwrap();
    assert_eq!((case.warning_count, case.breach_count), (1, 1));
    let taken = clock(&suite, "lunch", FIRST).await.taken.unwrap();
    assert_eq!(taken.seconds, 31 * 60, "working time alone");
    suite.finish().await;
}

async fn who_answers_in_time_hears_nothing_and_who_is_late_hears_it_with_the_answer(suite: TestSuite) {
    suite.account("mine", "shop").await;
    set_targets(&suite, vec![target(FIRST, 30, 80), target(ResponseClock::Next, 10, 0)]).await;
    write(&suite, "ann", "one").await;
    suite.advance(20 * MINUTE).await;
    reply(&suite, "ann", "r1").await;
    write(&suite, "ann", "two").await;
    suite.advance(60 * MINUTE).await;
    assert_eq!(told(&suite).await, [("ann".to_owned(), ResponseClock::Next, ResponseAlarm::Breach)]);
    reply(&suite, "ann", "r2").await;
    // The clock moves, and nothing ticks until the answer comes.
    write(&suite, "bea", "one").await;
    suite.clock.advance_to(suite.clock.now().plus(40 * MINUTE));
    reply(&suite, "bea", "r1").await;
    suite.advance(60 * MINUTE).await;
    let of_bea: Vec<_> = told(&suite).await.into_iter().filter(|(user, ..)| user == "bea").collect();
    let alarms: Vec<_> = of_bea.into_iter().map(|(_, clock, alarm)| (clock, alarm)).collect();
    assert_eq!(alarms, [(FIRST, ResponseAlarm::Warning), (FIRST, ResponseAlarm::Breach)]);
    suite.finish().await;
}

async fn what_answers_by_itself_leaves_the_clock_of_humans_running(suite: TestSuite) {
    suite.account("mine", "shop").await;
    set_targets(&suite, vec![target(FIRST, 30, 0), target(ResponseClock::FirstBot, 30, 0)]).await;
    make(&suite, "welcome", rule("welcome", ReplyTrigger::Welcome)).await.unwrap();
    write(&suite, "ann", "hello").await;
    assert_eq!(messages_after(&suite, "ann", 1).await.len(), 1);
    assert_eq!(clock(&suite, "ann", ResponseClock::FirstBot).await.taken.unwrap().seconds, 0);
    assert_eq!(clock(&suite, "ann", FIRST).await.taken, None);
    suite.advance(31 * MINUTE).await;
    assert_eq!(told(&suite).await, [("ann".to_owned(), FIRST, ResponseAlarm::Breach)]);
    reply(&suite, "ann", "r").await;
    assert_eq!(clock(&suite, "ann", FIRST).await.taken.unwrap().seconds, 31 * 60);
    suite.finish().await;
}

/// A second installation on the same databases, and the first one, look at the same time, again and again; then a third that
/// begins later.
async fn each_is_told_once_whoever_looks(suite: TestSuite) {
    suite.account("mine", "shop").await;
    set_targets(&suite, vec![target(FIRST, 30, 80)]).await;
    const COUNT: usize = 40;
    for number in 0..COUNT {
        write(&suite, &format!("u{number}"), "hello").await;
    }
    let keys = Keys::load(&suite.config).unwrap();
    let other = async || {
        let clock = suite.clock.clone().into();
        let opened = Suite::open(&suite.config, &ServiceName::ALL, clock, Ids::random(), &keys).await;
        opened.unwrap().into_parts()
    };
    for minutes in [24, 6, 5] {
        // Opening ticks at once; what it does meets what the first one does.
        let ((_, _, running), ()) = tokio::join!(other(), suite.advance(minutes * MINUTE));
        suite.advance(Duration::from_secs(1)).await;
        running.stop().await;
    }
    let mut all = told(&suite).await;
    all.sort_by_key(|(user, _, alarm)| (user.clone(), *alarm as i32));
    assert_eq!(all.len(), 2 * COUNT);
    all.dedup();
    assert_eq!(all.len(), 2 * COUNT, "each once");
    suite.finish().await;
}

async fn report(suite: &TestSuite) -> GetResponseReportResponse {
    let request = GetResponseReportRequest {
        parent: SHOP.to_owned(),
        start_time: Some(at("2026-03-01T00:00:00Z")),
        end_time: Some(at("2026-04-01T00:00:00Z")),
    };
    times(suite).get_response_report(request).await.unwrap().into_inner()
}

async fn a_report_tells_what_came_of_it(suite: TestSuite) {
    suite.account("mine", "shop").await;
    set_state(&suite, "li", AgentState::Online).await;
    set_targets(&suite, vec![target(FIRST, 30, 0)]).await;
    for (user, minutes) in [("u1", 1), ("u2", 5), ("u3", 45), ("u4", 3)] {
        write(&suite, user, "hello").await;
        suite.advance(minutes * MINUTE).await;
        reply(&suite, user, "r").await;
    }
    for user in ["u1", "u2", "u3"] {
        close(&suite, user).await.unwrap();
        let rating = RateConversationRequest {
            parent: SHOP.to_owned(),
            user: format!("users/{user}"),
            stars: if user == "u3" { 2 } else { 5 },
            ..Default::default()
        };
        support(&suite).rate_conversation(rating).await.unwrap();
    }
    let answer = report(&suite).await;
    let total = answer.total.unwrap();
    assert_eq!((total.case_count, total.open_count, total.breach_count), (4, 1, 1));
    let first = total.first_human.unwrap();
    assert_eq!((first.count, first.median.unwrap().seconds, first.p90.unwrap().seconds), (4, 180, 2_700));
    assert_eq!((total.first_bot.unwrap().count, total.resolution.unwrap().count), (0, 3));
    assert_eq!((total.rating_count, total.mean_stars), (3, 4.0));
    let agents: Vec<_> = answer.agents.iter().map(|agent| (agent.agent.as_str(), agent.case_count)).collect();
    assert_eq!(agents, [("accounts/shop/agents/li", 4)]);
    let request = GetResponseReportRequest {
        parent: SHOP.to_owned(),
        start_time: Some(at("2026-03-01T00:00:00Z")),
        end_time: Some(at("2026-07-01T00:00:00Z")),
    };
    assert_eq!(fields(&times(&suite).get_response_report(request).await.unwrap_err()), ["end_time"]);
    suite.finish().await;
}

async fn settings_are_checked_and_hold_from_then_on(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let with = |calendar| SetBusinessCalendarRequest {
        parent: SHOP.to_owned(),
        calendar: Some(calendar),
        ..Default::default()
    };
    let monday = |open, close| WeeklyPeriod { day: Weekday::Monday.into(), period: Some(hours(open, close)) };
    let day = |date: &str| SpecialDay { date: date.to_owned(), periods: vec![hours(10, 11)] };
    let bad = [
        ("calendar.time_zone", BusinessCalendar { time_zone: "Asia/Atlantis".to_owned(), ..office() }),
        (
            "calendar.week[1].period",
            BusinessCalendar { week: vec![monday(9, 12), monday(11, 13)], ..office() },
        ),
        ("calendar.week[0].period", BusinessCalendar { week: vec![monday(12, 9)], ..office() }),
        (
            "calendar.special_days[0].date",
            BusinessCalendar { special_days: vec![day("2026-02-30")], ..office() },
        ),
        (
            "calendar.special_days[1].date",
            BusinessCalendar { special_days: vec![day("2026-03-03"), day("2026-03-03")], ..office() },
        ),
    ];
    for (field, calendar) in bad {
        let status = times(&suite).set_business_calendar(with(calendar)).await.unwrap_err();
        assert_eq!(fields(&status), [field]);
    }
    let get = GetBusinessCalendarRequest { parent: SHOP.to_owned() };
    let stored = times(&suite).get_business_calendar(get.clone()).await.unwrap().into_inner().calendar;
    assert_eq!(stored, None, "nothing bad is stored");
    let set = set_calendar(&suite, office()).await;
    assert_eq!(times(&suite).get_business_calendar(get).await.unwrap().into_inner().calendar, Some(set));
    let twice = SetResponseTargetsRequest {
        parent: SHOP.to_owned(),
        targets: vec![target(FIRST, 30, 0), target(FIRST, 20, 0)],
        ..Default::default()
    };
    assert_eq!(fields(&times(&suite).set_response_targets(twice).await.unwrap_err()), ["targets[1].clock"]);
    for (wrong, field) in [(target(FIRST, 0, 0), "within"), (target(FIRST, 30, 100), "warning_percent")] {
        let request =
            SetResponseTargetsRequest { parent: SHOP.to_owned(), targets: vec![wrong], ..Default::default() };
        let status = times(&suite).set_response_targets(request).await.unwrap_err();
        assert_eq!(fields(&status), [format!("targets[0].{field}")]);
    }

    // A conversation from before has no case; the next message opens one, with the targets of that time.
    write(&suite, "ann", "early").await;
    assert_eq!(case(&suite, "ann").await, None);
    set_targets(&suite, vec![target(FIRST, 30, 0)]).await;
    write(&suite, "ann", "again").await;
    let due = clock(&suite, "ann", FIRST).await.due_time.unwrap();
    set_targets(&suite, vec![target(FIRST, 60, 0)]).await;
    assert_eq!(clock(&suite, "ann", FIRST).await.due_time, Some(due));
    write(&suite, "bea", "hello").await;
    let later = from_proto(&clock(&suite, "bea", FIRST).await.due_time.unwrap()).unwrap();
    assert_eq!(later.0 - from_proto(&due).unwrap().0, 30 * 60 * Micros::PER_SECOND);
    let get = GetResponseTargetsRequest { parent: SHOP.to_owned() };
    let targets = times(&suite).get_response_targets(get).await.unwrap().into_inner().targets;
    assert_eq!(targets, [target(FIRST, 60, 0)]);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    half_an_hour_is_half_an_hour_of_work,
    who_answers_in_time_hears_nothing_and_who_is_late_hears_it_with_the_answer,
    what_answers_by_itself_leaves_the_clock_of_humans_running,
    each_is_told_once_whoever_looks,
    a_report_tells_what_came_of_it,
    settings_are_checked_and_hold_from_then_on,
);
