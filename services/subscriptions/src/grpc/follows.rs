//! `FollowService`: decode, call the use case, encode.

use siyu_clock::Micros;
use siyu_observed::{Origin, named_domain, stored_domain};
use siyu_proto::subscriptions::v1::{
    self as pb, FollowRequest, FollowResponse, FollowState, GetFollowRequest, GetFollowResponse,
    ImportFollowersRequest, ImportFollowersResponse, ImportRejection, ImportedFollower, ListFollowersRequest,
    ListFollowersResponse, ListFollowingRequest, ListFollowingResponse, SetMutualRequest, SetMutualResponse,
    UnfollowRequest, UnfollowResponse, follow_service_server::FollowService,
};
use siyu_rpc::{
    Error, Page, admit, admit_messages, name,
    time::{from_proto, to_proto},
};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    Subscriptions,
    app::{Imported, Unusable, following::FollowCall},
    domain::follow::{Follow, Wish},
};

/// Most rejections that the answer to an import names one by one.
const MOST_REJECTIONS: usize = 100;

#[tonic::async_trait]
impl FollowService for Subscriptions {
    async fn follow(&self, request: Request<FollowRequest>) -> Result<Response<FollowResponse>, Status> {
        let request = admit(request)?;
        let source_domain = stored_domain(request.source_domain());
        let origin = Origin { source_domain, mount: request.mount, campaign: request.campaign };
        let follow = self.wish(&request.parent, &request.user, Wish::Follow(origin)).await?;
        Ok(Response::new(FollowResponse { follow }))
    }

    async fn unfollow(
        &self,
        request: Request<UnfollowRequest>,
    ) -> Result<Response<UnfollowResponse>, Status> {
        let request = admit(request)?;
        let wish = Wish::Unfollow { mount: request.mount };
        let follow = self.wish(&request.parent, &request.user, wish).await?;
        Ok(Response::new(UnfollowResponse { follow }))
    }

    async fn set_mutual(
        &self,
        request: Request<SetMutualRequest>,
    ) -> Result<Response<SetMutualResponse>, Status> {
        let request = admit(request)?;
        let follow = self.wish(&request.parent, &request.user, Wish::Mutual(request.mutual)).await?;
        let never = || Error::not_found(&format!("{}/followers/{}", request.parent, user_id(&request.user)));
        Ok(Response::new(SetMutualResponse { follow: Some(follow.ok_or_else(never)?) }))
    }

    async fn get_follow(
        &self,
        request: Request<GetFollowRequest>,
    ) -> Result<Response<GetFollowResponse>, Status> {
        let request = admit(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let follow = self.get_follow(account_id, name::id(&request.user, "users", "user")?).await?;
        Ok(Response::new(GetFollowResponse { follow: Some(to_follow(account_id, follow)) }))
    }

    async fn list_followers(
        &self,
        request: Request<ListFollowersRequest>,
    ) -> Result<Response<ListFollowersResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListFollowers {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let (follows, next_page_token) = self.list_followers(account_id, &page).await?;
        let follows = follows.into_iter().map(|follow| to_follow(account_id, follow)).collect();
        Ok(Response::new(ListFollowersResponse { follows, next_page_token }))
    }

    async fn list_following(
        &self,
        request: Request<ListFollowingRequest>,
    ) -> Result<Response<ListFollowingResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListFollowing {}", request.user);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let user_id = name::id(&request.user, "users", "user")?;
        let (follows, next_page_token) = self.list_following(user_id, &page).await?;
        let follows = follows.into_iter().map(|(account_id, follow)| to_follow(&account_id, follow));
        Ok(Response::new(ListFollowingResponse { follows: follows.collect(), next_page_token }))
    }

    async fn import_followers(
        &self,
        request: Request<Streaming<ImportFollowersRequest>>,
    ) -> Result<Response<ImportFollowersResponse>, Status> {
        let mut messages = admit_messages(request, |message| &message.parent)?;
        let mut answer = ImportFollowersResponse::default();
        let mut index = 0;
        while let Some(message) = messages.next().await? {
            let account_id = name::id(&message.parent, "accounts", "parent")?;
            let mut usable = Vec::with_capacity(message.followers.len());
            for follower in message.followers {
                match imported(follower, self.clock.now()) {
                    Ok(follower) => usable.push(follower),
                    Err(Unusable { field, message }) => {
                        let field = field.to_owned();
                        answer.rejections.push(ImportRejection { index, field, message });
                        answer.rejections.truncate(MOST_REJECTIONS);
                        answer.rejected_count += 1;
                    }
                }
                index += 1;
            }
            let new = self.import_followers(account_id, &usable).await?;
            answer.imported_count += count(new);
            answer.known_count += count(usable.len() - new);
        }
        Ok(Response::new(answer))
    }
}

impl Subscriptions {
    async fn wish(&self, parent: &str, user: &str, wish: Wish) -> Result<Option<pb::Follow>, Error> {
        let account_id = name::id(parent, "accounts", "parent")?.to_owned();
        let user_id = name::id(user, "users", "user")?.to_owned();
        let follow = self.change_follow(FollowCall { account_id: account_id.clone(), user_id, wish }).await?;
        Ok(follow.map(|follow| to_follow(&account_id, follow)))
    }
}

fn imported(sent: ImportedFollower, now: Micros) -> Result<Imported, Unusable> {
    let unusable = |field, message: &str| Unusable { field, message: message.to_owned() };
    let user_id = name::id(&sent.user, "users", "user").ok().filter(|id| is_user_id(id));
    let user_id = user_id
        .ok_or_else(|| unusable("user", "must be users/{user}, 1 to 128 characters without / and spaces"))?;
    let follow_time = match &sent.follow_time {
        None => None,
        Some(time) => {
            let time = from_proto(time).filter(|time| (0..=now.0).contains(&time.0));
            Some(time.ok_or_else(|| unusable("follow_time", "must be from 1970 on and not in the future"))?)
        }
    };
    let source_domain =
        pb_domain(sent.source_domain).ok_or_else(|| unusable("source_domain", "is not known"))?;
    if sent.campaign.chars().count() > 64 {
        return Err(unusable("campaign", "must have at most 64 characters"));
    }
    let origin = Origin { source_domain, mount: String::new(), campaign: sent.campaign.clone() };
    Ok(Imported { user_id: user_id.to_owned(), follow_time, origin })
}

fn is_user_id(id: &str) -> bool {
    (1..=128).contains(&id.chars().count()) && !id.contains(|c: char| c == '/' || c.is_whitespace())
}

fn pb_domain(number: i32) -> Option<String> {
    siyu_proto::crm::v1::SourceDomain::try_from(number).ok().map(stored_domain)
}

fn user_id(user: &str) -> &str {
    user.trim_start_matches("users/")
}

fn to_follow(account_id: &str, follow: Follow) -> pb::Follow {
    let Follow { user_id, following, mutual, origin, follow_time, unfollow_time } = follow;
    let state = if following { FollowState::Following } else { FollowState::Unfollowed };
    pb::Follow {
        name: format!("accounts/{account_id}/followers/{user_id}"),
        account: format!("accounts/{account_id}"),
        user: format!("users/{user_id}"),
        state: state.into(),
        mutual,
        source_domain: named_domain(&origin.source_domain).into(),
        mount: origin.mount,
        campaign: origin.campaign,
        follow_time: Some(to_proto(follow_time)),
        unfollow_time: unfollow_time.map(to_proto),
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
