//! Workers that only claim and complete; their leases, registrations and calls are those of real workers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use format::state_keys::StateKey;
use format::state_records::{StateRecord as _, Text, WorkerRecord};
use model::books::{MapBooks, ReduceBooks};
use model::{
    ByteRange, Grant, HeldAttempt, LeaseId, MapReport, PartitionId, ReduceReport, Report, Split, SplitReport,
    StageTimes, TaskKind,
};
use proto::dispatch::{AttemptBeat, Beat, Dispatch as _, Verdict};
use proto::secret::Secret;
use storage::meta::{LeaseSession, LeaseSettings, Op, Outcome, Txn};
use worker::remote::RemoteLeader;

use super::cluster::{Cluster, SPLIT_BYTES, TASKS_PER_SEGMENT};

/// Number of workers, and slots of each.
const WORKERS: u64 = 32;
const SLOTS: u32 = 64;

/// Interval between heartbeats of a worker.
const BEAT_EVERY: Duration = Duration::from_secs(1);

/// Simulated workers of the measurement.
pub(super) struct Workers {
    leader: Arc<RemoteLeader>,
    sessions: Vec<LeaseSession>,
    /// Attempts that each worker claimed and left open.
    held: Mutex<BTreeMap<LeaseId, Vec<HeldAttempt>>>,
}

impl Workers {
    /// Registers the workers.
    pub(super) async fn join(cluster: &Cluster) -> Result<Self> {
        let store = cluster.store("/bench/").await?;
        let mut sessions = Vec::new();
        for seed in 0..WORKERS {
            let session = LeaseSession::open(Arc::clone(&store), LeaseSettings::seeded(seed)).await?;
            let record = WorkerRecord {
                name: Text::cut(&format!("bench-{seed}")),
                slots: SLOTS,
                memory_bytes: 0,
                version: Text::cut("bench"),
                protocol: proto::dispatch::PROTOCOL,
                secret_sha256: None,
                draining: None,
                unfit: None,
            };
            let key = StateKey::Worker(session.lease());
            let txn = Txn::when([]).then([Op::put_leased(key, record.encode()?, session.lease())]);
            ensure!(matches!(store.txn(txn).await?, Outcome::Applied { .. }), "a worker could not be registered");
            sessions.push(session);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok(Self {
            leader: Arc::new(RemoteLeader::new(&cluster.client()?, Secret::seeded(0))),
            sessions,
            held: Mutex::default(),
        })
    }

    /// Claims and completes for `span`; returns the changes per second.
    pub(super) async fn work(&self, span: Duration) -> Result<f64> {
        let (changes, started) = (Arc::new(AtomicU64::new(0)), Instant::now());
        let working = self.sessions.iter().map(|session| {
            let (leader, changes, worker) = (Arc::clone(&self.leader), Arc::clone(&changes), session.lease());
            tokio::spawn(async move {
                let mut beaten = started;
                while started.elapsed() < span {
                    let grants = leader.claim(worker, SLOTS, Duration::from_secs(1)).await?;
                    if beaten.elapsed() >= BEAT_EVERY {
                        beaten = Instant::now();
                        leader.heartbeat(worker, &beat(&grants)).await?;
                    }
                    changes.fetch_add(grants.len() as u64, Ordering::Relaxed);
                    let completing = grants.iter().map(|grant| complete(&leader, worker, grant));
                    for verdict in futures::future::join_all(completing).await {
                        ensure!(verdict? == Verdict::Counts, "a completion was refused");
                        changes.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Ok(())
            })
        });
        for ended in futures::future::join_all(working).await {
            ended??;
        }
        Ok(changes.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64())
    }

    /// Claims `count` tasks, and leaves them open.
    pub(super) async fn hold(&self, count: usize) -> Result<()> {
        let share = count.div_ceil(self.sessions.len());
        let holding = self.sessions.iter().map(|session| async move {
            let mut held = Vec::with_capacity(share);
            while held.len() < share {
                let slots = (share - held.len()).min(256) as u32;
                let grants = self.leader.claim(session.lease(), slots, Duration::from_secs(5)).await?;
                held.extend(grants.iter().map(held_by));
            }
            Ok::<_, anyhow::Error>((session.lease(), held))
        });
        let held = futures::future::try_join_all(holding).await?;
        self.held.lock().unwrap_or_else(PoisonError::into_inner).extend(held);
        Ok(())
    }

    /// Hands back the attempts that were left open.
    pub(super) async fn let_go(&self) -> Result<()> {
        let held = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        let handing_back = held.into_iter().map(|(worker, held)| async move {
            for held in held.chunks(SLOTS as usize) {
                self.leader.hand_back(worker, held, "the bench goes on").await?;
            }
            Ok::<_, anyhow::Error>(())
        });
        futures::future::try_join_all(handing_back).await.map(drop)
    }

    /// Waits until one more task is granted.
    pub(super) async fn claim_one(&self) -> Result<()> {
        loop {
            let claimed = self.leader.claim(self.sessions[0].lease(), 1, Duration::from_secs(1)).await;
            if claimed.is_ok_and(|grants| !grants.is_empty()) {
                return Ok(());
            }
        }
    }
}

fn held_by(grant: &Grant) -> HeldAttempt {
    HeldAttempt { task: grant.task.clone(), attempt: grant.attempt }
}

fn beat(grants: &[Grant]) -> Beat {
    let attempts = grants.iter().map(|grant| AttemptBeat {
        held: held_by(grant),
        bytes: 0,
        points: 0,
        stage: None,
        effort: model::Effort::default(),
        trace: None,
    });
    Beat { attempts: attempts.collect(), unfit: None, draining: None }
}

async fn complete(leader: &RemoteLeader, worker: LeaseId, grant: &Grant) -> Result<Verdict> {
    Ok(leader.complete(worker, &held_by(grant), report(grant).to_bytes().into(), None).await?)
}

/// Builds the report of an attempt that found nothing; its splits join.
fn report(grant: &Grant) -> Report {
    let ordinal = grant.task.task.ordinal;
    match grant.task.task.kind {
        TaskKind::Map => {
            let start = u64::from(ordinal) % TASKS_PER_SEGMENT * SPLIT_BYTES;
            let split = Split {
                segment: ordinal / TASKS_PER_SEGMENT as u32,
                range: ByteRange::new(start, start + SPLIT_BYTES),
            };
            Report::Map(MapReport {
                splits: vec![SplitReport { split, first: Some(start), end: start + SPLIT_BYTES }],
                run: None,
                books: MapBooks { bytes_read: SPLIT_BYTES, ..MapBooks::default() },
                quarantine: None,
                time_range_ms: None,
                stages: StageTimes::default(),
                spills: 0,
                effort: None,
            })
        }
        TaskKind::Reduce => Report::Reduce(ReduceReport {
            partition: PartitionId(ordinal),
            raw: None,
            rollups: Vec::new(),
            extent: None,
            books: ReduceBooks::default(),
            stages: StageTimes::default(),
            effort: None,
        }),
    }
}
