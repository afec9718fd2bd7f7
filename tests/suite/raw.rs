//! Calls by path and bytes, for what the generated clients cannot send.

use prost::bytes::{Buf, BufMut};
use siyu_tests::TestSuite;
use tokio_stream::StreamExt;
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint},
};

/// Leaves messages as they are.
#[derive(Debug, Clone, Copy, Default)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&message);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining()).to_vec()))
    }
}

/// A connection that sends no token by itself.
pub(crate) async fn channel(suite: &TestSuite) -> Channel {
    Endpoint::from_shared(suite.url.clone()).unwrap().connect().await.unwrap()
}

/// Calls the method at `path` with `messages` and these headers, and reads the answer to its end.
pub(crate) async fn call(
    channel: &Channel,
    path: &str,
    headers: &[(&'static str, &str)],
    messages: Vec<Vec<u8>>,
) -> Result<Vec<Vec<u8>>, Status> {
    call_with(Grpc::new(channel.clone()), path, headers, messages).await
}

/// Like [`call`], with one message that is compressed on its way.
pub(crate) async fn call_compressed(
    channel: &Channel,
    path: &str,
    headers: &[(&'static str, &str)],
    message: Vec<u8>,
) -> Result<Vec<Vec<u8>>, Status> {
    let client = Grpc::new(channel.clone()).send_compressed(CompressionEncoding::Gzip);
    call_with(client, path, headers, vec![message]).await
}

async fn call_with(
    mut client: Grpc<Channel>,
    path: &str,
    headers: &[(&'static str, &str)],
    messages: Vec<Vec<u8>>,
) -> Result<Vec<Vec<u8>>, Status> {
    let mut request = Request::new(tokio_stream::iter(messages));
    for (name, value) in headers {
        request.metadata_mut().insert(*name, value.parse().unwrap());
    }
    client.ready().await.unwrap();
    let path: PathAndQuery = path.parse().unwrap();
    client.streaming(request, path, Bytes).await?.into_inner().collect().await
}
