//! `ResponseTimeService`: decode, call the use case, encode.

use prost_types::Timestamp;
use siyu_clock::Micros;
use siyu_proto::messaging::v1::{
    self as pb, ClockFigures, DayPeriod, GetBusinessCalendarRequest, GetBusinessCalendarResponse,
    GetResponseReportRequest, GetResponseReportResponse, GetResponseTargetsRequest,
    GetResponseTargetsResponse, ResponseFigures, ResponseTarget, SetBusinessCalendarRequest,
    SetBusinessCalendarResponse, SetResponseTargetsRequest, SetResponseTargetsResponse, WeeklyPeriod,
    response_time_service_server::ResponseTimeService,
};
use siyu_rpc::{Error, admit, admit_mutation, name, time::from_proto};
use tonic::{Request, Response, Status};

use super::desk_convert::{agent_name, clock_kind, to_clock_kind, to_duration};
use crate::{
    Messaging,
    domain::{
        calendar::{BusinessCalendar, Period, SpecialDay},
        clocks::Target,
        figures::{Measured, Report},
    },
};

#[tonic::async_trait]
impl ResponseTimeService for Messaging {
    async fn set_business_calendar(
        &self,
        request: Request<SetBusinessCalendarRequest>,
    ) -> Result<Response<SetBusinessCalendarResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let calendar = request.calendar.map(calendar).transpose()?;
        let stored = self.set_business_calendar(&mutation, account_id, calendar).await?;
        Ok(Response::new(SetBusinessCalendarResponse { calendar: stored.map(to_calendar) }))
    }

    async fn get_business_calendar(
        &self,
        request: Request<GetBusinessCalendarRequest>,
    ) -> Result<Response<GetBusinessCalendarResponse>, Status> {
        let request = admit(request)?;
        let setting = self.desk_setting(name::id(&request.parent, "accounts", "parent")?).await?;
        Ok(Response::new(GetBusinessCalendarResponse { calendar: setting.calendar.map(to_calendar) }))
    }

    async fn set_response_targets(
        &self,
        request: Request<SetResponseTargetsRequest>,
    ) -> Result<Response<SetResponseTargetsResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let targets = request.targets.iter().enumerate().map(|(place, sent)| target(place, sent));
        let targets = targets.collect::<Result<Vec<_>, Error>>()?;
        let stored = self.set_response_targets(&mutation, account_id, &targets).await?;
        Ok(Response::new(SetResponseTargetsResponse { targets: stored.iter().map(to_target).collect() }))
    }

    async fn get_response_targets(
        &self,
        request: Request<GetResponseTargetsRequest>,
    ) -> Result<Response<GetResponseTargetsResponse>, Status> {
        let request = admit(request)?;
        let setting = self.desk_setting(name::id(&request.parent, "accounts", "parent")?).await?;
        let targets = setting.targets.iter().map(to_target).collect();
        Ok(Response::new(GetResponseTargetsResponse { targets }))
    }

    async fn get_response_report(
        &self,
        request: Request<GetResponseReportRequest>,
    ) -> Result<Response<GetResponseReportResponse>, Status> {
        let request = admit(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let start = time(request.start_time.as_ref(), "start_time")?;
        let end = time(request.end_time.as_ref(), "end_time")?;
        let (total, agents) = self.response_report(account_id, [start, end]).await?;
        let agents =
            agents.iter().map(|(agent_id, report)| to_figures(agent_name(account_id, agent_id), report));
        Ok(Response::new(GetResponseReportResponse {
            agents: agents.collect(),
            total: Some(to_figures(String::new(), &total)),
        }))
    }
}

fn time(sent: Option<&Timestamp>, field: &str) -> Result<Micros, Error> {
    sent.and_then(from_proto).ok_or_else(|| Error::invalid_field(field, "is not a time"))
}

fn calendar(sent: pb::BusinessCalendar) -> Result<BusinessCalendar, Error> {
    let week = sent.week.iter().map(|weekly| (weekly.day, period(weekly.period.as_ref()))).collect();
    let mut special_days = Vec::with_capacity(sent.special_days.len());
    for (place, day) in sent.special_days.iter().enumerate() {
        let field = || format!("calendar.special_days[{place}].date");
        let date = day.date.parse().map_err(|_| Error::invalid_field(field(), "is not a date"))?;
        let periods = day.periods.iter().map(|sent| period(Some(sent))).collect();
        special_days.push(SpecialDay { date, periods });
    }
    Ok(BusinessCalendar { time_zone: sent.time_zone, week, special_days })
}

fn period(sent: Option<&DayPeriod>) -> Period {
    let sent = sent.copied().unwrap_or_default();
    Period { open: sent.open_minute, close: sent.close_minute }
}

fn to_calendar(calendar: BusinessCalendar) -> pb::BusinessCalendar {
    let week = calendar.week.iter();
    let week = week.map(|(day, period)| WeeklyPeriod { day: *day, period: Some(to_period(*period)) });
    let special_days = calendar.special_days.iter().map(|day| pb::SpecialDay {
        date: day.date.to_string(),
        periods: day.periods.iter().map(|period| to_period(*period)).collect(),
    });
    pb::BusinessCalendar {
        week: week.collect(),
        special_days: special_days.collect(),
        time_zone: calendar.time_zone,
    }
}

fn to_period(period: Period) -> DayPeriod {
    DayPeriod { open_minute: period.open, close_minute: period.close }
}

fn target(place: usize, sent: &ResponseTarget) -> Result<Target, Error> {
    let field = || format!("targets[{place}].clock");
    let kind = clock_kind(sent.clock()).ok_or_else(|| Error::invalid_field(field(), "must be set"))?;
    let within = sent.within.unwrap_or_default();
    let micros = within.seconds * Micros::PER_SECOND + i64::from(within.nanos / 1_000);
    Ok(Target { kind, micros, warning_percent: sent.warning_percent })
}

fn to_target(target: &Target) -> ResponseTarget {
    ResponseTarget {
        clock: to_clock_kind(target.kind).into(),
        within: Some(to_duration(target.micros)),
        warning_percent: target.warning_percent,
    }
}

fn to_figures(agent: String, report: &Report) -> ResponseFigures {
    ResponseFigures {
        agent,
        case_count: report.case_count,
        open_count: report.open_count,
        first_bot: Some(to_measured(&report.first_bot)),
        first_human: Some(to_measured(&report.first_human)),
        resolution: Some(to_measured(&report.resolution)),
        warning_count: report.warning_count,
        breach_count: report.breach_count,
        rating_count: report.rating_count,
        mean_stars: report.mean_stars,
    }
}

fn to_measured(measured: &Measured) -> ClockFigures {
    ClockFigures {
        count: measured.count,
        median: measured.median.map(to_duration),
        p90: measured.p90.map(to_duration),
    }
}
