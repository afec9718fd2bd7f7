//! The calls to the CRM.

use anyhow::Context;
use indicatif::ProgressBar;
use siyu_proto::crm::v1::{
    CreateImportRequest, CreateImportResponse, Import, Interaction, RebuildTiersRequest,
    StreamInteractionsRequest, StreamInteractionsResponse,
    interaction_service_client::InteractionServiceClient, tier_service_client::TierServiceClient,
};
use tonic::Status;

use super::{retry::with_retries, scan::Scan};
use crate::connect::Client;

/// Interactions in one message: the server stores each message as a transaction.
pub(super) const BATCH: usize = 500;

/// Interactions in one stream. Only its end is acknowledged, so this is what a broken connection costs.
pub(super) const ROUND: usize = 20 * BATCH;

/// An interaction on its way, and where it came from.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// The interaction.
    pub(super) interaction: Interaction,
    /// The line its row starts at; None when it was added by the importer.
    pub(super) line: Option<u64>,
    /// The text of its row, where rejected rows are written to a file.
    pub(super) row: String,
}

/// Opens the import, or reads it back.
pub(super) async fn open_import(
    client: &InteractionServiceClient<Client>,
    account: &str,
    import_id: &str,
    treatment: String,
    scan: &Scan,
    shift_days: i64,
) -> anyhow::Result<(Import, bool)> {
    let request = CreateImportRequest {
        parent: account.to_owned(),
        import_id: import_id.to_owned(),
        import: Some(Import {
            shift_days,
            treatment,
            content_digest: scan.digest.to_hex(),
            order_digest: scan.lines.to_hex(),
            ..Import::default()
        }),
    };
    let CreateImportResponse { import, created } =
        with_retries("CreateImport", async || client.clone().create_import(request.clone()).await)
            .await
            .with_context(|| format!("cannot open the import {import_id}"))?
            .into_inner();
    Ok((import.context("the server did not say what it opened")?, created))
}

/// Sends a round and waits until it is stored. The answer lists every rejection, however many there are.
pub(super) async fn send_round(
    client: &InteractionServiceClient<Client>,
    account: &str,
    round: &[Outgoing],
) -> Result<StreamInteractionsResponse, Status> {
    let mut answer = stream(client, account, round).await?;
    let rejected = usize::try_from(answer.rejected_count).unwrap_or_default();
    while answer.rejections.len() < rejected {
        // The server lists only the first rejections of a stream. Sending what follows the last listed one again
        // changes nothing there, and lists the next ones.
        let Some(next) = answer.rejections.last().and_then(|last| usize::try_from(last.index + 1).ok())
        else {
            break;
        };
        let Some(rest) = round.get(next..).filter(|rest| !rest.is_empty()) else { break };
        let more = stream(client, account, rest).await?.rejections;
        if more.is_empty() {
            break;
        }
        let offset = i64::try_from(next).unwrap_or(i64::MAX);
        answer.rejections.extend(more.into_iter().map(|mut rejection| {
            rejection.index = rejection.index.saturating_add(offset);
            rejection
        }));
    }
    Ok(answer)
}

async fn stream(
    client: &InteractionServiceClient<Client>,
    account: &str,
    round: &[Outgoing],
) -> Result<StreamInteractionsResponse, Status> {
    let batch = |outgoing: &[Outgoing]| StreamInteractionsRequest {
        parent: account.to_owned(),
        interactions: outgoing.iter().map(|outgoing| outgoing.interaction.clone()).collect(),
    };
    let answer = with_retries("StreamInteractions", async || {
        let batches: Vec<_> = round.chunks(BATCH).map(batch).collect();
        client.clone().stream_interactions(tokio_stream::iter(batches)).await
    })
    .await?;
    Ok(answer.into_inner())
}

/// Lets the server replay every fan by event time, so that tiers do not depend on the order of the file.
pub(super) async fn rebuild_tiers(
    client: &TierServiceClient<Client>,
    account: &str,
    progress: &ProgressBar,
) -> anyhow::Result<()> {
    let request = RebuildTiersRequest { parent: account.to_owned() };
    with_retries("RebuildTiers", async || {
        let mut steps = client.clone().rebuild_tiers(request.clone()).await?.into_inner();
        while let Some(step) = steps.message().await? {
            progress.set_message(format!("rebuilding tiers: {} fans", step.fan_count));
            if step.done {
                return Ok(());
            }
        }
        Err(Status::unavailable("the rebuild ended before it was done"))
    })
    .await
    .context("all rows are stored, but the tiers were not rebuilt: run the import or RebuildTiers again")
}
