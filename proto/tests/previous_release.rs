//! The wire of the previous release beside today's: servers and commands of both meet during an upgrade. Fields, values
//! and methods may be added; none may be removed, renumbered, or get another type.
//!
//! `golden/` holds the `.proto` files of that release, as `upgrade/golden.sh` takes them from its commit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use protox::prost_reflect::prost_types::FileDescriptorSet;
use protox::prost_reflect::{DescriptorPool, FieldDescriptor, MethodDescriptor};

const FILES: [&str; 4] =
    ["tailor/v1/payload.proto", "tailor/v1/common.proto", "tailor/v1/worker.proto", "tailor/v1/operator.proto"];

/// Renamed since the previous release, with number and type as before: names are not on the wire.
const RENAMED: [(&str, &str); 1] = [("tailor.v1.JobSummary 13", "priority")];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn compiled(folder: &Path) -> FileDescriptorSet {
    protox::compile(FILES, [folder]).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
}

/// Lists what stands on the wire: its place, then its name, then the rest of its form.
fn forms(set: FileDescriptorSet) -> BTreeMap<String, (String, String)> {
    let pool = DescriptorPool::from_file_descriptor_set(set).expect("compiled files refer to each other");
    let mut forms = BTreeMap::new();
    for message in pool.all_messages() {
        for field in message.fields() {
            let place = format!("{} {}", message.full_name(), field.number());
            forms.insert(place, (field.name().to_owned(), form(&field)));
        }
    }
    for all in pool.all_enums() {
        for value in all.values() {
            forms.insert(format!("{} {}", all.full_name(), value.number()), (value.name().to_owned(), String::new()));
        }
    }
    for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        forms.insert(format!("method {}", method.full_name()), (String::new(), call(&method)));
    }
    forms
}

fn form(field: &FieldDescriptor) -> String {
    let oneof = field.containing_oneof().map(|oneof| oneof.name().to_owned());
    format!("{:?} {:?}, packed {}, oneof {oneof:?}", field.cardinality(), field.kind(), field.is_packed())
}

fn call(method: &MethodDescriptor) -> String {
    let side = |name: &str, is_stream| format!("{}{name}", if is_stream { "stream " } else { "" });
    let (input, output) = (method.input(), method.output());
    let asked = side(input.full_name(), method.is_client_streaming());
    format!("{asked} -> {}", side(output.full_name(), method.is_server_streaming()))
}

/// Lists what of `before` is gone, renamed or of another form in `now`.
fn broken(before: FileDescriptorSet, now: FileDescriptorSet) -> Vec<String> {
    let now = forms(now);
    let changed = |(place, (name, form)): (String, (String, String))| match now.get(&place) {
        None => Some(format!("{place} ({name}) is gone")),
        Some((other, _)) if *other != name && !RENAMED.contains(&(&place, &name)) => {
            Some(format!("{place} ({name}) is {other} now"))
        }
        Some((_, other)) if *other != form => Some(format!("{place} ({name}) was {form}, and is {other}")),
        Some(_) => None,
    };
    forms(before).into_iter().filter_map(changed).collect()
}

#[test]
fn fields_and_methods_of_the_previous_release_are_what_they_were() {
    let before = compiled(&root().join("golden"));
    assert!(forms(before.clone()).len() > 150, "messages, enums and methods are compared");
    assert_eq!(broken(before, compiled(&root())), Vec::<String>::new());
}

#[test]
fn a_rename_that_is_excused_took_place() {
    let (before, now) = (forms(compiled(&root().join("golden"))), forms(compiled(&root())));
    for (place, name) in RENAMED {
        assert_eq!(before[place].0, name);
        assert_ne!(now[place].0, name, "{place} has its old name: excuse it no longer");
    }
}

#[test]
fn every_kind_of_break_is_found() {
    let now = compiled(&root());
    let message = |set: &mut FileDescriptorSet, break_it: fn(&mut Vec<_>)| {
        let common = set.file.iter_mut().find(|file| file.name().ends_with("common.proto")).expect("it is compiled");
        let task = common.message_type.iter_mut().find(|message| message.name() == "TaskPath").expect("a message");
        break_it(&mut task.field);
    };
    let found = |break_it| {
        let mut broken_set = now.clone();
        message(&mut broken_set, break_it);
        broken(now.clone(), broken_set)
    };
    assert_eq!(found(|fields| drop(fields.pop())), ["tailor.v1.TaskPath 3 (task) is gone"]);
    assert_eq!(found(|fields| fields[2].number = Some(9)), ["tailor.v1.TaskPath 3 (task) is gone"]);
    assert_eq!(found(|fields| fields[0].name = Some("work".to_owned())), ["tailor.v1.TaskPath 1 (job) is work now"]);
    let retyped = found(|fields| fields[1].r#type = Some(12));
    assert!(matches!(&retyped[..], [one] if one.starts_with("tailor.v1.TaskPath 2 (shard) was Optional")), "{retyped:?}");
    let mut without_a_method = now.clone();
    for file in &mut without_a_method.file {
        file.service.iter_mut().for_each(|service| drop(service.method.pop()));
    }
    assert_eq!(broken(now, without_a_method).len(), 2, "each service lost its last method");
}
