//! `tailor dashboard`: pages on this machine, over a cluster or over the records of a dataset.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use coordinator::pages::RecordsSource;
use dashboard::{ClusterSource, KeyGuard, PageSource, ServedPages, TraceUrl};
use model::SystemClock;
use proto::CallPolicy;
use proto::token::Token;

use crate::context::ContextArgs;
use crate::exit::{Code, Exit};

/// Patience with a cluster: a person waits for the page.
const POLICY: CallPolicy = CallPolicy { call_timeout: Duration::from_secs(4), patience: Duration::from_secs(6) };

/// Options of `tailor dashboard`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Dataset whose records to show. Without it, a cluster is asked.
    ///
    /// For example `--dataset s3://metrics/dataset`: jobs that have ended, also when their cluster is gone.
    #[arg(long, value_name = "URI")]
    dataset: Option<String>,
    /// Address of this machine to serve the pages at; port 0 for a free one.
    ///
    /// For example `--listen 127.0.0.1:8000`.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7090")]
    listen: SocketAddr,
    /// Let the pages cancel, retry, replay and drain, as far as your role allows it.
    ///
    /// For example `tailor dashboard --actions`.
    #[arg(long, conflicts_with = "dataset")]
    actions: bool,
    /// Link from an attempt to its trace, with `{trace_id}` behind the host. Without it, ids alone are shown.
    ///
    /// For example `--trace-url 'https://traces.example.com/trace/{trace_id}'`.
    #[arg(long, value_name = "URL", value_parser = trace_url)]
    trace_url: Option<TraceUrl>,
    #[command(flatten)]
    context: ContextArgs,
}

pub(crate) async fn run(args: Args) -> Result<Code> {
    if !args.listen.ip().is_loopback() {
        let message = "--listen: give an address of this machine alone, such as 127.0.0.1:7090, because these pages show what you may see; \
                       coordinators serve pages that ask who looks";
        return Err(Exit::error(Code::Usage, message));
    }
    let source: Arc<dyn PageSource> = match &args.dataset {
        Some(uri) => Arc::new(RecordsSource::open(uri).await.with_context(|| format!("open dataset {uri}"))?),
        None => Arc::new(ClusterSource::new(args.context.cluster()?.client.with_policy(POLICY))),
    };
    let key = Token::draw().context("draw the key of the pages")?;
    let guard = KeyGuard::new(key.expose());
    let served = ServedPages { may_act: args.actions, trace_url: args.trace_url, ..ServedPages::default() };
    let routes = dashboard::routes(&served, source, Arc::new(guard.clone()), Arc::new(SystemClock));
    let listener = tokio::net::TcpListener::bind(args.listen).await;
    let listener = listener.with_context(|| format!("listen on {}; --listen names another address", args.listen))?;
    let address = listener.local_addr().context("read the address of the pages")?;
    crate::out::text(format_args!("http://{address}{}\n", guard.entrance()))?;
    crate::out::say("tailor: open this link in a browser of this machine; ctrl-C ends the pages");
    tokio::select! {
        served = axum::serve(listener, routes.merge(guard.routes())).into_future() => served.context("serve the pages")?,
        interrupted = tokio::signal::ctrl_c() => interrupted.context("listen for ctrl-C")?,
    }
    Ok(Code::Done)
}

fn trace_url(text: &str) -> Result<TraceUrl, String> {
    text.parse().map_err(|_| format!("'{text}' is not {}", TraceUrl::FORM))
}
