use std::pin::Pin;

use futures_util::{Stream, stream};
use siyu_clock::Micros;
use siyu_proto::crm::v1::{
    self as pb, ActivateTierRulesRequest, ActivateTierRulesResponse, BacktestTierRulesRequest,
    BacktestTierRulesResponse, CreateTierRulesRequest, CreateTierRulesResponse, ListTierChangesRequest,
    ListTierChangesResponse, ListTierRulesRequest, ListTierRulesResponse, RebuildTiersRequest,
    RebuildTiersResponse, tier_service_server::TierService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, name, time::to_proto};
use tonic::{Request, Response, Status};

use super::convert::{account_id, fan_ids, kind, micros, to_duration, to_flows, to_kind, to_tier};
use crate::{
    Crm,
    app::{rules::Version, tiers::Progress},
    domain::{
        interaction::Kind,
        tier::Cause,
        tier_rules::{Threshold, TierRules},
    },
    store::tier_change::Recorded,
};

#[tonic::async_trait]
impl TierService for Crm {
    async fn create_tier_rules(
        &self,
        request: Request<CreateTierRulesRequest>,
    ) -> Result<Response<CreateTierRulesResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = account_id(&request.parent, "parent")?;
        let rules = rules(request.tier_rules.unwrap_or_default())?;
        let version = self.create_rules(&mutation, account_id, rules).await?;
        Ok(Response::new(CreateTierRulesResponse { tier_rules: Some(to_rules(account_id, version)) }))
    }

    async fn list_tier_rules(
        &self,
        request: Request<ListTierRulesRequest>,
    ) -> Result<Response<ListTierRulesResponse>, Status> {
        let request = admit(request)?;
        let account_id = account_id(&request.parent, "parent")?;
        let arguments = format!("ListTierRules {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (versions, next_page_token) = self.list_rules(account_id, &page).await?;
        let tier_rules = versions.into_iter().map(|version| to_rules(account_id, version)).collect();
        Ok(Response::new(ListTierRulesResponse { tier_rules, next_page_token }))
    }

    async fn backtest_tier_rules(
        &self,
        request: Request<BacktestTierRulesRequest>,
    ) -> Result<Response<BacktestTierRulesResponse>, Status> {
        let request = admit(request)?;
        let (account_id, version) = rules_ids(&request.name)?;
        let (flows, as_of) = self.backtest(account_id, version).await?;
        let fan_count = flows.values().sum();
        let moved_count = flows.iter().filter(|((from, to), _)| from != to).map(|(_, count)| count).sum();
        let as_of = Some(to_proto(as_of));
        Ok(Response::new(BacktestTierRulesResponse { flows: to_flows(flows), moved_count, fan_count, as_of }))
    }

    async fn activate_tier_rules(
        &self,
        request: Request<ActivateTierRulesRequest>,
    ) -> Result<Response<ActivateTierRulesResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let (account_id, version) = rules_ids(&request.name)?;
        let version = self.activate_rules(&mutation, account_id, version).await?;
        Ok(Response::new(ActivateTierRulesResponse { tier_rules: Some(to_rules(account_id, version)) }))
    }

    type RebuildTiersStream = Pin<Box<dyn Stream<Item = Result<RebuildTiersResponse, Status>> + Send>>;

    async fn rebuild_tiers(
        &self,
        request: Request<RebuildTiersRequest>,
    ) -> Result<Response<Self::RebuildTiersStream>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = account_id(&request.parent, "parent")?.to_owned();
        self.begin_rebuild(&mutation, &account_id).await?;
        let crm = self.clone();
        let steps = stream::try_unfold(Progress::default(), move |progress| {
            let (crm, account_id) = (crm.clone(), account_id.clone());
            async move {
                if progress.done {
                    return Ok(None);
                }
                let progress = crm.rebuild_once(&account_id, progress).await?;
                let Progress { fan_count, changed_count, done, .. } = progress;
                Ok(Some((RebuildTiersResponse { fan_count, changed_count, done }, progress)))
            }
        });
        Ok(Response::new(Box::pin(steps)))
    }

    async fn list_tier_changes(
        &self,
        request: Request<ListTierChangesRequest>,
    ) -> Result<Response<ListTierChangesResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListTierChanges {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (account_id, user_id) = match name::ids(&request.parent, ["accounts"]) {
            Some([account_id]) => (account_id, None),
            None => {
                let [account_id, user_id] = fan_ids(&request.parent, "parent")?;
                (account_id, Some(user_id))
            }
        };
        let (changes, next_page_token) = self.list_tier_changes(account_id, user_id, &page).await?;
        let tier_changes =
            changes.into_iter().map(|(user_id, change)| to_change(account_id, &user_id, change));
        Ok(Response::new(ListTierChangesResponse { tier_changes: tier_changes.collect(), next_page_token }))
    }
}

fn rules_ids(name: &str) -> Result<(&str, i64), Error> {
    let invalid = || Error::invalid_field("name", "must be accounts/{account}/tierRules/{version}");
    let [account_id, version] = name::ids(name, ["accounts", "tierRules"]).ok_or_else(invalid)?;
    Ok((account_id, version.parse().map_err(|_| invalid())?))
}

fn rules(sent: pb::TierRules) -> Result<TierRules, Error> {
    let mut points = [0.0; Kind::ALL.len()];
    let mut named = Vec::new();
    for (place, weight) in sent.weights.iter().enumerate() {
        let field = format!("tier_rules.weights[{place}].kind");
        let kind =
            kind(weight.kind).ok_or_else(|| Error::invalid_field(&field, "must be a defined value"))?;
        if named.contains(&kind) {
            return Err(Error::invalid_field(field, "is named twice"));
        }
        named.push(kind);
        points[kind.index()] = weight.points;
    }
    Ok(TierRules {
        version: 0,
        half_life: micros(&sent.half_life.unwrap_or_default()),
        points,
        favorable: Threshold { enter: sent.favorable_enter, leave: sent.favorable_leave },
        true_love: Threshold { enter: sent.true_love_enter, leave: sent.true_love_leave },
    })
}

fn to_rules(account_id: &str, version: Version<TierRules>) -> pb::TierRules {
    let Version { rules, create_time, active } = version;
    let weights = Kind::ALL.iter().filter(|kind| rules.points_of(**kind) > 0.0);
    pb::TierRules {
        name: format!("accounts/{account_id}/tierRules/{}", rules.version),
        version: rules.version,
        half_life: Some(to_duration(rules.half_life)),
        weights: weights
            .map(|kind| pb::KindWeight { kind: to_kind(*kind).into(), points: rules.points_of(*kind) })
            .collect(),
        favorable_enter: rules.favorable.enter,
        favorable_leave: rules.favorable.leave,
        true_love_enter: rules.true_love.enter,
        true_love_leave: rules.true_love.leave,
        create_time: create_time.map(|time| to_proto(Micros(time))),
        active,
    }
}

fn to_change(account_id: &str, user_id: &str, recorded: Recorded) -> pb::TierChange {
    let Recorded { rules_version, change, .. } = recorded;
    let cause = match change.cause {
        Cause::Interaction => pb::TierChangeCause::Interaction,
        Cause::Follow => pb::TierChangeCause::Follow,
        Cause::Unfollow => pb::TierChangeCause::Unfollow,
        Cause::Decay => pb::TierChangeCause::Decay,
        Cause::Rules => pb::TierChangeCause::Rules,
        Cause::Rebuild => pb::TierChangeCause::Rebuild,
    };
    pb::TierChange {
        fan: format!("accounts/{account_id}/fans/{user_id}"),
        from_tier: to_tier(change.from).into(),
        to_tier: to_tier(Some(change.to)).into(),
        cause: cause.into(),
        event_id: change.event_id.unwrap_or_default(),
        tier_rules_version: rules_version,
        intimacy: change.score,
        change_time: Some(to_proto(change.time)),
    }
}
