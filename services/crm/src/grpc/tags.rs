use siyu_clock::Micros;
use siyu_proto::{
    Validate,
    common::v1::ErrorReason,
    crm::v1::{
        self as pb, CreateTagRequest, CreateTagResponse, DeleteTagRequest, DeleteTagResponse, GetTagRequest,
        GetTagResponse, ImportFanTagsRequest, ImportFanTagsResponse, ListFanTagsRequest, ListFanTagsResponse,
        ListTaggedFansRequest, ListTaggedFansResponse, ListTagsRequest, ListTagsResponse, TagFansRequest,
        TagFansResponse, UntagFansRequest, UntagFansResponse, UpdateTagRequest, UpdateTagResponse,
        tag_service_server::TagService,
    },
};
use siyu_rpc::{Error, Page, admit, admit_messages, admit_mutation, etag, name, time::to_proto};
use tonic::{Code, Request, Response, Status, Streaming};

use super::{
    convert::{account_id, fan_ids},
    interactions::MOST_REJECTIONS,
};
use crate::{
    Crm,
    app::{
        fan_tags::{Tagging, Wanted},
        ingest::Rejected,
        tags::{Change, Words},
    },
    domain::tag::Origin,
    store::{fan_tag::Tagged, tag::Tag},
};

/// Most characters of a bad user that are sent back: as many as a good one may have.
const MOST_USER: usize = 134;

#[tonic::async_trait]
impl TagService for Crm {
    async fn create_tag(
        &self,
        request: Request<CreateTagRequest>,
    ) -> Result<Response<CreateTagResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = account_id(&request.parent, "parent")?;
        let pb::Tag { display_name, category, description, .. } = request.tag.unwrap_or_default();
        let words = Words { display_name, category, description };
        let tag = self.create_tag(&mutation, account_id, &request.tag_id, words).await?;
        Ok(Response::new(CreateTagResponse { tag: Some(to_tag(account_id, tag)) }))
    }

    async fn get_tag(&self, request: Request<GetTagRequest>) -> Result<Response<GetTagResponse>, Status> {
        let request = admit(request)?;
        let [account_id, tag_id] = tag_ids(&request.name, "name")?;
        let tag = self.get_tag(account_id, tag_id).await?;
        Ok(Response::new(GetTagResponse { tag: Some(to_tag(account_id, tag)) }))
    }

    async fn list_tags(
        &self,
        request: Request<ListTagsRequest>,
    ) -> Result<Response<ListTagsResponse>, Status> {
        let request = admit(request)?;
        let page =
            Page::read(request.page_size, &request.page_token, format!("ListTags {}", request.parent))?;
        let account_id = account_id(&request.parent, "parent")?;
        let (tags, next_page_token) = self.list_tags(account_id, &page).await?;
        let tags = tags.into_iter().map(|tag| to_tag(account_id, tag)).collect();
        Ok(Response::new(ListTagsResponse { tags, next_page_token }))
    }

    async fn update_tag(
        &self,
        request: Request<UpdateTagRequest>,
    ) -> Result<Response<UpdateTagResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let tag = request.tag.unwrap_or_default();
        let [account_id, tag_id] = tag_ids(&tag.name, "tag.name")?;
        let changes = changes(&tag, &request.update_mask.unwrap_or_default().paths)?;
        let tag = self.update_tag(&mutation, account_id, tag_id, &changes, &tag.etag).await?;
        Ok(Response::new(UpdateTagResponse { tag: Some(to_tag(account_id, tag)) }))
    }

    async fn delete_tag(
        &self,
        request: Request<DeleteTagRequest>,
    ) -> Result<Response<DeleteTagResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, tag_id] = tag_ids(&request.name, "name")?;
        self.delete_tag(&mutation, account_id, tag_id, &request.etag).await?;
        Ok(Response::new(DeleteTagResponse {}))
    }

    async fn tag_fans(&self, request: Request<TagFansRequest>) -> Result<Response<TagFansResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, tag_id] = tag_ids(&request.name, "name")?;
        let user_ids: Vec<&str> = request.users.iter().map(|user| user_id(user)).collect();
        let taggings = self.tag_fans(&mutation, account_id, tag_id, &user_ids, true).await?;
        let mut tally = Tally::default();
        tally.count(&request.users, taggings);
        let Tally { changed, unchanged, rejections, .. } = tally;
        Ok(Response::new(TagFansResponse { tagged_count: changed, unchanged_count: unchanged, rejections }))
    }

    async fn untag_fans(
        &self,
        request: Request<UntagFansRequest>,
    ) -> Result<Response<UntagFansResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, tag_id] = tag_ids(&request.name, "name")?;
        let user_ids: Vec<&str> = request.users.iter().map(|user| user_id(user)).collect();
        let taggings = self.tag_fans(&mutation, account_id, tag_id, &user_ids, false).await?;
        let mut tally = Tally::default();
        tally.count(&request.users, taggings);
        let Tally { changed, unchanged, rejections, .. } = tally;
        Ok(Response::new(UntagFansResponse {
            untagged_count: changed,
            unchanged_count: unchanged,
            rejections,
        }))
    }

    async fn import_fan_tags(
        &self,
        request: Request<Streaming<ImportFanTagsRequest>>,
    ) -> Result<Response<ImportFanTagsResponse>, Status> {
        let mut batches = admit_messages(request, |batch| &batch.parent)?;
        let mut tally = Tally::default();
        while let Some(batch) = batches.next().await? {
            let users: Vec<String> =
                batch.rows.iter().map(|row| row.user.chars().take(MOST_USER).collect()).collect();
            let taggings = self.import_rows(batch).await?;
            tally.count(&users, taggings);
            tally.rejections.truncate(MOST_REJECTIONS);
        }
        Ok(Response::new(ImportFanTagsResponse {
            tagged_count: tally.changed,
            unchanged_count: tally.unchanged,
            rejected_count: tally.rejected,
            rejections: tally.rejections,
        }))
    }

    async fn list_fan_tags(
        &self,
        request: Request<ListFanTagsRequest>,
    ) -> Result<Response<ListFanTagsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListFanTags {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let [account_id, user_id] = fan_ids(&request.parent, "parent")?;
        let (tagged, next_page_token) = self.list_fan_tags(account_id, user_id, &page).await?;
        let fan_tags = tagged.into_iter().map(|tagged| to_fan_tag(account_id, tagged)).collect();
        Ok(Response::new(ListFanTagsResponse { fan_tags, next_page_token }))
    }

    async fn list_tagged_fans(
        &self,
        request: Request<ListTaggedFansRequest>,
    ) -> Result<Response<ListTaggedFansResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListTaggedFans {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let [account_id, tag_id] = tag_ids(&request.parent, "parent")?;
        let (tagged, next_page_token) = self.list_tagged_fans(account_id, tag_id, &page).await?;
        let fan_tags = tagged.into_iter().map(|tagged| to_fan_tag(account_id, tagged)).collect();
        Ok(Response::new(ListTaggedFansResponse { fan_tags, next_page_token }))
    }
}

/// What became of the users of a call so far.
#[derive(Debug, Default)]
struct Tally {
    received: i64,
    changed: i64,
    unchanged: i64,
    rejected: i64,
    rejections: Vec<pb::TagRejection>,
}

impl Tally {
    fn count(&mut self, users: &[String], taggings: Vec<Tagging>) {
        for (user, tagging) in users.iter().zip(taggings) {
            let index = self.received;
            self.received += 1;
            match tagging {
                Tagging::Changed => self.changed += 1,
                Tagging::Unchanged => self.unchanged += 1,
                Tagging::Rejected(Rejected { reason, field, message }) => {
                    self.rejected += 1;
                    let (user, reason) = (user.clone(), reason.into());
                    self.rejections.push(pb::TagRejection { index, user, reason, field, message });
                }
            }
        }
    }
}

impl Crm {
    /// Imports a batch. Answers what became of each row; one that breaks a rule by itself is left out.
    async fn import_rows(&self, batch: ImportFanTagsRequest) -> Result<Vec<Tagging>, Error> {
        let account_id = account_id(&batch.parent, "parent")?;
        let mut taggings = Vec::with_capacity(batch.rows.len());
        let mut wanted = Vec::with_capacity(batch.rows.len());
        for row in batch.rows {
            match row.violations().into_iter().next() {
                Some(violation) => taggings.push(Some(Tagging::Rejected(Rejected {
                    reason: ErrorReason::InvalidField,
                    field: violation.field,
                    message: violation.rule.to_owned(),
                }))),
                None => {
                    let (user_id, tag_id) = (user_id(&row.user).to_owned(), row.tag);
                    wanted.push(Wanted { user_id, tag_id, cause: batch.cause.clone() });
                    taggings.push(None);
                }
            }
        }
        let mut judged = self.import_fan_tags(account_id, &wanted).await?.into_iter();
        Ok(taggings.into_iter().filter_map(|rejected| rejected.or_else(|| judged.next())).collect())
    }
}

/// The id in `users/{user}`.
pub(super) fn user_id(user: &str) -> &str {
    user.trim_start_matches("users/")
}

/// Account and tag of a tag's name.
fn tag_ids<'a>(name: &'a str, field: &str) -> Result<[&'a str; 2], Error> {
    name::ids(name, ["accounts", "tags"])
        .ok_or_else(|| Error::invalid_field(field, "must be accounts/{account}/tags/{tag}"))
}

/// The changes that a field mask asks for.
fn changes(tag: &pb::Tag, paths: &[String]) -> Result<Vec<Change>, Error> {
    if paths.is_empty() {
        return Err(Error::invalid_field("update_mask", "must name at least one field"));
    }
    let change = |path: &String| match path.as_str() {
        "display_name" => Ok(Change::DisplayName(tag.display_name.clone())),
        "category" => Ok(Change::Category(tag.category.clone())),
        "description" => Ok(Change::Description(tag.description.clone())),
        "name" | "fan_count" | "create_time" | "update_time" | "etag" => {
            let message = format!("update_mask: {path} is fixed and cannot be updated");
            Err(Error::new(Code::InvalidArgument, ErrorReason::ImmutableField, message).with("field", path))
        }
        _ => Err(Error::invalid_field("update_mask", format!("{path:?} is not a field of a tag"))),
    };
    paths.iter().map(change).collect()
}

fn to_tag(account_id: &str, tag: Tag) -> pb::Tag {
    pb::Tag {
        name: format!("accounts/{account_id}/tags/{}", tag.tag_id),
        display_name: tag.display_name,
        category: tag.category,
        description: tag.description,
        fan_count: tag.fan_count,
        create_time: Some(to_proto(Micros(tag.create_time))),
        update_time: Some(to_proto(Micros(tag.update_time))),
        etag: etag::of(tag.revision),
    }
}

fn to_fan_tag(account_id: &str, tagged: Tagged) -> pb::FanTag {
    let origin = match tagged.origin {
        Origin::Manual => pb::TagOrigin::Manual,
        Origin::Imported => pb::TagOrigin::Imported,
        Origin::Rule => pb::TagOrigin::Rule,
        Origin::Behaviour => pb::TagOrigin::Behaviour,
        Origin::EntryCode => pb::TagOrigin::EntryCode,
    };
    pb::FanTag {
        fan: format!("accounts/{account_id}/fans/{}", tagged.user_id),
        tag: format!("accounts/{account_id}/tags/{}", tagged.tag_id),
        origin: origin.into(),
        cause: tagged.cause,
        since: Some(to_proto(tagged.since)),
    }
}
