//! An answer on its way out. A call ends with the last of its answer, not with the first: until then it keeps its place
//! and its deadline, a panic is still caught, and only then is it known how the call went.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use tokio::sync::OwnedSemaphorePermit;
use tonic::{Code, Status, body::Body};

use crate::{
    Error,
    call::Call,
    complete,
    deadline::Deadline,
    server::progress::{turn_of_caller, turn_of_server},
};

/// Most bytes handed out at once. The transport takes one piece beyond what the caller has room for, so this is what a
/// caller who does not read can make it hold.
const MAX_PIECE: usize = 16 * 1024;

/// The body of a response.
pub(crate) struct Answer {
    body: Body,
    limits: Limits,
    call: Call,
    /// What of a large frame was not handed out yet.
    rest: Bytes,
    ended: bool,
}

/// What an answer is bound by.
#[derive(Default)]
pub(crate) struct Limits {
    /// The place of the call, which is free again at the end of the answer.
    #[expect(dead_code, reason = "held until it is dropped")]
    pub(crate) place: Option<OwnedSemaphorePermit>,
    /// The deadline of the call, which the calls made on its behalf inherit.
    pub(crate) deadline: Option<Deadline>,
    /// Ends the answer early, with an error.
    pub(crate) end: Option<Pin<Box<dyn Future<Output = Error> + Send>>>,
}

impl Answer {
    pub(crate) fn new(body: Body, limits: Limits, call: Call) -> Self {
        turn_of_caller();
        Self { body, limits, call, rest: Bytes::new(), ended: false }
    }

    /// The next frame of the body, however it fails.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(end) = &mut self.limits.end
            && let Poll::Ready(error) = end.as_mut().poll(cx)
        {
            return Poll::Ready(Some(Err(error.into())));
        }
        let body = Pin::new(&mut self.body);
        let poll = AssertUnwindSafe(|| match self.limits.deadline {
            Some(deadline) => deadline.during(|| body.poll_frame(cx)),
            None => body.poll_frame(cx),
        });
        catch_unwind(poll).unwrap_or_else(|panic| Poll::Ready(Some(Err(panicked(panic.as_ref()).into()))))
    }

    /// The last frame: how the call ended.
    fn finish(&mut self, status: Status) -> Result<Frame<Bytes>, Status> {
        let status = complete(status);
        self.ended = true;
        self.call.end(status.code());
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers)?;
        Ok(Frame::trailers(trailers))
    }

    /// Takes note of how the call ended.
    fn pass_on(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Status> {
        let Some(trailers) = frame.trailers_ref() else {
            return Ok(frame.map_data(|data| self.piece_of(data)));
        };
        match Status::from_header_map(trailers) {
            Some(status) if status.code() != Code::Ok => self.finish(status),
            _ => {
                self.ended = true;
                self.call.end(Code::Ok);
                Ok(frame)
            }
        }
    }

    fn piece_of(&mut self, mut data: Bytes) -> Bytes {
        let piece = data.split_to(data.len().min(MAX_PIECE));
        self.rest = data;
        piece
    }
}

/// What the caller is told of a panic; what it said goes to the log.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    Error::internal(format!("a handler panicked: {}", text.unwrap_or_default()))
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        turn_of_server();
        let span = this.call.span().clone();
        let _entered = span.enter();
        let frame = if this.rest.is_empty() {
            match std::task::ready!(this.poll_body(cx)) {
                Some(Ok(frame)) => this.pass_on(frame),
                Some(Err(status)) => this.finish(status),
                None => this.finish(Status::internal("an answer had no end")),
            }
        } else {
            let rest = std::mem::take(&mut this.rest);
            Ok(Frame::data(this.piece_of(rest)))
        };
        turn_of_caller();
        Poll::Ready(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::{BodyExt, StreamBody};
    use tracing::Span;

    use super::*;

    type Frames = Vec<Result<Frame<Bytes>, Status>>;

    fn ok_trailers() -> Frame<Bytes> {
        let mut trailers = HeaderMap::new();
        Status::ok("").add_header(&mut trailers).unwrap();
        Frame::trailers(trailers)
    }

    fn answer(frames: Frames, limits: Limits) -> Answer {
        let body = Body::new(StreamBody::new(tokio_stream::iter(frames)));
        Answer::new(body, limits, Call::begin(None, Span::none()))
    }

    fn code(trailers: &HeaderMap) -> Code {
        Status::from_header_map(trailers).unwrap().code()
    }

    #[tokio::test]
    async fn large_frames_are_handed_out_in_pieces_and_nothing_is_lost() {
        let content: Vec<u8> = (0..=250).cycle().take(MAX_PIECE * 2 + 5).collect();
        let frames = vec![Ok(Frame::data(Bytes::from(content.clone()))), Ok(ok_trailers())];
        let mut answer = answer(frames, Limits::default());
        let mut sizes = Vec::new();
        let mut received = Vec::new();
        while let Some(frame) = answer.frame().await {
            match frame.unwrap().into_data() {
                Ok(data) => {
                    sizes.push(data.len());
                    received.extend_from_slice(&data);
                }
                Err(frame) => assert_eq!(code(frame.trailers_ref().unwrap()), Code::Ok),
            }
        }
        assert_eq!(sizes, [MAX_PIECE, MAX_PIECE, 5]);
        assert_eq!(received, content);
        assert_eq!(answer.call.code(), Code::Ok);
    }

    #[tokio::test]
    async fn what_ends_a_stream_early_is_said_in_the_trailers() {
        let endless = Body::new(StreamBody::new(tokio_stream::pending::<Result<Frame<Bytes>, Status>>()));
        let deadline = Deadline::from_now(Duration::from_millis(10));
        let limits = Limits { end: Some(Box::pin(deadline.reached())), ..Limits::default() };
        let mut answer = Answer::new(endless, limits, Call::begin(None, Span::none()));
        let frame = answer.frame().await.unwrap().unwrap();
        assert_eq!(code(frame.trailers_ref().unwrap()), Code::DeadlineExceeded);
        assert_eq!(answer.call.code(), Code::DeadlineExceeded);
        assert!(answer.frame().await.is_none());
    }

    #[tokio::test]
    async fn a_panic_in_a_stream_is_an_internal_error_and_says_nothing() {
        let frames = tokio_stream::StreamExt::map(tokio_stream::iter(0..3), |n| {
            assert!(n < 1, "secret");
            Ok::<_, Status>(Frame::data(Bytes::from_static(b"fine")))
        });
        let body = Body::new(StreamBody::new(frames));
        let mut answer = Answer::new(body, Limits::default(), Call::begin(None, Span::none()));
        assert!(answer.frame().await.unwrap().unwrap().is_data());
        let frame = answer.frame().await.unwrap().unwrap();
        let status = Status::from_header_map(frame.trailers_ref().unwrap()).unwrap();
        assert_eq!((status.code(), status.message()), (Code::Internal, "internal error"));
        assert_eq!(answer.call.code(), Code::Internal);
    }

    #[tokio::test]
    async fn an_answer_that_is_dropped_was_cancelled() {
        let mut answer = answer(vec![Ok(Frame::data(Bytes::from_static(b"x")))], Limits::default());
        answer.frame().await.unwrap().unwrap();
        assert_eq!(answer.call.code(), Code::Cancelled);
    }
}
