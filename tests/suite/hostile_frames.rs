//! Floods of HTTP/2 frames, each of which is little work for who sends it.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{io::AsyncWriteExt, net::tcp::OwnedReadHalf, task::JoinSet, time::timeout};

use crate::{
    frames::{
        CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, GO_AWAY, HEADERS, NO_FLAGS, PING,
        REFUSED_STREAM, RST_STREAM, call_headers, frame, greet, header_block, next_frame, settings,
    },
    hostile::{Target, attack},
};

const STREAM: &str = "/siyu.crm.v1.InteractionService/StreamInteractions";
const FUNNEL: &str = "/siyu.crm.v1.AnalyticsService/GetTierFunnel";
const ATTACKERS: usize = 4;
const LONG: Duration = Duration::from_secs(30);

/// Reads and forgets whatever comes, so that the server is never held up by a client that does not read.
async fn forget(mut reader: OwnedReadHalf) {
    while next_frame(&mut reader).await.is_ok() {}
}

/// Connects, says `beginning`, and then what `next` gives, again and again, until the server closes the connection.
async fn flood(address: &str, beginning: &[u8], mut next: impl FnMut() -> Vec<u8>) -> io::Result<()> {
    let (reader, mut writer) = greet(address, &[]).await?;
    let mut reading = JoinSet::new();
    reading.spawn(forget(reader));
    writer.write_all(beginning).await?;
    loop {
        writer.write_all(&next()).await?;
    }
}

/// Floods a server on several connections while others are served and when it is to end.
async fn survives(beginning: impl FnOnce(&Target) -> Vec<u8>, repeated: Vec<u8>) {
    let target = Target::start(&[]).await;
    let address = target.address().to_owned();
    let (beginning, repeated) = (beginning(&target), Arc::new(repeated));
    let attack = attack(ATTACKERS, move || {
        let (address, beginning, repeated) = (address.clone(), beginning.clone(), repeated.clone());
        async move { flood(&address, &beginning, || repeated.to_vec()).await }
    });
    target.serves_others().await;
    target.finish().await;
    drop(attack);
}

/// The headers of a call, as a frame with these flags on stream 1.
fn call(target: &Target, path: &str, flags: u8) -> Vec<u8> {
    frame(HEADERS, flags, 1, &header_block(call_headers(path, &target.authorization)))
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_streams_on_a_connection_are_refused_beyond_the_limit() {
    let target = Target::start(&["server.max_streams_per_connection=100"]).await;
    let (mut reader, mut writer) = greet(target.address(), &[]).await.unwrap();
    let block = header_block(call_headers(STREAM, &target.authorization));
    let (refused, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counters = (refused.clone(), gone.clone());
    let reading = tokio::spawn(async move {
        while let Ok(frame) = next_frame(&mut reader).await {
            match frame.kind {
                RST_STREAM if frame.reset_code() == Some(REFUSED_STREAM) => {
                    counters.0.fetch_add(1, Ordering::Relaxed);
                }
                GO_AWAY => {
                    counters.1.fetch_add(1, Ordering::Relaxed);
                }
                _ => {}
            }
        }
    });
    for stream in (1..10_000).step_by(2) {
        if writer.write_all(&frame(HEADERS, END_HEADERS, stream, &block)).await.is_err() {
            break;
        }
    }
    target.serves_others().await;
    let all_refused = async {
        while refused.load(Ordering::Relaxed) < 4_900 && gone.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, all_refused).await.expect("streams beyond the limit are refused");
    println!("{refused:?} refused, {gone:?} GOAWAY");
    target.finish().await;
    reading.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_reset_as_soon_as_they_are_opened() {
    // CVE-2023-44487
    const AT_ONCE: u32 = 200;
    let target = Target::start(&[]).await;
    let address = target.address().to_owned();
    let block = header_block(call_headers(FUNNEL, &target.authorization));
    let attack = attack(ATTACKERS, move || {
        let (address, block) = (address.clone(), block.clone());
        async move {
            let mut stream = 1;
            let opened_and_reset = || {
                let streams = (stream..stream + 2 * AT_ONCE).step_by(2);
                stream += 2 * AT_ONCE;
                let opened = |id| frame(HEADERS, END_HEADERS, id, &block);
                let reset = |id| frame(RST_STREAM, NO_FLAGS, id, &CANCEL.to_be_bytes());
                streams.flat_map(|id| [opened(id), reset(id)].concat()).collect()
            };
            flood(&address, &[], opened_and_reset).await
        }
    });
    target.serves_others().await;
    target.finish().await;
    drop(attack);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_never_end() {
    // CVE-2024-27316
    let more = header_block([("x-filler", "f".repeat(8_000).as_str()); 2]);
    let beginning = |target: &Target| call(target, FUNNEL, END_STREAM);
    survives(beginning, frame(CONTINUATION, NO_FLAGS, 1, &more)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_are_too_long_or_too_many() {
    let long = "v".repeat(3_900);
    let names: Vec<String> = (0..3_000).map(|n| format!("x-{n}")).collect();
    let huge = (0..5).map(|_| ("x-long", long.as_str()));
    let many = names.iter().map(|name| (name.as_str(), ""));
    let target = Target::start(&[]).await;
    for extra in [huge.collect::<Vec<_>>(), many.collect()] {
        let headers = call_headers(FUNNEL, &target.authorization).into_iter().chain(extra);
        let block = header_block(headers);
        let (mut reader, mut writer) = greet(target.address(), &[]).await.unwrap();
        let pieces: Vec<&[u8]> = block.chunks(16_000).collect();
        for (place, piece) in pieces.iter().enumerate() {
            let kind = if place == 0 { HEADERS } else { CONTINUATION };
            let mut flags = if place == 0 { END_STREAM } else { NO_FLAGS };
            flags |= if place == pieces.len() - 1 { END_HEADERS } else { NO_FLAGS };
            writer.write_all(&frame(kind, flags, 1, piece)).await.unwrap();
        }
        // An answer (431), a reset or the end of the connection: in any case not silence, and not a call.
        let answered = async {
            loop {
                match next_frame(&mut reader).await {
                    Ok(frame) if matches!(frame.kind, HEADERS | RST_STREAM | GO_AWAY) => break,
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
        };
        timeout(LONG, answered).await.expect("it is refused");
    }
    target.serves_others().await;
    target.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_without_end() {
    survives(|_| Vec::new(), frame(PING, NO_FLAGS, 0, &[7; 8]).repeat(500)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_without_end() {
    survives(|_| Vec::new(), settings(&[(1, 0), (1, 4_096)]).repeat(500)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_empty_frames() {
    let beginning = |target: &Target| call(target, STREAM, END_HEADERS);
    survives(beginning, frame(DATA, NO_FLAGS, 1, &[]).repeat(500)).await;
}
