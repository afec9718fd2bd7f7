use siyu_clock::Micros;
use siyu_proto::crm::v1::{
    self as pb, GetFanRequest, GetFanResponse, GetFanStandingRequest, GetFanStandingResponse,
    ListFanOrdinalsRequest, ListFanOrdinalsResponse, ListFansRequest, ListFansResponse, ListTouchesRequest,
    ListTouchesResponse, fan_service_server::FanService,
};
use siyu_rpc::{
    Page, admit, name,
    time::{from_proto, to_proto},
};
use tonic::{Request, Response, Status};

use super::{
    convert::{account_id, fan_ids, tier, to_fan_standing, to_tier},
    reach_convert::{channel, to_channel},
};
use crate::{Crm, app::fans::FanView, store::touch::Touch};

#[tonic::async_trait]
impl FanService for Crm {
    async fn get_fan(&self, request: Request<GetFanRequest>) -> Result<Response<GetFanResponse>, Status> {
        let request = admit(request)?;
        let [account_id, user_id] = fan_ids(&request.name, "name")?;
        let fan = self.get_fan(account_id, user_id).await?;
        Ok(Response::new(GetFanResponse { fan: Some(to_fan(account_id, fan)) }))
    }

    async fn get_fan_standing(
        &self,
        request: Request<GetFanStandingRequest>,
    ) -> Result<Response<GetFanStandingResponse>, Status> {
        let request = admit(request)?;
        let [account_id, user_id] = fan_ids(&request.name, "name")?;
        let (standing, tags, as_of) = self.get_fan_standing(account_id, user_id).await?;
        let standing = to_fan_standing(user_id, &standing, tags);
        Ok(Response::new(GetFanStandingResponse { standing: Some(standing), as_of: Some(to_proto(as_of)) }))
    }

    async fn list_fan_ordinals(
        &self,
        request: Request<ListFanOrdinalsRequest>,
    ) -> Result<Response<ListFanOrdinalsResponse>, Status> {
        let request = admit(request)?;
        let user_id = name::id(&request.user, "users", "user")?;
        let ids = request.parents.iter().map(|parent| account_id(parent, "parents"));
        let found = self.list_fan_ordinals(user_id, &ids.collect::<Result<Vec<_>, _>>()?).await?;
        let ordinals = found.into_iter().map(|(id, ordinal)| (format!("accounts/{id}"), ordinal)).collect();
        Ok(Response::new(ListFanOrdinalsResponse { ordinals }))
    }

    async fn list_fans(
        &self,
        request: Request<ListFansRequest>,
    ) -> Result<Response<ListFansResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListFans {} {}", request.parent, request.tier);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = account_id(&request.parent, "parent")?;
        let (fans, next_page_token) = self.list_fans(account_id, tier(request.tier), &page).await?;
        let fans = fans.into_iter().map(|fan| to_fan(account_id, fan)).collect();
        Ok(Response::new(ListFansResponse { fans, next_page_token }))
    }

    async fn list_touches(
        &self,
        request: Request<ListTouchesRequest>,
    ) -> Result<Response<ListTouchesResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListTouches {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let [account_id, user_id] = fan_ids(&request.parent, "parent")?;
        let (touches, next_page_token) = self.list_touches(account_id, user_id, &page).await?;
        let touches = touches.into_iter().map(to_touch).collect();
        Ok(Response::new(ListTouchesResponse { touches, next_page_token }))
    }
}

/// A touch as it was sent; None where it has no time or channel.
pub(crate) fn touch(sent: pb::Touch) -> Option<Touch> {
    Some(Touch {
        channel: channel(sent.channel())?,
        time: from_proto(sent.touch_time.as_ref()?)?,
        user_id: sent.user.trim_start_matches("users/").to_owned(),
        message: sent.message,
        author: sent.author,
    })
}

fn to_touch(touch: Touch) -> pb::Touch {
    pb::Touch {
        user: format!("users/{}", touch.user_id),
        channel: to_channel(touch.channel).into(),
        message: touch.message,
        author: touch.author,
        touch_time: Some(to_proto(touch.time)),
    }
}

fn to_fan(account_id: &str, view: FanView) -> pb::Fan {
    let FanView { fan, intimacy, purchases, as_of } = view;
    let standing = fan.standing;
    pb::Fan {
        name: format!("accounts/{account_id}/fans/{}", fan.user_id),
        user: format!("users/{}", fan.user_id),
        ordinal: fan.ordinal,
        following: standing.following,
        follow_change_time: standing.follow_change.map(|(time, _)| to_proto(time)),
        tier: to_tier(standing.tier).into(),
        tier_since: Some(to_proto(standing.tier_since)),
        intimacy,
        next_tier_change_time: standing.next_change.map(to_proto),
        tier_rules_version: fan.rules_version,
        first_interaction_time: Some(to_proto(fan.first_time)),
        last_interaction_time: Some(to_proto(fan.last_time)),
        interaction_count: fan.interaction_count,
        purchases: purchases.map(|purchases| pb::PurchaseSummary {
            order_count: purchases.order_count,
            order_day_count: purchases.order_day_count,
            gmv_minor: purchases.gmv_minor,
            refunded_minor: purchases.refunded_minor,
            first_order_time: purchases.first_order_time.map(|time| to_proto(Micros(time))),
            last_order_time: purchases.last_order_time.map(|time| to_proto(Micros(time))),
        }),
        as_of: Some(to_proto(as_of)),
    }
}
