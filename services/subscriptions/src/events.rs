//! What the service tells others, in `feeds/subscriptions`. What users did is told as the CRM reads it (`siyu-observed`).

use siyu_outbox::Draft;
use siyu_proto::subscriptions::v1::{PushChanged, PushPublished};
use siyu_rpc::time::to_proto;

use crate::{
    domain::{
        push::{Push, name},
        wave::Wave,
    },
    grpc::to_state,
};

pub(crate) fn push_changed(push: &Push) -> Draft {
    let payload = PushChanged {
        push: push.name(),
        state: to_state(push).into(),
        publish_time: push.publish_time.map(to_proto),
        topic: push.topic.clone(),
        failure: push.failure.clone(),
    };
    Draft::new(format!("accounts/{}", push.account_id), &payload)
}

pub(crate) fn push_published(wave: &Wave) -> Draft {
    let payload = PushPublished {
        push: name(&wave.account_id, &wave.push_id),
        wave: i32::try_from(wave.number).unwrap_or(i32::MAX),
        delivered_count: wave.fan_count,
        deliver_time: Some(to_proto(wave.deliver_time)),
    };
    Draft::new(format!("accounts/{}", wave.account_id), &payload)
}
