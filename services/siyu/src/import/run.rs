//! The whole import, from the first reading to the rebuilt tiers.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write,
};

use anyhow::{Context, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use siyu_proto::{
    common::v1::ErrorReason,
    crm::v1::{
        Interaction, InteractionKind, Rejection, interaction_service_client::InteractionServiceClient,
        tier_service_client::TierServiceClient,
    },
};

use super::{
    args::{DuplicateRows, FollowOn, ImportArgs, ShiftTo},
    cells::Fault,
    digest::{ContentDigest, row_digest},
    event::{field_of, to_proto},
    ids,
    interpret::{Interpreter, Meaning, SkipReason},
    report::{Rejects, Summary, describe},
    scan::{Scan, scan},
    send::{self, Outgoing},
    shift,
    source::{Row, Source},
    treatment::treatment,
};
use crate::connect::Client;

/// Imports a file, prints the summary and returns it. Rejected rows are an error only with `--strict`; otherwise
/// the caller asks [`Summary::is_clean`].
pub async fn run(
    args: ImportArgs,
    interactions: InteractionServiceClient<Client>,
    tiers: TierServiceClient<Client>,
    now: Timestamp,
) -> anyhow::Result<Summary> {
    args.check()?;
    let interpreter = Interpreter::new(&args);
    let scan = scan(Source::open(&args)?, &interpreter, now, args.show_errors)?;
    let wanted_days = shift_days(&args, &scan, now)?;
    let treatment = treatment(&args)?;
    let progress = progress_bar(&args, scan.rows)?;
    let rejects = Rejects::new(args.show_errors, args.rejects.as_deref(), progress.clone())?;
    let (import, created) =
        send::open_import(&interactions, &args.account, &args.import_id(), treatment, &scan, wanted_days)
            .await?;

    let mut delivery = Delivery {
        summary: Summary { rows: scan.rows, shift_days: import.shift_days, created, ..Summary::default() },
        round: Vec::with_capacity(send::ROUND),
        first_orders: BTreeMap::new(),
        interactions,
        rejects,
        progress,
        now,
        args,
    };
    delivery.send_file(&interpreter, scan.digest).await?;
    delivery.send_follows().await?;
    delivery.rejects.finish()?;
    send::rebuild_tiers(&tiers, &delivery.args.account, &delivery.progress).await?;
    delivery.progress.finish_and_clear();
    let summary = delivery.summary;
    crate::output::print(&summary)?;
    ensure!(
        summary.is_clean() || !delivery.args.strict,
        "{} rows were rejected (--strict)",
        summary.rejected
    );
    Ok(summary)
}

/// By how many days to move the file. Refuses files of which nothing can be sent: an import once opened keeps its
/// settings for ever, even those that were a mistake.
pub(super) fn shift_days(args: &ImportArgs, scan: &Scan, now: Timestamp) -> anyhow::Result<i64> {
    let mut faults = String::new();
    for (line, fault) in &scan.first_faults {
        write!(faults, "\n{}", describe(Some(*line), &fault.field, &fault.reason))?;
    }
    if args.strict && scan.bad_rows > 0 {
        bail!("nothing was sent: {} of {} rows are bad (--strict){faults}", scan.bad_rows, scan.rows);
    }
    let Some(latest) = scan.latest else {
        bail!("nothing was sent: none of {} rows can be{faults}", scan.rows);
    };
    match args.shift_days {
        Some(days) => Ok(days),
        None if args.shift_to == ShiftTo::None => Ok(0),
        None => shift::days_to(args.shift_to, latest, now, &args.time_zone),
    }
}

/// A bar that grows with the rows, unless nobody wants to see it.
pub(super) fn progress_bar(args: &ImportArgs, rows: u64) -> anyhow::Result<ProgressBar> {
    if args.quiet {
        return Ok(ProgressBar::hidden());
    }
    let style = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} {per_sec} {msg}")?;
    Ok(ProgressBar::new(rows).with_style(style))
}

/// The second reading of the file.
struct Delivery {
    summary: Summary,
    round: Vec<Outgoing>,
    /// The time of the first order of each customer.
    first_orders: BTreeMap<String, Timestamp>,
    interactions: InteractionServiceClient<Client>,
    rejects: Rejects,
    progress: ProgressBar,
    now: Timestamp,
    args: ImportArgs,
}

impl Delivery {
    async fn send_file(&mut self, interpreter: &Interpreter, expected: ContentDigest) -> anyhow::Result<()> {
        let mut source = Source::open(&self.args)?;
        let mut digest = ContentDigest::default();
        let mut seen = HashSet::new();
        while let Some(row) = source.next()? {
            let row_digest = row_digest(&row.bytes);
            digest.add(row_digest);
            if self.args.duplicate_rows == DuplicateRows::Skip && !seen.insert(row_digest) {
                self.skip(SkipReason::DuplicateRow);
                continue;
            }
            self.take(interpreter, row)?;
            if self.round.len() == self.round_size() {
                self.flush().await?;
            }
        }
        self.flush().await?;
        ensure!(
            digest == expected,
            "the file changed while it was read: import it again under another --import-id"
        );
        Ok(())
    }

    fn take(&mut self, interpreter: &Interpreter, row: Row) -> anyhow::Result<()> {
        let text = || String::from_utf8_lossy(&row.bytes).into_owned();
        match row.cells.and_then(|cells| interpreter.read(row.line, &cells)) {
            Err(fault) => self.reject(row.line, &fault, &text()),
            Ok(Meaning::Skip(reason)) => {
                self.skip(reason);
                Ok(())
            }
            Ok(Meaning::Event(event)) => {
                let may_follow = event.is_order() && !event.is_guest;
                match event.moved(self.summary.shift_days, &self.args.time_zone, self.now) {
                    Err(fault) => self.reject(row.line, &fault, &text()),
                    Ok((interaction, time)) => {
                        if may_follow && self.args.follow_on == FollowOn::FirstOrder {
                            self.note_order(&interaction.user, time);
                        }
                        let row_text = if self.rejects.want_rows() { text() } else { String::new() };
                        self.round.push(Outgoing { interaction, line: Some(row.line), row: row_text });
                        Ok(())
                    }
                }
            }
        }
    }

    /// The first round of a resumed import is small, and never the whole file: it shows whether the rows still stand at
    /// their lines, before any row that moved can be stored a second time.
    fn round_size(&self) -> usize {
        if self.summary.created || self.summary.sent > 0 {
            return send::ROUND;
        }
        let half_of_file = usize::try_from(self.summary.rows / 2).unwrap_or(send::BATCH);
        half_of_file.clamp(1, send::BATCH)
    }

    fn note_order(&mut self, user: &str, time: Timestamp) {
        match self.first_orders.get_mut(user) {
            Some(first) => *first = time.min(*first),
            None => {
                self.first_orders.insert(user.to_owned(), time);
            }
        }
    }

    fn skip(&mut self, reason: SkipReason) {
        *self.summary.skipped_by_reason.entry(reason).or_default() += 1;
    }

    fn reject(&mut self, line: u64, fault: &Fault, row: &str) -> anyhow::Result<()> {
        self.summary.rejected += 1;
        self.rejects.tell(Some(line), &fault.field, &fault.reason, row)
    }

    async fn send_follows(&mut self) -> anyhow::Result<()> {
        let import_id = self.args.import_id();
        for (user, time) in std::mem::take(&mut self.first_orders) {
            let customer = user.strip_prefix("users/").unwrap_or(&user);
            let interaction = Interaction {
                event_id: ids::follow_event_id(&import_id, customer),
                kind: InteractionKind::Follow.into(),
                event_time: Some(to_proto(time)),
                user,
                ..Interaction::default()
            };
            self.summary.follows += 1;
            self.round.push(Outgoing { row: interaction.event_id.clone(), interaction, line: None });
            if self.round.len() == send::ROUND {
                self.flush().await?;
            }
        }
        self.flush().await
    }

    /// Sends the round and counts the answer.
    async fn flush(&mut self) -> anyhow::Result<()> {
        if self.round.is_empty() {
            return Ok(());
        }
        let first =
            self.round[0].line.map_or_else(|| "the added follows".to_owned(), |line| format!("line {line}"));
        let answer = send::send_round(&self.interactions, &self.args.account, &self.round)
            .await
            .with_context(|| format!("stopped before {first}: run the same command again to go on"))?;
        let rejected = u64::try_from(answer.rejected_count)?;
        let conflicts =
            answer.rejections.iter().filter(|r| r.reason() == ErrorReason::EventIdConflict).count();
        ensure!(
            self.summary.created || self.summary.sent > 0 || conflicts * 2 <= self.round.len(),
            "{conflicts} of the first {} rows are not what was imported at their lines: the file was sorted, or grew \
             at the top; import its new rows alone, under another --import-id",
            self.round.len()
        );
        self.summary.sent += u64::try_from(self.round.len())?;
        self.summary.accepted += u64::try_from(answer.accepted_count)?;
        self.summary.duplicates += u64::try_from(answer.duplicate_count)?;
        self.summary.rejected += rejected;
        self.summary.rejected_by_server += rejected;
        for rejection in &answer.rejections {
            let sent = usize::try_from(rejection.index).ok().and_then(|index| self.round.get(index));
            let sent = sent.context("the server rejected an interaction that was not sent")?;
            self.rejects.tell(sent.line, &field_of(&rejection.field), &reason(rejection), &sent.row)?;
        }
        self.round.clear();
        self.progress.set_length(self.summary.rows + self.summary.follows);
        let skipped: u64 = self.summary.skipped_by_reason.values().sum();
        self.progress.set_position(
            self.summary.sent + skipped + self.summary.rejected - self.summary.rejected_by_server,
        );
        Ok(())
    }
}

/// What the server found wrong, with the name of the mistake.
fn reason(rejection: &Rejection) -> String {
    let name = rejection.reason().as_str_name();
    let name = name.strip_prefix("ERROR_REASON_").unwrap_or(name);
    if rejection.reason() == ErrorReason::Unspecified {
        return rejection.message.clone();
    }
    format!("{} ({name})", rejection.message)
}
