//! `ModerationService`: decode, call the use case, encode.

use std::collections::BTreeMap;

use siyu_proto::messaging::v1::{
    self as pb, AddPlatformWordsRequest, AddPlatformWordsResponse, AddWordsRequest, AddWordsResponse,
    BlockUserRequest, BlockUserResponse, DecideReviewItemRequest, DecideReviewItemResponse,
    ListBlockedUsersRequest, ListBlockedUsersResponse, ListModerationHitsRequest, ListModerationHitsResponse,
    ListPlatformWordsRequest, ListPlatformWordsResponse, ListReviewItemsRequest, ListReviewItemsResponse,
    ListWordsRequest, ListWordsResponse, RemovePlatformWordsRequest, RemovePlatformWordsResponse,
    RemoveWordsRequest, RemoveWordsResponse, ReportMessageRequest, ReportMessageResponse, UnblockUserRequest,
    UnblockUserResponse, UpdatePlatformWordMatchingRequest, UpdatePlatformWordMatchingResponse,
    UpdateWordMatchingRequest, UpdateWordMatchingResponse, moderation_service_server::ModerationService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, name, time::to_proto};
use tonic::{Request, Response, Status};

use super::convert::{ids, to_message, to_sender};
use crate::{
    Messaging,
    app::words::ListOwner,
    domain::{
        message::{self, Message, Sender},
        moderation::{Matching, WordAction},
        review::{Cause, ReviewItem, State},
    },
    store::{
        moderation::{BlockedUser, Word},
        review::Hit,
    },
};

#[tonic::async_trait]
impl ModerationService for Messaging {
    async fn add_words(
        &self,
        request: Request<AddWordsRequest>,
    ) -> Result<Response<AddWordsResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let owner = owner(&request.parent)?;
        let word_count = self.add_words(&mutation, owner, &words(request.words)?).await?;
        Ok(Response::new(AddWordsResponse { word_count: number(word_count) }))
    }

    async fn remove_words(
        &self,
        request: Request<RemoveWordsRequest>,
    ) -> Result<Response<RemoveWordsResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let word_count = self.remove_words(&mutation, owner(&request.parent)?, &request.words).await?;
        Ok(Response::new(RemoveWordsResponse { word_count: number(word_count) }))
    }

    async fn list_words(
        &self,
        request: Request<ListWordsRequest>,
    ) -> Result<Response<ListWordsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListWords {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (words, matching, next_page_token) = self.list_words(owner(&request.parent)?, &page).await?;
        let words = words.into_iter().map(to_word).collect();
        Ok(Response::new(ListWordsResponse { words, next_page_token, matching: Some(to_matching(matching)) }))
    }

    async fn update_word_matching(
        &self,
        request: Request<UpdateWordMatchingRequest>,
    ) -> Result<Response<UpdateWordMatchingResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let matching = request.matching.unwrap_or_default();
        self.update_word_matching(&mutation, owner(&request.parent)?, from_matching(matching)).await?;
        Ok(Response::new(UpdateWordMatchingResponse { matching: Some(matching) }))
    }

    async fn add_platform_words(
        &self,
        request: Request<AddPlatformWordsRequest>,
    ) -> Result<Response<AddPlatformWordsResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let words = words(request.words)?;
        let word_count = self.add_words(&mutation, ListOwner::Platform, &words).await?;
        Ok(Response::new(AddPlatformWordsResponse { word_count: number(word_count) }))
    }

    async fn remove_platform_words(
        &self,
        request: Request<RemovePlatformWordsRequest>,
    ) -> Result<Response<RemovePlatformWordsResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let word_count = self.remove_words(&mutation, ListOwner::Platform, &request.words).await?;
        Ok(Response::new(RemovePlatformWordsResponse { word_count: number(word_count) }))
    }

    async fn list_platform_words(
        &self,
        request: Request<ListPlatformWordsRequest>,
    ) -> Result<Response<ListPlatformWordsResponse>, Status> {
        let request = admit(request)?;
        let page = Page::read(request.page_size, &request.page_token, "ListPlatformWords".to_owned())?;
        let (words, matching, next_page_token) = self.list_words(ListOwner::Platform, &page).await?;
        let words = words.into_iter().map(to_word).collect();
        let matching = Some(to_matching(matching));
        Ok(Response::new(ListPlatformWordsResponse { words, next_page_token, matching }))
    }

    async fn update_platform_word_matching(
        &self,
        request: Request<UpdatePlatformWordMatchingRequest>,
    ) -> Result<Response<UpdatePlatformWordMatchingResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let matching = request.matching.unwrap_or_default();
        self.update_word_matching(&mutation, ListOwner::Platform, from_matching(matching)).await?;
        Ok(Response::new(UpdatePlatformWordMatchingResponse { matching: Some(matching) }))
    }

    async fn block_user(
        &self,
        request: Request<BlockUserRequest>,
    ) -> Result<Response<BlockUserResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let ids = ids(&request.parent, &request.user)?;
        let blocked = self.block_user(&mutation, ids, &request.reason).await?;
        Ok(Response::new(BlockUserResponse { blocked_user: Some(to_blocked(blocked)) }))
    }

    async fn unblock_user(
        &self,
        request: Request<UnblockUserRequest>,
    ) -> Result<Response<UnblockUserResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        self.unblock_user(&mutation, ids(&request.parent, &request.user)?).await?;
        Ok(Response::new(UnblockUserResponse {}))
    }

    async fn list_blocked_users(
        &self,
        request: Request<ListBlockedUsersRequest>,
    ) -> Result<Response<ListBlockedUsersResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListBlockedUsers {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let (blocked, next_page_token) = self.list_blocked_users(account_id, &page).await?;
        let blocked_users = blocked.into_iter().map(to_blocked).collect();
        Ok(Response::new(ListBlockedUsersResponse { blocked_users, next_page_token }))
    }

    async fn list_moderation_hits(
        &self,
        request: Request<ListModerationHitsRequest>,
    ) -> Result<Response<ListModerationHitsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListModerationHits {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let (hits, next_page_token) = self.list_moderation_hits(account_id, &page).await?;
        let moderation_hits = hits.into_iter().map(to_hit).collect();
        Ok(Response::new(ListModerationHitsResponse { moderation_hits, next_page_token }))
    }

    async fn list_review_items(
        &self,
        request: Request<ListReviewItemsRequest>,
    ) -> Result<Response<ListReviewItemsResponse>, Status> {
        let request = admit(request)?;
        let state = state(request.state());
        let arguments = format!("ListReviewItems {} {state:?}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let (items, next_page_token) = self.list_review_items(account_id, state, &page).await?;
        let review_items = items.into_iter().map(to_item).collect();
        Ok(Response::new(ListReviewItemsResponse { review_items, next_page_token }))
    }

    async fn decide_review_item(
        &self,
        request: Request<DecideReviewItemRequest>,
    ) -> Result<Response<DecideReviewItemResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let wrong_name =
            || Error::invalid_field("name", "must be accounts/{account}/reviewItems/{review_item}");
        let ids = name::ids(&request.name, ["accounts", "reviewItems"]).ok_or_else(wrong_name)?;
        let wrong_state = || Error::invalid_field("state", "must be UPHELD or DISMISSED");
        let state = state(request.state()).filter(|state| *state != State::Open).ok_or_else(wrong_state)?;
        let decided = self.decide_review_item(&mutation, ids, state).await?;
        Ok(Response::new(DecideReviewItemResponse { review_item: Some(to_item(decided)) }))
    }

    async fn report_message(
        &self,
        request: Request<ReportMessageRequest>,
    ) -> Result<Response<ReportMessageResponse>, Status> {
        let request = admit(request)?;
        let ids = ids(&request.parent, &request.user)?;
        self.report_message(ids, request.sequence, &request.comment).await?;
        Ok(Response::new(ReportMessageResponse {}))
    }
}

fn owner(parent: &str) -> Result<ListOwner<'_>, Error> {
    Ok(ListOwner::Account(name::id(parent, "accounts", "parent")?))
}

/// Words with their actions; of a word that is named twice the last.
fn words(sent: Vec<pb::ModerationWord>) -> Result<BTreeMap<String, WordAction>, Error> {
    let mut words = BTreeMap::new();
    for (place, word) in sent.into_iter().enumerate() {
        if word.text.trim().is_empty() {
            return Err(Error::invalid_field(format!("words[{place}].text"), "must not be blank"));
        }
        let action = match word.action() {
            pb::ModerationAction::Mask => WordAction::Mask,
            pb::ModerationAction::Review => WordAction::Review,
            pb::ModerationAction::Block => WordAction::Block,
            pb::ModerationAction::Unspecified => {
                return Err(Error::invalid_field(format!("words[{place}].action"), "must be set"));
            }
        };
        words.insert(word.text, action);
    }
    Ok(words)
}

fn number(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn from_matching(sent: pb::WordMatching) -> Matching {
    let pb::WordMatching { any_case, any_width, across_separators } = sent;
    Matching { any_case, any_width, across_separators }
}

fn to_matching(matching: Matching) -> pb::WordMatching {
    let Matching { any_case, any_width, across_separators } = matching;
    pb::WordMatching { any_case, any_width, across_separators }
}

fn to_action(action: WordAction) -> pb::ModerationAction {
    match action {
        WordAction::Mask => pb::ModerationAction::Mask,
        WordAction::Review => pb::ModerationAction::Review,
        WordAction::Block => pb::ModerationAction::Block,
    }
}

fn to_word(word: Word) -> pb::ModerationWord {
    pb::ModerationWord {
        text: word.text,
        action: to_action(word.action).into(),
        update_time: Some(to_proto(word.update_time)),
    }
}

fn to_blocked(blocked: BlockedUser) -> pb::BlockedUser {
    pb::BlockedUser {
        user: format!("users/{}", blocked.user_id),
        create_time: Some(to_proto(blocked.time())),
        reason: blocked.reason,
        author: blocked.author,
    }
}

fn to_hit(hit: Hit) -> pb::ModerationHit {
    let stored = || message::name(&hit.account_id, &hit.user_id, hit.sequence);
    pb::ModerationHit {
        name: format!("accounts/{}/moderationHits/{}", hit.account_id, hit.hit_id),
        user: format!("users/{}", hit.user_id),
        sender: to_sender(hit.sender).into(),
        message: if hit.sequence == 0 { String::new() } else { stored() },
        client_message_id: hit.client_message_id,
        action: to_action(hit.action).into(),
        words: hit.words,
        create_time: Some(to_proto(hit.create_time)),
    }
}

fn state(sent: pb::ReviewState) -> Option<State> {
    match sent {
        pb::ReviewState::Unspecified => None,
        pb::ReviewState::Open => Some(State::Open),
        pb::ReviewState::Upheld => Some(State::Upheld),
        pb::ReviewState::Dismissed => Some(State::Dismissed),
    }
}

fn to_item((item, message): (ReviewItem, Option<Message>)) -> pb::ReviewItem {
    let state = match item.state {
        State::Open => pb::ReviewState::Open,
        State::Upheld => pb::ReviewState::Upheld,
        State::Dismissed => pb::ReviewState::Dismissed,
    };
    let cause = match item.cause {
        Cause::Words => pb::ReviewCause::Words,
        Cause::Report => pb::ReviewCause::Report,
    };
    pb::ReviewItem {
        name: item.name(),
        message: message.map(|message| to_message(&message, Sender::Account)),
        cause: cause.into(),
        words: item.words,
        comment: item.comment,
        state: state.into(),
        create_time: Some(to_proto(item.create_time)),
        decide_time: item.decide_time.map(to_proto),
        decider: item.decider,
    }
}
