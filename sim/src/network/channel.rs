//! Client channel to a coordinator: an HTTP service whose requests leave by the process's port.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::sync::oneshot;
use tonic::body::Body;
use tonic::codegen::{Service, StdError};

use super::{WireAnswer, WireRequest};
use crate::port::{Message, Port};

/// Function that changes a request before it is sent.
pub(crate) type Bend = Arc<dyn Fn(WireRequest) -> WireRequest + Send + Sync>;

/// Channel to one coordinator.
#[derive(Clone)]
pub(crate) struct SimChannel {
    pub(crate) port: Arc<Port>,
    pub(crate) to: String,
    pub(crate) bend: Option<Bend>,
}

impl Service<Request<Body>> for SimChannel {
    type Response = Response<Body>;
    type Error = StdError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, StdError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let channel = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let request = WireRequest { path: head.uri.path().to_owned(), headers: head.headers, body };
            let request = channel.bend.as_ref().map_or_else(|| request.clone(), |bend| bend(request.clone()));
            let (reply, answer) = oneshot::channel();
            channel.port.send(Message::Call { to: channel.to.clone(), request, reply });
            match answer.await {
                Ok(answer) => Ok(response(answer)),
                Err(_) => Err(tonic::Status::unavailable("the connection was lost").into()),
            }
        })
    }
}

fn response(answer: WireAnswer) -> Response<Body> {
    let mut frames = vec![Ok::<_, Infallible>(http_body::Frame::data(answer.body))];
    if !answer.trailers.is_empty() {
        frames.push(Ok(http_body::Frame::trailers(answer.trailers)));
    }
    let body = http_body_util::StreamBody::new(futures::stream::iter(frames));
    let mut response = Response::new(Body::new(body));
    *response.headers_mut() = answer.headers;
    response
}

/// Parses the message of a unary call or answer, after its five-byte prefix.
pub(crate) fn message<M: prost::Message + Default>(body: &Bytes) -> Option<M> {
    M::decode(body.get(5..)?).ok()
}

/// Serialises a message with its five-byte prefix.
pub(crate) fn framed(message: &impl prost::Message) -> Bytes {
    let content = message.encode_to_vec();
    let mut bytes = vec![0];
    bytes.extend_from_slice(&(content.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&content);
    bytes.into()
}
