//! `MemberService`: decode, call the use case, encode.

use std::time::Duration;

use siyu_proto::groups::v1::{
    BlockMemberRequest, BlockMemberResponse, DecideJoinRequestRequest, DecideJoinRequestResponse,
    ListBlockedMembersRequest, ListBlockedMembersResponse, ListJoinRequestsRequest, ListJoinRequestsResponse,
    ListMembersRequest, ListMembersResponse, MuteMemberRequest, MuteMemberResponse, RemoveMemberRequest,
    RemoveMemberResponse, SetMemberRoleRequest, SetMemberRoleResponse, UnblockMemberRequest,
    UnblockMemberResponse, member_service_server::MemberService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, name, time::from_proto};
use tonic::{Request, Response, Status};

use super::convert::{group_ids, ids_in, role, to_blocked, to_join_request, to_member};
use crate::{Groups, domain::member::LeaveReason};

const MEMBERS: &str = "members";
const JOIN_REQUESTS: &str = "joinRequests";

#[tonic::async_trait]
impl MemberService for Groups {
    async fn list_members(
        &self,
        request: Request<ListMembersRequest>,
    ) -> Result<Response<ListMembersResponse>, Status> {
        let request = admit(request)?;
        let as_of = match &request.as_of {
            Some(time) => {
                let time = from_proto(time);
                Some(time.ok_or_else(|| Error::invalid_field("as_of", "must be a time"))?)
            }
            None => None,
        };
        let arguments = format!("ListMembers {} {as_of:?}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let ids = group_ids(&request.parent, "parent")?;
        let (members, next_page_token) = self.list_members(ids, as_of, &page).await?;
        let members = members.iter().map(to_member).collect();
        Ok(Response::new(ListMembersResponse { members, next_page_token }))
    }

    async fn set_member_role(
        &self,
        request: Request<SetMemberRoleRequest>,
    ) -> Result<Response<SetMemberRoleResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let role = role(request.role())?;
        let member = self.set_role(&mutation, ids_in(&request.name, MEMBERS)?, role).await?;
        Ok(Response::new(SetMemberRoleResponse { member: Some(to_member(&member)) }))
    }

    async fn mute_member(
        &self,
        request: Request<MuteMemberRequest>,
    ) -> Result<Response<MuteMemberResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let sent = request.duration.unwrap_or_default();
        let duration =
            Duration::try_from(sent).map_err(|_| Error::invalid_field("duration", "must not be negative"))?;
        let member = self.mute(&mutation, ids_in(&request.name, MEMBERS)?, duration).await?;
        Ok(Response::new(MuteMemberResponse { member: Some(to_member(&member)) }))
    }

    async fn remove_member(
        &self,
        request: Request<RemoveMemberRequest>,
    ) -> Result<Response<RemoveMemberResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let member = self.leave(&mutation, ids_in(&request.name, MEMBERS)?, LeaveReason::Removed).await?;
        Ok(Response::new(RemoveMemberResponse { member: Some(to_member(&member)) }))
    }

    async fn list_join_requests(
        &self,
        request: Request<ListJoinRequestsRequest>,
    ) -> Result<Response<ListJoinRequestsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListJoinRequests {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let ids = group_ids(&request.parent, "parent")?;
        let (requests, next_page_token) = self.list_join_requests(ids, &page).await?;
        let join_requests = requests.iter().map(to_join_request).collect();
        Ok(Response::new(ListJoinRequestsResponse { join_requests, next_page_token }))
    }

    async fn decide_join_request(
        &self,
        request: Request<DecideJoinRequestRequest>,
    ) -> Result<Response<DecideJoinRequestResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let ids = ids_in(&request.name, JOIN_REQUESTS)?;
        let member = self.decide(&mutation, ids, request.approve).await?;
        Ok(Response::new(DecideJoinRequestResponse { member: member.as_ref().map(to_member) }))
    }

    async fn block_member(
        &self,
        request: Request<BlockMemberRequest>,
    ) -> Result<Response<BlockMemberResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let user_id = name::id(&request.user, "users", "user")?;
        let now_blocked = self.block(&mutation, [account_id, user_id], &request.reason).await?;
        Ok(Response::new(BlockMemberResponse {
            blocked_member: Some(to_blocked(&now_blocked.blocked)),
            removed_count: now_blocked.removed_count,
        }))
    }

    async fn unblock_member(
        &self,
        request: Request<UnblockMemberRequest>,
    ) -> Result<Response<UnblockMemberResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let rule = "must be accounts/{account}/blockedMembers/{user}";
        let ids = name::ids(&request.name, ["accounts", "blockedMembers"]);
        let ids = ids.ok_or_else(|| Error::invalid_field("name", rule))?;
        self.unblock(&mutation, ids).await?;
        Ok(Response::new(UnblockMemberResponse {}))
    }

    async fn list_blocked_members(
        &self,
        request: Request<ListBlockedMembersRequest>,
    ) -> Result<Response<ListBlockedMembersResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListBlockedMembers {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let (blocked, next_page_token) = self.list_blocked(account_id, &page).await?;
        let blocked_members = blocked.iter().map(to_blocked).collect();
        Ok(Response::new(ListBlockedMembersResponse { blocked_members, next_page_token }))
    }
}
