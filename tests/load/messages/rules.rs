//! What thousands of reply rules cost a message, beside a plain loop over the same keywords.

use std::{collections::BTreeSet, hint::black_box, sync::Arc};

use anyhow::{Context, ensure};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use regex::Regex;
use siyu::{
    connect::{Client, connect},
    suite::ServiceName,
};
use siyu_clock::Stopwatch;
use siyu_proto::messaging::v1::{
    CreateReplyRuleRequest, KeywordMatch, MessageContent, MessageContentKind, ReplyFolding, ReplyKeyword,
    ReplyRule, ReplyTrigger, SendMessageRequest, TestReplyRequest,
    auto_reply_service_client::AutoReplyServiceClient, inbox_service_client::InboxServiceClient,
};
use siyu_tests::{
    Engine, crosswoz,
    installation::{Installation, Launch, create_accounts},
};
use tokio::task::JoinSet;

use super::{CONNECTIONS, Measured, SENDERS, clients, run};
use crate::{
    Arguments,
    machine::{Cores, median, print_table, whole},
};

/// As many as an account may have, with as many regular expressions.
const RULES: usize = 5_000;
const PATTERNS: usize = 50;
/// Characters of a keyword, but for its end.
const WORD: usize = 4;
/// How keywords end, and no text does: all but the end is found often, and nothing is answered.
const END: char = '§';
/// The longest text that a message may have.
const LONGEST: usize = 2_000;
/// Texts that a plain loop goes through in a round.
const LOOPED: usize = 50;
const SEED: u64 = 20_261_123;
/// The part of a figure by which it differs from round to round, about.
const NOISE: f64 = 0.02;

/// The rules of one account: a keyword each.
struct Book {
    account: &'static str,
    name: &'static str,
    keywords: Vec<ReplyKeyword>,
    /// The same, as a plain loop has them.
    needles: Vec<Needle>,
}

/// A keyword that is looked for by itself.
enum Needle {
    Exact(String),
    Contained(String),
    Pattern(Regex),
}

/// How one account did in one round.
struct Round {
    sent: Measured,
    /// Microseconds of a plain loop for each text.
    looped: f64,
}

/// Measures and prints.
pub(crate) async fn measure(arguments: &Arguments, cores: &Cores) -> anyhow::Result<()> {
    let said = match crosswoz::turns()? {
        Some(turns) => turns.into_iter().map(|turn| turn.text).collect(),
        None => {
            println!("\nSKIP crosswoz: ../shared/data/crosswoz/val.json.zip is not there; texts are made up");
            made_up()
        }
    };
    let books = books(&said)?;
    println!(
        "\nReply rules: messages to accounts with {} rules of a keyword each, of which none is found, and to one with none; {} senders \
         at once, {} s each; medians of {} interleaved rounds, on SQLite. Beside them a plain loop over the same keywords, which need \
         not read alike full and half width, case and script.",
        whole(f64::from(u32::try_from(RULES)?)),
        SENDERS[0],
        arguments.seconds,
        arguments.rounds
    );
    // Rules are in memory, whatever the engine.
    let installation = Installation::create(Engine::Sqlite).await?.context("SQLite is always there")?;
    let mut process = installation.start(&Launch {
        wrapper: cores.of_server(),
        services: vec![ServiceName::Accounts, ServiceName::Messaging],
        set: vec!["server.max_concurrent_requests=4096".to_owned()],
        ..Launch::default()
    })?;
    let url = process.ready().await?;
    let accounts: Vec<String> = books.iter().map(|book| book.account.to_owned()).collect();
    create_accounts(&connect(&url, &installation.token).await?, &accounts).await?;
    let clients = clients(&url, &installation.token).await?;
    for book in &books {
        store(book, &clients).await?;
        check(book, &clients[0], &said[0]).await?;
    }
    let id = process.id().context("the server runs")?;
    for texts in [said.clone(), longest(&said)] {
        let texts = Arc::new(texts);
        let mut rounds: Vec<Vec<Round>> = books.iter().map(|_| Vec::new()).collect();
        for number in 0..arguments.rounds {
            for (book, rounds) in books.iter().zip(&mut rounds) {
                let sent = send(arguments, id, &clients, book, &texts, number).await?;
                rounds.push(Round { sent, looped: loop_over(book, &texts)? });
            }
        }
        print(&books, &texts, &rounds)?;
    }
    process.kill().await?;
    installation.remove().await
}

/// Texts of as many characters as turns of a dialogue have.
fn made_up() -> Vec<String> {
    const TEXTS: usize = 2_000;
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut text = || -> String {
        let length = random.random_range(8..40);
        (0..length).map(|_| random.random_range('一'..='倿')).collect()
    };
    (0..TEXTS).map(|_| text()).collect()
}

/// What was said, put together to the longest texts there may be.
fn longest(said: &[String]) -> Vec<String> {
    let mut texts = vec![String::new()];
    for turn in said {
        let last = texts.len() - 1;
        if texts[last].chars().count() + turn.chars().count() > LONGEST {
            texts.push(turn.clone());
        } else {
            texts[last].push_str(turn);
        }
    }
    texts
}

/// No rules, and three times as many as an account may have, of words that are in the texts but for their end.
fn books(said: &[String]) -> anyhow::Result<Vec<Book>> {
    let mut words = BTreeSet::new();
    for text in said {
        let characters: Vec<char> = text.chars().collect();
        let of_letters = |word: &&[char]| word.iter().all(|character| character.is_alphanumeric());
        words.extend(characters.windows(WORD).filter(of_letters).map(|word| word.iter().collect::<String>()));
    }
    let step = (words.len() / RULES).max(1);
    let words: Vec<String> = words.into_iter().step_by(step).take(RULES).collect();
    ensure!(words.len() == RULES, "the texts have {} words only", words.len());
    let exact = |word: &String| (KeywordMatch::Exact, format!("{word}{END}"));
    let contained = |word: &String| (KeywordMatch::Contains, format!("{word}{END}"));
    let pattern = |word: &String| (KeywordMatch::Regex, format!("{word}[0-9]*{END}"));
    let (patterns, others) = words.split_at(PATTERNS);
    let (first, second) = others.split_at(others.len() / 2);
    let mixed =
        first.iter().map(exact).chain(second.iter().map(contained)).chain(patterns.iter().map(pattern));
    Ok(vec![
        Book::new("none", "none", Vec::new())?,
        Book::new("contains", "CONTAINS", words.iter().map(contained).collect())?,
        Book::new("exact", "EXACT", words.iter().map(exact).collect())?,
        Book::new("mixed", "half of each, and 50 REGEX", mixed.collect())?,
    ])
}

impl Book {
    fn new(
        account: &'static str,
        name: &'static str,
        keywords: Vec<(KeywordMatch, String)>,
    ) -> anyhow::Result<Self> {
        let needle = |(matching, text): &(KeywordMatch, String)| match matching {
            KeywordMatch::Exact => Ok(Needle::Exact(text.clone())),
            KeywordMatch::Regex => Ok(Needle::Pattern(Regex::new(text)?)),
            _ => Ok(Needle::Contained(text.clone())),
        };
        let needles = keywords.iter().map(needle).collect::<anyhow::Result<_>>()?;
        let keyword =
            |(matching, text): (KeywordMatch, String)| ReplyKeyword { text, r#match: matching.into() };
        Ok(Self { account, name, keywords: keywords.into_iter().map(keyword).collect(), needles })
    }
}

impl Needle {
    fn is_in(&self, text: &str) -> bool {
        match self {
            Self::Exact(keyword) => text.trim() == keyword,
            Self::Contained(keyword) => text.contains(keyword.as_str()),
            Self::Pattern(pattern) => pattern.is_match(text),
        }
    }
}

/// Makes a rule for each keyword.
async fn store(book: &Book, clients: &[Client]) -> anyhow::Result<()> {
    let mut calls = JoinSet::new();
    for (first, client) in clients.iter().enumerate() {
        let keywords = book.keywords.iter().enumerate().skip(first).step_by(clients.len());
        let requests: Vec<_> = keywords.map(|(place, keyword)| creation(book, place, keyword)).collect();
        let mut replies = AutoReplyServiceClient::new(client.clone());
        calls.spawn(async move {
            for request in requests {
                replies.create_reply_rule(request).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(call) = calls.join_next().await {
        call??;
    }
    Ok(())
}

fn creation(book: &Book, place: usize, keyword: &ReplyKeyword) -> CreateReplyRuleRequest {
    let reply_rule = ReplyRule {
        trigger: ReplyTrigger::Keyword.into(),
        keywords: vec![keyword.clone()],
        folding: Some(ReplyFolding { width: true, case: true, script: true }),
        contents: vec![content("an answer".to_owned())],
        ..ReplyRule::default()
    };
    CreateReplyRuleRequest {
        parent: format!("accounts/{}", book.account),
        reply_rule: Some(reply_rule),
        reply_rule_id: format!("r{place}"),
        ..CreateReplyRuleRequest::default()
    }
}

fn content(text: String) -> MessageContent {
    MessageContent { kind: MessageContentKind::Text.into(), text, ..MessageContent::default() }
}

/// The rules are in force, and find nothing in what is said.
async fn check(book: &Book, client: &Client, said: &str) -> anyhow::Result<()> {
    let mut replies = AutoReplyServiceClient::new(client.clone());
    let mut found = async |text: &str| {
        let parent = format!("accounts/{}", book.account);
        let request = TestReplyRequest { parent, text: text.to_owned(), first_message: false };
        anyhow::Ok(replies.test_reply(request).await?.into_inner().matching_reply_rules.len())
    };
    ensure!(found(said).await? == 0, "{}: a rule answers {said}", book.account);
    if let Some(keyword) = book.keywords.first() {
        ensure!(found(&keyword.text).await? == 1, "{}: no rule answers {keyword:?}", book.account);
    }
    Ok(())
}

async fn send(
    arguments: &Arguments,
    server: u32,
    clients: &[Client],
    book: &Book,
    texts: &Arc<Vec<String>>,
    round: u32,
) -> anyhow::Result<Measured> {
    let calls = (0..SENDERS[0]).map(|sender| {
        let inbox = InboxServiceClient::new(clients[sender % CONNECTIONS].clone());
        let texts = texts.clone();
        let parent = format!("accounts/{}", book.account);
        move |number: usize| {
            let text = texts[(sender + number) % texts.len()].clone();
            let request = SendMessageRequest {
                parent: parent.clone(),
                user: format!("users/u{sender}"),
                client_message_id: format!("{}-{round}-{number}", texts.len()),
                content: Some(content(text)),
                causation_depth: 0,
            };
            let mut inbox = inbox.clone();
            async move { Ok(inbox.send_message(request).await.map(drop)?) }
        }
    });
    run(arguments, server, calls).await
}

/// How many microseconds it takes to look for the keywords in a text, one after the other.
fn loop_over(book: &Book, texts: &[String]) -> anyhow::Result<f64> {
    let stopwatch = Stopwatch::start();
    for text in texts.iter().take(LOOPED) {
        let found = book.needles.iter().filter(|needle| needle.is_in(black_box(text))).count();
        ensure!(found == 0, "{}: found in {text}", book.account);
    }
    Ok(stopwatch.elapsed().as_secs_f64() * 1e6 / f64::from(u32::try_from(texts.len().min(LOOPED))?))
}

fn print(books: &[Book], texts: &[String], rounds: &[Vec<Round>]) -> anyhow::Result<()> {
    let characters: usize = texts.iter().map(|text| text.chars().count()).sum();
    println!("\n  Messages of {} characters", characters / texts.len());
    let heading =
        ["rules", "messages/s", "server µs each", "more than without", "a plain loop µs", "times as much"];
    let mut lines = vec![heading.map(str::to_owned).to_vec()];
    for (book, of_book) in books.iter().zip(rounds) {
        let rate = whole(median(of_book.iter().map(|round| round.sent.rate)));
        let processor = median(of_book.iter().map(|round| round.sent.processor));
        let mut line = vec![book.name.to_owned(), rate, format!("{processor:.1}")];
        if !book.keywords.is_empty() {
            let without = rounds[0].iter().map(|round| round.sent.processor);
            let more =
                median(of_book.iter().zip(without).map(|(round, without)| round.sent.processor - without));
            let looped = median(of_book.iter().map(|round| round.looped));
            // Less cannot be told from nothing.
            let least = processor * NOISE;
            let than = if more < least { "> " } else { "" };
            let times = format!("{than}{:.0}", looped / more.max(least));
            line.extend([format!("{more:.1}"), format!("{looped:.1}"), times]);
        }
        lines.push(line);
    }
    print_table(&lines);
    Ok(())
}
