use std::sync::atomic::Ordering;

use model::SystemClock;

use super::*;
use crate::source::simulated::Simulated;
use crate::views::View;

fn looks() -> (Arc<Looks>, Arc<Simulated>) {
    let source = Arc::new(Simulated::default());
    (Looks::new(source.clone(), ViewSettings::default(), Arc::new(SystemClock)), source)
}

#[tokio::test(start_paused = true)]
async fn fifty_viewers_lead_to_the_answers_of_one() {
    let (looks, source) = looks();
    let viewers: Vec<_> = (0..50).map(|_| looks.watch(View::Trouble)).collect();
    let mut of_one = 0;
    for round in 1..=3 {
        for viewer in &viewers {
            viewer.see().await.expect("it can be seen");
        }
        let asked = source.asked.load(Ordering::Relaxed);
        if round == 1 {
            of_one = asked;
        }
        assert_eq!(asked, of_one * round);
        tokio::time::sleep(LOOK_EVERY).await;
    }
    assert!(of_one > 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_over_is_looked_at_rarely_and_at_once_after_a_change() {
    let (looks, source) = looks();
    let viewer = looks.watch(View::parse("jobs/j1", &[].into()).expect("a view"));
    viewer.see().await.expect("it can be seen");
    let of_one = source.asked.load(Ordering::Relaxed);
    for _ in 0..10 {
        tokio::time::sleep(LOOK_EVERY).await;
        viewer.see().await.expect("it can be seen");
    }
    assert_eq!(source.asked.load(Ordering::Relaxed), of_one);
    let action = crate::source::PageAction::RetryJob { job: "j1".to_owned() };
    looks.act(ActionRequest { action, reason: "again".to_owned(), on_behalf_of: None }).await.expect("it is made");
    let before = source.asked.load(Ordering::Relaxed);
    viewer.see().await.expect("it can be seen");
    assert_eq!(source.asked.load(Ordering::Relaxed), before + of_one);
    tokio::time::sleep(LOOK_AT_PAST_EVERY).await;
    viewer.see().await.expect("it can be seen");
    assert_eq!(source.asked.load(Ordering::Relaxed), before + 2 * of_one);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_away_leaves_the_last_page_with_the_reason() {
    let (looks, source) = looks();
    let viewer = looks.watch(View::Trouble);
    let away = || Some(ApiError::Away { reason: "nobody leads".to_owned() });
    *source.error.lock().expect("nobody panics") = away();
    assert!(viewer.see().await.is_err(), "there is no earlier page");
    *source.error.lock().expect("nobody panics") = None;
    let fresh = viewer.see().await.expect("it is back");
    *source.error.lock().expect("nobody panics") = away();
    tokio::time::sleep(LOOK_EVERY).await;
    let stale = viewer.see().await.expect("the last page");
    assert!(Arc::ptr_eq(&fresh.page, &stale.page));
    assert_eq!(stale.at_ms, fresh.at_ms);
    assert!(stale.stale.expect("a reason").contains("nobody leads"));

    *source.error.lock().expect("nobody panics") = Some(ApiError::NotFound { what: "job j".to_owned() });
    tokio::time::sleep(LOOK_EVERY).await;
    assert!(viewer.see().await.is_err(), "a job that is gone is not shown as if it were there");
}

#[tokio::test(start_paused = true)]
async fn many_views_take_turns_and_idle_ones_are_forgotten() {
    let (looks, _) = looks();
    let began = Instant::now();
    for from in 0..200 {
        let view = View::parse("workers", &[("from".to_owned(), from.to_string())].into()).expect("a view");
        looks.watch(view).see().await.expect("it can be seen");
    }
    assert!(began.elapsed() >= Duration::from_secs(199) / LOOKS_PER_SECOND_MAX, "{:?}", began.elapsed());
    assert!(looks.cells.lock().expect("whole").len() <= VIEWS_KEPT_MAX);
    tokio::time::sleep(KEPT_MAX).await;
    let watched = looks.watch(View::Trouble);
    assert_eq!(looks.cells.lock().expect("whole").len(), 1);
    drop(watched);
}
