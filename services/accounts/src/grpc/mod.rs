//! The wire: decode, call the use case, encode.

mod convert;

use convert::{changes, new_account, to_account, to_enterprise};
use siyu_proto::accounts::v1::{
    self as pb, CreateAccountRequest, CreateAccountResponse, CreateEnterpriseRequest,
    CreateEnterpriseResponse, GetAccountRequest, GetAccountResponse, GetEnterpriseRequest,
    GetEnterpriseResponse, ListAccountsRequest, ListAccountsResponse, ListEnterprisesRequest,
    ListEnterprisesResponse, UpdateAccountRequest, UpdateAccountResponse,
    accounts_service_server::AccountsService,
};
use siyu_rpc::{Page, admit, name};
use tonic::{Request, Response, Status};

use crate::Accounts;

#[tonic::async_trait]
impl AccountsService for Accounts {
    async fn create_enterprise(
        &self,
        request: Request<CreateEnterpriseRequest>,
    ) -> Result<Response<CreateEnterpriseResponse>, Status> {
        let request = admit(request)?;
        let display_name = request.enterprise.unwrap_or_default().display_name;
        let enterprise = self.create_enterprise(request.enterprise_id, display_name).await?;
        Ok(Response::new(CreateEnterpriseResponse { enterprise: Some(to_enterprise(enterprise)) }))
    }

    async fn get_enterprise(
        &self,
        request: Request<GetEnterpriseRequest>,
    ) -> Result<Response<GetEnterpriseResponse>, Status> {
        let request = admit(request)?;
        let enterprise = self.get_enterprise(name::id(&request.name, "enterprises", "name")?).await?;
        Ok(Response::new(GetEnterpriseResponse { enterprise: Some(to_enterprise(enterprise)) }))
    }

    async fn list_enterprises(
        &self,
        request: Request<ListEnterprisesRequest>,
    ) -> Result<Response<ListEnterprisesResponse>, Status> {
        let request = admit(request)?;
        let page = Page::read(request.page_size, &request.page_token, "ListEnterprises".to_owned())?;
        let (enterprises, next_page_token) = self.list_enterprises(&page).await?;
        let enterprises = enterprises.into_iter().map(to_enterprise).collect();
        Ok(Response::new(ListEnterprisesResponse { enterprises, next_page_token }))
    }

    async fn create_account(
        &self,
        request: Request<CreateAccountRequest>,
    ) -> Result<Response<CreateAccountResponse>, Status> {
        let request = admit(request)?;
        let new = new_account(request.account.unwrap_or_default())?;
        let account = self
            .create_account(name::id(&request.parent, "enterprises", "parent")?, request.account_id, new)
            .await?;
        Ok(Response::new(CreateAccountResponse { account: Some(to_account(account)?) }))
    }

    async fn get_account(
        &self,
        request: Request<GetAccountRequest>,
    ) -> Result<Response<GetAccountResponse>, Status> {
        let request = admit(request)?;
        let account = self.get_account(name::id(&request.name, "accounts", "name")?).await?;
        Ok(Response::new(GetAccountResponse { account: Some(to_account(account)?) }))
    }

    async fn list_accounts(
        &self,
        request: Request<ListAccountsRequest>,
    ) -> Result<Response<ListAccountsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListAccounts {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (accounts, next_page_token) =
            self.list_accounts(name::id(&request.parent, "enterprises", "parent")?, &page).await?;
        let accounts = accounts.into_iter().map(to_account).collect::<Result<_, _>>()?;
        Ok(Response::new(ListAccountsResponse { accounts, next_page_token }))
    }

    async fn update_account(
        &self,
        request: Request<UpdateAccountRequest>,
    ) -> Result<Response<UpdateAccountResponse>, Status> {
        let request = admit(request)?;
        let account: pb::Account = request.account.unwrap_or_default();
        let id = name::id(&account.name, "accounts", "account.name")?.to_owned();
        let changes = changes(account, &request.update_mask.unwrap_or_default().paths)?;
        let account = self.update_account(&id, changes).await?;
        Ok(Response::new(UpdateAccountResponse { account: Some(to_account(account)?) }))
    }
}
