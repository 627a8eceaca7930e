//! A leader with random plans, behind a network that loses requests and answers: each result must match the store.

use std::collections::BTreeMap;

use super::*;
use crate::meta::Entry;

const TASKS: u32 = 6;
const ROUNDS: u32 = 40;

/// View of a leader on a task, and facts that no leader sees.
#[derive(Default)]
struct Known {
    seen: SeenAttempts,
    /// Every attempt that was ever claimed; a zombie would report one that has ended.
    attempts: Vec<AttemptId>,
    done: Option<DoneRecord>,
}

struct Game {
    cluster: Cluster,
    behind: FaultyStore,
    random: fastrand::Rng,
    known: BTreeMap<u32, Known>,
    workers: Vec<LeaseId>,
}

type Entries = BTreeMap<String, Entry>;

impl Game {
    async fn new(seed: u64) -> Self {
        let cluster = Cluster::new().await;
        let faults = Faults { lose_request: 0.15, lose_response: 0.25, ..Faults::default() };
        let behind = FaultyStore::new(Arc::clone(&cluster.store), faults, seed);
        let known = (0..TASKS).map(|ordinal| (ordinal, Known::default())).collect();
        let mut game = Self { cluster, behind, random: fastrand::Rng::with_seed(seed), known, workers: Vec::new() };
        for _ in 0..3 {
            game.add_worker().await;
        }
        game
    }

    async fn add_worker(&mut self) {
        let lease = self.cluster.store.grant(Duration::from_secs(100_000)).await.expect("memory").id;
        self.workers.push(lease);
    }

    /// Reads all entries of one task, past the bad network.
    async fn entries(&self, ordinal: u32) -> Entries {
        let listed = self.cluster.store.list("jobs/").await.expect("memory").entries;
        let id = TaskId::map(ordinal).to_string();
        let is_of_task = |entry: &Entry| entry.key.split('/').any(|component| component == id);
        listed.into_iter().filter(is_of_task).map(|entry| (entry.key.clone(), entry)).collect()
    }

    /// Draws a change, sensible or not.
    fn plan(&mut self, ordinal: u32) -> TaskChange {
        let worker = self.workers[self.random.usize(..self.workers.len())];
        let Self { random, known, .. } = self;
        let known = &known[&ordinal];
        let (task, seen) = (task(ordinal), known.seen.clone());
        let some_attempt = (!known.attempts.is_empty()).then(|| known.attempts[random.usize(..known.attempts.len())]);
        let numbers = known.attempts.iter().map(|attempt| attempt.number);
        let last = numbers.max().unwrap_or(0).max(seen.record.last);
        match (random.u8(..10), some_attempt, known.done.clone()) {
            (0..4, Some(attempt), _) => {
                TaskChange::Complete { task, done: done(attempt, last), claimed: claimed(attempt) }
            }
            (4, Some(attempt), _) => {
                let failure = FailureRecord { worker, cause: Text::cut("disk full") };
                TaskChange::Fail { task, attempt, claimed: claimed(attempt), charged: random.bool(), failure, seen }
            }
            (5, Some(attempt), _) => TaskChange::HandBack { task, attempt, claimed: claimed(attempt) },
            (6..8, _, Some(done)) => TaskChange::Reopen { task, done, charged: 1, exact_start: Some(9) },
            _ => TaskChange::Claim { task, worker, shard: None, seen },
        }
    }

    async fn round(&mut self) {
        if self.random.u8(..8) == 0 {
            // The worker's claims vanish, perhaps without the leader's knowledge.
            let gone = self.random.usize(..self.workers.len());
            self.cluster.store.revoke(self.workers[gone]).await.expect("memory");
            if self.random.bool() {
                self.workers.swap_remove(gone);
                self.add_worker().await;
            }
        }
        let mut ordinals: Vec<_> = (0..TASKS).collect();
        self.random.shuffle(&mut ordinals);
        ordinals.truncate(self.random.usize(1..=TASKS as usize));
        let changes: Vec<_> = ordinals.iter().map(|ordinal| self.plan(*ordinal)).collect();
        let mut before = Vec::new();
        for ordinal in &ordinals {
            before.push(self.entries(*ordinal).await);
        }
        let results = apply(&self.behind, &self.cluster.leadership, changes.clone()).await;
        for (((ordinal, change), before), result) in ordinals.into_iter().zip(changes).zip(before).zip(results) {
            let after = self.entries(ordinal).await;
            self.check(ordinal, &change, result, &before, &after);
            self.see(ordinal, &after);
        }
    }

    /// Compares a result with the store.
    fn check(
        &mut self,
        ordinal: u32,
        change: &TaskChange,
        result: Result<Changed, ClaimError>,
        before: &Entries,
        after: &Entries,
    ) {
        let known = self.known.entry(ordinal).or_default();
        let at = |key: StateKey| after.get(&key.to_string());
        let attempts = at(StateKey::Attempts(task(ordinal)));
        let holds = |attempt: AttemptId| {
            at(StateKey::Claim(task(ordinal), attempt.number))
                .is_some_and(|claim| token_of(claim).expect("a claim") == attempt.token)
        };
        let is_seen = |seen: &SeenAttempts| *seen == SeenAttempts::of(attempts).expect("a record");
        match (change, result) {
            (_, Ok(Changed::Claimed { attempt, seen })) => {
                assert!(holds(attempt) && is_seen(&seen));
                // If a leader that forgot asks twice, the same claim may be found: made once, reported twice.
                if !known.attempts.contains(&attempt) {
                    assert!(known.attempts.iter().all(|earlier| earlier.number < attempt.number), "LS-1");
                    known.attempts.push(attempt);
                }
            }
            (TaskChange::Complete { done, .. }, Ok(Changed::Completed)) => {
                assert_eq!(
                    at(StateKey::Done(task(ordinal))).expect("done").record::<DoneRecord>().expect("a record"),
                    *done
                );
                assert_eq!(after.len(), 1, "claims and attempts are gone");
                assert!(known.done.as_ref().is_none_or(|earlier| earlier.attempt == done.attempt), "LS-2");
            }
            (TaskChange::Fail { attempt, .. }, Ok(Changed::Failed { seen })) => {
                assert!(!holds(*attempt) && is_seen(&seen));
            }
            (TaskChange::HandBack { attempt, .. }, Ok(Changed::HandedBack)) => assert!(!holds(*attempt)),
            (_, Ok(Changed::Reopened { seen })) => {
                assert!(is_seen(&seen) && at(StateKey::Done(task(ordinal))).is_none());
            }
            (_, Err(ClaimError::Store(error))) => assert!(
                error.is_transient() || (matches!(error, MetaError::LeaseGone { .. }) && before == after),
                "{error}"
            ),
            (_, Err(_)) => assert_eq!(before, after, "refused is refused"),
            (change, Ok(changed)) => panic!("{change:?} was answered with {changed:?}"),
        }
    }

    /// Reads the task as a leader does before it plans again; now and then it forgets to.
    fn see(&mut self, ordinal: u32, after: &Entries) {
        let forgets = self.random.u8(..10) == 0;
        let known = self.known.entry(ordinal).or_default();
        let at = |key: StateKey| after.get(&key.to_string());
        known.done = at(StateKey::Done(task(ordinal))).map(|entry| entry.record().expect("a record"));
        if !forgets {
            known.seen = SeenAttempts::of(at(StateKey::Attempts(task(ordinal)))).expect("a record");
        }
        // Claims whose answer never came, as a leader finds them by reading.
        for (key, entry) in after {
            if let Ok(StateKey::Claim(_, number)) = key.parse() {
                let attempt = AttemptId { number, token: token_of(entry).expect("a claim") };
                if !known.attempts.contains(&attempt) {
                    known.attempts.push(attempt);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_is_lost_every_result_is_true_numbers_rise_and_one_attempt_counts() {
    for seed in 0..150 {
        let mut game = Game::new(seed).await;
        for _ in 0..ROUNDS {
            game.round().await;
        }
        let counted: usize = game.known.values().map(|known| known.attempts.len()).sum();
        assert!(counted > 10, "seed {seed} claimed {counted} times");
    }
}
