//! The CollegeMsg file, 59,835 real messages: all of them are in, in order, whatever is killed meanwhile.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use siyu::connect::{Client, connect};
use siyu_clock::Clock;
use siyu_proto::messaging::v1::{
    ListDeskMessagesRequest, MessageSender, desk_service_client::DeskServiceClient,
};
use siyu_tests::{
    Engine,
    installation::{Installation, Launch, create_accounts},
};

use crate::{imports::import_args, messages_faults::free_address};

const ROWS: usize = 59_835;
/// Seconds: the mean of the two in the middle.
const MEDIAN_FIRST_RESPONSE: i64 = 14_088;
/// Kills while the import goes on, and the time before each.
const KILLS: usize = 2;
const BEFORE_A_KILL: Duration = Duration::from_secs(6);
/// Conversations that are read at once.
const AT_ONCE: usize = 16;

/// A message, whether the user wrote it, and when: Unix seconds.
type Told = (String, bool, i64);
/// Messages by account and user.
type Conversations = BTreeMap<(String, String), Vec<Told>>;

fn file() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/collegemsg/CollegeMsg.txt");
    if !path.exists() {
        eprintln!("SKIP collegemsg: ../shared/data/collegemsg/CollegeMsg.txt is not there");
        return None;
    }
    Some(path)
}

/// What the file says, read the plain way: whoever is written to first is the account.
fn expected(path: &Path) -> Conversations {
    let text = std::fs::read_to_string(path).unwrap();
    let mut rows: Vec<(i64, usize, &str, &str)> = Vec::new();
    for (index, row) in text.lines().enumerate().skip(1) {
        let cells: Vec<&str> = row.split(' ').collect();
        rows.push((cells[2].parse().unwrap(), index + 1, cells[0], cells[1]));
    }
    assert_eq!(rows.len(), ROWS);
    rows.sort_unstable_by_key(|(time, line, ..)| (*time, *line));
    let mut accounts: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut conversations = Conversations::new();
    for (time, line, source, target) in rows {
        let is_answer = accounts.contains(&(source, target));
        let (account, user) = if is_answer { (source, target) } else { (target, source) };
        accounts.insert((account, user));
        let told = (format!("old:{line:010}"), !is_answer, time);
        conversations.entry((account.to_owned(), user.to_owned())).or_default().push(told);
    }
    conversations
}

async fn stored(client: &Client, account: &str, user: &str) -> Vec<Told> {
    let mut request = ListDeskMessagesRequest {
        parent: format!("accounts/school-{account}"),
        user: format!("users/{user}"),
        after_sequence: Some(0),
        page_size: 200,
        ..ListDeskMessagesRequest::default()
    };
    let mut told = Vec::new();
    loop {
        let page = DeskServiceClient::new(client.clone()).list_desk_messages(request.clone()).await.unwrap();
        let page = page.into_inner();
        for message in &page.messages {
            let count = i64::try_from(told.len()).unwrap();
            assert_eq!(message.sequence, count + 1, "{}", message.name);
            let time = message.create_time.unwrap().seconds;
            told.push((message.client_message_id.clone(), message.sender() == MessageSender::User, time));
        }
        let Some(last) = page.messages.last().filter(|_| page.has_more) else { return told };
        request.after_sequence = Some(last.sequence);
    }
}

/// The median of how long users waited for the first answer, of the conversations that were answered at all.
fn median_first_response(conversations: &Conversations) -> i64 {
    let mut times: Vec<i64> = Vec::new();
    for told in conversations.values() {
        let answer = told.iter().find(|(_, is_of_user, _)| !is_of_user);
        times.extend(answer.map(|(_, _, time)| time - told[0].2));
    }
    times.sort_unstable();
    i64::midpoint(times[(times.len() - 1) / 2], times[times.len() / 2])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_of_the_file_is_in_whatever_is_killed() {
    let Some(path) = file() else { return };
    let installation = Installation::create(Engine::Sqlite).await.unwrap().unwrap();
    let launch = Launch { set: vec![format!("server.listen={}", free_address())], ..Launch::default() };
    let mut process = installation.start(&launch).unwrap();
    let client = connect(&process.ready().await.unwrap(), &installation.token).await.unwrap();
    create_accounts(&client, &["school".to_owned()]).await.unwrap();

    // Where the server is away for too long the import stops, and goes on when it is run again.
    let import = async {
        let flags = "--format collegemsg --account school --import-id old";
        for _ in 0..10 {
            let (args, now) = (import_args(flags, path.clone()), Clock::System.now().to_timestamp());
            if let Ok(summary) = siyu::import::run_messages(args, client.clone(), now).await {
                return summary;
            }
        }
        panic!("it does not come to an end");
    };
    let kills = async {
        for _ in 0..KILLS {
            tokio::time::sleep(BEFORE_A_KILL).await;
            process.kill().await.unwrap();
            process = installation.start(&launch).unwrap();
            process.ready().await.unwrap();
        }
        process
    };
    let (summary, process) = tokio::join!(import, kills);
    assert_eq!((summary.rows, summary.rejected), (ROWS as u64, 0));
    assert_eq!(summary.stored + summary.duplicates, ROWS as u64);

    let expected = expected(&path);
    assert_eq!(summary.conversations, expected.len() as u64);
    let client = &client;
    let reading = stream::iter(expected.keys().cloned()).map(async |(account, user)| {
        let told = stored(client, &account, &user).await;
        ((account, user), told)
    });
    let found: Conversations = reading.buffer_unordered(AT_ONCE).collect().await;
    for (conversation, told) in &expected {
        assert_eq!(found.get(conversation), Some(told), "{conversation:?}");
    }
    let medians = [&expected, &found].map(median_first_response);
    assert_eq!(medians, [MEDIAN_FIRST_RESPONSE; 2]);
    process.kill().await.unwrap();
    installation.remove().await.unwrap();
}
