//! `ImportService`: decode, call the use case, encode.

use jiff::tz::TimeZone;
use siyu_proto::messaging::v1::{
    ImportMessagesRequest, ImportMessagesResponse, ImportRejection, ImportedMessage,
    import_service_server::ImportService,
};
use siyu_rpc::{Error, admit, time::from_proto};
use tonic::{Request, Response, Status};

use super::convert::{content, ids, sender};
use crate::{
    Messaging,
    app::sending::{Allowed, NewMessage},
    domain::message::Sender,
};

/// Who is said to have written imported messages for an account.
const AUTHOR: &str = "import";

#[tonic::async_trait]
impl ImportService for Messaging {
    async fn import_messages(
        &self,
        request: Request<ImportMessagesRequest>,
    ) -> Result<Response<ImportMessagesResponse>, Status> {
        let request = admit(request)?;
        let ids: Vec<String> =
            request.messages.iter().map(|message| message.client_message_id.clone()).collect();
        let imported = self.import(request.messages.into_iter().map(new).collect()).await?;
        let rejection = |(index, error): (usize, Error)| ImportRejection {
            index: i32::try_from(index).unwrap_or(i32::MAX),
            client_message_id: ids[index].clone(),
            reason: error.reason().into(),
            message: error.to_string(),
        };
        Ok(Response::new(ImportMessagesResponse {
            stored_count: imported.stored_count,
            duplicate_count: imported.duplicate_count,
            rejections: imported.rejected.into_iter().map(rejection).collect(),
        }))
    }
}

fn new(message: ImportedMessage) -> Result<NewMessage, Error> {
    let [account_id, user_id] = ids(&message.account, &message.user)?.map(str::to_owned);
    let sender = sender(message.sender())?;
    let sent_time = message.create_time.as_ref().and_then(from_proto);
    if sent_time.is_none() {
        return Err(Error::invalid_field("create_time", "must be a time between the years 1 and 9999"));
    }
    Ok(NewMessage {
        account_id,
        user_id,
        sender,
        author: if sender == Sender::Account { AUTHOR.to_owned() } else { String::new() },
        client_message_id: message.client_message_id,
        content: content(message.content)?,
        causation_depth: 0,
        zone: TimeZone::UTC,
        allowed: Allowed::Any,
        sent_time,
    })
}
