use std::sync::{Arc, Mutex};

use siyu_proto::crm::v1::{
    GetGmvConcentrationRequest, GetGmvConcentrationResponse, GetMatrixRequest, GetMatrixResponse,
    GetRfmRequest, GetRfmResponse, GetSalesRequest, GetSalesResponse, GetTierFlowRequest,
    GetTierFlowResponse, GetTierFunnelRequest, GetTierFunnelResponse, ListMonthlySalesRequest,
    ListMonthlySalesResponse, TimeBasis,
    analytics_service_client::AnalyticsServiceClient,
    analytics_service_server::{AnalyticsService, AnalyticsServiceServer},
};
use tonic::{Request, Response, Status};

use super::{at, figures, line};
use crate::report;

/// Answers with the figures of the other tests, one month a page, and notes what flow was asked for.
struct Fake {
    flow_asked: Arc<Mutex<Option<GetTierFlowRequest>>>,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl AnalyticsService for Fake {
    async fn get_tier_funnel(&self, _: Request<GetTierFunnelRequest>) -> Answer<GetTierFunnelResponse> {
        Ok(Response::new(figures().funnel))
    }

    async fn get_tier_flow(&self, request: Request<GetTierFlowRequest>) -> Answer<GetTierFlowResponse> {
        *self.flow_asked.lock().unwrap() = Some(request.into_inner());
        Ok(Response::new(figures().flow))
    }

    async fn get_sales(&self, _: Request<GetSalesRequest>) -> Answer<GetSalesResponse> {
        Ok(Response::new(figures().sales))
    }

    async fn list_monthly_sales(
        &self,
        request: Request<ListMonthlySalesRequest>,
    ) -> Answer<ListMonthlySalesResponse> {
        let (month, next_page_token) = match request.into_inner().page_token.as_str() {
            "" => ("2026-02", "more"),
            _ => ("2026-03", ""),
        };
        let mut months = figures().months;
        months[0].month = month.to_owned();
        Ok(Response::new(ListMonthlySalesResponse { months, next_page_token: next_page_token.to_owned() }))
    }

    async fn get_gmv_concentration(
        &self,
        _: Request<GetGmvConcentrationRequest>,
    ) -> Answer<GetGmvConcentrationResponse> {
        Ok(Response::new(figures().concentration))
    }

    async fn get_rfm(&self, _: Request<GetRfmRequest>) -> Answer<GetRfmResponse> {
        Ok(Response::new(figures().rfm))
    }

    async fn get_matrix(&self, _: Request<GetMatrixRequest>) -> Answer<GetMatrixResponse> {
        Err(Status::permission_denied("not yours"))
    }
}

#[tokio::test]
async fn the_report_asks_for_everything_and_follows_pages() {
    let flow_asked = Arc::new(Mutex::new(None));
    let fake = Fake { flow_asked: Arc::clone(&flow_asked) };
    let mut client = AnalyticsServiceClient::new(AnalyticsServiceServer::new(fake));

    let text = report::account(&mut client, "accounts/lumi-flagship", "Lumi").await.unwrap();
    assert_eq!(line(&text, "2026-02")[1], "411");
    assert_eq!(line(&text, "2026-03")[1], "411");
    let expected = GetTierFlowRequest {
        parent: "accounts/lumi-flagship".to_owned(),
        start_time: at(1_775_000_000 - 30 * 86_400),
        end_time: at(1_775_000_000),
        basis: TimeBasis::EventTime.into(),
    };
    assert_eq!(*flow_asked.lock().unwrap(), Some(expected));

    let error = report::matrix(&mut client, "enterprises/lumi").await.unwrap_err();
    assert_eq!(error.downcast_ref::<Status>().unwrap().code(), tonic::Code::PermissionDenied);
}
