//! The wire of the previous release beside today's: servers and commands of both meet during an upgrade. Fields, values
//! and methods may be added; none may be removed, renumbered, or get another type.
//!
//! `golden/` holds the `.proto` files of that release, as `upgrade/golden.sh` takes them from its commit.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
};

/// Renamed since the previous release, with number and type as before: names are not on the wire.
const RENAMED: [(&str, &str); 1] = [("JobSummary 13", "priority")];

/// Name of a thing on the wire, and the rest of its form.
type Form = (String, String);

fn before() -> FileDescriptorSet {
    decoded(include_bytes!(concat!(env!("OUT_DIR"), "/previous.bin")))
}

fn now() -> FileDescriptorSet {
    decoded(proto::DESCRIPTORS)
}

fn decoded(bytes: &[u8]) -> FileDescriptorSet {
    FileDescriptorSet::decode(bytes).expect("descriptors of the build")
}

/// Lists what stands on the wire by its place: a message and a number, an enum and a number, or a method.
fn forms(set: &FileDescriptorSet) -> BTreeMap<String, Form> {
    let mut forms = BTreeMap::new();
    // Not KEDA's interface, which KEDA changes.
    for file in set.file.iter().filter(|file| file.package().starts_with("tailor.")) {
        for message in &file.message_type {
            forms_of_message(message, "", &mut forms);
        }
        for all in &file.enum_type {
            forms_of_enum(all, "", &mut forms);
        }
        for (service, method) in
            file.service.iter().flat_map(|each| each.method.iter().map(move |method| (each, method)))
        {
            let place = format!("method {}/{}.{}", file.package(), service.name(), method.name());
            forms.insert(place, (method.name().to_owned(), call(method)));
        }
    }
    forms
}

/// Adds a message, which lies `within` others, and the types within it.
fn forms_of_message(message: &DescriptorProto, within: &str, forms: &mut BTreeMap<String, Form>) {
    let name = format!("{within}{}", message.name());
    for field in &message.field {
        forms.insert(format!("{name} {}", field.number()), (field.name().to_owned(), form(field)));
    }
    let within = format!("{name}.");
    message.nested_type.iter().for_each(|inner| forms_of_message(inner, &within, forms));
    message.enum_type.iter().for_each(|inner| forms_of_enum(inner, &within, forms));
}

fn forms_of_enum(all: &EnumDescriptorProto, within: &str, forms: &mut BTreeMap<String, Form>) {
    for value in &all.value {
        let place = format!("{within}{} {}", all.name(), value.number());
        forms.insert(place, (value.name().to_owned(), String::new()));
    }
}

fn form(field: &FieldDescriptorProto) -> String {
    let presence = field.oneof_index.map(|_| if field.proto3_optional() { "optional" } else { "one of several" });
    format!("{:?} {:?} {} {presence:?}", field.label(), field.r#type(), field.type_name())
}

fn call(method: &MethodDescriptorProto) -> String {
    let side = |name: &str, is_stream| format!("{}{name}", if is_stream { "stream " } else { "" });
    let asked = side(method.input_type(), method.client_streaming());
    format!("{asked} -> {}", side(method.output_type(), method.server_streaming()))
}

/// Lists what of `before` is gone, renamed or of another form in `now`.
fn broken(before: &FileDescriptorSet, now: &FileDescriptorSet) -> Vec<String> {
    let now = forms(now);
    let changed = |(place, (name, form)): (String, (String, String))| match now.get(&place) {
        None => Some(format!("{place} ({name}) is gone")),
        Some((other, _)) if *other != name && !RENAMED.contains(&(place.as_str(), name.as_str())) => {
            Some(format!("{place} ({name}) is {other} now"))
        }
        Some((_, other)) if *other != form => Some(format!("{place} ({name}) was {form}, and is {other}")),
        Some(_) => None,
    };
    forms(before).into_iter().filter_map(changed).collect()
}

#[test]
fn fields_and_methods_of_the_previous_release_are_what_they_were() {
    assert!(forms(&before()).len() > 150, "messages, enums and methods are compared");
    assert_eq!(broken(&before(), &now()), Vec::<String>::new());
}

#[test]
fn a_rename_that_is_excused_took_place() {
    let (before, now) = (forms(&before()), forms(&now()));
    for (place, name) in RENAMED {
        assert_eq!(before[place].0, name);
        assert_ne!(now[place].0, name, "{place} has its old name: excuse it no longer");
    }
}

#[test]
fn every_kind_of_break_is_found() {
    let found = |break_it: fn(&mut Vec<FieldDescriptorProto>)| {
        let mut changed = now();
        let common =
            changed.file.iter_mut().find(|file| file.name().ends_with("common.proto")).expect("it is compiled");
        let task = common.message_type.iter_mut().find(|message| message.name() == "TaskPath").expect("a message");
        break_it(&mut task.field);
        broken(&now(), &changed)
    };
    assert_eq!(found(|fields| drop(fields.pop())), ["TaskPath 3 (task) is gone"]);
    assert_eq!(found(|fields| fields[2].number = Some(9)), ["TaskPath 3 (task) is gone"]);
    assert_eq!(found(|fields| fields[0].name = Some("work".to_owned())), ["TaskPath 1 (job) is work now"]);
    let retyped = found(|fields| fields[1].r#type = Some(12));
    assert!(matches!(&retyped[..], [one] if one.starts_with("TaskPath 2 (shard) was Optional String")), "{retyped:?}");
    let mut without_methods = now();
    for service in without_methods.file.iter_mut().flat_map(|file| &mut file.service) {
        service.method.pop();
    }
    assert_eq!(broken(&now(), &without_methods).len(), 2, "each service lost its last method");
}
