//! What came of pushes, on the wire.

use siyu_proto::{crm::v1::SourceResult, subscriptions::v1::PushResults};
use siyu_rpc::ratio;

use crate::app::pushes::{Counted, Results};

pub(super) fn to_results(results: Results) -> PushResults {
    let Results { counted: Counted { push, tally, .. }, delivered, attributed } = results;
    let attributed = attributed.unwrap_or_default();
    let rate = |count: i64| ratio(count, delivered);
    let SourceResult {
        unfollow_count,
        claim_count,
        redeem_count,
        lead_count,
        booking_count,
        appointment_count,
        order_count,
        gmv_minor,
        ..
    } = attributed.results.into_iter().next().unwrap_or_default();
    PushResults {
        push: push.name(),
        planned_count: push.planned_count,
        delivered_count: delivered,
        delivered_rate: ratio(delivered, push.planned_count),
        seen_count: tally.seen,
        seen_rate: rate(tally.seen),
        open_count: tally.opened,
        open_rate: rate(tally.opened),
        click_count: tally.clicked,
        click_rate: rate(tally.clicked),
        like_count: tally.liked,
        like_rate: rate(tally.liked),
        collect_count: tally.collected,
        collect_rate: rate(tally.collected),
        comment_count: tally.commented,
        comment_rate: rate(tally.commented),
        conversion_count: tally.converted,
        conversion_rate: rate(tally.converted),
        unfollow_count,
        unfollow_rate: rate(unfollow_count),
        claim_count,
        redeem_count,
        lead_count,
        booking_count,
        appointment_count,
        order_count,
        gmv_minor,
        currency_code: attributed.currency_code,
        attribution_window: attributed.attribution_window,
        as_of: attributed.as_of,
    }
}
