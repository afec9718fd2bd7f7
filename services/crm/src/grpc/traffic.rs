use prost_types::{Duration, Timestamp};
use siyu_clock::Micros;
use siyu_proto::crm::v1::{
    self as pb, CompareSourcesRequest, CompareSourcesResponse, GetHomepageFunnelRequest,
    GetHomepageFunnelResponse, ListCardResultsRequest, ListCardResultsResponse, SourceGrouping,
    traffic_service_server::TrafficService,
};
use siyu_rpc::{Error, Page, admit, ratio, time::to_proto};
use tonic::{Request, Response, Status};

use super::convert::{self, account_id, micros, to_duration};
use crate::{
    Crm,
    domain::{
        interaction::SOURCES,
        traffic::{Grouping, Span, card_prefix},
    },
    store::traffic::{CardFigures, SourceFigures, Target},
};

const DEFAULT_WINDOW: i64 = Micros::PER_DAY;
/// Later than any event, by more than any window.
const NEVER: i64 = i64::MAX / 2;

#[tonic::async_trait]
impl TrafficService for Crm {
    async fn get_homepage_funnel(
        &self,
        request: Request<GetHomepageFunnelRequest>,
    ) -> Result<Response<GetHomepageFunnelResponse>, Status> {
        let request = admit(request)?;
        let account_id = account_id(&request.parent, "parent")?;
        let window = request.attribution_window.as_ref();
        let span = span(request.start_time.as_ref(), request.end_time.as_ref(), window)?;
        let found = self.homepage_funnel(account_id, span).await?;
        let funnel = found.funnel;
        let to_target = |target: Target| pb::HomepageTarget {
            target: target.target,
            click_count: target.click_count,
            clicker_count: target.clicker_count,
            visitor_share: ratio(target.visitor_count, funnel.visitor_count),
        };
        Ok(Response::new(GetHomepageFunnelResponse {
            visit_count: funnel.visit_count,
            visitor_count: funnel.visitor_count,
            stranger_count: funnel.stranger_count,
            new_follower_count: funnel.new_follower_count,
            follow_rate: ratio(funnel.new_follower_count, funnel.stranger_count),
            messaging_visitor_count: funnel.messaging_visitor_count,
            message_rate: ratio(funnel.messaging_visitor_count, funnel.visitor_count),
            entrances: found.entrances.into_iter().map(to_target).collect(),
            cards: found.cards.into_iter().map(to_target).collect(),
            attribution_window: Some(to_duration(span.window)),
            as_of: Some(to_proto(found.as_of)),
        }))
    }

    async fn list_card_results(
        &self,
        request: Request<ListCardResultsRequest>,
    ) -> Result<Response<ListCardResultsResponse>, Status> {
        let request = admit(request)?;
        let as_of = self.clock.now();
        let account_id = account_id(&request.parent, "parent")?;
        let (start, end) = (request.start_time.as_ref(), request.end_time.as_ref());
        let card = (!request.card.is_empty()).then_some(request.card.as_str());
        if card.is_some_and(|card| !card.starts_with(&card_prefix(account_id))) {
            let rule = format!("must be a card of {}", request.parent);
            return Err(Error::invalid_field("card", rule).into());
        }
        let arguments = format!("ListCardResults {} {} {start:?} {end:?}", request.parent, request.card);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let span = span(start, end, None)?;
        let (found, next_page_token) = self.card_results(account_id, span, card, &page).await?;
        let results = found.into_iter().map(to_card_result).collect();
        Ok(Response::new(ListCardResultsResponse { results, next_page_token, as_of: Some(to_proto(as_of)) }))
    }

    async fn compare_sources(
        &self,
        request: Request<CompareSourcesRequest>,
    ) -> Result<Response<CompareSourcesResponse>, Status> {
        let request = admit(request)?;
        let as_of = self.clock.now();
        let account_id = account_id(&request.parent, "parent")?;
        let grouping = grouping(request.group_by())?;
        let (start, end) = (request.start_time.as_ref(), request.end_time.as_ref());
        let span = span(start, end, request.attribution_window.as_ref())?;
        let source = source(grouping, &request.source)?;
        let arguments = format!(
            "CompareSources {} {} {source:?} {start:?} {end:?} {}",
            request.parent,
            grouping.name(),
            span.window
        );
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (found, next_page_token, currency_code) =
            self.compare_sources(account_id, span, (grouping, source.as_deref()), &page).await?;
        Ok(Response::new(CompareSourcesResponse {
            results: found.into_iter().map(|figures| to_source_result(grouping, figures)).collect(),
            next_page_token,
            currency_code,
            attribution_window: Some(to_duration(span.window)),
            as_of: Some(to_proto(as_of)),
        }))
    }
}

/// A span of time, of which the caller may leave out either end and the window.
fn span(
    start: Option<&Timestamp>,
    end: Option<&Timestamp>,
    window: Option<&Duration>,
) -> Result<Span, Error> {
    let (start, end) = convert::span(start, end)?;
    Ok(Span {
        // Nothing happened before 1970.
        start: start.map_or(0, |start| start.0.max(0)),
        end: end.map_or(NEVER, |end| end.0),
        window: window.map_or(DEFAULT_WINDOW, micros),
    })
}

fn grouping(sent: SourceGrouping) -> Result<Grouping, Error> {
    match sent {
        SourceGrouping::Unspecified => Err(Error::invalid_field("group_by", "must be set")),
        SourceGrouping::SourceDomain => Ok(Grouping::SourceDomain),
        SourceGrouping::Mount => Ok(Grouping::Mount),
        SourceGrouping::Campaign => Ok(Grouping::Campaign),
        SourceGrouping::EntryCode => Ok(Grouping::EntryCode),
    }
}

const DOMAIN_PREFIX: &str = "SOURCE_DOMAIN_";

/// A source as it is stored, from how the grouping names it; none for all.
fn source(grouping: Grouping, sent: &str) -> Result<Option<String>, Error> {
    if sent.is_empty() {
        return Ok(None);
    }
    if grouping != Grouping::SourceDomain {
        return Ok(Some(sent.to_owned()));
    }
    let domain = sent.strip_prefix(DOMAIN_PREFIX).map(str::to_lowercase);
    let known = domain.filter(|domain| SOURCES.contains(&domain.as_str()));
    known.map(Some).ok_or_else(|| Error::invalid_field("source", "must be a source domain, or empty"))
}

fn to_card_result(figures: CardFigures) -> pb::CardResult {
    pb::CardResult {
        card: figures.card,
        mount: figures.mount,
        click_count: figures.click_count,
        clicker_count: figures.clicker_count,
        claim_count: figures.claim_count,
        redeem_count: figures.redeem_count,
        lead_count: figures.lead_count,
        booking_count: figures.booking_count,
        appointment_count: figures.appointment_count,
        converted_count: figures.converted_count,
    }
}

fn to_source_result(grouping: Grouping, figures: SourceFigures) -> pb::SourceResult {
    let source = match grouping {
        Grouping::SourceDomain if !figures.source.is_empty() => {
            format!("{DOMAIN_PREFIX}{}", figures.source.to_uppercase())
        }
        _ => figures.source,
    };
    pb::SourceResult {
        source,
        scan_count: figures.scan_count,
        visit_count: figures.visit_count,
        click_count: figures.click_count,
        view_count: figures.view_count,
        person_count: figures.person_count,
        follow_count: figures.follow_count,
        unfollow_count: figures.unfollow_count,
        follow_rate: ratio(figures.new_follower_count, figures.person_count),
        claim_count: figures.claim_count,
        redeem_count: figures.redeem_count,
        lead_count: figures.lead_count,
        booking_count: figures.booking_count,
        appointment_count: figures.appointment_count,
        order_count: figures.order_count,
        gmv_minor: figures.gmv_minor,
    }
}
