//! The rights wallet on the wire.

mod convert;

use convert::{
    class, kind, period, reservation_ids, to_grant, to_ledger_entry, to_policy, to_reservation, to_wallet,
};
use siyu_proto::accounts::v1::{
    CommitReservationRequest, CommitReservationResponse, CreateRightPolicyRequest, CreateRightPolicyResponse,
    GetWalletRequest, GetWalletResponse, GrantRightRequest, GrantRightResponse, ListLedgerEntriesRequest,
    ListLedgerEntriesResponse, ListRightPoliciesRequest, ListRightPoliciesResponse, MoveReservationRequest,
    MoveReservationResponse, ReleaseReservationRequest, ReleaseReservationResponse, ReserveRightRequest,
    ReserveRightResponse, rights_service_server::RightsService,
};
use siyu_rpc::{Page, admit, admit_mutation, name};
use tonic::{Request, Response, Status};

use super::convert::{moment, required_moment};
use crate::{
    Accounts,
    app::rights::{Ask, Move, NewGrant, NewPolicy},
};

#[tonic::async_trait]
impl RightsService for Accounts {
    async fn get_wallet(
        &self,
        request: Request<GetWalletRequest>,
    ) -> Result<Response<GetWalletResponse>, Status> {
        let request = admit(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let time = moment(request.time.as_ref(), "time")?;
        let wallet = self.wallet(account_id, time).await?;
        Ok(Response::new(GetWalletResponse { wallet: Some(to_wallet(account_id, wallet)) }))
    }

    async fn list_right_policies(
        &self,
        request: Request<ListRightPoliciesRequest>,
    ) -> Result<Response<ListRightPoliciesResponse>, Status> {
        let request = admit(request)?;
        let page = Page::read(request.page_size, &request.page_token, "ListRightPolicies".to_owned())?;
        let (policies, next_page_token) = self.list_right_policies(&page).await?;
        let right_policies = policies.into_iter().map(to_policy).collect();
        Ok(Response::new(ListRightPoliciesResponse { right_policies, next_page_token }))
    }

    async fn create_right_policy(
        &self,
        request: Request<CreateRightPolicyRequest>,
    ) -> Result<Response<CreateRightPolicyResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let sent = request.right_policy.unwrap_or_default();
        let new = NewPolicy {
            kind: kind(sent.kind())?,
            class: class(sent.certification_class())?,
            effective_time: moment(sent.effective_time.as_ref(), "right_policy.effective_time")?,
            amount: sent.amount,
            period: period(sent.period())?,
        };
        let policy = self.create_right_policy(&mutation, new).await?;
        Ok(Response::new(CreateRightPolicyResponse { right_policy: Some(to_policy(policy)) }))
    }

    async fn grant_right(
        &self,
        request: Request<GrantRightRequest>,
    ) -> Result<Response<GrantRightResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let new = NewGrant {
            kind: kind(request.kind())?,
            amount: request.amount,
            expire_time: moment(request.expire_time.as_ref(), "expire_time")?,
            reason: request.reason,
        };
        let granted = self.grant_right(&mutation, account_id, &new).await?;
        Ok(Response::new(GrantRightResponse { grant: Some(to_grant(account_id, granted)) }))
    }

    async fn reserve_right(
        &self,
        request: Request<ReserveRightRequest>,
    ) -> Result<Response<ReserveRightResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let ask = Ask {
            kind: kind(request.kind())?,
            amount: request.amount,
            use_time: moment(request.use_time.as_ref(), "use_time")?,
            expire_time: moment(request.expire_time.as_ref(), "expire_time")?,
            id: request.reservation_id,
        };
        let reservation = self.reserve_right(account_id, &ask, &mutation.actor()).await?;
        let reservation = Some(to_reservation(account_id, reservation));
        Ok(Response::new(ReserveRightResponse { reservation }))
    }

    async fn move_reservation(
        &self,
        request: Request<MoveReservationRequest>,
    ) -> Result<Response<MoveReservationResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, id] = reservation_ids(&request.name)?;
        let to = Move {
            use_time: required_moment(request.use_time.as_ref(), "use_time")?,
            expire_time: moment(request.expire_time.as_ref(), "expire_time")?,
        };
        let reservation = self.move_reservation(account_id, id, to, &mutation.actor()).await?;
        let reservation = Some(to_reservation(account_id, reservation));
        Ok(Response::new(MoveReservationResponse { reservation }))
    }

    async fn commit_reservation(
        &self,
        request: Request<CommitReservationRequest>,
    ) -> Result<Response<CommitReservationResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, id] = reservation_ids(&request.name)?;
        let reservation = self.commit_reservation(account_id, id, &mutation.actor()).await?;
        let reservation = Some(to_reservation(account_id, reservation));
        Ok(Response::new(CommitReservationResponse { reservation }))
    }

    async fn release_reservation(
        &self,
        request: Request<ReleaseReservationRequest>,
    ) -> Result<Response<ReleaseReservationResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, id] = reservation_ids(&request.name)?;
        let reservation = self.release_reservation(account_id, id, &mutation.actor()).await?;
        let reservation = Some(to_reservation(account_id, reservation));
        Ok(Response::new(ReleaseReservationResponse { reservation }))
    }

    async fn list_ledger_entries(
        &self,
        request: Request<ListLedgerEntriesRequest>,
    ) -> Result<Response<ListLedgerEntriesResponse>, Status> {
        let request = admit(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let kind = kind(request.kind())?;
        let arguments = format!("ListLedgerEntries {} {}", request.parent, kind.name());
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (entries, next_page_token) = self.ledger(account_id, kind, &page).await?;
        let to_entry = |recorded| to_ledger_entry(account_id, kind, recorded);
        let ledger_entries = entries.into_iter().map(to_entry).collect();
        Ok(Response::new(ListLedgerEntriesResponse { ledger_entries, next_page_token }))
    }
}
