//! `CardService`: decode, call the use case, encode.

mod convert;
mod coupon;
mod lead_form;

use siyu_proto::accounts::v1::{
    ArchiveCardRequest, ArchiveCardResponse, CreateCardRequest, CreateCardResponse, GetCardRequest,
    GetCardResponse, ListCardsRequest, ListCardsResponse, UpdateCardRequest, UpdateCardResponse,
    card_service_server::CardService,
};
use siyu_rpc::{Page, admit, admit_mutation, name};
use tonic::{Request, Response, Status};

use crate::Accounts;

use convert::{archived, changes, kind, new_card};

pub(crate) use convert::{card_ids, card_of, to_card};
pub(super) use coupon::to_value;

#[tonic::async_trait]
impl CardService for Accounts {
    async fn create_card(
        &self,
        request: Request<CreateCardRequest>,
    ) -> Result<Response<CreateCardResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let new = new_card(request.card.unwrap_or_default())?;
        let card = self.create_card(&mutation, account_id, request.card_id, new).await?;
        Ok(Response::new(CreateCardResponse { card: Some(to_card(card)) }))
    }

    async fn get_card(&self, request: Request<GetCardRequest>) -> Result<Response<GetCardResponse>, Status> {
        let request = admit(request)?;
        let [account_id, card_id] = card_ids(&request.name, "name")?;
        let card = self.get_card(account_id, card_id).await?;
        Ok(Response::new(GetCardResponse { card: Some(to_card(card)) }))
    }

    async fn list_cards(
        &self,
        request: Request<ListCardsRequest>,
    ) -> Result<Response<ListCardsResponse>, Status> {
        let request = admit(request)?;
        let (kind, archived) = (kind(request.kind()), archived(request.state()));
        let arguments = format!("ListCards {} {kind:?} {archived:?}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let (cards, next_page_token) = self.list_cards(account_id, kind, archived, &page).await?;
        let cards = cards.into_iter().map(to_card).collect();
        Ok(Response::new(ListCardsResponse { cards, next_page_token }))
    }

    async fn update_card(
        &self,
        request: Request<UpdateCardRequest>,
    ) -> Result<Response<UpdateCardResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let card = request.card.unwrap_or_default();
        let (name, etag) = (card.name.clone(), card.etag.clone());
        let ids = card_ids(&name, "card.name")?;
        let changes = changes(card, &request.update_mask.unwrap_or_default().paths)?;
        let card = self.update_card(&mutation, ids, &etag, &changes).await?;
        Ok(Response::new(UpdateCardResponse { card: Some(to_card(card)) }))
    }

    async fn archive_card(
        &self,
        request: Request<ArchiveCardRequest>,
    ) -> Result<Response<ArchiveCardResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, card_id] = card_ids(&request.name, "name")?;
        let card = self.archive_card(&mutation, account_id, card_id).await?;
        Ok(Response::new(ArchiveCardResponse { card: Some(to_card(card)) }))
    }
}
