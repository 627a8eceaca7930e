//! Tests the simulation itself: every planted bug must be found, by the invariant that it breaks.

use sim::PlantedBug;

/// First seed of the search.
const SEED: u64 = 1;

#[track_caller]
fn is_found(planted: PlantedBug, seed: u64) {
    let within = planted.known().within;
    let found = planted.find(seed);
    assert!(found.is_some(), "{planted} is not found within {within} seeds");
}

macro_rules! found {
    ($($test:ident: $planted:ident $(from $seed:literal)?),* $(,)?) => {
        $(
            #[test]
            fn $test() {
                is_found(PlantedBug::$planted, [$($seed,)? SEED][0]);
            }
        )*

        #[test]
        fn each_planted_bug_is_looked_for() {
            assert_eq!(PlantedBug::all().len(), [$(PlantedBug::$planted),*].len());
        }
    };
}

// A rare bug may be looked for from a seed shortly before one that finds it: a test of a minute tells no more than one of a
// few seconds. `docs/reliability.md` has the number of seeds that each takes from the first.
found! {
    a_completion_without_a_check_of_its_token_is_found: NoTokenCheck from 80,
    a_transaction_that_is_blindly_repeated_is_found: BlindRetry,
    a_deposed_leader_that_writes_is_found: DeposedLeaderWrites,
    an_attempt_number_that_is_not_raised_is_found: NumberNotRaised,
    a_claim_that_outlives_its_worker_is_found: ClaimWithoutLease,
    a_worker_that_outlives_its_lease_is_found: WorkerWithoutLease from 9,
    a_watch_that_is_not_listed_anew_is_found: NoRelist from 155,
    a_leader_that_does_not_notice_losses_is_found: DeafToLosses,
    a_takeover_that_forgets_what_is_done_is_found: ForgetsDone from 14,
    a_worker_that_believes_in_a_lost_lease_is_found: LeaseFenceOff from 75,
    a_manifest_that_is_written_over_is_found: ManifestOverwrites from 322,
    a_refused_manifest_that_counts_is_found: RefusedIsDone from 322,
    a_partition_that_is_left_out_is_found: PartitionLeftOut,
    a_part_that_was_never_written_is_found: PartNotWritten,
    a_collector_that_trusts_an_old_listing_is_found: OldListing,
    a_drain_that_charges_is_found: DrainCharges from 21,
    a_store_that_is_away_and_charges_is_found: ThrottledCharges,
    a_run_of_another_attempt_is_found: RefusedRunUsed,
    a_stitch_that_believes_everything_is_found: StitchOff,
    an_order_of_arrival_is_found: ArrivalOrder,
    a_collector_that_takes_what_is_foreign_is_found: CollectorTakesForeign from 5,
    a_collector_that_ignores_who_runs_a_job_is_found: CollectorIgnoresMarks,
    a_collector_that_ignores_who_rolls_back_is_found: CollectorIgnoresPins,
    a_base_that_is_noted_at_the_commit_is_found: BaseNotedLate from 153,
    a_term_that_is_not_drawn_is_found: TermNotDrawn from 220,
    a_record_that_is_put_over_another_is_found: RecordReplaced,
    a_gap_that_counts_as_violated_is_found: GapIsViolated from 24,
    a_leader_that_stops_at_an_unknown_key_is_found: StopsAtUnknownKey,
    a_field_that_is_dropped_is_found: FieldDropped,
    a_loss_that_is_waited_for_is_found: LossWaitedFor from 16,
    a_report_that_is_believed_is_found: ReportBelieved from 36,
}
