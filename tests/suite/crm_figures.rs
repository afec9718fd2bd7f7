//! Figures (C10, A2) of small data sets that are computed by hand.

use siyu_proto::{
    accounts::v1::{Account, CreateAccountRequest},
    crm::v1::{
        CurrencyAmount, GetGmvConcentrationRequest, GetGmvConcentrationResponse, GetMatrixRequest,
        GetRfmRequest, GetSalesRequest, GetTierFunnelRequest, Interaction, InteractionKind as Kind,
        ListMonthlySalesRequest, MatrixAccount, MonthlySales, RfmCell, Sales, Tier, TierCount, TopShare,
    },
};
use siyu_tests::TestSuite;
use tonic::Code;

use crate::support::{at, event, fields, follow, order, purchase, reason, sales, seconds_ago, store};

/// Days are those of Asia/Shanghai:
///
/// | customer | orders |
/// | --- | --- |
/// | twice | January 10th: 1000 (of two lines); February 20th: 500, of which 200 were refunded |
/// | same-day | January 31st, morning and evening: 300 and 400 |
/// | once | February 1st, 00:00: 0 |
/// | cancelled | a cancelled order of 9999, and one of 800 on February 28th |
/// | gone | one cancelled order |
async fn five_customers(suite: &TestSuite) {
    suite.account("lumi", "shop").await;
    let line = |id: &str, user: &str, time: &str, order_id: &str, amount| {
        purchase(id, user, Kind::Order, at(time), (order_id, amount))
    };
    let end = |id: &str, user: &str, kind, order_id: &str, amount| {
        purchase(id, user, kind, at("2026-02-28T10:00:00Z"), (order_id, amount))
    };
    store(
        suite,
        "shop",
        &[
            line("t1", "twice", "2026-01-10T01:00:00Z", "a", 600),
            line("t2", "twice", "2026-01-10T01:00:00Z", "a", 400),
            line("t3", "twice", "2026-02-20T01:00:00Z", "b", 500),
            end("t4", "twice", Kind::Refund, "b", 200),
            order("s1", "same-day", at("2026-01-30T16:00:00Z"), 300),
            order("s2", "same-day", at("2026-01-31T15:59:59Z"), 400),
            order("o1", "once", at("2026-01-31T16:00:00Z"), 0),
            line("c1", "cancelled", "2026-02-10T00:00:00Z", "c", 9_999),
            end("c2", "cancelled", Kind::OrderCancel, "c", 0),
            order("c3", "cancelled", at("2026-02-28T01:00:00Z"), 800),
            line("g1", "gone", "2026-02-10T00:00:00Z", "d", 70),
            end("g2", "gone", Kind::OrderCancel, "d", 0),
            event("v1", "looker", Kind::View, at("2026-02-10T00:00:00Z")),
        ],
    )
    .await;
}

async fn sales_and_both_repurchase_rates(suite: TestSuite) {
    five_customers(&suite).await;
    let expected = Sales {
        order_count: 6,
        customer_count: 4,
        gmv_minor: 1_000 + 500 + 300 + 400 + 800,
        refunded_minor: 200,
        repeat_customers_by_order: 2,
        repeat_customers_by_day: 1,
        repurchase_rate_by_order: 0.5,
        repurchase_rate_by_day: 0.25,
        repeat_gmv_minor_by_order: 1_500 + 700,
        repeat_gmv_minor_by_day: 1_500,
        order_day_count: 2 + 1 + 1 + 1,
        first_order_time: Some(at("2026-01-10T01:00:00Z")),
        last_order_time: Some(at("2026-02-28T01:00:00Z")),
    };
    assert_eq!(sales(&suite, "shop").await, expected);

    let within = |start: Option<&str>, end: Option<&str>| GetSalesRequest {
        parent: "accounts/shop".to_owned(),
        start_time: start.map(at),
        end_time: end.map(at),
    };
    let (first, last) = ("2026-01-10T01:00:00Z", "2026-02-28T01:00:00Z");
    let cases = [
        // From the first moment on, before the last one.
        (within(Some(first), Some(last)), (5, 2_200, 2, 1)),
        (within(None, Some(first)), (0, 0, 0, 0)),
        (within(Some("2026-01-10T01:00:00.000001Z"), None), (5, 2_000, 1, 0)),
        (within(Some(last), None), (1, 800, 0, 0)),
        (within(Some("2026-01-31T00:00:00Z"), Some("2026-02-20T01:00:00.000001Z")), (3, 900, 0, 0)),
    ];
    for (request, figures) in cases {
        let answer = suite.analytics().get_sales(request.clone()).await.unwrap().into_inner();
        let found = answer.sales.unwrap();
        let by = (found.repeat_customers_by_order, found.repeat_customers_by_day);
        assert_eq!((found.order_count, found.gmv_minor, by.0, by.1), figures, "{request:?}");
        assert_eq!((answer.currency_code.as_str(), answer.as_of), ("CNY", Some(seconds_ago(&suite, 0))));
    }
    let nothing =
        suite.analytics().get_sales(within(None, Some(first))).await.unwrap().into_inner().sales.unwrap();
    assert_eq!(nothing, Sales::default());
    let backwards = suite.analytics().get_sales(within(Some(first), Some(first))).await.unwrap_err();
    assert_eq!((backwards.code(), fields(&backwards)), (Code::InvalidArgument, vec!["end_time".to_owned()]));
    suite.finish().await;
}

async fn sales_month_by_month(suite: TestSuite) {
    five_customers(&suite).await;
    store(&suite, "shop", &[order("old", "once", at("2024-12-31T16:00:00Z"), 7)]).await;
    let month = |month: &str, order_count, customer_count, gmv_minor, refunded_minor| MonthlySales {
        month: month.to_owned(),
        order_count,
        customer_count,
        gmv_minor,
        refunded_minor,
    };
    let expected =
        [month("2025-01", 1, 1, 7, 0), month("2026-01", 3, 2, 1_700, 0), month("2026-02", 3, 3, 1_300, 200)];
    for page_size in [0, 1, 2, 3] {
        let mut found = Vec::new();
        let mut page_token = String::new();
        loop {
            let request =
                ListMonthlySalesRequest { parent: "accounts/shop".to_owned(), page_size, page_token };
            let page = suite.analytics().list_monthly_sales(request).await.unwrap().into_inner();
            found.extend(page.months);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(found, expected);
    }
    suite.finish().await;
}

async fn concentration(suite: &TestSuite, top_percents: &[f64]) -> GetGmvConcentrationResponse {
    let request = GetGmvConcentrationRequest {
        parent: "accounts/shop".to_owned(),
        top_percents: top_percents.to_vec(),
    };
    suite.analytics().get_gmv_concentration(request).await.unwrap().into_inner()
}

async fn concentration_rounds_customers_up_and_takes_ties_as_they_come(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let empty = concentration(&suite, &[50.0]).await;
    let none = TopShare { top_percent: 50.0, ..TopShare::default() };
    assert_eq!((empty.shares, empty.gmv_minor, empty.customer_count), (vec![none], 0, 0));

    // Seven customers; three of them spent the same, the last one nothing.
    for (user, amount) in [("a", 100), ("b", 400), ("c", 100), ("d", 250), ("e", 100), ("f", 50), ("g", 0)] {
        let time = at("2026-02-01T00:00:00Z");
        store(&suite, "shop", &[order(&format!("{user}-o"), user, time, amount)]).await;
    }
    let top = |top_percent, customer_count, gmv_minor: i32| TopShare {
        top_percent,
        customer_count,
        gmv_minor: gmv_minor.into(),
        share: f64::from(gmv_minor) / 1_000.0,
    };
    let asked = [100.0, 0.001, 14.0, 15.0, 43.0, 57.0, 58.0, 85.8];
    let expected = [
        top(100.0, 7, 1_000),
        top(0.001, 1, 400),
        top(14.0, 1, 400),
        top(15.0, 2, 650),
        top(43.0, 4, 850),
        top(57.0, 4, 850),
        top(58.0, 5, 950),
        top(85.8, 7, 1_000),
    ];
    let found = concentration(&suite, &asked).await;
    assert_eq!(found.shares, expected);
    assert_eq!((found.gmv_minor, found.customer_count), (1_000, 7));
    let usual = concentration(&suite, &[]).await.shares;
    let usual: Vec<_> = usual.iter().map(|share| (share.top_percent, share.customer_count)).collect();
    assert_eq!(usual, [(1.0, 1), (5.0, 1), (10.0, 1), (20.0, 2), (50.0, 4)]);

    for wrong in [vec![0.0], vec![100.1], vec![-1.0], vec![f64::NAN]] {
        let parent = "accounts/shop".to_owned();
        let request = GetGmvConcentrationRequest { parent, top_percents: wrong };
        let status = suite.analytics().get_gmv_concentration(request).await.unwrap_err();
        assert_eq!(fields(&status)[0], "top_percents[0]");
    }
    suite.finish().await;
}

async fn rfm(suite: &TestSuite) -> Vec<(i32, i32, i32, i64, i64)> {
    let request = GetRfmRequest { parent: "accounts/shop".to_owned() };
    let answer = suite.analytics().get_rfm(request).await.unwrap().into_inner();
    assert_eq!(answer.customer_count, answer.cells.iter().map(|cell| cell.customer_count).sum::<i64>());
    let cell =
        |cell: &RfmCell| (cell.recency, cell.frequency, cell.monetary, cell.customer_count, cell.gmv_minor);
    answer.cells.iter().map(cell).collect()
}

async fn rfm_scores_equal_customers_alike(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    assert_eq!(rfm(&suite).await, []);
    for user in ["a", "b", "c"] {
        store(&suite, "shop", &[order(user, user, at("2026-02-01T00:00:00Z"), 100)]).await;
    }
    // Nobody is worse than anybody.
    assert_eq!(rfm(&suite).await, [(1, 1, 1, 3, 300)]);
    store(
        &suite,
        "shop",
        &[
            // On the same day as the others but later, and twice: nothing but the amount is better.
            order("d-1", "d", at("2026-02-01T10:00:00Z"), 100),
            order("d-2", "d", at("2026-02-01T11:00:00Z"), 50),
            // On two days, the last of them later: better in everything but the amount.
            order("e-1", "e", at("2026-01-01T00:00:00Z"), 1),
            order("e-2", "e", at("2026-02-02T00:00:00Z"), 1),
        ],
    )
    .await;
    // Of five customers four are worse: 1 + 4 * 5 / 5. By amount one is worse than a, b, c, and all are worse than d.
    assert_eq!(rfm(&suite).await, [(5, 5, 1, 1, 2), (1, 1, 5, 1, 150), (1, 1, 2, 3, 300)]);
    suite.finish().await;
}

async fn the_funnel_counts_every_step(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let now = seconds_ago(&suite, 0);
    let mut events = vec![event("p", "potential", Kind::View, now), follow("f", "passerby", now)];
    events.push(order("q", "potential-customer", now, 100));
    for (user, orders) in [("favorable", 2), ("lover-1", 5), ("lover-2", 5)] {
        events.push(follow(&format!("{user}-f"), user, now));
        events.extend((0..orders).map(|number| order(&format!("{user}-{number}"), user, now, 100)));
    }
    // A cancelled order makes no customer.
    events.push(purchase("x", "passerby", Kind::Order, now, ("gone", 100)));
    events.push(purchase("y", "passerby", Kind::OrderCancel, now, ("gone", 0)));
    store(&suite, "shop", &events).await;
    let request = GetTierFunnelRequest { parent: "accounts/shop".to_owned() };
    let funnel = suite.analytics().get_tier_funnel(request).await.unwrap().into_inner();
    let count = |tier: Tier, fan_count| TierCount { tier: tier.into(), fan_count };
    let tiers = [
        count(Tier::Potential, 2),
        count(Tier::Passerby, 1),
        count(Tier::Favorable, 1),
        count(Tier::TrueLove, 2),
    ];
    assert_eq!(funnel.tiers, tiers);
    assert_eq!((funnel.known_count, funnel.following_count), (6, 4));
    assert_eq!((funnel.customer_count, funnel.repeat_customer_count), (4, 3));
    assert_eq!(funnel.as_of, Some(now));

    suite.account("lumi", "empty").await;
    let request = GetTierFunnelRequest { parent: "accounts/empty".to_owned() };
    let funnel = suite.analytics().get_tier_funnel(request).await.unwrap().into_inner();
    assert_eq!(
        funnel.tiers,
        [Tier::Potential, Tier::Passerby, Tier::Favorable, Tier::TrueLove].map(|tier| count(tier, 0))
    );
    suite.finish().await;
}

async fn a_matrix_counts_people_once_and_currencies_apart(suite: TestSuite) {
    suite.account("lumi", "lumi-1").await;
    suite.account("lumi", "lumi-2").await;
    suite.account("other", "other-1").await;
    let euros = Account {
        display_name: "Lumi Berlin".to_owned(),
        currency_code: "EUR".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        ..Account::default()
    };
    let request = CreateAccountRequest {
        parent: "enterprises/lumi".to_owned(),
        account: Some(euros),
        account_id: "lumi-0".to_owned(),
        ..Default::default()
    };
    suite.accounts().create_account(request).await.unwrap();
    let now = seconds_ago(&suite, 0);
    let both = [follow("f", "both", now), order("o", "both", now, 100)];
    let mut first: Vec<Interaction> = both.to_vec();
    first.extend([event("v", "elsewhere", Kind::View, now), order("p", "one", now, 7)]);
    store(&suite, "lumi-1", &first).await;
    let mut second: Vec<Interaction> = both.to_vec();
    second.extend([follow("g", "elsewhere", now), follow("h", "two", now), order("q", "two", now, 20)]);
    store(&suite, "lumi-2", &second).await;
    store(&suite, "lumi-0", &[order("o", "both", now, 5_000), order("r", "berlin", now, 3)]).await;
    store(&suite, "other-1", &[follow("f", "stranger", now), order("o", "both", now, 999)]).await;

    let request = GetMatrixRequest { parent: "enterprises/lumi".to_owned() };
    let matrix = suite.analytics().get_matrix(request).await.unwrap().into_inner();
    let account =
        |id: &str, following_count, known_count, order_count, gmv_minor, currency: &str| MatrixAccount {
            account: format!("accounts/{id}"),
            following_count,
            known_count,
            order_count,
            gmv_minor,
            currency_code: currency.to_owned(),
        };
    let accounts = [
        account("lumi-0", 0, 2, 2, 5_003, "EUR"),
        account("lumi-1", 1, 3, 2, 107, "CNY"),
        account("lumi-2", 3, 3, 2, 120, "CNY"),
    ];
    assert_eq!(matrix.accounts, accounts);
    assert_eq!(matrix.following_count, 4);
    assert_eq!((matrix.distinct_following_count, matrix.distinct_known_count), (3, 5));
    let amount = |code: &str, amount_minor| CurrencyAmount { currency_code: code.to_owned(), amount_minor };
    assert_eq!(matrix.gmv, [amount("CNY", 227), amount("EUR", 5_003)]);
    assert_eq!(matrix.as_of, Some(now));

    let nobody = GetMatrixRequest { parent: "enterprises/nobody".to_owned() };
    let status = suite.analytics().get_matrix(nobody).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()));
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    sales_and_both_repurchase_rates,
    sales_month_by_month,
    concentration_rounds_customers_up_and_takes_ties_as_they_come,
    rfm_scores_equal_customers_alike,
    the_funnel_counts_every_step,
    a_matrix_counts_people_once_and_currencies_apart,
);
