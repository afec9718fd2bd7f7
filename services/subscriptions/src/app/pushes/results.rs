//! What came of a push (S10).

use prost_types::Duration;
use siyu_proto::crm::v1::CompareSourcesResponse;
use siyu_rpc::Error;

use super::Counted;
use crate::{Subscriptions, domain::wave::Standing};

/// What fans did with a push, and what the CRM attributes to it.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) counted: Counted,
    /// Fans it was delivered to; of a push that was recalled those who had seen it.
    pub(crate) delivered: i64,
    /// Nothing before it is published.
    pub(crate) attributed: Option<CompareSourcesResponse>,
}

impl Subscriptions {
    /// What came of a push, with things attributed to it that happened within `window` after a touch.
    pub(crate) async fn push_results(
        &self,
        account_id: &str,
        push_id: &str,
        window: Option<Duration>,
    ) -> Result<Results, Error> {
        let counted = self.get_push(account_id, push_id).await?;
        let push = &counted.push;
        let attributed = match push.publish_time {
            Some(publish_time) if counted.is_frozen() => {
                Some(self.traffic.of_push(push, publish_time, window).await?)
            }
            _ => None,
        };
        let standing = Standing::of(&counted.waves, self.clock.now());
        Ok(Results { delivered: standing.delivered.max(counted.tally.seen), counted, attributed })
    }
}
