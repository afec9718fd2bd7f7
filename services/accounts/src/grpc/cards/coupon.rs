//! Between the contract of coupons and what is stored.

use siyu_proto::accounts::v1 as pb;
use siyu_rpc::{Error, time::to_proto};

use crate::{
    domain::coupon::{Coupon, Off, Stock, Validity, Value},
    grpc::convert::{moment, required_moment},
};

/// How many one fan can claim where nothing is said.
const DEFAULT_PER_FAN_CAP: i64 = 1;

/// How many there are to be.
pub(super) fn stock(settings: Option<&pb::CouponSettings>) -> Result<i64, Error> {
    let stock = settings.and_then(|settings| settings.stock);
    stock.ok_or_else(|| Error::invalid_field("card.coupon.stock", "must be set"))
}

pub(super) fn coupon(settings: pb::CouponSettings) -> Result<Coupon, Error> {
    Ok(Coupon {
        per_fan_cap: settings.per_fan_cap.unwrap_or(DEFAULT_PER_FAN_CAP),
        claim_start: moment(settings.claim_start_time.as_ref(), "card.coupon.claim_start_time")?,
        claim_end: moment(settings.claim_end_time.as_ref(), "card.coupon.claim_end_time")?,
        validity: validity(&settings)?,
        value: value(settings.value)?,
    })
}

fn validity(settings: &pb::CouponSettings) -> Result<Validity, Error> {
    const END: &str = "card.coupon.valid_end_time";
    match (settings.valid_end_time.as_ref(), settings.valid_days) {
        (None, 0) => Err(Error::invalid_field(END, "must be set, or valid_days")),
        (None, days) => Ok(Validity::Days(days.into())),
        (Some(end), 0) => Ok(Validity::Until(required_moment(Some(end), END)?)),
        (Some(_), _) => Err(Error::invalid_field("card.coupon.valid_days", "must be 0 with valid_end_time")),
    }
}

fn value(value: Option<pb::CouponValue>) -> Result<Value, Error> {
    let value = value.ok_or_else(|| Error::invalid_field("card.coupon.value", "must be set"))?;
    let zero = |is_zero: bool, field: &str| {
        let rule = || Error::invalid_field(format!("card.coupon.value.{field}"), "must be 0 with this kind");
        if is_zero { Ok(()) } else { Err(rule()) }
    };
    let off = match value.kind() {
        pb::CouponValueKind::AmountOff => {
            zero(value.percent_off == 0, "percent_off")?;
            Off::AmountMinor(value.amount_off_minor)
        }
        pb::CouponValueKind::PercentOff => {
            zero(value.amount_off_minor == 0, "amount_off_minor")?;
            Off::Percent(value.percent_off)
        }
        pb::CouponValueKind::Unspecified => {
            return Err(Error::invalid_field("card.coupon.value.kind", "must be set"));
        }
    };
    Ok(Value { off, threshold_minor: value.threshold_minor })
}

pub(super) fn to_coupon(coupon: &Coupon, stock: Option<Stock>) -> pb::CouponSettings {
    let (valid_end_time, valid_days) = match coupon.validity {
        Validity::Until(end) => (Some(to_proto(end)), 0),
        Validity::Days(days) => (None, i32::try_from(days).unwrap_or(i32::MAX)),
    };
    pb::CouponSettings {
        stock: stock.map(|stock| stock.stock),
        per_fan_cap: Some(coupon.per_fan_cap),
        claim_start_time: coupon.claim_start.map(to_proto),
        claim_end_time: coupon.claim_end.map(to_proto),
        valid_end_time,
        valid_days,
        value: Some(to_value(coupon.value)),
        claimed_count: stock.map_or(0, |stock| stock.claimed),
        redeemed_count: stock.map_or(0, |stock| stock.redeemed),
    }
}

pub(crate) fn to_value(value: Value) -> pb::CouponValue {
    let (kind, amount_off_minor, percent_off) = match value.off {
        Off::AmountMinor(amount) => (pb::CouponValueKind::AmountOff, amount, 0),
        Off::Percent(percent) => (pb::CouponValueKind::PercentOff, 0, percent),
    };
    pb::CouponValue {
        kind: kind.into(),
        amount_off_minor,
        percent_off,
        threshold_minor: value.threshold_minor,
    }
}
