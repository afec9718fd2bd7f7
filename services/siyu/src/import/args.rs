//! What the command line says, and whether it makes sense.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::{civil::Date, tz::TimeZone};
use siyu_proto::crm::v1::InteractionKind;

use super::{cells::Field, ids, time::TimeFormat, treatment};

/// Imports a file of orders or interactions into the CRM, or of messages into conversations.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// How the file is written.
    #[arg(long, value_enum)]
    pub format: Format,

    /// The file. It is read twice, so it cannot be a pipe.
    // Its own id, because the file of the configuration, a global flag, is `file` too.
    #[arg(id = "rows_file", value_name = "FILE")]
    pub file: PathBuf,

    /// The account that the rows belong to: `accounts/ID` or `ID`. With collegemsg, where whoever is written to first is an account, what
    /// their ids begin with.
    #[arg(long, value_parser = ids::parse_account)]
    pub account: String,

    /// Name of the import and prefix of its event ids [default: format and file name].
    #[arg(long, value_parser = ids::parse_import_id)]
    pub import_id: Option<String>,

    /// Moves all times by whole days, so that the latest one lands on that day, but never in the future.
    #[arg(long, value_name = "none|now|YYYY-MM-DD", default_value = "none", value_parser = parse_shift_to)]
    pub shift_to: ShiftTo,

    /// Moves all times by that many days.
    #[arg(long, conflicts_with = "shift_to", allow_negative_numbers = true,
          value_parser = clap::value_parser!(i64).range(-36_500..=36_500))]
    pub shift_days: Option<i64>,

    /// Zone of the times that do not name one, and of the days that times are moved by.
    #[arg(long, default_value = "Asia/Shanghai", value_parser = parse_time_zone)]
    pub time_zone: TimeZone,

    /// Which interactions to add: `first-order` lets every customer but guests follow at his first order.
    #[arg(long, value_enum, default_value_t = FollowOn::None)]
    pub follow_on: FollowOn,

    /// Digits after the point in the account's currency.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=4))]
    pub minor_digits: u8,

    /// Which column holds what, for csv and ndjson, e.g. `user=customer_id,time=date,amount=total`. Fields: user,
    /// time, kind, amount, order, quantity, target, source, event.
    #[arg(long, value_name = "FIELD=COLUMN", value_delimiter = ',', value_parser = parse_mapping)]
    pub map: Vec<(Field, String)>,

    /// What separates the columns of csv: one ASCII character, or `tab`.
    #[arg(long, default_value = ",", value_parser = parse_delimiter)]
    pub delimiter: u8,

    /// `auto` (RFC 3339, YYYY-MM-DD, YYYYMMDD, YYYY-MM-DD HH:MM:SS, Unix seconds), `unix`, `unix-ms`, or a strptime
    /// format such as `%d/%m/%Y %H:%M`.
    #[arg(long, default_value = "auto", value_parser = TimeFormat::parse)]
    pub time_format: TimeFormat,

    /// Kind of the rows that do not name one.
    #[arg(long, default_value = "order", value_parser = parse_kind)]
    pub default_kind: InteractionKind,

    /// What the file calls the kinds, beside their own names, e.g. `购买=order,退款=refund`.
    #[arg(long, value_name = "NAME=KIND", value_delimiter = ',', value_parser = parse_kind_name)]
    pub kind_names: Vec<(String, InteractionKind)>,

    /// Rows with an amount below zero: reject them, or take them as refunds of their order.
    #[arg(long, value_enum, default_value_t = NegativeAmounts::Reject)]
    pub negative_amounts: NegativeAmounts,

    /// Rows that cancel an order.
    #[arg(long, value_enum, default_value_t = KeepOrIgnore::Keep)]
    pub cancellations: KeepOrIgnore,

    /// Rows that refund an order.
    #[arg(long, value_enum, default_value_t = KeepOrIgnore::Keep)]
    pub refunds: KeepOrIgnore,

    /// Rows without a user: reject them, skip them, or give each a guest user of its own.
    #[arg(long, value_enum, default_value_t = NoCustomer::Reject)]
    pub no_customer: NoCustomer,

    /// Rows with the same order number: lines of one order, or an order each.
    #[arg(long, value_enum, default_value_t = OrderLines::OneOrder)]
    pub order_lines: OrderLines,

    /// Rows that equal an earlier row exactly: different events, or mistakes to skip (keeps a digest of every row
    /// in memory).
    #[arg(long, value_enum, default_value_t = DuplicateRows::Keep)]
    pub duplicate_rows: DuplicateRows,

    /// How many rejected rows to print.
    #[arg(long, default_value_t = 20)]
    pub show_errors: u64,

    /// Writes all rejected rows to this file, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,

    /// Fails when any row is rejected; where the file alone shows it, before anything is sent.
    #[arg(long)]
    pub strict: bool,

    /// Shows no progress.
    #[arg(long, short)]
    pub quiet: bool,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Customer, YYYYMMDD, quantity, amount, separated by spaces.
    Cdnow,
    /// Separated columns with a header line.
    Csv,
    /// A JSON object on each line.
    Ndjson,
    /// Private messages: source, target, Unix seconds, separated by spaces.
    Collegemsg,
}

/// Where the latest time of a file lands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShiftTo {
    /// Where it is.
    None,
    /// As late as whole days allow without lying in the future.
    Now,
    /// On this day.
    Day(Date),
}

/// Which interactions are added to those of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FollowOn {
    /// None.
    None,
    /// Every customer but guests follows at his first order.
    FirstOrder,
}

/// What happens to amounts below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NegativeAmounts {
    /// The row is rejected.
    Reject,
    /// The row is a refund of its order.
    Refund,
}

/// Whether rows of a kind are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeepOrIgnore {
    /// They are sent.
    Keep,
    /// They are skipped.
    Ignore,
}

/// What happens to rows without a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NoCustomer {
    /// They are rejected.
    Reject,
    /// They are skipped.
    Skip,
    /// Each belongs to a guest of its own.
    Guest,
}

/// What rows with the same order number are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OrderLines {
    /// An order each. Refunds and cancellations are rejected then: they cannot say which of them they mean.
    Separate,
    /// Lines of one order.
    OneOrder,
}

/// What rows that equal an earlier row are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DuplicateRows {
    /// Events of their own.
    Keep,
    /// Mistakes, skipped.
    Skip,
}

impl ImportArgs {
    /// The id of the import: as given, or made of the format and the file's name.
    pub(super) fn import_id(&self) -> String {
        self.import_id
            .clone()
            .unwrap_or_else(|| ids::default_import_id(&treatment::name_of(self.format), &self.file))
    }

    /// Whether a field is mapped to a column.
    fn maps(&self, field: Field) -> bool {
        self.map.iter().any(|(mapped, _)| *mapped == field)
    }

    /// Refuses settings under which no row could be good.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        for (index, (field, _)) in self.map.iter().enumerate() {
            let name = field.name();
            anyhow::ensure!(
                self.map[..index].iter().all(|(earlier, _)| earlier != field),
                "--map names a column for {name} twice"
            );
        }
        if self.format == Format::Collegemsg {
            anyhow::ensure!(
                self.map.is_empty() && self.follow_on == FollowOn::None,
                "--map and --follow-on are for orders and interactions: the columns of collegemsg are fixed"
            );
            let most = ids::MAX_MESSAGES_IMPORT_ID;
            anyhow::ensure!(
                self.import_id().len() <= most,
                "--import-id must have at most {most} characters for collegemsg"
            );
            return Ok(());
        }
        if self.format == Format::Cdnow {
            anyhow::ensure!(
                self.map.is_empty(),
                "--map is for csv and ndjson: the columns of cdnow are fixed"
            );
            anyhow::ensure!(
                self.default_kind == InteractionKind::Order && self.time_format == TimeFormat::Auto,
                "--default-kind and --time-format are for csv and ndjson: the rows of cdnow are orders of a day"
            );
            return Ok(());
        }
        anyhow::ensure!(
            self.maps(Field::Time),
            "--map must say which column is the time, e.g. time=created_at"
        );
        anyhow::ensure!(
            self.maps(Field::User) || self.no_customer == NoCustomer::Guest,
            "--map must say which column is the user, e.g. user=customer_id (or use --no-customer guest)"
        );
        let has_amount = matches!(self.default_kind, InteractionKind::Order | InteractionKind::Refund);
        anyhow::ensure!(
            !has_amount || self.maps(Field::Kind) || self.maps(Field::Amount),
            "--map must say which column is the amount, e.g. amount=total"
        );
        Ok(())
    }
}

fn parse_shift_to(text: &str) -> Result<ShiftTo, String> {
    match text {
        "none" => Ok(ShiftTo::None),
        "now" => Ok(ShiftTo::Now),
        day => day.parse().map(ShiftTo::Day).map_err(|_| "expected none, now or YYYY-MM-DD".to_owned()),
    }
}

fn parse_time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "no such time zone; expected a name like Asia/Shanghai".to_owned())
}

fn parse_mapping(text: &str) -> Result<(Field, String), String> {
    let (field, column) = text.split_once('=').ok_or("expected FIELD=COLUMN")?;
    if column.is_empty() {
        return Err(format!("no column for {field}"));
    }
    Ok((field.parse()?, column.to_owned()))
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        _ => Err("expected one ASCII character, or `tab`".to_owned()),
    }
}

fn parse_kind(name: &str) -> Result<InteractionKind, String> {
    treatment::kind_named(name).ok_or_else(|| format!("{name} is no kind of interaction"))
}

fn parse_kind_name(text: &str) -> Result<(String, InteractionKind), String> {
    let (name, kind) = text.rsplit_once('=').ok_or("expected NAME=KIND")?;
    Ok((name.to_owned(), parse_kind(kind)?))
}
