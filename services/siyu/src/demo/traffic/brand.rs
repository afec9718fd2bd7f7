//! The brand behind the traffic: one enterprise, three accounts.

use siyu_proto::accounts::v1::{Account, DayOfWeek, Enterprise, Industry, OpeningPeriod, Profile};

/// Id of the enterprise.
pub const ENTERPRISE_ID: &str = "lumi";

/// The time zone of all accounts.
pub const TIME_ZONE: &str = "Asia/Shanghai";

/// Number of accounts in the matrix.
pub(super) const ACCOUNT_COUNT: usize = 3;

/// Index of the head office in [`accounts`].
pub const FLAGSHIP: usize = 0;
/// Index of the store in [`accounts`].
pub const STORE: usize = 1;
/// Index of the live host in [`accounts`].
pub const HOST: usize = 2;

const WORKDAYS: [DayOfWeek; 5] =
    [DayOfWeek::Monday, DayOfWeek::Tuesday, DayOfWeek::Wednesday, DayOfWeek::Thursday, DayOfWeek::Friday];
const WEEKEND: [DayOfWeek; 2] = [DayOfWeek::Saturday, DayOfWeek::Sunday];

/// The enterprise: a skincare brand.
pub fn enterprise() -> Enterprise {
    Enterprise { display_name: "露米 Lumi".to_owned(), ..Enterprise::default() }
}

/// Ids and values of the accounts, in the order of the account indices of [`super::Traffic::day`].
pub fn accounts() -> [(&'static str, Account); ACCOUNT_COUNT] {
    [
        (
            "lumi-flagship",
            account(
                "露米官方旗舰店 Lumi Flagship",
                "露米护肤研究员：把成分讲清楚，只推荐适合你的。 Your skin coach: honest about ingredients.",
                &["31", "32", "33", "44", "11"],
                [open(&WORKDAYS, 9, 22), open(&WEEKEND, 10, 22)].concat(),
            ),
        ),
        (
            "lumi-store-shanghai",
            account(
                "露米上海静安店 Lumi Store Shanghai",
                "静安店店长小陈：到店免费测肤。 Chen of the Jing'an store: come in for a free skin test.",
                &["310106", "310101", "310104"],
                // The store closes for lunch on workdays.
                [open(&WORKDAYS, 10, 12), open(&WORKDAYS, 13, 21), open(&WEEKEND, 10, 22)].concat(),
            ),
        ),
        (
            "lumi-host-anna",
            account(
                "安娜 · 露米主播 Anna, Lumi Live Host",
                "主播安娜：每周四场直播，自己用过才开播。 Anna tries everything herself before it goes live.",
                &["31", "33", "51"],
                [open(&WORKDAYS, 14, 23), open(&WEEKEND, 13, 23)].concat(),
            ),
        ),
    ]
}

fn account(
    display_name: &str,
    persona: &str,
    regions: &[&str],
    opening_hours: Vec<OpeningPeriod>,
) -> Account {
    Account {
        display_name: display_name.to_owned(),
        time_zone: TIME_ZONE.to_owned(),
        currency_code: "CNY".to_owned(),
        profile: Some(Profile {
            industry: Industry::SkincareAndCosmetics.into(),
            persona: persona.to_owned(),
            regions: regions.iter().map(|&region| region.to_owned()).collect(),
            opening_hours,
        }),
        ..Account::default()
    }
}

fn open(days: &[DayOfWeek], from_hour: i32, to_hour: i32) -> Vec<OpeningPeriod> {
    days.iter()
        .map(|&day| OpeningPeriod {
            day: day.into(),
            open_minute: from_hour * 60,
            close_minute: to_hour * 60,
        })
        .collect()
}
