//! HTTP/2 frames as they are on the wire, for what no HTTP/2 library would send.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GO_AWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const NO_FLAGS: u8 = 0;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// Settings by which a client says that it takes as much of a stream as the server has.
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;

/// `RST_STREAM` says by this code that the stream was not even looked at.
pub(crate) const REFUSED_STREAM: u32 = 7;
/// `RST_STREAM` says by this code that nobody waits for the stream any longer.
pub(crate) const CANCEL: u32 = 8;

/// One frame as bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A `SETTINGS` frame.
pub(crate) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> = values
        .iter()
        .flat_map(|(name, value)| [name.to_be_bytes().as_slice(), &value.to_be_bytes()].concat())
        .collect();
    frame(SETTINGS, NO_FLAGS, 0, &payload)
}

/// Headers as HPACK literals that leave no trace in the table.
pub(crate) fn header_block<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(0);
        for text in [name, value] {
            put_length(&mut block, text.len());
            block.extend(text.as_bytes());
        }
    }
    block
}

/// A length in HPACK's variable form, with seven bits in the first byte.
fn put_length(block: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else {
        block.push(u8::try_from(length).unwrap());
        return;
    };
    block.push(127);
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

/// The headers of a gRPC call.
pub(crate) fn call_headers<'a>(path: &'a str, authorization: &'a str) -> [(&'a str, &'a str); 7] {
    [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "test"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("authorization", authorization),
    ]
}

/// A frame that arrived.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The error code of a `RST_STREAM`.
    pub(crate) fn reset_code(&self) -> Option<u32> {
        let code = <[u8; 4]>::try_from(self.payload.as_slice()).ok()?;
        (self.kind == RST_STREAM).then_some(u32::from_be_bytes(code))
    }
}

/// Greets the server at `address` as an HTTP/2 client with these settings.
pub(crate) async fn greet(
    address: &str,
    values: &[(u16, u32)],
) -> io::Result<(OwnedReadHalf, OwnedWriteHalf)> {
    let (reader, mut writer) = TcpStream::connect(address).await?.into_split();
    writer.write_all(&[PREFACE, &settings(values)].concat()).await?;
    Ok((reader, writer))
}

/// The next frame; an error when the server has closed the connection.
pub(crate) async fn next_frame(reader: &mut OwnedReadHalf) -> io::Result<Frame> {
    let mut head = [0; 9];
    reader.read_exact(&mut head).await?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    reader.read_exact(&mut payload).await?;
    Ok(Frame { kind: head[3], payload })
}
