use expect_test::{Expect, expect};

use super::*;

const MIB: u64 = 1 << 20;

fn job(name: &str) -> JobId {
    name.parse().expect("a name")
}

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Workers `w0` to `w3` of a cluster whose attempts end one after the other.
#[derive(Default)]
struct Cluster {
    conduct: Conduct,
    now: Duration,
}

impl Cluster {
    fn counts(&mut self, worker: &str, work: (&str, TaskKind), units: u64, seconds: f64) {
        self.now += Duration::from_secs(1);
        let ending = Ending::Counts(Passed { units, took: secs(seconds) });
        self.conduct.ended(self.now, worker, (&job(work.0), work.1), ending);
    }

    fn fails(&mut self, worker: &str, class: FailureClass) {
        self.now += Duration::from_secs(1);
        let failure = Failure::new(class, "disk quota exceeded".to_owned() + &"!".repeat(300));
        self.conduct.ended(self.now, worker, (&job("j"), TaskKind::Map), Ending::Failed(&failure));
    }

    fn view(&self, worker: &str) -> View {
        self.conduct.views(self.now, &[]).remove(worker).unwrap_or_default()
    }

    fn speed(&self, worker: &str, kind: TaskKind) -> Option<f64> {
        self.view(worker).speeds.into_iter().find(|speed| speed.kind == kind).map(|speed| speed.speed)
    }

    /// Compares the remark on each worker, one on a line.
    fn check(&self, expected: &Expect) {
        let views = self.conduct.views(self.now, &[]);
        let remarks: String = views.iter().map(|(name, view)| format!("{name}: {}\n", view.remark)).collect();
        expected.assert_eq(&remarks.replace('!', ""));
    }
}

#[test]
fn a_worker_is_slow_against_the_median_of_the_others_alone() {
    let mut cluster = Cluster::default();
    for _ in 0..5 {
        for (worker, seconds) in [("w0", 2.0), ("w1", 2.0), ("w2", 2.2), ("w3", 7.0)] {
            cluster.counts(worker, ("j", TaskKind::Map), 100 * MIB, seconds);
        }
    }
    let speed = |worker| (cluster.speed(worker, TaskKind::Map).expect("enough is known") * 100.0).round();
    // The median of the others of w3 is 2.0 s, that of w0 is 2.2 s.
    assert_eq!(["w0", "w1", "w2", "w3"].map(speed), [110.0, 110.0, 91.0, 29.0]);
    let view = cluster.view("w3");
    assert_eq!((view.speeds[0].attempts, view.speeds[0].others, view.attempts, view.failed), (5, 3, 5, 0));
    cluster.check(&expect![[r#"
        w0: 
        w1: 
        w2: 
        w3: its map tasks take 3.5 times as long as those of the others (median of 3)
    "#]]);
    assert_eq!(cluster.speed("w3", TaskKind::Reduce), None, "it had no reduce task");
}

#[test]
fn jobs_of_another_pace_do_not_make_a_worker_slow() {
    let mut cluster = Cluster::default();
    for _ in 0..4 {
        // Bytes of `dense` take ten times as long, and w3 has nothing else.
        for worker in ["w0", "w1", "w2"] {
            cluster.counts(worker, ("plain", TaskKind::Map), 100 * MIB, 1.0);
            cluster.counts(worker, ("dense", TaskKind::Map), 100 * MIB, 10.0);
        }
        cluster.counts("w3", ("dense", TaskKind::Map), 100 * MIB, 10.0);
    }
    assert!((cluster.speed("w3", TaskKind::Map).expect("known") - 1.0).abs() < 1e-9);
    assert_eq!(cluster.view("w3").remark, "");
}

#[test]
fn two_workers_are_no_measure_for_each_other_and_neither_is_one_attempt() {
    let mut cluster = Cluster::default();
    for _ in 0..9 {
        cluster.counts("w0", ("j", TaskKind::Map), 100 * MIB, 1.0);
        cluster.counts("w1", ("j", TaskKind::Map), 100 * MIB, 9.0);
    }
    assert_eq!(cluster.view("w1").speeds, []);
    cluster.counts("w2", ("j", TaskKind::Map), 100 * MIB, 1.0);
    assert_eq!(cluster.view("w2").speeds, [], "one attempt");
    assert!(cluster.speed("w1", TaskKind::Map).is_some_and(|speed| speed < 0.12));
}

#[test]
fn the_last_attempts_are_what_counts() {
    let mut cluster = Cluster::default();
    for round in 0..40 {
        for worker in ["w0", "w1", "w2"] {
            cluster.counts(worker, ("j", TaskKind::Reduce), 1_000_000, 2.0);
        }
        let seconds = if round < 20 { 20.0 } else { 2.0 };
        cluster.counts("w3", ("j", TaskKind::Reduce), 1_000_000, seconds);
        if round == 19 {
            assert!(!cluster.view("w3").remark.is_empty());
        }
    }
    assert!(cluster.speed("w3", TaskKind::Reduce).is_some_and(|speed| speed > 0.4));
    cluster.counts("w3", ("j", TaskKind::Reduce), 1_000_000, 2.0);
    assert_eq!(cluster.view("w3").remark, "", "it has recovered");
}

#[test]
fn an_attempt_that_runs_counts_before_it_ends() {
    let mut cluster = Cluster::default();
    for worker in ["w0", "w1", "w2"] {
        for _ in 0..3 {
            cluster.counts(worker, ("j", TaskKind::Map), 100 * MIB, 2.0);
        }
    }
    let j = job("j");
    let crawls = |took, kind| UnderWay { worker: "w3", job: &j, kind, passed: Passed { units: MIB, took: secs(took) } };
    let view = |running: &[UnderWay<'_>]| {
        let views = cluster.conduct.views(cluster.now, running);
        views.get("w3").map(|view| (view.speeds.len(), view.remark.clone())).unwrap_or_default()
    };
    let three = vec![crawls(30.0, TaskKind::Map); 3];
    assert_eq!(
        view(&three),
        (1, "its map tasks take 1000 and more times as long as those of the others (median of 3)".to_owned())
    );
    assert_eq!(view(&vec![crawls(9.0, TaskKind::Map); 3]), (0, String::new()), "they have hardly begun");
    assert_eq!(view(&vec![crawls(30.0, TaskKind::Reduce); 3]), (0, String::new()), "points come at the end");
    assert_eq!(cluster.view("w3"), View::default(), "nothing of it is kept");
}

#[test]
fn failures_are_remarked_on_where_the_others_fail_less() {
    let mut cluster = Cluster::default();
    for worker in ["w0", "w1", "w2"] {
        for _ in 0..5 {
            cluster.counts(worker, ("j", TaskKind::Map), MIB, 1.0);
        }
    }
    for class in [FailureClass::Resource, FailureClass::Transient, FailureClass::Bug] {
        cluster.fails("w2", class);
    }
    cluster.fails("w0", FailureClass::Input { guessed: None });
    for _ in 0..9 {
        cluster.fails("w1", FailureClass::Throttled);
        cluster.fails("w1", FailureClass::RunLost { map_task: 1 });
        cluster.fails("w1", FailureClass::Cancelled);
    }
    cluster.check(&expect![[r#"
        w0: 
        w1: 
        w2: 3 of its last 8 attempts failed, of the others 1 of 11: disk quota exceeded
    "#]]);
    let (class, message) = cluster.view("w2").last_failure.expect("it failed");
    assert_eq!((class, message.len()), (FailureClass::Bug, MESSAGE_LETTERS_MAX));

    // A bad segment fails everywhere.
    for worker in ["w0", "w1", "w2"] {
        (0..5).for_each(|_| cluster.fails(worker, FailureClass::Input { guessed: None }));
    }
    cluster.check(&expect![[r#"
        w0: 
        w1: 
        w2: 
    "#]]);
    cluster.now += HALF * 2;
    assert_eq!((cluster.view("w2").failed, cluster.view("w2").last_failure), (0, None), "it was long ago");
}

#[test]
fn a_worker_alone_may_fail_as_well() {
    let mut cluster = Cluster::default();
    (0..3).for_each(|_| cluster.fails("w0", FailureClass::Resource));
    assert_eq!(
        cluster.view("w0").remark.trim_end_matches('!'),
        "3 of its last 3 attempts failed, of the others 0 of 0: disk quota exceeded"
    );
}

#[test]
fn lost_leases_and_overtaken_attempts_stay_with_the_name_for_half_an_hour_at_least() {
    let mut cluster = Cluster::default();
    for _ in 0..3 {
        cluster.conduct.lease_lost(cluster.now, "w0");
        let overtaken = Ending::Overtaken(Passed { units: 0, took: secs(60.0) });
        cluster.conduct.ended(cluster.now, "w1", (&job("j"), TaskKind::Reduce), overtaken);
        cluster.now += HALF / 4;
    }
    let remarks = expect![[r#"
        w0: it was lost 3 times lately: killed, or cut off from etcd
        w1: 3 of its last 3 attempts were overtaken by twins
    "#]];
    cluster.check(&remarks);
    cluster.now = HALF * 2 - Duration::from_secs(1);
    cluster.check(&remarks);
    cluster.now = HALF * 2;
    cluster.check(&expect![[r#"
        w0: 
        w1: 
    "#]]);
    cluster.conduct.lease_lost(cluster.now, "w0");
    assert_eq!(cluster.view("w0").leases_lost, 1);
}

#[test]
fn what_is_kept_is_bounded_in_workers_and_in_kinds_of_work() {
    let mut cluster = Cluster::default();
    for at in 0..9 {
        let job = format!("j{at}");
        cluster.counts("w0", (job.as_str(), TaskKind::Map), MIB, 1.0);
    }
    let jobs: Vec<_> = cluster.conduct.0["w0"].paces.keys().map(|(job, _)| job.as_str().to_owned()).collect();
    assert_eq!(jobs, ["j5", "j6", "j7", "j8"], "the last ones");
    cluster.now += Duration::from_secs(1);
    for at in 0..WORKERS_MAX + 3 {
        cluster.conduct.lease_lost(cluster.now, &format!("spot-{at:05}"));
    }
    assert_eq!(cluster.conduct.0.len(), WORKERS_MAX);
    assert!(!cluster.conduct.0.contains_key("w0"), "the one of longest ago went first");
    cluster.now += HALF * 2;
    cluster.counts("w0", ("j", TaskKind::Map), MIB, 1.0);
    assert_eq!(cluster.conduct.0.len(), 1, "those of which nothing was heard for an hour went together");
}
