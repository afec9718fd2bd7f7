//! `MenuService`: decode, call the use case, encode.

use jiff::tz::TimeZone;
use siyu_proto::messaging::v1::{
    GetMenuRequest, GetMenuResponse, SetMenuRequest, SetMenuResponse, TapMenuItemRequest,
    TapMenuItemResponse, menu_service_server::MenuService,
};
use siyu_rpc::{Error, admit, admit_mutation, name};
use tonic::{Request, Response, Status};

use super::{
    convert::{ids, to_message},
    convert_replies::{menu, to_menu},
};
use crate::{
    Messaging,
    app::sending::{Allowed, NewMessage},
    domain::message::{Content, ContentKind, Sender},
};

#[tonic::async_trait]
impl MenuService for Messaging {
    async fn set_menu(&self, request: Request<SetMenuRequest>) -> Result<Response<SetMenuResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let sent = request.menu.unwrap_or_default();
        let account_id = menu_id(&sent.name, "menu.name")?;
        let stored = self.set_menu(&mutation, account_id, menu(sent.items)?, &sent.etag).await?;
        Ok(Response::new(SetMenuResponse { menu: Some(to_menu(account_id, &stored)) }))
    }

    async fn get_menu(&self, request: Request<GetMenuRequest>) -> Result<Response<GetMenuResponse>, Status> {
        let request = admit(request)?;
        let account_id = menu_id(&request.name, "name")?;
        let stored = self.get_menu(account_id).await?;
        Ok(Response::new(GetMenuResponse { menu: Some(to_menu(account_id, &stored)) }))
    }

    async fn tap_menu_item(
        &self,
        request: Request<TapMenuItemRequest>,
    ) -> Result<Response<TapMenuItemResponse>, Status> {
        let request = admit(request)?;
        let [account_id, user_id] = ids(&request.parent, &request.user)?;
        let new = NewMessage {
            account_id: account_id.to_owned(),
            user_id: user_id.to_owned(),
            sender: Sender::User,
            author: String::new(),
            client_message_id: request.client_message_id,
            content: Content { menu_item: request.item_id, ..Content::empty(ContentKind::Menu) },
            causation_depth: request.causation_depth,
            zone: TimeZone::UTC,
            allowed: Allowed::Any,
            sent_time: None,
        };
        let message = self.send(new).await?;
        Ok(Response::new(TapMenuItemResponse { message: Some(to_message(&message, Sender::User)) }))
    }
}

fn menu_id<'a>(name: &'a str, field: &str) -> Result<&'a str, Error> {
    let account = name.strip_suffix("/menu").unwrap_or_default();
    name::id(account, "accounts", field)
        .map_err(|_| Error::invalid_field(field, "must be accounts/{account}/menu"))
}
