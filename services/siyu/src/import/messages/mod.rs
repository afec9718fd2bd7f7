//! `siyu import --format collegemsg`: private messages between people, as conversations between accounts and users.
//!
//! A message is known by its import and its line, so that running the same command again goes on where the last stopped.

mod file;

use std::{collections::BTreeSet, fmt};

use anyhow::{Context, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde_json::json;
use siyu_proto::{
    accounts::v1::{
        Account, CreateAccountRequest, GetAccountRequest, accounts_service_client::AccountsServiceClient,
    },
    common::v1::ErrorReason,
    crm::v1::interaction_service_client::InteractionServiceClient,
    messaging::v1::{
        ImportMessagesRequest, ImportMessagesResponse, ImportedMessage, MessageContent, MessageContentKind,
        MessageSender, import_service_client::ImportServiceClient,
    },
};
use tonic::{Code, Status};

use super::{
    args::ImportArgs,
    event::to_proto,
    ids,
    report::Rejects,
    retry::with_retries,
    run::{progress_bar, shift_days},
    send, shift,
};
use crate::connect::Client;
use file::{Contents, Message};

/// Messages in one call.
const ROUND: usize = 1_000;
/// Accounts made at the same time.
const MAKERS: usize = 16;
/// Counts up when the same row becomes another message.
const IMPORTER_VERSION: u32 = 1;

/// What an import of messages did: `rows` = `stored` + `duplicates` + `rejected`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessagesSummary {
    /// Rows in the file, good and bad.
    pub rows: u64,
    /// Accounts that messages were sent from or to.
    pub accounts: u64,
    /// Conversations they are in.
    pub conversations: u64,
    /// Messages that the server stored now.
    pub stored: u64,
    /// Messages that it had before.
    pub duplicates: u64,
    /// Rows that were not stored, by whomever they were rejected.
    pub rejected: u64,
    /// Days that all times were moved by.
    pub shift_days: i64,
    /// Whether this was the first run of the import; otherwise it was resumed or repeated.
    pub created: bool,
}

impl MessagesSummary {
    /// Whether no row was rejected.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.rejected == 0
    }
}

impl fmt::Display for MessagesSummary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = if self.created { "new import" } else { "import resumed" };
        writeln!(out, "{run}, times moved by {} days", self.shift_days)?;
        writeln!(
            out,
            "  rows        {:>12}  in {} conversations of {} accounts",
            self.rows, self.conversations, self.accounts
        )?;
        writeln!(out, "  stored      {:>12}", self.stored)?;
        writeln!(out, "  duplicates  {:>12}", self.duplicates)?;
        write!(out, "  rejected    {:>12}", self.rejected)
    }
}

/// Imports a file of messages, prints the summary and returns it. Whoever is written to first in a conversation is an account,
/// `{account}-{number}` of the enterprise that the account of the import belongs to; it is made where there is none.
///
/// # Errors
/// When the file cannot be read, none of it can be sent, a server does not answer, or rows are rejected with `--strict`.
pub async fn run(args: ImportArgs, client: Client, now: Timestamp) -> anyhow::Result<MessagesSummary> {
    args.check()?;
    let Contents { mut scan, rows, faults } = file::read(&args)?;
    scan.first_faults = faults.iter().take(usize::try_from(args.show_errors)?).cloned().collect();
    let wanted_days = shift_days(&args, &scan, now)?;
    let progress = progress_bar(&args, scan.rows)?;
    let mut rejects = Rejects::new(args.show_errors, args.rejects.as_deref(), progress.clone())?;
    for (line, fault) in &faults {
        rejects.tell(Some(*line), &fault.field, &fault.reason, "")?;
    }
    let interactions = InteractionServiceClient::new(client.clone());
    let import_id = args.import_id();
    let (import, created) =
        send::open_import(&interactions, &args.account, &import_id, treatment(&args), &scan, wanted_days)
            .await?;

    let messages = file::messages(rows);
    let accounts: BTreeSet<&str> = messages.iter().map(|message| &*message.account).collect();
    let conversations: BTreeSet<(&str, &str)> =
        messages.iter().map(|message| (&*message.account, &*message.user)).collect();
    make_accounts(client.clone(), &args.account, &accounts).await?;
    let mut summary = MessagesSummary {
        rows: scan.rows,
        accounts: u64::try_from(accounts.len())?,
        conversations: u64::try_from(conversations.len())?,
        rejected: scan.bad_rows,
        shift_days: import.shift_days,
        created,
        ..MessagesSummary::default()
    };
    let server = ImportServiceClient::new(client);
    for round in messages.chunks(ROUND) {
        let imported = round.iter().map(|message| imported(message, &args, &import_id, import.shift_days));
        let imported = imported.collect::<anyhow::Result<Vec<_>>>()?;
        let answer = send_round(&server, imported).await.with_context(|| {
            format!("stopped before line {}: run the same command again to go on", round[0].line)
        })?;
        summary.stored += u64::try_from(answer.stored_count)?;
        summary.duplicates += u64::try_from(answer.duplicate_count)?;
        summary.rejected += u64::try_from(answer.rejections.len())?;
        for rejection in &answer.rejections {
            let line = usize::try_from(rejection.index).ok().and_then(|index| round.get(index));
            let line = line.context("the server rejected a message that was not sent")?.line;
            let name = rejection.reason().as_str_name().trim_start_matches("ERROR_REASON_");
            let shows_reason = rejection.reason() != ErrorReason::Unspecified;
            let reason = if shows_reason {
                format!("{} ({name})", rejection.message)
            } else {
                rejection.message.clone()
            };
            rejects.tell(Some(line), "message", &reason, "")?;
        }
        progress.inc(u64::try_from(round.len())?);
    }
    rejects.finish()?;
    progress.finish_and_clear();
    crate::output::print(&summary)?;
    ensure!(summary.is_clean() || !args.strict, "{} rows were rejected (--strict)", summary.rejected);
    Ok(summary)
}

/// The settings that decide which messages the rows become.
fn treatment(args: &ImportArgs) -> String {
    json!({ "importer": IMPORTER_VERSION, "format": "collegemsg", "time_zone": args.time_zone.iana_name() })
        .to_string()
}

/// The account of the import of which somebody is one of many: `accounts/college` and `17` are `accounts/college-17`.
fn account_name(base: &str, person: &str) -> String {
    format!("{base}-{person}")
}

async fn make_accounts(client: Client, base: &str, people: &BTreeSet<&str>) -> anyhow::Result<()> {
    let server = AccountsServiceClient::new(client);
    let request = GetAccountRequest { name: base.to_owned() };
    let found = with_retries("GetAccount", async || server.clone().get_account(request.clone()).await).await;
    let found = found.with_context(|| format!("cannot read {base}; --create makes it"))?.into_inner();
    let base_account = found.account.context("the server did not say what it found")?;
    let make = async |person: &str| {
        let name = account_name(base, person);
        let account_id = name.trim_start_matches("accounts/").to_owned();
        let account = Account {
            display_name: account_id.clone(),
            time_zone: base_account.time_zone.clone(),
            currency_code: base_account.currency_code.clone(),
            ..Account::default()
        };
        let parent = base_account.enterprise.clone();
        let request =
            CreateAccountRequest { parent, account: Some(account), account_id, ..Default::default() };
        let made =
            with_retries("CreateAccount", async || server.clone().create_account(request.clone()).await);
        match made.await {
            Err(status) if status.code() != Code::AlreadyExists => Err(status),
            _ => Ok(()),
        }
    };
    stream::iter(people).map(|person| make(person)).buffer_unordered(MAKERS).try_collect::<()>().await?;
    Ok(())
}

fn imported(
    message: &Message,
    args: &ImportArgs,
    import_id: &str,
    shift_days: i64,
) -> anyhow::Result<ImportedMessage> {
    let time = shift::shifted(message.time, shift_days, &args.time_zone);
    let time = time.with_context(|| format!("line {}: the time leaves the calendar", message.line))?;
    let sender = if message.by_account { MessageSender::Account } else { MessageSender::User };
    // The file says that they wrote, not what.
    let text = format!("message of line {}", message.line);
    let kind = MessageContentKind::Text.into();
    Ok(ImportedMessage {
        account: account_name(&args.account, &message.account),
        user: format!("users/{}", message.user),
        sender: sender.into(),
        client_message_id: ids::message_id(import_id, message.line),
        content: Some(MessageContent { kind, text, ..MessageContent::default() }),
        create_time: Some(to_proto(time)),
    })
}

async fn send_round(
    server: &ImportServiceClient<Client>,
    messages: Vec<ImportedMessage>,
) -> Result<ImportMessagesResponse, Status> {
    let request = ImportMessagesRequest { messages };
    let answer =
        with_retries("ImportMessages", async || server.clone().import_messages(request.clone()).await);
    Ok(answer.await?.into_inner())
}
