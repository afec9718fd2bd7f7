//! Private messages, and how soon they were answered, as a titled table.

use siyu_proto::messaging::v1::{ClockFigures, ResponseFigures};

use super::{format::count, render::section};

/// The conversations of an account.
#[derive(Debug, Clone, Default)]
pub struct ConversationFigures {
    /// How many there are.
    pub conversations: i64,
    /// What users wrote.
    pub from_users: i64,
    /// What was answered by itself.
    pub automatic: i64,
    /// What people answered.
    pub from_people: i64,
    /// How soon.
    pub report: ResponseFigures,
}

/// The conversations of one account, `account_name` being `accounts/{account}`.
#[must_use]
pub fn conversations(account_name: &str, display_name: &str, figures: &ConversationFigures) -> String {
    let report = &figures.report;
    let rows = [
        ("conversations", count(figures.conversations)),
        ("messages of users", count(figures.from_users)),
        ("automatic replies", count(figures.automatic)),
        ("answers of people", count(figures.from_people)),
        ("cases", count(report.case_count)),
        ("first answer of a bot", taken(report.first_bot.as_ref())),
        ("first answer of a human, in working time", taken(report.first_human.as_ref())),
        ("cases closed, in working time", taken(report.resolution.as_ref())),
        ("warnings that a target is near", count(report.warning_count)),
        ("targets missed", count(report.breach_count)),
        ("ratings, and their mean", format!("{}, {:.2}", count(report.rating_count), report.mean_stars)),
    ];
    let title = format!("Conversations of {display_name} ({account_name})");
    section(&title, &["figure", "value"], rows.map(|(figure, value)| [figure.to_owned(), value])) + "\n"
}

/// `12 min 5 s, 9 of 10 within 26 min 40 s`
fn taken(figures: Option<&ClockFigures>) -> String {
    match figures {
        Some(ClockFigures { count: 1.., median: Some(median), p90: Some(p90) }) => {
            format!("half within {}, 9 of 10 within {}", minutes(median.seconds), minutes(p90.seconds))
        }
        _ => "–".to_owned(),
    }
}

fn minutes(seconds: i64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}
