use proptest::prelude::*;
use siyu_proto::{
    accounts::v1::Allowance,
    crm::v1::{
        CurrencyAmount, FrozenAudience, GetGmvConcentrationResponse, GetMatrixResponse, GetRfmResponse,
        GetSalesResponse, GetTierFlowResponse, GetTierFunnelResponse, MatrixAccount, MonthlySales,
        ReachCount, ReachVerdict, RfmCell, Sales, Tier, TierCount, TierFlow, TopShare,
    },
    subscriptions::v1::{Push, PushCounts, PushPlan, PushResults},
};

use super::{format::*, pushes::*, render::*};

fn at(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos: 0 })
}

fn figures() -> AccountFigures {
    let tier = |tier: Tier, fan_count| TierCount { tier: tier.into(), fan_count };
    let flow =
        |from: Tier, to: Tier, fan_count| TierFlow { from_tier: from.into(), to_tier: to.into(), fan_count };
    let cell = |recency, frequency, monetary, customer_count| RfmCell {
        recency,
        frequency,
        monetary,
        customer_count,
        gmv_minor: 1,
    };
    AccountFigures {
        funnel: GetTierFunnelResponse {
            tiers: vec![
                tier(Tier::Potential, 1_500),
                tier(Tier::Passerby, 300),
                tier(Tier::Favorable, 150),
                tier(Tier::TrueLove, 50),
            ],
            known_count: 2_000,
            following_count: 500,
            customer_count: 300,
            repeat_customer_count: 61,
            as_of: at(1_775_000_000),
        },
        sales: GetSalesResponse {
            sales: Some(Sales {
                order_count: 411,
                customer_count: 300,
                gmv_minor: 123_456_789,
                refunded_minor: 1_000_005,
                repeat_customers_by_order: 61,
                repeat_customers_by_day: 55,
                repurchase_rate_by_order: 61.0 / 300.0,
                repurchase_rate_by_day: 55.0 / 300.0,
                repeat_gmv_minor_by_order: 61_728_395,
                repeat_gmv_minor_by_day: 55_000_000,
                order_day_count: 400,
                first_order_time: at(1_772_400_000),
                last_order_time: at(1_774_900_000),
            }),
            currency_code: "CNY".to_owned(),
            as_of: at(1_775_000_000),
        },
        months: vec![MonthlySales {
            month: "2026-03".to_owned(),
            order_count: 411,
            customer_count: 300,
            gmv_minor: 123_456_789,
            refunded_minor: 1_000_005,
        }],
        concentration: GetGmvConcentrationResponse {
            shares: vec![TopShare {
                top_percent: 2.5,
                customer_count: 8,
                gmv_minor: 30_864_197,
                share: 0.25,
            }],
            gmv_minor: 123_456_789,
            customer_count: 300,
            as_of: at(1_775_000_000),
        },
        rfm: GetRfmResponse {
            cells: vec![cell(5, 5, 5, 20), cell(5, 5, 4, 3), cell(1, 1, 1, 1_277)],
            customer_count: 1_300,
            as_of: at(1_775_000_000),
        },
        flow: GetTierFlowResponse {
            flows: vec![
                flow(Tier::Unspecified, Tier::Potential, 1_499),
                flow(Tier::Potential, Tier::TrueLove, 7),
                flow(Tier::TrueLove, Tier::Favorable, 2),
            ],
            start_time: at(1_772_408_000),
            end_time: at(1_775_000_000),
        },
    }
}

/// The cells of the only line that begins with this name.
fn line<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let mut found = text.lines().filter_map(|line| {
        let cells: Vec<_> = line.trim_matches('│').split('┆').map(str::trim).collect();
        (cells[0] == name).then_some(cells)
    });
    let cells = found.next().unwrap_or_else(|| panic!("no line {name} in\n{text}"));
    assert!(found.next().is_none(), "two lines {name} in\n{text}");
    cells
}

#[test]
fn the_account_report_shows_every_figure() {
    let text = account("accounts/lumi-flagship", "Lumi", &figures()).unwrap();
    println!("{text}");
    assert!(text.starts_with("Lumi (accounts/lumi-flagship), as of 2026-03-31T23:33:20Z\n"));
    assert!(text.contains("2026-03-01T23:33:20Z to 2026-03-31T23:33:20Z"));
    let expected = [
        ("following", &["500", "25.00 % (500 / 2,000)"][..]),
        ("repeat customers (≥ 2 orders)", &["61", "20.33 % (61 / 300)"]),
        ("GMV before refunds", &["1,234,567.89 CNY"]),
        ("refunded", &["0.81 % (10,000.05 CNY / 1,234,567.89 CNY)"]),
        ("repurchase rate by order (≥ 2 orders)", &["20.33 % (61 / 300)"]),
        ("repurchase rate by distinct day (orders on ≥ 2 days)", &["18.33 % (55 / 300)"]),
        ("2026-03", &["411", "300", "1,234,567.89 CNY", "10,000.05 CNY"]),
        ("top 2.5 %", &["2.67 % (8 / 300)", "25.00 % (308,641.97 CNY / 1,234,567.89 CNY)"]),
        ("R5", &["0", "0", "0", "0", "23"]),
        ("R1", &["1,277", "0", "0", "0", "0"]),
        ("not known before", &["1,499", "0", "0", "0"]),
        ("first order", &["2026-03-01T21:20:00Z"]),
    ];
    for (name, cells) in expected {
        assert_eq!(line(&text, name)[1..], *cells, "{name}");
    }
    assert!(text.contains("│ potential        ┆         0 ┆        0 ┆         0 ┆         7 │"));
}

#[test]
fn an_account_without_anything_has_a_report() {
    let as_of = at(0);
    let figures = AccountFigures {
        funnel: GetTierFunnelResponse { as_of, ..Default::default() },
        flow: GetTierFlowResponse { start_time: as_of, end_time: as_of, ..Default::default() },
        sales: GetSalesResponse { currency_code: "CNY".to_owned(), ..Default::default() },
        ..Default::default()
    };
    let text = account("accounts/new", "New", &figures).unwrap();
    assert_eq!(line(&text, "repurchase rate by order (≥ 2 orders)")[1], "– (0 / 0)");
    assert_eq!(line(&text, "latest order")[1], "–");
}

#[test]
fn a_missing_as_of_is_an_error() {
    let figures = AccountFigures { funnel: GetTierFunnelResponse::default(), ..figures() };
    assert!(account("accounts/new", "New", &figures).is_err());
}

#[test]
fn the_matrix_report_counts_people_once() {
    let row = |id: &str, following_count, gmv_minor, currency_code: &str| MatrixAccount {
        account: format!("accounts/{id}"),
        following_count,
        known_count: 2_000,
        order_count: 10,
        gmv_minor,
        currency_code: currency_code.to_owned(),
    };
    let amount = |currency_code: &str, amount_minor| CurrencyAmount {
        currency_code: currency_code.to_owned(),
        amount_minor,
    };
    let response = GetMatrixResponse {
        accounts: vec![row("lumi-a", 700, 100_000, "CNY"), row("lumi-b", 300, 5_000, "JPY")],
        following_count: 1_000,
        distinct_following_count: 875,
        distinct_known_count: 3_000,
        gmv: vec![amount("CNY", 100_000), amount("JPY", 5_000)],
        as_of: at(1_775_000_000),
    };
    let text = matrix("enterprises/lumi", &response).unwrap();
    println!("{text}");
    assert!(text.starts_with("Matrix of enterprises/lumi, as of 2026-03-31T23:33:20Z\n"));
    assert_eq!(line(&text, "accounts/lumi-b")[1..], ["300", "2,000", "10", "5,000 JPY"]);
    assert_eq!(line(&text, "followers, each person once")[1], "875");
    assert_eq!(line(&text, "overlap: sum minus distinct")[1], "12.50 % (125 / 1,000)");
}

#[test]
fn pushes_show_plan_and_outcome() {
    let excluded =
        |verdict: ReachVerdict, count| ReachCount { verdict: verdict.into(), count, ..ReachCount::default() };
    let plan = |reach, held| PushPlan {
        reach,
        audience: Some(FrozenAudience {
            counts: vec![excluded(ReachVerdict::Eligible, reach), excluded(ReachVerdict::Held, held)],
            ..FrozenAudience::default()
        }),
        ..PushPlan::default()
    };
    let push = |id: &str, corrects: &str, counts| Push {
        name: format!("accounts/lumi/pushes/{id}"),
        corrects: corrects.to_owned(),
        counts: Some(counts),
        ..Push::default()
    };
    let spring = PushCounts {
        planned: 2_100,
        excluded: vec![excluded(ReachVerdict::NotFollowing, 70), excluded(ReachVerdict::Capped, 30)],
        delivered: 2_000,
        seen: 900,
        unseen: 1_100,
        opened: 500,
        clicked: 125,
        converted: 10,
        ..PushCounts::default()
    };
    let wrong = PushCounts { planned: 400, retracted: 400, opened: 100, ..PushCounts::default() };
    let night = PushCounts { planned: 50, held: 30, delivered: 20, ..PushCounts::default() };
    let rows = [
        PushRow {
            push: push("spring", "", spring),
            results: PushResults {
                order_count: 7,
                gmv_minor: 123_450,
                currency_code: "CNY".to_owned(),
                ..PushResults::default()
            },
            audience: "all followers".to_owned(),
            plan: Some(plan(1_990, 0)),
            allowance: Some(Allowance { limit: 8, reserved: 1, used: 2, ..Allowance::default() }),
        },
        PushRow { push: push("wrong", "", wrong), plan: Some(plan(0, 390)), ..PushRow::default() },
        PushRow { push: push("night", "", night), plan: Some(plan(20, 30)), ..PushRow::default() },
        PushRow {
            push: push("01k", "accounts/lumi/pushes/wrong", PushCounts::default()),
            ..PushRow::default()
        },
    ];
    let text = pushes("accounts/lumi", "Lumi", &rows);
    println!("{text}");
    let (plan, outcome) = text.split_once("Outcome").unwrap();
    assert_eq!(
        line(plan, "spring")[1..],
        ["all followers", "1,990", "70 not following, 30 capped", "3 of 8"]
    );
    assert_eq!(line(plan, "wrong")[2], "390 held");
    assert_eq!(line(plan, "night")[2], "20, 30 held");
    let spring =
        ["1,990", "2,000", "900", "25.00 % (500)", "6.25 % (125)", "0.50 % (10)", "7", "1,234.50 CNY"];
    assert_eq!(line(outcome, "spring")[1..], spring);
    assert_eq!(line(outcome, "wrong")[2..5], ["0, 400 taken back", "0", "25.00 % (100)"]);
    assert_eq!(line(outcome, "night")[2], "20, 30 held");
    assert_eq!(line(outcome, "correction of wrong")[4], "– (0)");
}

#[test]
fn amounts_and_rates_are_exact() {
    assert_eq!(money(0, "CNY"), "0.00 CNY");
    assert_eq!(money(-5, "CNY"), "-0.05 CNY");
    assert_eq!(money(i64::MAX, "CNY"), "92,233,720,368,547,758.07 CNY");
    assert_eq!(money(i64::MIN, "CNY"), "-92,233,720,368,547,758.08 CNY");
    assert_eq!(money(1_234_567, "JPY"), "1,234,567 JPY");
    assert_eq!(money(1_234_567, "KWD"), "1,234.567 KWD");
    assert_eq!(rate(1, 3), "33.33 % (1 / 3)");
    assert_eq!(rate(1, 20_000), "0.01 % (1 / 20,000)");
    assert_eq!(rate(-1, 0), "– (-1 / 0)");
    assert_eq!(
        money_rate(i64::MAX, i64::MAX, "JPY"),
        "100.00 % (9,223,372,036,854,775,807 JPY / 9,223,372,036,854,775,807 JPY)"
    );
}

proptest! {
    #[test]
    fn no_fen_is_lost(amount_minor: i64) {
        let digits: String = money(amount_minor, "CNY").chars().filter(|c| !" ,.CNY".contains(*c)).collect();
        prop_assert_eq!(digits.parse::<i64>()?, amount_minor);
    }
}
