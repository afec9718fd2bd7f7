//! `EnvelopeService` and `EnvelopeBudgetService`: decode, call the use case, encode.

use siyu_clock::Micros;
use siyu_proto::groups::v1::{
    self as pb, CompareEnvelopeLedgerRequest, CompareEnvelopeLedgerResponse, CreateEnvelopeRequest,
    CreateEnvelopeResponse, FundEnvelopeBudgetRequest, FundEnvelopeBudgetResponse, GetEnvelopeBudgetRequest,
    GetEnvelopeBudgetResponse, GetEnvelopeRequest, GetEnvelopeResponse, GrabEnvelopeRequest,
    GrabEnvelopeResponse, ListEnvelopeGrabsRequest, ListEnvelopeGrabsResponse, ListEnvelopesRequest,
    ListEnvelopesResponse, SetEnvelopeCapsRequest, SetEnvelopeCapsResponse,
    envelope_budget_service_server::EnvelopeBudgetService, envelope_service_server::EnvelopeService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, name, time::to_proto};
use tonic::{Request, Response, Status};

use super::convert::group_ids;
use crate::{
    Groups,
    app::{
        envelopes::{Asked, BudgetView, NewEnvelope},
        fans::{tier, to_tier},
    },
    domain::{
        envelope::{Caps, Envelope, Grab, Kind, State, Terms},
        ledger::{Comparison, LedgerKind},
        message,
    },
};

#[tonic::async_trait]
impl EnvelopeService for Groups {
    async fn create_envelope(
        &self,
        request: Request<CreateEnvelopeRequest>,
    ) -> Result<Response<CreateEnvelopeResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, group_id] = group_ids(&request.parent, "parent")?;
        let new = NewEnvelope {
            account_id: account_id.to_owned(),
            group_id: group_id.to_owned(),
            envelope_id: request.envelope_id,
            terms: terms(request.envelope.unwrap_or_default())?,
        };
        let envelope = self.create_envelope(&mutation, &new).await?;
        let envelope = to_envelope(&envelope, self.clock.now());
        Ok(Response::new(CreateEnvelopeResponse { envelope: Some(envelope) }))
    }

    async fn get_envelope(
        &self,
        request: Request<GetEnvelopeRequest>,
    ) -> Result<Response<GetEnvelopeResponse>, Status> {
        let request = admit(request)?;
        let envelope = self.get_envelope(envelope_ids(&request.name, "name")?).await?;
        let envelope = to_envelope(&envelope, self.clock.now());
        Ok(Response::new(GetEnvelopeResponse { envelope: Some(envelope) }))
    }

    async fn list_envelopes(
        &self,
        request: Request<ListEnvelopesRequest>,
    ) -> Result<Response<ListEnvelopesResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListEnvelopes {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (envelopes, next_page_token) =
            self.list_envelopes(group_ids(&request.parent, "parent")?, &page).await?;
        let now = self.clock.now();
        let envelopes = envelopes.iter().map(|envelope| to_envelope(envelope, now)).collect();
        Ok(Response::new(ListEnvelopesResponse { envelopes, next_page_token }))
    }

    async fn list_envelope_grabs(
        &self,
        request: Request<ListEnvelopeGrabsRequest>,
    ) -> Result<Response<ListEnvelopeGrabsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListEnvelopeGrabs {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let ids = envelope_ids(&request.parent, "parent")?;
        let (grabs, next_page_token) = self.list_envelope_grabs(ids, &page).await?;
        let grabs = grabs.iter().map(to_grab).collect();
        Ok(Response::new(ListEnvelopeGrabsResponse { grabs, next_page_token }))
    }

    async fn grab_envelope(
        &self,
        request: Request<GrabEnvelopeRequest>,
    ) -> Result<Response<GrabEnvelopeResponse>, Status> {
        let request = admit(request)?;
        let [account_id, group_id, envelope_id] = envelope_ids(&request.name, "name")?;
        let asked = Asked {
            account_id: account_id.to_owned(),
            group_id: group_id.to_owned(),
            envelope_id: envelope_id.to_owned(),
            user_id: name::id(&request.user, "users", "user")?.to_owned(),
        };
        let grab = self.grab_envelope(&asked).await?;
        Ok(Response::new(GrabEnvelopeResponse { grab: Some(to_grab(&grab)) }))
    }
}

#[tonic::async_trait]
impl EnvelopeBudgetService for Groups {
    async fn fund_envelope_budget(
        &self,
        request: Request<FundEnvelopeBudgetRequest>,
    ) -> Result<Response<FundEnvelopeBudgetResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let funded = self.fund_envelope_budget(&mutation, account_id, request.amount_minor).await?;
        Ok(Response::new(FundEnvelopeBudgetResponse { budget: Some(to_budget(funded)) }))
    }

    async fn get_envelope_budget(
        &self,
        request: Request<GetEnvelopeBudgetRequest>,
    ) -> Result<Response<GetEnvelopeBudgetResponse>, Status> {
        let request = admit(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let budget = self.get_envelope_budget(account_id).await?;
        Ok(Response::new(GetEnvelopeBudgetResponse { budget: Some(to_budget(budget)) }))
    }

    async fn set_envelope_caps(
        &self,
        request: Request<SetEnvelopeCapsRequest>,
    ) -> Result<Response<SetEnvelopeCapsResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let pb::EnvelopeCaps { daily_minor, fan_daily_minor } = request.caps.unwrap_or_default();
        let caps = Caps { daily_minor, fan_daily_minor };
        let budget = self.set_envelope_caps(&mutation, account_id, caps).await?;
        Ok(Response::new(SetEnvelopeCapsResponse { budget: Some(to_budget(budget)) }))
    }

    async fn compare_envelope_ledger(
        &self,
        request: Request<CompareEnvelopeLedgerRequest>,
    ) -> Result<Response<CompareEnvelopeLedgerResponse>, Status> {
        let request = admit(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let comparison = self.compare_envelope_ledger(account_id).await?;
        Ok(Response::new(to_comparison(comparison)))
    }
}

fn envelope_ids<'a>(sent: &'a str, field: &str) -> Result<[&'a str; 3], Error> {
    let rule = "must be accounts/{account}/groups/{group}/envelopes/{envelope}";
    let ids = name::ids(sent, ["accounts", "groups", "envelopes"]);
    ids.ok_or_else(|| Error::invalid_field(field, rule))
}

fn terms(envelope: pb::Envelope) -> Result<Terms, Error> {
    let kind = match envelope.kind() {
        pb::EnvelopeKind::Fixed => Kind::Fixed,
        pb::EnvelopeKind::Lucky => Kind::Lucky,
        pb::EnvelopeKind::Unspecified => return Err(Error::invalid_field("envelope.kind", "must be set")),
    };
    Ok(Terms {
        kind,
        total_minor: envelope.total_minor,
        share_count: envelope.share_count.into(),
        min_tier: tier(envelope.min_tier()),
        greeting: envelope.greeting,
    })
}

/// The envelope as it is at `now`; its seed only once nobody can grab any more.
pub(crate) fn to_envelope(envelope: &Envelope, now: Micros) -> pb::Envelope {
    let Envelope { account_id, group_id, terms, .. } = envelope;
    let state = envelope.state_at(now);
    let message = message::name(account_id, group_id, envelope.message_sequence);
    let is_over = envelope.state != State::Open;
    pb::Envelope {
        name: envelope.name(),
        kind: to_kind(terms.kind).into(),
        total_minor: terms.total_minor,
        share_count: to_count(terms.share_count),
        min_tier: terms.min_tier.map_or(0, |tier| to_tier(tier).into()),
        greeting: terms.greeting.clone(),
        state: to_state(state).into(),
        grabbed_count: to_count(envelope.grabbed_count),
        grabbed_minor: envelope.grabbed_minor,
        escrow_minor: envelope.escrow_minor,
        refunded_minor: envelope.refunded_minor,
        author: envelope.author.clone(),
        seed_digest: envelope.seed_digest.clone(),
        seed: if is_over { envelope.seed.0.clone() } else { String::new() },
        create_time: Some(to_proto(envelope.create_time)),
        expire_time: Some(to_proto(envelope.expire_time)),
        end_time: envelope.end_time.map(to_proto),
        message,
    }
}

pub(crate) fn to_grab(grab: &Grab) -> pb::EnvelopeGrab {
    pb::EnvelopeGrab {
        user: format!("users/{}", grab.user_id),
        place: to_count(grab.place),
        amount_minor: grab.amount_minor,
        grab_time: Some(to_proto(grab.grab_time)),
    }
}

/// There are never more shares than fit.
fn to_count(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn to_kind(kind: Kind) -> pb::EnvelopeKind {
    match kind {
        Kind::Fixed => pb::EnvelopeKind::Fixed,
        Kind::Lucky => pb::EnvelopeKind::Lucky,
    }
}

fn to_state(state: State) -> pb::EnvelopeState {
    match state {
        State::Open => pb::EnvelopeState::Open,
        State::Empty => pb::EnvelopeState::Empty,
        State::Expired => pb::EnvelopeState::Expired,
    }
}

fn to_budget(view: BudgetView) -> pb::EnvelopeBudget {
    let BudgetView { budget, spent_today } = view;
    let Caps { daily_minor, fan_daily_minor } = budget.caps;
    pb::EnvelopeBudget {
        funded_minor: budget.funded_minor,
        balance_minor: budget.balance_minor,
        spent_today_minor: spent_today,
        caps: Some(pb::EnvelopeCaps { daily_minor, fan_daily_minor }),
    }
}

fn to_comparison(comparison: Comparison) -> CompareEnvelopeLedgerResponse {
    let balances = comparison.kinds.iter().map(|(kind, (account_count, figures))| pb::LedgerBalance {
        kind: to_ledger_kind(*kind).into(),
        account_count: *account_count,
        posted_minor: figures.posted,
        balance_minor: figures.balance,
        counted_minor: figures.counted,
    });
    let differences = comparison.differing.iter().map(|line| pb::LedgerDifference {
        ledger_account: line.ledger_account.clone(),
        posted_minor: line.figures.posted,
        balance_minor: line.figures.balance,
        counted_minor: line.figures.counted,
    });
    CompareEnvelopeLedgerResponse {
        difference_minor: comparison.difference(),
        balances: balances.collect(),
        differences: differences.collect(),
    }
}

fn to_ledger_kind(kind: LedgerKind) -> pb::LedgerAccountKind {
    match kind {
        LedgerKind::Funding => pb::LedgerAccountKind::Funding,
        LedgerKind::Budget => pb::LedgerAccountKind::Budget,
        LedgerKind::Escrow => pb::LedgerAccountKind::Escrow,
        LedgerKind::Payable => pb::LedgerAccountKind::Payable,
    }
}
