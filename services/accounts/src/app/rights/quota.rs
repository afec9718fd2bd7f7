//! What somebody is told who asks for more than is left.

use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::Error;
use tonic::Code;

use crate::domain::{
    right::{CertificationClass, Period, Policy, RightKind},
    wallet::{Allowance, Shortage},
};

/// RESOURCE_EXHAUSTED with the rule, what is used and reserved of it, and when it is renewed.
pub(super) fn exceeded(
    account_id: &str,
    (kind, class): (RightKind, CertificationClass),
    policy: Option<(&Policy, Allowance)>,
    asked: i64,
    shortage: Shortage,
) -> Error {
    let (kind, class) = (kind.name(), class.name());
    let Shortage { reserved, used, granted } = shortage;
    let subject = format!("accounts/{account_id}");
    let Some((policy, allowance)) = policy else {
        let rule = format!("{kind}: no policy for {class} accounts");
        let text = format!("{rule}; {granted} left of grants, {asked} asked for");
        return refused(&subject, &rule, text).with("granted", granted.to_string());
    };
    let limit = allowance.limit;
    let often = match policy.period {
        Period::Month => "a calendar month",
        Period::Once => "once",
    };
    let rule = format!("{kind}: {limit} {often} for {class} accounts");
    let reset = allowance.period.end.map(|end| end.to_string());
    let renewed = reset.as_deref().map(|time| format!(", renewed at {time}")).unwrap_or_default();
    let text = format!(
        "{rule}, {used} used, {reserved} reserved{renewed}; {granted} left of grants, {asked} asked for"
    );
    let error = refused(&subject, &rule, text)
        .with("limit", limit.to_string())
        .with("used", used.to_string())
        .with("reserved", reserved.to_string())
        .with("granted", granted.to_string());
    match reset {
        Some(reset) => error.with("reset_time", reset),
        None => error,
    }
}

fn refused(subject: &str, rule: &str, text: String) -> Error {
    Error::new(
        Code::ResourceExhausted,
        ErrorReason::QuotaExceeded,
        format!("{subject} has not enough left of {text}"),
    )
    .with("rule", rule)
    .with_quota_violation(subject, text)
}
