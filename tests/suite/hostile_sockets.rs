//! Clients that connect and then do not do what comes next.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    frames::{
        DATA, END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, NO_FLAGS, PREFACE, WINDOW_UPDATE,
        call_headers, frame, greet, header_block, settings,
    },
    hostile::{Target, all_fans, attack, framed},
};

/// Only a connection that is never closed makes a test wait for so long.
const LONG: Duration = Duration::from_secs(30);

/// So many clients who each say `beginning` and then nothing.
async fn silent(target: &Target, number: usize, beginning: &[u8]) -> Vec<TcpStream> {
    let mut silent = Vec::new();
    for _ in 0..number {
        let mut stream = TcpStream::connect(target.address()).await.unwrap();
        // It may have been closed already.
        let _ = stream.write_all(beginning).await;
        silent.push(stream);
    }
    silent
}

async fn all_closed(streams: Vec<TcpStream>) {
    for mut stream in streams {
        let mut rest = Vec::new();
        let _ = timeout(LONG, stream.read_to_end(&mut rest)).await.expect("the connection is closed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_and_half_a_preface_cost_a_place_for_a_moment() {
    let target = Target::start(&["server.max_connections=700", "server.preface_timeout=1s"]).await;
    let silent_ones = silent(&target, 300, b"").await;
    let half = silent(&target, 300, &PREFACE[..16]).await;
    target.serves_others().await;
    all_closed(silent_ones).await;
    all_closed(half).await;
    // All places are free again.
    let again = silent(&target, 650, b"P").await;
    target.serves_others().await;
    target.finish().await;
    drop(again);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_answer_pings_is_closed() {
    let keepalive = ["server.keepalive_interval=300ms", "server.keepalive_timeout=300ms"];
    let target = Target::start(&keepalive).await;
    let greeting = [PREFACE, &settings(&[])].concat();
    let dead = silent(&target, 200, &greeting).await;
    target.serves_others().await;
    all_closed(dead).await;
    target.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_say_nothing_after_the_preface_do_not_hold_up_the_end() {
    let target = Target::start(&[]).await;
    let bare = silent(&target, 200, PREFACE).await;
    let idle = silent(&target, 200, &[PREFACE, &settings(&[])].concat()).await;
    target.serves_others().await;
    target.finish().await;
    drop((bare, idle));
}

/// Asks for as many large answers as it may, and takes none of them off the socket.
async fn ask_and_never_read(target: &Target) -> io::Result<TcpStream> {
    const MUCH: u32 = (1 << 31) - 1;
    let (reader, mut writer) = greet(target.address(), &[(INITIAL_WINDOW_SIZE, MUCH)]).await?;
    writer.write_all(&frame(WINDOW_UPDATE, NO_FLAGS, 0, &(MUCH - 65_535).to_be_bytes())).await?;
    let block = header_block(call_headers("/siyu.crm.v1.FanService/ListFans", &target.authorization));
    let question = framed(&all_fans());
    for stream in (1..400).step_by(2) {
        writer.write_all(&frame(HEADERS, END_HEADERS, stream, &block)).await?;
        writer.write_all(&frame(DATA, END_STREAM, stream, &question)).await?;
    }
    reader.reunite(writer).map_err(io::Error::other)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_its_socket_is_closed() {
    const CLIENTS: usize = 4;
    let target = Target::start(&["server.send_timeout=1s"]).await;
    target.make_fans().await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(ask_and_never_read(&target).await.unwrap());
    }
    target.serves_others().await;
    // Nothing is read until long after the limit; then what the system had buffered comes, and the end.
    tokio::time::sleep(Duration::from_secs(5)).await;
    all_closed(clients).await;
    target.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_connections_is_closed_at_the_limit() {
    let target = Target::start(&["server.max_connections=100", "server.preface_timeout=1s"]).await;
    let address = target.address().to_owned();
    // Each goes as soon as the server closes it, and comes again.
    let attack = attack(200, move || {
        let address = address.clone();
        async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.read_to_end(&mut Vec::new()).await.map(|_| ())
        }
    });
    tokio::time::sleep(Duration::from_secs(3)).await;
    drop(attack);
    // It was the flood that took the places: they are free again when it is over.
    tokio::time::sleep(Duration::from_secs(2)).await;
    target.serves_others().await;
    target.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_is_slow_or_reads_nothing_keeps_nobody_out() {
    let target = Target::start(&["server.send_timeout=1s", "server.default_deadline=1s"]).await;
    target.make_fans().await;
    let question = framed(&all_fans());
    let head = format!(
        "POST /siyu.crm.v1.FanService/ListFans HTTP/1.1\r\nhost: test\r\nauthorization: {}\r\n\
         content-type: application/grpc-web+proto\r\ncontent-length: {}\r\n\r\n",
        target.authorization,
        question.len(),
    );
    // Headers that never end, a body that never comes, and answers that nobody takes.
    let half_head = silent(&target, 100, &head.as_bytes()[..50]).await;
    let no_body = silent(&target, 100, head.as_bytes()).await;
    let asked_often = [head.as_bytes(), &question].concat().repeat(50);
    let unread = silent(&target, 20, &asked_often).await;
    target.serves_others().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    all_closed(unread).await;
    target.finish().await;
    drop((half_head, no_body));
}
