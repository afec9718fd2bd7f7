//! `EntryCodeService`: decode, call the use case, encode.

mod convert;

use siyu_proto::accounts::v1::{
    BatchCreateEntryCodesRequest, BatchCreateEntryCodesResponse, CreateEntryCodeRequest,
    CreateEntryCodeResponse, DisableEntryCodeRequest, DisableEntryCodeResponse, GetEntryCodeRequest,
    GetEntryCodeResponse, ListEntryCodesRequest, ListEntryCodesResponse, RenderEntryCodeRequest,
    RenderEntryCodeResponse, RenderEntryCodesRequest, RenderEntryCodesResponse, ResolveEntryCodeRequest,
    ResolveEntryCodeResponse, ScanEntryCodeRequest, ScanEntryCodeResponse, UpdateEntryCodeRequest,
    UpdateEntryCodeResponse, entry_code_service_server::EntryCodeService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, name};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::{Accounts, app::ScanCall, domain::entry_code_picture::Picture};
use convert::{changes, display_names, new_entry_code, picture, to_destination, to_entry_code};

/// Codes that are drawn at once for a print job.
const DRAWN_AT_ONCE: i32 = 20;

#[tonic::async_trait]
impl EntryCodeService for Accounts {
    type RenderEntryCodesStream = ReceiverStream<Result<RenderEntryCodesResponse, Status>>;

    async fn create_entry_code(
        &self,
        request: Request<CreateEntryCodeRequest>,
    ) -> Result<Response<CreateEntryCodeResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let sent = request.entry_code.unwrap_or_default();
        let display_name = sent.display_name.clone();
        let new = new_entry_code(sent)?;
        let code =
            self.create_entry_code(&mutation, account_id, request.entry_code_id, display_name, &new).await?;
        Ok(Response::new(CreateEntryCodeResponse { entry_code: Some(self.shown(code)) }))
    }

    async fn batch_create_entry_codes(
        &self,
        request: Request<BatchCreateEntryCodesRequest>,
    ) -> Result<Response<BatchCreateEntryCodesResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let names = display_names(&request)?;
        let new = new_entry_code(request.entry_code.unwrap_or_default())?;
        let codes = self.batch_create_entry_codes(&mutation, account_id, names, &new).await?;
        let entry_codes = codes.into_iter().map(|code| self.shown(code)).collect();
        Ok(Response::new(BatchCreateEntryCodesResponse { entry_codes }))
    }

    async fn get_entry_code(
        &self,
        request: Request<GetEntryCodeRequest>,
    ) -> Result<Response<GetEntryCodeResponse>, Status> {
        let request = admit(request)?;
        let [account_id, id] = ids(&request.name, "name")?;
        let code = self.get_entry_code(account_id, id).await?;
        Ok(Response::new(GetEntryCodeResponse { entry_code: Some(self.shown(code)) }))
    }

    async fn list_entry_codes(
        &self,
        request: Request<ListEntryCodesRequest>,
    ) -> Result<Response<ListEntryCodesResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListEntryCodes {} {:?}", request.parent, request.campaign);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let (codes, next_page_token) = self.list_entry_codes(account_id, &request.campaign, &page).await?;
        let entry_codes = codes.into_iter().map(|code| self.shown(code)).collect();
        Ok(Response::new(ListEntryCodesResponse { entry_codes, next_page_token }))
    }

    async fn update_entry_code(
        &self,
        request: Request<UpdateEntryCodeRequest>,
    ) -> Result<Response<UpdateEntryCodeResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let sent = request.entry_code.unwrap_or_default();
        let (name, etag) = (sent.name.clone(), sent.etag.clone());
        let [account_id, id] = ids(&name, "entry_code.name")?;
        let changes = changes(sent, &request.update_mask.unwrap_or_default().paths)?;
        let code = self.update_entry_code(&mutation, account_id, id, &etag, &changes).await?;
        Ok(Response::new(UpdateEntryCodeResponse { entry_code: Some(self.shown(code)) }))
    }

    async fn disable_entry_code(
        &self,
        request: Request<DisableEntryCodeRequest>,
    ) -> Result<Response<DisableEntryCodeResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, id] = ids(&request.name, "name")?;
        let code = self.disable_entry_code(&mutation, account_id, id).await?;
        Ok(Response::new(DisableEntryCodeResponse { entry_code: Some(self.shown(code)) }))
    }

    async fn render_entry_code(
        &self,
        request: Request<RenderEntryCodeRequest>,
    ) -> Result<Response<RenderEntryCodeResponse>, Status> {
        let request = admit(request)?;
        let [account_id, id] = ids(&request.name, "name")?;
        let picture = picture(&request.picture.unwrap_or_default())?;
        let content = self.draw_entry_code(account_id, id, picture).await?;
        Ok(Response::new(RenderEntryCodeResponse { content }))
    }

    async fn render_entry_codes(
        &self,
        request: Request<RenderEntryCodesRequest>,
    ) -> Result<Response<Self::RenderEntryCodesStream>, Status> {
        let request = admit(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?.to_owned();
        let picture = picture(&request.picture.unwrap_or_default())?;
        // Answers at once whether there is such an account.
        self.get_account(&account_id).await?;
        let (sender, receiver) = mpsc::channel(2);
        let accounts = self.clone();
        tokio::spawn(async move {
            let reader = sender.clone();
            let sent = accounts.send_pictures(&account_id, &request.campaign, picture, reader).await;
            if let Err(error) = sent {
                // A reader that has gone needs no answer.
                let _ = sender.send(Err(error.into())).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn resolve_entry_code(
        &self,
        request: Request<ResolveEntryCodeRequest>,
    ) -> Result<Response<ResolveEntryCodeResponse>, Status> {
        let request = admit(request)?;
        let code = self.resolve_entry_code(&request.short_code).await?;
        Ok(Response::new(ResolveEntryCodeResponse { destination: Some(to_destination(code)) }))
    }

    async fn scan_entry_code(
        &self,
        request: Request<ScanEntryCodeRequest>,
    ) -> Result<Response<ScanEntryCodeResponse>, Status> {
        let request = admit(request)?;
        let user_id = name::id(&request.user, "users", "user")?.to_owned();
        let call = ScanCall { short_code: request.short_code, scan_id: request.scan_id, user_id };
        let code = self.scan_entry_code(call).await?;
        Ok(Response::new(ScanEntryCodeResponse { destination: Some(to_destination(code)) }))
    }
}

impl Accounts {
    /// A code as its account sees it.
    fn shown(&self, code: crate::store::entry_code::EntryCode) -> siyu_proto::accounts::v1::EntryCode {
        let uri = self.entry_uri(&code);
        to_entry_code(code, uri, self.clock.now())
    }

    /// Sends the pictures of the codes, page by page, until the reader goes.
    async fn send_pictures(
        &self,
        account_id: &str,
        campaign: &str,
        picture: Picture,
        reader: mpsc::Sender<Result<RenderEntryCodesResponse, Status>>,
    ) -> Result<(), Error> {
        let mut page_token = String::new();
        loop {
            let page = Page::read(DRAWN_AT_ONCE, &page_token, String::new())?;
            let (drawn, next) = self.draw_entry_codes(account_id, campaign, picture, &page).await?;
            for (code, content) in drawn {
                let entry_code = code.name();
                let response =
                    RenderEntryCodesResponse { entry_code, display_name: code.display_name, content };
                if reader.send(Ok(response)).await.is_err() {
                    return Ok(());
                }
            }
            if next.is_empty() {
                return Ok(());
            }
            page_token = next;
        }
    }
}

fn ids<'a>(name: &'a str, field: &str) -> Result<[&'a str; 2], Error> {
    let ids = name::ids(name, ["accounts", "entryCodes"]);
    ids.ok_or_else(|| Error::invalid_field(field, "must be accounts/{account}/entryCodes/{entry_code}"))
}
