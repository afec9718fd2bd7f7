//! Private messages between users and accounts: what users write, what answers by itself, and what people answer.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use siyu_clock::Micros;
use siyu_proto::{
    accounts::v1::OpeningPeriod,
    crm::v1::Interaction,
    messaging::v1::{
        BusinessCalendar, CloseConversationRequest, CreateReplyRuleRequest, DayPeriod,
        GetResponseReportRequest, KeywordMatch, ListDeskConversationsRequest, ListDeskMessagesRequest,
        MessageContent, MessageContentKind, MessageSender, RateConversationRequest, ReplyKeyword, ReplyRule,
        ReplyTrigger, ResponseClock, ResponseTarget, SendDeskMessageRequest, SendMessageRequest,
        SetBusinessCalendarRequest, SetResponseTargetsRequest, WeeklyPeriod,
        auto_reply_service_client::AutoReplyServiceClient, desk_service_client::DeskServiceClient,
        inbox_service_client::InboxServiceClient, response_time_service_client::ResponseTimeServiceClient,
        support_service_client::SupportServiceClient,
    },
};
use siyu_rpc::time::to_proto;

use super::{timeline::Happening, traffic};
use crate::{connect::Client, report::ConversationFigures};

/// Hours of the day at which somebody is at the desk, every day of the week.
const AT_WORK: [(i32, i32); 2] = [(9, 12), (13, 21)];
/// The target of the platform.
const ANSWER_MINUTES: i64 = 30;
const WARNING_PERCENT: i64 = 80;
/// What users ask. The first two are answered by rules.
const QUESTIONS: [&str; 6] = [
    "请问营业时间是几点到几点？",
    "精华现在什么价格？",
    "敏感肌可以用吗？",
    "订单什么时候发货？",
    "送女朋友哪一套合适？",
    "爽肤水还有货吗？",
];
/// Of ten conversations so many are rated when they are closed.
const RATED: f64 = 0.4;
const PAGE: i32 = 200;
/// The longest period of a report.
const MOST_REPORTED: Duration = Duration::from_secs(93 * 86_400);

/// The conversations of all accounts.
pub(super) struct Conversations {
    client: Client,
    random: ChaCha8Rng,
    zone: TimeZone,
    /// Account and user: somebody is on it.
    waiting: HashSet<(usize, String)>,
    /// When account and user were last answered.
    answered: HashMap<(usize, String), Micros>,
}

impl Conversations {
    /// Says when somebody is there, how soon users are to be answered, and what is answered by itself.
    pub(super) async fn open(client: &Client, seed: u64, zone: &TimeZone) -> anyhow::Result<Self> {
        let mut times = ResponseTimeServiceClient::new(client.clone());
        let mut replies = AutoReplyServiceClient::new(client.clone());
        for (account_id, _) in traffic::accounts() {
            let parent = format!("accounts/{account_id}");
            let calendar = Some(calendar());
            let request =
                SetBusinessCalendarRequest { parent: parent.clone(), calendar, ..Default::default() };
            times.set_business_calendar(request).await?;
            let target = ResponseTarget {
                clock: ResponseClock::FirstHuman.into(),
                within: Some(prost_types::Duration { seconds: ANSWER_MINUTES * 60, nanos: 0 }),
                warning_percent: WARNING_PERCENT,
            };
            let targets = vec![target];
            let request = SetResponseTargetsRequest { parent: parent.clone(), targets, ..Default::default() };
            times.set_response_targets(request).await?;
            for (id, rule) in rules() {
                let request = CreateReplyRuleRequest {
                    parent: parent.clone(),
                    reply_rule: Some(rule),
                    reply_rule_id: id.to_owned(),
                    ..Default::default()
                };
                replies.create_reply_rule(request).await?;
            }
        }
        let random = ChaCha8Rng::seed_from_u64(seed);
        Ok(Self {
            client: client.clone(),
            random,
            zone: zone.clone(),
            waiting: HashSet::new(),
            answered: HashMap::new(),
        })
    }

    /// A user writes to an account; answers when somebody answers, unless somebody is on it already.
    pub(super) async fn write(
        &mut self,
        account: usize,
        written: &Interaction,
        now: Micros,
    ) -> anyhow::Result<Option<(Micros, Happening)>> {
        let question = QUESTIONS[self.random.random_range(0..QUESTIONS.len())];
        let request = SendMessageRequest {
            parent: parent(account),
            user: written.user.clone(),
            client_message_id: written.event_id.clone(),
            content: Some(text(question)),
            causation_depth: 0,
        };
        InboxServiceClient::new(self.client.clone()).send_message(request).await?;
        let user = written.user.clone();
        if !self.waiting.insert((account, user.clone())) {
            return Ok(None);
        }
        Ok(Some((self.when_answered(now)?, Happening::Answer { account, user })))
    }

    /// Somebody at the desk answers a user; answers when they close the case.
    pub(super) async fn answer(
        &mut self,
        account: usize,
        user: String,
        now: Micros,
    ) -> anyhow::Result<(Micros, Happening)> {
        let request = SendDeskMessageRequest {
            parent: parent(account),
            user: user.clone(),
            client_message_id: format!("answer-{}", now.0),
            content: Some(text("您好，刚刚帮您确认过了，详情已经整理在这里，请您看一下。")),
        };
        DeskServiceClient::new(self.client.clone()).send_desk_message(request).await?;
        self.waiting.remove(&(account, user.clone()));
        self.answered.insert((account, user.clone()), now);
        let close = Happening::Close { account, user, answered: now };
        Ok((minutes_later(now, self.random.random_range(3..15)), close))
    }

    /// The case is closed, unless the user has written again since they were answered; some users say how it was.
    pub(super) async fn close(
        &mut self,
        account: usize,
        user: String,
        answered: Micros,
    ) -> anyhow::Result<()> {
        let conversation = (account, user.clone());
        if self.waiting.contains(&conversation) || self.answered.get(&conversation) != Some(&answered) {
            return Ok(());
        }
        let mut support = SupportServiceClient::new(self.client.clone());
        let (parent, request_id) = (parent(account), String::new());
        let request = CloseConversationRequest { parent: parent.clone(), user: user.clone(), request_id };
        support.close_conversation(request).await?;
        if self.random.random_bool(RATED) {
            let stars = [3, 4, 5, 5][self.random.random_range(0..4)];
            let request = RateConversationRequest { parent, user, stars, ..Default::default() };
            support.rate_conversation(request).await?;
        }
        Ok(())
    }

    /// What became of the conversations of an account between two moments, of which a report covers the last three months.
    pub(super) async fn figures(
        &self,
        account_id: &str,
        [start, end]: [Micros; 2],
    ) -> anyhow::Result<ConversationFigures> {
        let parent = format!("accounts/{account_id}");
        let request = GetResponseReportRequest {
            parent: parent.clone(),
            start_time: Some(to_proto(start.max(end.minus(MOST_REPORTED)))),
            end_time: Some(to_proto(end)),
        };
        let mut times = ResponseTimeServiceClient::new(self.client.clone());
        let report = times.get_response_report(request).await?.into_inner().total.unwrap_or_default();
        let mut figures = ConversationFigures { report, ..ConversationFigures::default() };
        let mut desk = DeskServiceClient::new(self.client.clone());
        let mut request = ListDeskConversationsRequest {
            parent,
            page_size: PAGE,
            ..ListDeskConversationsRequest::default()
        };
        loop {
            let page = desk.list_desk_conversations(request.clone()).await?.into_inner();
            for conversation in page.conversations {
                figures.conversations += 1;
                self.count_messages(&request.parent, conversation.user, &mut figures).await?;
            }
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return Ok(figures);
            }
        }
    }

    async fn count_messages(
        &self,
        parent: &str,
        user: String,
        figures: &mut ConversationFigures,
    ) -> anyhow::Result<()> {
        let mut desk = DeskServiceClient::new(self.client.clone());
        let mut request = ListDeskMessagesRequest {
            parent: parent.to_owned(),
            user,
            after_sequence: Some(0),
            page_size: PAGE,
            ..ListDeskMessagesRequest::default()
        };
        loop {
            let page = desk.list_desk_messages(request.clone()).await?.into_inner();
            for message in &page.messages {
                let count = match message.sender() {
                    MessageSender::User => &mut figures.from_users,
                    _ if message.author.starts_with("bots/") => &mut figures.automatic,
                    _ => &mut figures.from_people,
                };
                *count += 1;
            }
            let Some(last) = page.messages.last().filter(|_| page.has_more) else { return Ok(()) };
            request.after_sequence = Some(last.sequence);
        }
    }

    /// Mostly within half an hour of work, now and then later.
    fn when_answered(&mut self, asked: Micros) -> anyhow::Result<Micros> {
        let delay = if self.random.random_bool(0.9) { 1..28 } else { 28..75 };
        let minutes = self.random.random_range(delay);
        let local = Timestamp::from_microsecond(asked.0)?.to_zoned(self.zone.clone());
        let is_at_work = |hour: i32| AT_WORK.iter().any(|(open, close)| (*open..*close).contains(&hour));
        let begin = if is_at_work(local.hour().into()) {
            local
        } else {
            // They begin when the next period does.
            let next = AT_WORK.iter().map(|(open, _)| *open).find(|open| *open > i32::from(local.hour()));
            let day = if next.is_some() { local.date() } else { local.date().tomorrow()? };
            let hour = i8::try_from(next.unwrap_or(AT_WORK[0].0))?;
            day.at(hour, 0, 0, 0).to_zoned(self.zone.clone())?
        };
        Ok(Micros::from(begin.checked_add(minutes.minutes())?.timestamp()))
    }
}

fn parent(account: usize) -> String {
    format!("accounts/{}", traffic::accounts()[account].0)
}

fn minutes_later(time: Micros, minutes: i64) -> Micros {
    Micros(time.0 + minutes * 60 * Micros::PER_SECOND)
}

fn text(text: &str) -> MessageContent {
    let kind = MessageContentKind::Text.into();
    MessageContent { kind, text: text.to_owned(), ..MessageContent::default() }
}

fn calendar() -> BusinessCalendar {
    let period = |(open, close): (i32, i32)| DayPeriod { open_minute: open * 60, close_minute: close * 60 };
    let of_day = |day| AT_WORK.map(|hours| WeeklyPeriod { day, period: Some(period(hours)) });
    BusinessCalendar { week: (1..=7).flat_map(of_day).collect(), ..BusinessCalendar::default() }
}

/// What is answered by itself, by the id of its rule.
fn rules() -> [(&'static str, ReplyRule); 4] {
    let rule = |trigger: ReplyTrigger, answer: &str| ReplyRule {
        trigger: trigger.into(),
        contents: vec![text(answer)],
        ..ReplyRule::default()
    };
    let keyword = |keyword: &str, answer: &str| {
        let found = ReplyKeyword { text: keyword.to_owned(), r#match: KeywordMatch::Contains.into() };
        ReplyRule { keywords: vec![found], ..rule(ReplyTrigger::Keyword, answer) }
    };
    let hours = |day| {
        AT_WORK.map(|(open, close)| OpeningPeriod { day, open_minute: open * 60, close_minute: close * 60 })
    };
    let outside = rule(ReplyTrigger::OutsideHours, "现在是休息时间，我们上班后第一时间回复您。");
    [
        ("welcome", rule(ReplyTrigger::Welcome, "欢迎来到露米！请留下您的问题，马上有人为您解答。")),
        ("hours", keyword("营业时间", "我们每天 9:00–12:00、13:00–21:00 在线。")),
        ("price", keyword("价格", "最新价格请看主页的商品卡片，粉丝券可以叠加使用。")),
        ("closed", ReplyRule { opening_hours: (1..=7).flat_map(hours).collect(), ..outside }),
    ]
}
