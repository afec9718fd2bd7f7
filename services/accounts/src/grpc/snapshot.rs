//! All accounts as of one moment, for whoever begins to follow the events.

use siyu_db::Tx;
use siyu_proto::accounts::v1::SnapshotAccountsResponse;
use siyu_rpc::Error;
use tokio::sync::mpsc;
use tonic::Status;

use super::to_account;
use crate::store;

/// Accounts in one response.
const CHUNK: i64 = 500;

/// Sends the accounts that `tx` sees, until the reader goes.
pub(super) async fn send(
    mut tx: Tx,
    reader: mpsc::Sender<Result<SnapshotAccountsResponse, Status>>,
) -> Result<(), Error> {
    let mut after = String::new();
    loop {
        let accounts = store::account::list_all(&mut tx, &after, CHUNK).await?;
        let Some(last) = accounts.last() else { return Ok(()) };
        after.clone_from(&last.account_id);
        let accounts = accounts.into_iter().map(to_account).collect::<Result<_, _>>()?;
        let response = SnapshotAccountsResponse { cursors: Vec::new(), accounts };
        if reader.send(Ok(response)).await.is_err() {
            return Ok(());
        }
    }
}
