use model::FencingToken;
use proptest::prelude::*;

use super::super::process::{ProcessName, ProcessObject};
use super::*;
use crate::keys;

fn shards() -> impl Strategy<Value = ShardId> {
    prop_oneof![(0u8..64).prop_map(ShardId::Shared), any::<u64>().prop_map(|org| ShardId::Dedicated(model::OrgId(org))),]
}

fn windows() -> impl Strategy<Value = Window> {
    let some = (any::<i32>(), 1i64..1 << 40).prop_map(|(start, len)| {
        let start_ms = i64::from(start);
        Window::of(start_ms, start_ms + len)
    });
    prop_oneof![Just(Window::ALL), some]
}

fn jobs() -> impl Strategy<Value = JobId> {
    "[a-z0-9][a-z0-9_-]{0,40}".prop_map(|name| name.parse().expect("a job's name"))
}

fn attempts() -> impl Strategy<Value = AttemptId> {
    (any::<u32>(), any::<u64>()).prop_map(|(number, token)| AttemptId { number, token: FencingToken(token) })
}

fn tasks() -> impl Strategy<Value = TaskId> {
    (any::<bool>(), any::<u32>()).prop_map(|(is_map, ordinal)| match is_map {
        true => TaskId::map(ordinal),
        false => TaskId::reduce(PartitionId(ordinal)),
    })
}

fn formats() -> impl Strategy<Value = OutputFormat> {
    prop_oneof![Just(OutputFormat::Part), Just(OutputFormat::Parquet)]
}

fn steps() -> impl Strategy<Value = RollupStep> {
    prop::sample::select(vec!["5m", "1h", "24h", "30s", "250ms", "1ms", "90s"])
        .prop_map(|step| step.parse().expect("a step"))
}

fn data() -> impl Strategy<Value = ObjectKey> {
    let object = prop_oneof![
        (any::<u32>(), formats()).prop_map(|(partition, format)| DataObject::Part(PartitionId(partition), format)),
        (any::<u32>(), steps(), formats()).prop_map(|(partition, step, format)| DataObject::Rollup(
            PartitionId(partition),
            step,
            format
        )),
        tasks().prop_map(DataObject::Quarantine),
    ];
    (windows(), shards(), jobs(), attempts(), object).prop_map(|(window, shard, job, attempt, object)| {
        ObjectKey::Data(DataKey { window, shard, job, attempt, object })
    })
}

fn leaders() -> impl Strategy<Value = LeaderId> {
    (any::<u64>(), any::<u64>()).prop_map(|(revision, random)| LeaderId { revision, term: model::Term::drawn(random) })
}

fn of_jobs() -> impl Strategy<Value = ObjectKey> {
    let digest = || any::<u128>().prop_map(Digest);
    let object = prop_oneof![
        digest().prop_map(JobObject::Spec),
        (shards(), digest()).prop_map(|(shard, digest)| JobObject::Plan(shard, digest)),
        (shards(), digest()).prop_map(|(shard, digest)| JobObject::Segments(shard, digest)),
        (shards(), digest()).prop_map(|(shard, digest)| JobObject::Report(shard, digest)),
        (leaders(), any::<u32>()).prop_map(|(leader, ordinal)| JobObject::Events(leader, ordinal)),
        (0..=i64::MAX, digest()).prop_map(|(at_ms, digest)| JobObject::Audit(at_ms, digest)),
        (any::<u32>(), any::<i64>()).prop_map(|(round, at_ms)| JobObject::Bases(round, at_ms)),
        digest().prop_map(JobObject::Warnings),
        (any::<u32>(), leaders()).prop_map(|(round, leader)| JobObject::Record(round, leader)),
        Just(JobObject::LegacyRecord),
    ];
    (jobs(), object).prop_map(|(job, object)| ObjectKey::OfJob(job, object))
}

fn runs() -> impl Strategy<Value = RunKey> {
    let object = prop_oneof![
        (tasks(), attempts()).prop_map(|(task, attempt)| RunObject::Run(task, attempt)),
        (tasks(), attempts(), any::<usize>()).prop_map(|(task, attempt, at)| RunObject::Merged(task, attempt, at)),
        (tasks(), attempts()).prop_map(|(task, attempt)| RunObject::Report(task, attempt)),
        any::<u128>().prop_map(|list| RunObject::List(Digest(list))),
        any::<u128>().prop_map(|list| RunObject::Slices(Digest(list))),
    ];
    (jobs(), shards(), object).prop_map(|(job, shard, object)| RunKey { job, shard, object })
}

fn processes() -> impl Strategy<Value = ProcessName> {
    (any::<u32>(), 0i64..).prop_map(|(pid, began_at_ms)| ProcessName { pid, began_at_ms })
}

fn scratches() -> impl Strategy<Value = ObjectKey> {
    let object = prop_oneof![
        Just(ProcessObject::Lock),
        Just(ProcessObject::LockUnnamed),
        runs().prop_map(ProcessObject::Run),
        (tasks(), attempts(), runs()).prop_map(|(task, attempt, run)| ProcessObject::OfAttempt(task, attempt, run)),
    ];
    let process = (processes(), prop::option::of(processes()), object)
        .prop_map(|(process, worker, object)| ScratchKey::Process(ProcessKey { process, worker, object }));
    let job = (jobs(), runs()).prop_map(|(job, run)| ScratchKey::Job(job, run));
    prop_oneof![job, process].prop_map(ObjectKey::Scratch)
}

fn histories() -> impl Strategy<Value = ObjectKey> {
    let name = (0..=i64::MAX, any::<u32>(), leaders(), jobs());
    name.prop_map(|(submitted_at_ms, round, leader, job)| {
        ObjectKey::History(HistoryName { submitted_at_ms, round, leader, job })
    })
}

fn any_key() -> impl Strategy<Value = ObjectKey> {
    let manifest = (windows(), shards(), 1u32..)
        .prop_map(|(window, shard, version)| ObjectKey::Manifest(ManifestName { window, shard, version }));
    let marks = (jobs(), any::<u64>(), any::<bool>()).prop_map(|(job, nonce, is_pin)| match is_pin {
        true => ObjectKey::Pin(job, nonce),
        false => ObjectKey::Mark(job, nonce),
    });
    prop_oneof![
        Just(ObjectKey::Marker),
        data(),
        manifest,
        of_jobs(),
        histories(),
        Just(ObjectKey::HistoryComplete),
        marks,
        any::<u64>().prop_map(ObjectKey::Probe),
        scratches(),
    ]
}

proptest! {
    #[test]
    fn every_key_parses_back_to_what_made_it(key in any_key()) {
        prop_assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn a_key_with_one_letter_changed_is_another_of_ours_or_none(key in any_key(), at: prop::sample::Index, to in "[ -~]") {
        let mut text = key.to_string();
        let at = at.index(text.len());
        text.replace_range(at..at + 1, &to);
        if let Ok(parsed) = text.parse::<ObjectKey>() {
            prop_assert_eq!(parsed.to_string(), text);
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(data|jobs|history|marks|scratch|manifests|probe)/[-a-z0-9=/.#]{0,60}|\\PC{0,40}") {
        let _ = text.parse::<ObjectKey>();
    }
}

#[test]
fn what_others_put_beside_ours_is_none_of_ours() {
    let job: JobId = "nightly".parse().expect("a job's name");
    let part = AttemptKeys {
        window: Window::ALL,
        shard: ShardId::Shared(7),
        job: &job,
        attempt: AttemptId { number: 1, token: FencingToken(2) },
    }
    .part(PartitionId(0), OutputFormat::Part);
    let moved = part.replacen("data/", "data/f", 1);
    let foreign = [
        "data/2020/ledger.parquet",
        "scratch/alice/notes.txt",
        "scratch/tailor-7-8/notes.txt",
        "scratch/nightly/runs/other.txt",
        "data/0000/window=all/shard=org-mod-07/nightly/p00000-a-1-0000000000000002.part",
        "data/0000/window=all/shard=org-mod-07/nightly/readme.md",
        "manifests/window=all/shard=org-mod-07/v1.json",
        "marks/nightly/notes.json",
        "jobs/nightly/notes.json",
        "history/notes.json",
        "history/01-complete",
        "tailor.json/x",
        moved.as_str(),
        "",
    ];
    for key in foreign {
        assert!(key.parse::<ObjectKey>().is_err(), "{key}");
    }
    assert!(part.parse::<ObjectKey>().is_ok());
    assert_eq!(keys::mark(&job, 7).parse::<ObjectKey>().map(|key| key.job().cloned()), Ok(Some(job)));
}
