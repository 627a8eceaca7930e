//! Autoscaling on the demand for workers: a cluster on good and bad days, under the rules of a horizontal pod
//! autoscaler. The plot in `docs/autoscaling.svg` is made of these runs; `UPDATE_PLOT=1` draws it again.

mod cluster;
mod plot;

use cluster::{Day, MINUTE, Moment, run};

/// A job of some hours of one worker, on a quiet day.
const JOB: Day = Day { units: 400 << 30, ..Day::QUIET };

/// Counts the changes of direction of the number of workers.
fn turns(moments: &[Moment]) -> usize {
    let mut directions: Vec<_> = moments.windows(2).map(|pair| pair[1].replicas.cmp(&pair[0].replicas)).collect();
    directions.retain(|direction| direction.is_ne());
    directions.dedup();
    directions.len().saturating_sub(1)
}

/// Checks what holds on any day, and returns the time at which the work was done.
#[track_caller]
fn check(moments: &[Moment]) -> u64 {
    let open: Vec<_> = moments.iter().filter(|moment| moment.is_open).collect();
    assert!(open.iter().all(|moment| moment.wanted >= 1), "never zero while work is open");
    let last = open.last().expect("the day has work");
    let ended = moments.last().expect("the day goes on");
    assert!(!ended.is_open && ended.wanted == 0 && ended.replicas == 0, "all workers leave after the work: {ended:?}");
    last.second
}

fn most(moments: &[Moment]) -> u32 {
    moments.iter().map(|moment| moment.replicas).max().unwrap_or_default()
}

#[test]
fn a_job_is_done_near_its_target_time_with_workers_added_once_and_removed_once() {
    let moments = run(JOB);
    let done = check(&moments);
    assert!(done < 2 * JOB.target.as_secs(), "done after {done} s");
    assert_eq!(turns(&moments), 1, "up, then down");
    assert!(most(&moments) <= 2 * JOB.needed(), "{} workers, needed are {}", most(&moments), JOB.needed());
}

#[test]
fn a_cluster_slower_than_thought_grows_once_it_knows() {
    let day = Day { pace: JOB.pace / 4.0, ..JOB };
    let moments = run(day);
    let done = check(&moments);
    assert!(done < 3 * day.target.as_secs(), "done after {done} s");
    assert!(most(&moments) <= 2 * day.needed(), "{} workers, needed are {}", most(&moments), day.needed());
    assert!(turns(&moments) <= 3);
}

#[test]
fn work_that_grows_is_answered_by_more_workers() {
    let day = Day { more: &[(10 * MINUTE, 400 << 30), (20 * MINUTE, 800 << 30)], ..JOB };
    let moments = run(day);
    check(&moments);
    let before = moments.iter().filter(|moment| moment.second < 10 * MINUTE).map(|moment| moment.replicas).max();
    assert!(most(&moments) > before.unwrap_or_default());
    assert!(turns(&moments) <= 3, "{} turns", turns(&moments));
}

#[test]
fn a_stall_does_not_call_for_workers_without_end() {
    let day = Day { stalls: (5 * MINUTE, 35 * MINUTE), ..JOB };
    let moments = run(day);
    check(&moments);
    assert!(most(&moments) <= 10 * JOB.needed(), "{} workers stall together", most(&moments));
}

#[test]
fn workers_that_are_reclaimed_are_replaced_and_no_more() {
    let day = Day { reclaims: &[4 * MINUTE, 8 * MINUTE, 12 * MINUTE], ..JOB };
    let moments = run(day);
    check(&moments);
    assert!(most(&moments) <= 2 * JOB.needed(), "{} workers", most(&moments));
}

#[test]
fn more_workers_than_tasks_are_never_wanted() {
    let day = Day { tasks: 6, ..JOB };
    let moments = run(day);
    check(&moments);
    assert!(most(&moments) <= 3, "6 tasks keep 3 workers of 2 slots busy");
}

#[test]
fn the_plot_in_the_documents_is_of_this_code() {
    let days = [
        ("a job", JOB),
        ("slower than thought", Day { pace: JOB.pace / 4.0, ..JOB }),
        ("work that grows", Day { more: &[(10 * MINUTE, 400 << 30), (20 * MINUTE, 800 << 30)], ..JOB }),
        ("a stall of 30 minutes", Day { stalls: (5 * MINUTE, 35 * MINUTE), ..JOB }),
        ("half the workers reclaimed, three times", Day { reclaims: &[4 * MINUTE, 8 * MINUTE, 12 * MINUTE], ..JOB }),
    ];
    let drawn = plot::draw(&days.map(|(name, day)| (name, run(day))));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/autoscaling.svg");
    if std::env::var_os("UPDATE_PLOT").is_some() {
        std::fs::write(path, &drawn).expect("write the plot");
    }
    let kept = std::fs::read_to_string(path).expect("the plot is there; UPDATE_PLOT=1 draws it");
    assert!(kept == drawn, "docs/autoscaling.svg is of older code; UPDATE_PLOT=1 draws it again");
}
