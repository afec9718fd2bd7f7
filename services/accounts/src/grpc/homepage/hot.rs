//! `GetHomepage` as fast as it is read: pages keep their answers encoded, and an answer is those bytes.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{BufMut, Bytes};
use siyu_proto::accounts::v1::{
    GetHomepageRequest,
    homepage_service_server::{HomepageServiceServer, SERVICE_NAME},
};
use tonic::{
    Request, Response, Status,
    body::Body,
    codec::{BufferSettings, Codec, EncodeBuf, Encoder},
    server::{Grpc, NamedService},
};
use tonic_prost::ProstDecoder;

use crate::Accounts;

const GET_HOMEPAGE: &str = "/siyu.accounts.v1.HomepageService/GetHomepage";

/// Serves `GetHomepage` from answers that are encoded, and leaves everything else to the generated server.
#[derive(Debug, Clone)]
pub(crate) struct HomepageServer {
    accounts: Arc<Accounts>,
    generated: HomepageServiceServer<Accounts>,
    max_message_bytes: usize,
}

impl HomepageServer {
    /// A request may have at most `max_message_bytes`.
    pub(crate) fn new(accounts: Accounts, max_message_bytes: usize) -> Self {
        let accounts = Arc::new(accounts);
        let generated =
            HomepageServiceServer::from_arc(accounts.clone()).max_decoding_message_size(max_message_bytes);
        Self { accounts, generated, max_message_bytes }
    }
}

impl NamedService for HomepageServer {
    const NAME: &'static str = SERVICE_NAME;
}

impl tower::Service<http::Request<Body>> for HomepageServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path() != GET_HOMEPAGE {
            return self.generated.call(request);
        }
        let accounts = self.accounts.clone();
        let answer = tower::service_fn(move |request: Request<GetHomepageRequest>| {
            let accounts = accounts.clone();
            async move { Ok::<_, Status>(Response::new(accounts.encoded_homepage(request).await?)) }
        });
        let mut grpc = Grpc::new(Encoded).max_decoding_message_size(self.max_message_bytes);
        Box::pin(async move { Ok(grpc.unary(answer, request).await) })
    }
}

/// Decodes requests; answers are encoded already.
#[derive(Debug, Clone, Copy, Default)]
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = GetHomepageRequest;
    type Encoder = Self;
    type Decoder = ProstDecoder<GetHomepageRequest>;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::new(BufferSettings::default())
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, answer: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(answer);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use siyu_proto::Method;

    use super::*;

    #[test]
    fn the_method_is_called_so() {
        assert!(Method::find(GET_HOMEPAGE).is_some());
    }
}
