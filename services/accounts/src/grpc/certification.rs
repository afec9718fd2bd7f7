//! `CertificationService`: decode, call the use case, encode.

use siyu_clock::Micros;
use siyu_proto::accounts::v1::{
    self as pb, ApplyCertificationRequest, ApplyCertificationResponse, GetCertificationRequest,
    GetCertificationResponse, ListCertificationsRequest, ListCertificationsResponse,
    ReviewCertificationRequest, ReviewCertificationResponse,
    certification_service_server::CertificationService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, name, time::to_proto};
use tonic::{Request, Response, Status};

use super::convert::to_term;
use crate::{
    Accounts,
    app::{Application, Decision},
    domain::right::CertificationClass,
    store::certification::Certification,
};

#[tonic::async_trait]
impl CertificationService for Accounts {
    async fn apply_certification(
        &self,
        request: Request<ApplyCertificationRequest>,
    ) -> Result<Response<ApplyCertificationResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let application = application(request.certification.unwrap_or_default());
        let certification = self.apply_certification(&mutation, account_id, &application).await?;
        Ok(Response::new(ApplyCertificationResponse {
            certification: Some(to_certification(certification)?),
        }))
    }

    async fn review_certification(
        &self,
        request: Request<ReviewCertificationRequest>,
    ) -> Result<Response<ReviewCertificationResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let (account_id, number) = certification_ids(&request.name)?;
        let decision = decision(request.decision(), request.reject_reason.clone())?;
        let certification = self.review_certification(&mutation, account_id, number, &decision).await?;
        Ok(Response::new(ReviewCertificationResponse {
            certification: Some(to_certification(certification)?),
        }))
    }

    async fn get_certification(
        &self,
        request: Request<GetCertificationRequest>,
    ) -> Result<Response<GetCertificationResponse>, Status> {
        let request = admit(request)?;
        let status = self.get_certification(name::id(&request.parent, "accounts", "parent")?).await?;
        let (start_time, expire_time) =
            (status.account.certification_start_time, status.account.certification_expire_time);
        Ok(Response::new(GetCertificationResponse {
            certification_class: to_class(status.class).into(),
            term: to_term(start_time, expire_time),
            latest: status.latest.map(to_certification).transpose()?,
        }))
    }

    async fn list_certifications(
        &self,
        request: Request<ListCertificationsRequest>,
    ) -> Result<Response<ListCertificationsResponse>, Status> {
        let request = admit(request)?;
        let state = match request.state() {
            pb::CertificationState::Unspecified => None,
            state => Some(stored_state(state)),
        };
        let arguments = format!("ListCertifications {state:?}");
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (certifications, next_page_token) = self.list_certifications(state.as_deref(), &page).await?;
        let certifications = certifications.into_iter().map(to_certification).collect::<Result<_, _>>()?;
        Ok(Response::new(ListCertificationsResponse { certifications, next_page_token }))
    }
}

fn certification_ids(name: &str) -> Result<(&str, i64), Error> {
    let ids = name::ids(name, ["accounts", "certifications"]);
    let parsed = ids.and_then(|[account_id, number]| Some((account_id, number.parse().ok()?)));
    parsed.ok_or_else(|| Error::invalid_field("name", "must be accounts/{account}/certifications/{number}"))
}

fn application(certification: pb::Certification) -> Application {
    let documents = certification.documents.into_iter();
    let documents = documents.map(|document| {
        let kind = document.kind().as_str_name().trim_start_matches(DOCUMENT_KIND).to_lowercase();
        (kind, document.name, document.sha256)
    });
    Application {
        company_name: certification.company_name,
        social_credit_code: certification.social_credit_code,
        documents: documents.collect(),
    }
}

fn decision(decision: pb::CertificationDecision, reason: String) -> Result<Decision, Error> {
    match decision {
        pb::CertificationDecision::Approve if reason.is_empty() => Ok(Decision::Approve),
        pb::CertificationDecision::Approve => {
            Err(Error::invalid_field("reject_reason", "must be empty when the decision is APPROVE"))
        }
        pb::CertificationDecision::Reject if reason.trim().is_empty() => {
            Err(Error::invalid_field("reject_reason", "must be set when the decision is REJECT"))
        }
        pb::CertificationDecision::Reject => Ok(Decision::Reject { reason }),
        pb::CertificationDecision::Unspecified => Err(Error::invalid_field("decision", "must be set")),
    }
}

const DOCUMENT_KIND: &str = "CERTIFICATION_DOCUMENT_KIND_";
const STATE: &str = "CERTIFICATION_STATE_";

/// `CERTIFICATION_STATE_PENDING` is stored as `pending`.
fn stored_state(state: pb::CertificationState) -> String {
    state.as_str_name().trim_start_matches(STATE).to_lowercase()
}

fn to_class(class: CertificationClass) -> pb::CertificationClass {
    match class {
        CertificationClass::Basic => pb::CertificationClass::Basic,
        CertificationClass::Certified => pb::CertificationClass::Certified,
    }
}

pub(crate) fn to_certification(certification: Certification) -> Result<pb::Certification, Error> {
    let state =
        pb::CertificationState::from_str_name(&format!("{STATE}{}", certification.state.to_uppercase()));
    let documents: Vec<(String, String, String)> =
        serde_json::from_str(&certification.documents).map_err(Error::internal)?;
    let documents = documents.into_iter().map(|(kind, name, sha256)| {
        let kind =
            pb::CertificationDocumentKind::from_str_name(&format!("{DOCUMENT_KIND}{}", kind.to_uppercase()));
        pb::CertificationDocument { kind: kind.unwrap_or_default().into(), name, sha256 }
    });
    Ok(pb::Certification {
        name: format!("accounts/{}/certifications/{}", certification.account_id, certification.number),
        company_name: certification.company_name,
        social_credit_code: certification.social_credit_code,
        documents: documents.collect(),
        state: state.unwrap_or_default().into(),
        reject_reason: certification.reject_reason,
        term: to_term(certification.start_time, certification.expire_time),
        apply_time: Some(to_proto(Micros(certification.apply_time))),
        review_time: certification.review_time.map(|time| to_proto(Micros(time))),
    })
}
