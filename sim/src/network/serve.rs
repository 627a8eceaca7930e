//! Serves a coordinator's calls: each call is a task, which ends when its caller goes away.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Request;
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tonic::body::Body;
use tonic::codegen::Service as _;
use tonic::service::Routes;

use super::{Incoming, WireAnswer, WireRequest};
use crate::port::{Message, Port};

/// Serves incoming calls for as long as the process lives.
pub(crate) async fn serve(mut incoming: mpsc::UnboundedReceiver<Incoming>, routes: Routes, port: Arc<Port>) {
    let mut under_way: BTreeMap<u64, AbortHandle> = BTreeMap::new();
    while let Some(incoming) = incoming.recv().await {
        under_way.retain(|_, task| !task.is_finished());
        match incoming {
            Incoming::Call { id, request } => {
                let (routes, port) = (routes.clone(), Arc::clone(&port));
                let task = tokio::spawn(async move {
                    let answer = answer(routes, request).await;
                    port.send(Message::Answer { id, answer });
                });
                under_way.insert(id, task.abort_handle());
            }
            Incoming::Reset { id } => {
                if let Some(task) = under_way.remove(&id) {
                    task.abort();
                }
            }
        }
    }
}

async fn answer(mut routes: Routes, request: WireRequest) -> WireAnswer {
    let mut call = Request::new(Body::new(http_body_util::Full::new(request.body)));
    *call.method_mut() = http::Method::POST;
    *call.uri_mut() = request.path.parse().expect("a path of the generated client");
    *call.headers_mut() = request.headers;
    let response = match routes.call(call).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (head, body) = response.into_parts();
    let (body, trailers) = match body.collect().await {
        Ok(collected) => {
            let trailers = collected.trailers().cloned().unwrap_or_default();
            (collected.to_bytes(), trailers)
        }
        Err(status) => (bytes::Bytes::new(), status_trailers(&status)),
    };
    WireAnswer { headers: head.headers, body, trailers }
}

fn status_trailers(status: &tonic::Status) -> http::HeaderMap {
    let mut trailers = http::HeaderMap::new();
    // This fails for a text that no header can hold. The answer then has no status, which is an error as well.
    let _ = status.add_header(&mut trailers);
    trailers
}
