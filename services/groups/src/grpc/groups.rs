//! `GroupService`: decode, call the use case, encode.

use siyu_proto::groups::v1::{
    self as pb, CloseGroupRequest, CloseGroupResponse, CreateGroupRequest, CreateGroupResponse,
    GetGroupRequest, GetGroupResponse, ListGroupsRequest, ListGroupsResponse, UpdateGroupRequest,
    UpdateGroupResponse, group_service_server::GroupService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, name};
use tonic::{Request, Response, Status};

use super::convert::{capacity, group_ids, join_mode, purpose, threshold, to_group};
use crate::{Groups, app::groups::Change, domain::group::GroupSettings};

#[tonic::async_trait]
impl GroupService for Groups {
    async fn create_group(
        &self,
        request: Request<CreateGroupRequest>,
    ) -> Result<Response<CreateGroupResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let sent = request.group.unwrap_or_default();
        if !sent.name.is_empty() {
            return Err(Error::invalid_field("group.name", "must be empty: group_id names the group").into());
        }
        let purpose = purpose(sent.purpose())?;
        let ids = [account_id, request.group_id.as_str()];
        let group = self.create_group(&mutation, ids, purpose, settings(sent)).await?;
        Ok(Response::new(CreateGroupResponse { group: Some(to_group(&group)) }))
    }

    async fn get_group(
        &self,
        request: Request<GetGroupRequest>,
    ) -> Result<Response<GetGroupResponse>, Status> {
        let request = admit(request)?;
        let group = self.get_group(group_ids(&request.name, "name")?).await?;
        Ok(Response::new(GetGroupResponse { group: Some(to_group(&group)) }))
    }

    async fn list_groups(
        &self,
        request: Request<ListGroupsRequest>,
    ) -> Result<Response<ListGroupsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListGroups {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let (groups, next_page_token) = self.list_groups(account_id, &page).await?;
        let groups = groups.iter().map(to_group).collect();
        Ok(Response::new(ListGroupsResponse { groups, next_page_token }))
    }

    async fn update_group(
        &self,
        request: Request<UpdateGroupRequest>,
    ) -> Result<Response<UpdateGroupResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let sent = request.group.unwrap_or_default();
        let (name, etag) = (sent.name.clone(), sent.etag.clone());
        let ids = group_ids(&name, "group.name")?;
        let changes = changes(sent, &request.update_mask.unwrap_or_default().paths)?;
        let group = self.update_group(&mutation, ids, &changes, &etag).await?;
        Ok(Response::new(UpdateGroupResponse { group: Some(to_group(&group)) }))
    }

    async fn close_group(
        &self,
        request: Request<CloseGroupRequest>,
    ) -> Result<Response<CloseGroupResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let group = self.close_group(&mutation, group_ids(&request.name, "name")?).await?;
        Ok(Response::new(CloseGroupResponse { group: Some(to_group(&group)) }))
    }
}

fn settings(sent: pb::Group) -> GroupSettings {
    GroupSettings {
        capacity: capacity(sent.capacity),
        join_mode: join_mode(sent.join_mode()),
        display_name: sent.display_name,
        opens_next: sent.opens_next,
        threshold: threshold(sent.threshold),
        announcement: sent.announcement,
        welcome: sent.welcome,
        muted: sent.muted,
    }
}

/// What the mask names, with its new values.
fn changes(sent: pb::Group, paths: &[String]) -> Result<Vec<Change>, Error> {
    if paths.is_empty() {
        return Err(Error::invalid_field("update_mask", "must name at least one field"));
    }
    let new = settings(sent);
    let change = |path: &String| match path.as_str() {
        "display_name" => Ok(Change::DisplayName(new.display_name.clone())),
        "capacity" => Ok(Change::Capacity(new.capacity)),
        "opens_next" => Ok(Change::OpensNext(new.opens_next)),
        "join_mode" => Ok(Change::JoinMode(new.join_mode)),
        "threshold" => Ok(Change::Threshold(new.threshold.clone())),
        "announcement" => Ok(Change::Announcement(new.announcement.clone())),
        "welcome" => Ok(Change::Welcome(new.welcome.clone())),
        "muted" => Ok(Change::Muted(new.muted)),
        _ => {
            let rule = "must be of display_name, capacity, opens_next, join_mode, threshold, announcement, welcome, muted";
            Err(Error::invalid_field("update_mask", format!("{path:?} {rule}")))
        }
    };
    paths.iter().map(change).collect()
}
