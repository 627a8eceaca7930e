use super::*;

const THROTTLED: Retriability = Retriability::Throttled { retry_after: Some(Duration::from_secs(3)) };

#[test]
fn delays_double_up_to_the_cap_and_then_end() {
    let policy = RetryPolicy::default();
    let mut rng = fastrand::Rng::with_seed(7);
    for attempts in 1..policy.attempts_max {
        let bound = Duration::from_millis(100 << (attempts - 1)).min(policy.delay_max);
        for _ in 0..1000 {
            let delay = policy.delay(attempts, Retriability::Transient, &mut rng).expect("attempts are left");
            assert!(delay <= bound, "{delay:?} after {attempts} attempts");
        }
    }
    assert_eq!(policy.delay(policy.attempts_max, Retriability::Transient, &mut rng), None);
}

#[test]
fn jitter_fills_the_whole_range() {
    let mut rng = fastrand::Rng::with_seed(1);
    let policy = RetryPolicy::default();
    let delays: Vec<_> = (0..1000).filter_map(|_| policy.delay(4, Retriability::Transient, &mut rng)).collect();
    assert!(delays.iter().min().expect("delays") < &Duration::from_millis(20));
    assert!(delays.iter().max().expect("delays") > &Duration::from_millis(780));
}

#[test]
fn the_same_seed_gives_the_same_delays() {
    let delays = |seed| {
        let mut rng = fastrand::Rng::with_seed(seed);
        (1..9).map(|n| RetryPolicy::default().delay(n, Retriability::Transient, &mut rng)).collect::<Vec<_>>()
    };
    assert_eq!(delays(5), delays(5));
    assert_ne!(delays(5), delays(6));
}

#[test]
fn a_store_that_asks_for_time_gets_it_within_the_cap() {
    let policy = RetryPolicy::default();
    let mut rng = fastrand::Rng::with_seed(2);
    assert!(policy.delay(1, THROTTLED, &mut rng).expect("a delay") >= Duration::from_secs(3));
    let an_hour = Retriability::Throttled { retry_after: Some(Duration::from_secs(3600)) };
    assert_eq!(policy.delay(1, an_hour, &mut rng), Some(policy.delay_max));
}

#[test]
fn what_will_fail_again_is_not_tried_again() {
    let mut rng = fastrand::Rng::with_seed(3);
    assert_eq!(RetryPolicy::default().delay(1, Retriability::Permanent, &mut rng), None);
}

#[test]
fn the_budget_ends_and_comes_back_with_time_and_success() {
    let mut budget = RetryBudget::default();
    let now = Duration::from_secs(1);
    let taken = (0..1000).filter(|_| budget.withdraw(now)).count();
    assert_eq!(taken, 100);
    (0..10).for_each(|_| budget.deposit());
    assert!(budget.withdraw(now), "ten successes pay for one retry");
    assert!(!budget.withdraw(now));
    assert!(budget.withdraw(now + Duration::from_secs(1)), "time pays too");
}
