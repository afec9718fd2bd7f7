//! `HomepageService`: decode, call the use case, encode.

mod convert;
mod hot;

pub(crate) use convert::to_version;
pub(crate) use hot::HomepageServer;

use bytes::Bytes;
use prost::Message;
use siyu_proto::accounts::v1::{
    ApplyHomepageTemplateRequest, ApplyHomepageTemplateResponse, CancelScheduledPublishRequest,
    CancelScheduledPublishResponse, GetHomepageDraftRequest, GetHomepageDraftResponse, GetHomepageRequest,
    GetHomepageResponse, GetHomepageVersionRequest, GetHomepageVersionResponse, ListHomepageTemplatesRequest,
    ListHomepageTemplatesResponse, ListHomepageVersionsRequest, ListHomepageVersionsResponse,
    PreviewHomepageRequest, PreviewHomepageResponse, PublishHomepageRequest, PublishHomepageResponse,
    RollbackHomepageRequest, RollbackHomepageResponse, UpdateHomepageDraftRequest,
    UpdateHomepageDraftResponse, homepage_service_server::HomepageService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, etag, name};
use tonic::{Request, Response, Status};

use crate::{Accounts, app::homepage::NewContent, domain::homepage::template::TEMPLATES};
use convert::{check_mask, id_of_homepage, imagined, to_draft, to_schedule, to_template, version_ids, when};

impl Accounts {
    /// The answer to `GetHomepage`, a `GetHomepageResponse`.
    async fn encoded_homepage(&self, request: Request<GetHomepageRequest>) -> Result<Bytes, Error> {
        let request = admit(request)?;
        let account_id = id_of_homepage(&request.name, "name")?;
        self.view_homepage(account_id, request.viewer.strip_prefix("users/")).await
    }
}

#[tonic::async_trait]
impl HomepageService for Accounts {
    async fn get_homepage(
        &self,
        request: Request<GetHomepageRequest>,
    ) -> Result<Response<GetHomepageResponse>, Status> {
        // `HomepageServer` answers it with the bytes themselves.
        let answer = GetHomepageResponse::decode(self.encoded_homepage(request).await?);
        Ok(Response::new(answer.map_err(Error::internal)?))
    }

    async fn preview_homepage(
        &self,
        request: Request<PreviewHomepageRequest>,
    ) -> Result<Response<PreviewHomepageResponse>, Status> {
        let request = admit(request)?;
        let account_id = id_of_homepage(&request.name, "name")?;
        let view = self.preview_homepage(account_id, imagined(&request)).await?;
        Ok(Response::new(PreviewHomepageResponse { homepage: Some(view) }))
    }

    async fn get_homepage_draft(
        &self,
        request: Request<GetHomepageDraftRequest>,
    ) -> Result<Response<GetHomepageDraftResponse>, Status> {
        let request = admit(request)?;
        let state = self.get_homepage_draft(id_of_homepage(&request.name, "name")?).await?;
        Ok(Response::new(GetHomepageDraftResponse { draft: Some(to_draft(state)?) }))
    }

    async fn update_homepage_draft(
        &self,
        request: Request<UpdateHomepageDraftRequest>,
    ) -> Result<Response<UpdateHomepageDraftResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        check_mask(&request.update_mask.unwrap_or_default().paths)?;
        let draft = request.draft.unwrap_or_default();
        let account_id = id_of_homepage(&draft.name, "draft.name")?;
        let content = NewContent::Homepage(draft.homepage.unwrap_or_default());
        let state = self.update_homepage_draft(&mutation, account_id, &draft.etag, &content).await?;
        Ok(Response::new(UpdateHomepageDraftResponse { draft: Some(to_draft(state)?) }))
    }

    async fn list_homepage_templates(
        &self,
        request: Request<ListHomepageTemplatesRequest>,
    ) -> Result<Response<ListHomepageTemplatesResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListHomepageTemplates {}", request.parent);
        let page: Page<String> = Page::read(request.page_size, &request.page_token, arguments)?;
        let account = self.get_account(name::id(&request.parent, "accounts", "parent")?).await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut templates: Vec<_> = TEMPLATES.iter().filter(|template| template.id > after).collect();
        let next_page_token = page.finish(&mut templates, |last| last.id.to_owned())?;
        let templates = templates.into_iter().map(|template| to_template(template, &account)).collect();
        Ok(Response::new(ListHomepageTemplatesResponse { templates, next_page_token }))
    }

    async fn apply_homepage_template(
        &self,
        request: Request<ApplyHomepageTemplateRequest>,
    ) -> Result<Response<ApplyHomepageTemplateResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = id_of_homepage(&request.name, "name")?;
        let template = name::id(&request.template, "homepageTemplates", "template")?;
        let content = NewContent::Template(template.to_owned());
        let state = self.update_homepage_draft(&mutation, account_id, &request.etag, &content).await?;
        Ok(Response::new(ApplyHomepageTemplateResponse { draft: Some(to_draft(state)?) }))
    }

    async fn publish_homepage(
        &self,
        request: Request<PublishHomepageRequest>,
    ) -> Result<Response<PublishHomepageResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = id_of_homepage(&request.name, "name")?;
        let when = when(request.publish_time.as_ref())?;
        let published =
            self.publish_homepage(&mutation, account_id, &request.etag, when, &request.note).await?;
        Ok(Response::new(PublishHomepageResponse {
            version: published.version.map(to_version),
            scheduled_publish: published.schedule.map(to_schedule),
            etag: etag::of(published.revision),
        }))
    }

    async fn cancel_scheduled_publish(
        &self,
        request: Request<CancelScheduledPublishRequest>,
    ) -> Result<Response<CancelScheduledPublishResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = id_of_homepage(&request.name, "name")?;
        let revision = self.cancel_scheduled_publish(&mutation, account_id, &request.etag).await?;
        Ok(Response::new(CancelScheduledPublishResponse { etag: etag::of(revision) }))
    }

    async fn list_homepage_versions(
        &self,
        request: Request<ListHomepageVersionsRequest>,
    ) -> Result<Response<ListHomepageVersionsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListHomepageVersions {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = id_of_homepage(&request.parent, "parent")?;
        let (versions, next_page_token) = self.list_homepage_versions(account_id, &page).await?;
        let versions = versions.into_iter().map(to_version).collect();
        Ok(Response::new(ListHomepageVersionsResponse { versions, next_page_token }))
    }

    async fn get_homepage_version(
        &self,
        request: Request<GetHomepageVersionRequest>,
    ) -> Result<Response<GetHomepageVersionResponse>, Status> {
        let request = admit(request)?;
        let (account_id, number) = version_ids(&request.name)?;
        let (version, document) = self.get_homepage_version(account_id, number).await?;
        let mut version = to_version(version);
        version.homepage = Some(document.homepage().map_err(Error::from)?);
        Ok(Response::new(GetHomepageVersionResponse { version: Some(version) }))
    }

    async fn rollback_homepage(
        &self,
        request: Request<RollbackHomepageRequest>,
    ) -> Result<Response<RollbackHomepageResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let (account_id, number) = version_ids(&request.name)?;
        let version = self.rollback_homepage(&mutation, account_id, number, &request.note).await?;
        Ok(Response::new(RollbackHomepageResponse { version: Some(to_version(version)) }))
    }
}
