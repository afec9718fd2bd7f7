use siyu_clock::Micros;
use siyu_proto::crm::v1::{
    self as pb, GetGmvConcentrationRequest, GetGmvConcentrationResponse, GetMatrixRequest, GetMatrixResponse,
    GetRfmRequest, GetRfmResponse, GetSalesRequest, GetSalesResponse, GetTierFlowRequest,
    GetTierFlowResponse, GetTierFunnelRequest, GetTierFunnelResponse, ListMonthlySalesRequest,
    ListMonthlySalesResponse, TimeBasis, analytics_service_server::AnalyticsService,
};
use siyu_rpc::{Error, Page, admit, ratio, time::to_proto};
use tonic::{Request, Response, Status};

use super::convert::{account_id, moment, span, to_flows, to_tier};
use crate::{
    Crm,
    app::analytics::{MatrixAccount, RfmCell},
    domain::tier::Tier,
    store::figures::{Month, Sales},
};

const DEFAULT_TOP_PERCENTS: [f64; 5] = [1.0, 5.0, 10.0, 20.0, 50.0];

#[tonic::async_trait]
impl AnalyticsService for Crm {
    async fn get_tier_funnel(
        &self,
        request: Request<GetTierFunnelRequest>,
    ) -> Result<Response<GetTierFunnelResponse>, Status> {
        let request = admit(request)?;
        let as_of = self.clock.now();
        let funnel = self.funnel(account_id(&request.parent, "parent")?).await?;
        let known_count = funnel.tiers.iter().map(|(_, count)| count).sum();
        let following = funnel.tiers.iter().filter(|(tier, _)| *tier != Tier::Potential);
        Ok(Response::new(GetTierFunnelResponse {
            known_count,
            following_count: following.map(|(_, count)| count).sum(),
            tiers: funnel
                .tiers
                .iter()
                .map(|(tier, fan_count)| pb::TierCount {
                    tier: to_tier(Some(*tier)).into(),
                    fan_count: *fan_count,
                })
                .collect(),
            customer_count: funnel.customers,
            repeat_customer_count: funnel.repeat_customers,
            as_of: Some(to_proto(as_of)),
        }))
    }

    async fn get_tier_flow(
        &self,
        request: Request<GetTierFlowRequest>,
    ) -> Result<Response<GetTierFlowResponse>, Status> {
        let request = admit(request)?;
        let account_id = account_id(&request.parent, "parent")?;
        let now = self.clock.now();
        let start = moment(request.start_time.as_ref(), "start_time")?
            .ok_or_else(|| Error::invalid_field("start_time", "is required"))?;
        let end = moment(request.end_time.as_ref(), "end_time")?.unwrap_or(now);
        if end <= start {
            return Err(Error::invalid_field("end_time", "must be later than start_time").into());
        }
        if end > now {
            return Err(Error::invalid_field("end_time", "must not lie in the future").into());
        }
        let flows = match request.basis() {
            TimeBasis::EventTime => self.flow_by_event_time(account_id, start, end).await?,
            TimeBasis::Unspecified | TimeBasis::ProcessedTime => {
                self.flow_by_processed_time(account_id, start, end).await?
            }
        };
        Ok(Response::new(GetTierFlowResponse {
            flows: to_flows(flows),
            start_time: Some(to_proto(start)),
            end_time: Some(to_proto(end)),
        }))
    }

    async fn get_sales(
        &self,
        request: Request<GetSalesRequest>,
    ) -> Result<Response<GetSalesResponse>, Status> {
        let request = admit(request)?;
        let as_of = self.clock.now();
        let (start, end) = span(request.start_time.as_ref(), request.end_time.as_ref())?;
        let (sales, currency_code) = self.sales(account_id(&request.parent, "parent")?, start, end).await?;
        let as_of = Some(to_proto(as_of));
        Ok(Response::new(GetSalesResponse { sales: Some(to_sales(&sales)), currency_code, as_of }))
    }

    async fn list_monthly_sales(
        &self,
        request: Request<ListMonthlySalesRequest>,
    ) -> Result<Response<ListMonthlySalesResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListMonthlySales {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (months, next_page_token) =
            self.monthly_sales(account_id(&request.parent, "parent")?, &page).await?;
        let months = months.into_iter().map(to_month).collect();
        Ok(Response::new(ListMonthlySalesResponse { months, next_page_token }))
    }

    async fn get_gmv_concentration(
        &self,
        request: Request<GetGmvConcentrationRequest>,
    ) -> Result<Response<GetGmvConcentrationResponse>, Status> {
        let request = admit(request)?;
        let as_of = self.clock.now();
        let asked = &request.top_percents;
        let percents = if asked.is_empty() { &DEFAULT_TOP_PERCENTS } else { asked.as_slice() };
        let (tops, all) = self.concentration(account_id(&request.parent, "parent")?, percents).await?;
        let share = |gmv_minor| ratio(gmv_minor, all.gmv_minor);
        Ok(Response::new(GetGmvConcentrationResponse {
            shares: tops
                .into_iter()
                .map(|top| pb::TopShare {
                    top_percent: top.percent,
                    customer_count: top.customers,
                    gmv_minor: top.gmv_minor,
                    share: share(top.gmv_minor),
                })
                .collect(),
            gmv_minor: all.gmv_minor,
            customer_count: all.customer_count,
            as_of: Some(to_proto(as_of)),
        }))
    }

    async fn get_rfm(&self, request: Request<GetRfmRequest>) -> Result<Response<GetRfmResponse>, Status> {
        let request = admit(request)?;
        let as_of = self.clock.now();
        let cells = self.rfm(account_id(&request.parent, "parent")?).await?;
        let cells: Vec<_> = cells.into_iter().map(to_cell).collect();
        let customer_count = cells.iter().map(|cell| cell.customer_count).sum();
        Ok(Response::new(GetRfmResponse { cells, customer_count, as_of: Some(to_proto(as_of)) }))
    }

    async fn get_matrix(
        &self,
        request: Request<GetMatrixRequest>,
    ) -> Result<Response<GetMatrixResponse>, Status> {
        let request = admit(request)?;
        let as_of = self.clock.now();
        let matrix = self.matrix(&request.parent).await?;
        let amount = |(currency_code, amount_minor)| pb::CurrencyAmount { currency_code, amount_minor };
        Ok(Response::new(GetMatrixResponse {
            following_count: matrix.following,
            gmv: matrix.gmv_minor.into_iter().map(amount).collect(),
            distinct_following_count: matrix.distinct_following,
            distinct_known_count: matrix.distinct_known,
            accounts: matrix.accounts.into_iter().map(to_matrix_account).collect(),
            as_of: Some(to_proto(as_of)),
        }))
    }
}

fn to_sales(sales: &Sales) -> pb::Sales {
    pb::Sales {
        order_count: sales.order_count,
        customer_count: sales.customer_count,
        gmv_minor: sales.gmv_minor,
        refunded_minor: sales.refunded_minor,
        repeat_customers_by_order: sales.repeat_customers_by_order,
        repeat_customers_by_day: sales.repeat_customers_by_day,
        repurchase_rate_by_order: ratio(sales.repeat_customers_by_order, sales.customer_count),
        repurchase_rate_by_day: ratio(sales.repeat_customers_by_day, sales.customer_count),
        repeat_gmv_minor_by_order: sales.repeat_gmv_minor_by_order,
        repeat_gmv_minor_by_day: sales.repeat_gmv_minor_by_day,
        order_day_count: sales.order_day_count,
        first_order_time: sales.first_order_time.map(|time| to_proto(Micros(time))),
        last_order_time: sales.last_order_time.map(|time| to_proto(Micros(time))),
    }
}

fn to_month(month: Month) -> pb::MonthlySales {
    pb::MonthlySales {
        month: format!("{:04}-{:02}", month.local_month / 100, month.local_month % 100),
        order_count: month.order_count,
        customer_count: month.customer_count,
        gmv_minor: month.gmv_minor,
        refunded_minor: month.refunded_minor,
    }
}

fn to_cell((recency, frequency, monetary, customer_count, gmv_minor): RfmCell) -> pb::RfmCell {
    let score = |score: i64| i32::try_from(score).unwrap_or_default();
    pb::RfmCell {
        recency: score(recency),
        frequency: score(frequency),
        monetary: score(monetary),
        customer_count,
        gmv_minor,
    }
}

fn to_matrix_account(account: MatrixAccount) -> pb::MatrixAccount {
    pb::MatrixAccount {
        account: format!("accounts/{}", account.account_id),
        following_count: account.following,
        known_count: account.known,
        order_count: account.orders,
        gmv_minor: account.gmv_minor,
        currency_code: account.currency_code,
    }
}
