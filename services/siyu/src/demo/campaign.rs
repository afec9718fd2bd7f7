//! The pushes of the month: which account sends what, when, and to whom.

use siyu_proto::{
    crm::v1::{Audience, Segment},
    subscriptions::v1::{PushContent, PushContentKind},
};

use super::traffic::{
    FLAGSHIP, HOST, STORE,
    places::{FANS_COUPON, HYDRA_SERUM, PARCEL_TAG, ROSE_TONER, STORE_VISIT, card},
};

/// When all accounts leave their fans alone, in minutes of the day, and again from then on.
pub(super) const QUIET_HOURS: (i64, i64) = (22 * 60, 8 * 60);
/// No account reaches a fan by more pushes within so many days.
pub(super) const MOST_PUSHES: i64 = 2;
/// The days.
pub(super) const CAP_DAYS: i64 = 7;
/// Pushes that an account has in a calendar month.
pub(super) const PUSHES_A_MONTH: i64 = 8;

/// A push that an account sends.
#[derive(Debug)]
pub(super) struct Campaign {
    /// Index of the account.
    pub(super) account: usize,
    /// Last segment of the name of the push.
    pub(super) id: &'static str,
    /// The day, counted from 0.
    pub(super) day: i64,
    /// The minute of that day.
    pub(super) minute: i64,
    pub(super) whom: Whom,
    pub(super) title: &'static str,
    pub(super) text: &'static str,
    /// The card that is mounted in it.
    pub(super) card: &'static str,
    /// It turns out to be wrong and is taken back the next morning; those who had seen it find this instead.
    pub(super) correction: Option<&'static str>,
}

/// Whom a push is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whom {
    /// All who follow.
    Followers,
    /// A segment, by its id.
    Segment(&'static str),
    /// Those with a tag, by its id.
    Tag(&'static str),
}

/// A segment of fans that every account has.
pub(super) const REGULARS: &str = "regulars";

/// Who belongs to it.
pub(super) fn regulars() -> Segment {
    Segment {
        display_name: "常客 Regulars".to_owned(),
        filter: "tier >= FAVORABLE AND last_active_age < 14d".to_owned(),
        ..Segment::default()
    }
}

/// All of them, in the order of their time.
pub(super) static CAMPAIGNS: [Campaign; 7] = [
    Campaign {
        account: FLAGSHIP,
        id: "new-serum",
        day: 8,
        minute: 12 * 60 + 30,
        whom: Whom::Followers,
        title: "水润精华上新 The hydra serum is here",
        text: "研究员把每一种成分讲给你听。 Our skin coach explains every ingredient.",
        card: HYDRA_SERUM,
        correction: None,
    },
    Campaign {
        account: FLAGSHIP,
        id: "toner-for-regulars",
        day: 12,
        minute: 19 * 60 + 30,
        whom: Whom::Segment(REGULARS),
        title: "常客先选 Regulars choose first",
        text: "玫瑰水返场，先留给常来的你。 The rose toner is back, first for those who are here often.",
        card: ROSE_TONER,
        correction: None,
    },
    Campaign {
        account: FLAGSHIP,
        id: "fans-coupon",
        day: 14,
        minute: 12 * 60 + 30,
        whom: Whom::Followers,
        title: "粉丝满199减30 For followers: 30 off 199",
        text: "只给关注露米的你。 Only for those who follow Lumi.",
        card: FANS_COUPON,
        correction: None,
    },
    Campaign {
        account: STORE,
        id: "visit-us",
        day: 17,
        minute: 10 * 60 + 30,
        whom: Whom::Followers,
        title: "到店护理 A treatment in the store",
        text: "店长小陈周末都在，先约好再来。 Chen is in all weekend; book before you come.",
        card: STORE_VISIT,
        correction: None,
    },
    Campaign {
        account: HOST,
        id: "live-again",
        day: 20,
        minute: 22 * 60 + 30,
        whom: Whom::Followers,
        title: "刚下播 Just off the air",
        text: "错过直播的，精华链接在这里。 For those who missed the show: here is the serum.",
        card: HYDRA_SERUM,
        correction: None,
    },
    Campaign {
        account: FLAGSHIP,
        id: "live-on-friday",
        day: 21,
        minute: 18 * 60,
        whom: Whom::Followers,
        title: "周五八点直播 Live on Friday at eight",
        text: "研究员在直播间讲水润精华。 Our skin coach talks about the hydra serum.",
        card: HYDRA_SERUM,
        correction: Some("日期写错了：直播在周六。 We wrote the wrong day: it is on Saturday."),
    },
    Campaign {
        account: FLAGSHIP,
        id: "from-the-parcel",
        day: 26,
        minute: 12 * 60 + 30,
        whom: Whom::Tag(PARCEL_TAG),
        title: "扫过包裹卡的你 You scanned the card in the parcel",
        text: "玫瑰水和精华是一对。 The toner goes with the serum.",
        card: ROSE_TONER,
        correction: None,
    },
];

impl Campaign {
    /// `accounts/{account}/pushes/{push}`
    pub(super) fn name(&self, account_id: &str) -> String {
        format!("accounts/{account_id}/pushes/{}", self.id)
    }

    /// What it shows.
    pub(super) fn content(&self, account_id: &str) -> PushContent {
        PushContent {
            kind: PushContentKind::Article.into(),
            title: self.title.to_owned(),
            text: self.text.to_owned(),
            cards: vec![card(account_id, self.card)],
            ..PushContent::default()
        }
    }

    /// When it reaches those it is for: day and minute of the day.
    pub(super) fn delivery(&self) -> (i64, i64) {
        let (quiet, awake) = QUIET_HOURS;
        match self.minute {
            minute if minute < awake => (self.day, awake),
            minute if minute < quiet => (self.day, minute),
            _ => (self.day + 1, awake),
        }
    }
}

impl Whom {
    /// As the service takes it.
    pub(super) fn audience(self, account_id: &str) -> Audience {
        let named = |collection: &str, id: &str| vec![format!("accounts/{account_id}/{collection}/{id}")];
        match self {
            Self::Followers => Audience::default(),
            Self::Segment(id) => Audience { segments: named("segments", id), ..Audience::default() },
            Self::Tag(id) => Audience { tags: named("tags", id), ..Audience::default() },
        }
    }

    /// In a table.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Followers => "all followers".to_owned(),
            Self::Segment(id) => format!("segment {id}"),
            Self::Tag(id) => format!("tag {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use siyu_proto::Validate;

    use super::*;
    use crate::demo::traffic::accounts;

    #[test]
    fn a_push_that_would_arrive_in_quiet_hours_arrives_when_they_end() {
        let arrivals: Vec<_> =
            CAMPAIGNS.iter().filter(|one| one.delivery() != (one.day, one.minute)).collect();
        assert_eq!(arrivals.len(), 1);
        let night = arrivals[0];
        assert_eq!((night.minute, night.delivery()), (22 * 60 + 30, (night.day + 1, 8 * 60)));
    }

    #[test]
    fn they_fit_into_a_month_and_are_read_on_the_day_they_arrive() {
        assert!(CAMPAIGNS.is_sorted_by_key(|one| (one.day, one.minute)));
        for one in &CAMPAIGNS {
            let (day, minute) = one.delivery();
            assert!(day < 30, "{one:?}");
            // An hour until it is read, and two for what fans do with it.
            assert!(minute + 180 < 24 * 60, "{one:?}");
            let (account_id, _) = accounts()[one.account];
            assert!(one.content(account_id).violations().is_empty(), "{one:?}");
            assert!(one.whom.audience(account_id).violations().is_empty(), "{one:?}");
        }
    }
}
