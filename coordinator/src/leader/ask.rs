//! Answers the requests of operators, from the leader's state or by the handler of the request.

use std::collections::HashSet;

use proto::ApiError;

use super::Leader;
use super::message::{Ask, Reply};
use crate::journal::Journal;

impl Leader {
    pub(super) fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Submit { spec, trace, reply } => self.submit(spec, (None, trace), reply),
            Ask::Run { spec, ended, reply } => self.submit(spec, (Some(ended), None), reply),
            Ask::Jobs { reply } => drop(reply.send(Ok(self.job_summaries()))),
            Ask::Job { job, reply } => drop(reply.send(Ok(self.job_view(&job)))),
            Ask::Cancel { job, reason, reply } => self.cancel(&job, reason, reply),
            Ask::Retry { job, reason, earlier, reply } => self.retry(&job, reason, earlier, reply),
            Ask::Tasks { search, reply } => drop(reply.send(self.task_views(&search))),
            Ask::Task { path, reply } => drop(reply.send(self.task_view(&path))),
            Ask::Log { job, reply } => drop(reply.send(Ok(self.jobs.get(&job).map(|live| live.log.clone())))),
            Ask::Workers { reply } => drop(reply.send(Ok(self.worker_views()))),
            Ask::Drain { worker, reason, reply } => self.drain(&worker, &reason, reply),
            Ask::Undrain { worker, reason, reply } => self.undrain(&worker, &reason, reply),
            Ask::DrainOrders { reply } => drop(reply.send(Ok(self.drains.views()))),
            Ask::Cluster { reply } => drop(reply.send(Ok(self.cluster_view()))),
            Ask::OpenJobs { reply } => drop(reply.send(Ok(self.open_jobs()))),
            Ask::Datasets { reply } => read_datasets(self.journal.clone(), reply),
            Ask::OpenOn { place, reply } => drop(reply.send(Ok(self.open_on(&place)))),
        }
    }

    fn open_jobs(&self) -> HashSet<String> {
        self.state.job_ids().map(ToString::to_string).collect()
    }
}

fn read_datasets(journal: Journal, reply: Reply<Vec<String>>) {
    tokio::spawn(async move {
        let datasets = journal.datasets().await;
        let _ = reply.send(datasets.map_err(|error| ApiError::Away { reason: model::error::chain(&error) }));
    });
}
