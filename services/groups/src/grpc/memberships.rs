//! `MembershipService`: decode, call the use case, encode.

use siyu_proto::groups::v1::{
    JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, ListMembershipsRequest,
    ListMembershipsResponse, Membership, membership_service_server::MembershipService,
};
use siyu_rpc::{Page, admit, admit_mutation, name};
use tonic::{Request, Response, Status};

use super::convert::{group_ids, optional_user, source, to_group, to_join_request, to_member};
use crate::{
    Groups,
    app::joining::{Joined, NewJoin},
    domain::member::LeaveReason,
};

#[tonic::async_trait]
impl MembershipService for Groups {
    async fn join_group(
        &self,
        request: Request<JoinGroupRequest>,
    ) -> Result<Response<JoinGroupResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, group_id] = group_ids(&request.name, "name")?;
        let new = NewJoin {
            account_id: account_id.to_owned(),
            group_id: group_id.to_owned(),
            user_id: name::id(&request.user, "users", "user")?.to_owned(),
            source: source(request.source()),
            inviter: optional_user(&request.inviter, "inviter")?.to_owned(),
            text: request.text.clone(),
        };
        let (member, join_request) = match self.join(&mutation, &new).await? {
            Joined::In(member) => (Some(to_member(&member)), None),
            Joined::Asked(request) => (None, Some(to_join_request(&request))),
        };
        Ok(Response::new(JoinGroupResponse { member, join_request }))
    }

    async fn leave_group(
        &self,
        request: Request<LeaveGroupRequest>,
    ) -> Result<Response<LeaveGroupResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, group_id] = group_ids(&request.name, "name")?;
        let ids = [account_id, group_id, name::id(&request.user, "users", "user")?];
        let member = self.leave(&mutation, ids, LeaveReason::Left).await?;
        Ok(Response::new(LeaveGroupResponse { member: Some(to_member(&member)) }))
    }

    async fn list_memberships(
        &self,
        request: Request<ListMembershipsRequest>,
    ) -> Result<Response<ListMembershipsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListMemberships {}", request.user);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let user_id = name::id(&request.user, "users", "user")?;
        let (found, next_page_token) = self.list_memberships(user_id, &page).await?;
        let memberships = found.iter().map(|(group, member)| Membership {
            group: Some(to_group(group)),
            member: Some(to_member(member)),
        });
        Ok(Response::new(ListMembershipsResponse { memberships: memberships.collect(), next_page_token }))
    }
}
