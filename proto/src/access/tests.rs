use std::collections::BTreeSet;

use prost::Message as _;

use super::*;

/// Descriptors of files, as far as they name services: field numbers of `google/protobuf/descriptor.proto`.
#[derive(Clone, PartialEq, prost::Message)]
struct Files {
    #[prost(message, repeated, tag = "1")]
    files: Vec<File>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct File {
    #[prost(string, tag = "2")]
    package: String,
    #[prost(message, repeated, tag = "6")]
    services: Vec<Named>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Named {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    methods: Vec<Leaf>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Leaf {
    #[prost(string, tag = "1")]
    name: String,
}

/// Lists the paths of all methods that the `.proto` files declare.
fn declared() -> BTreeSet<String> {
    let files = Files::decode(crate::DESCRIPTORS).expect("descriptors");
    let paths = files.files.iter().flat_map(|file| {
        file.services.iter().flat_map(move |service| {
            let package = &file.package;
            service.methods.iter().map(move |method| format!("/{package}.{}/{}", service.name, method.name))
        })
    });
    paths.collect()
}

#[test]
fn every_method_of_the_proto_files_has_one_row_and_every_row_of_ours_a_method() {
    let declared = declared();
    assert_eq!(declared.len(), 26, "all services are found: {declared:?}");
    let rows: Vec<_> = METHODS.iter().map(|method| format!("/{}/{}", method.service, method.name)).collect();
    let ours: BTreeSet<_> = rows.iter().filter(|path| !path.starts_with("/grpc.")).cloned().collect();
    assert_eq!(ours, declared);
    assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), rows.len(), "each method stands once");
    for path in &rows {
        assert!(matches!(rule(path), CallRule::Needs(method) if path.ends_with(method.name)), "{path}");
    }
}

#[test]
fn a_path_without_a_row_is_nobodys_and_health_is_everybodys() {
    for path in [
        "",
        "/",
        "/tailor.v1.OperatorService",
        "/tailor.v1.OperatorService/",
        "/tailor.v1.OperatorService/GetJob/",
        "/tailor.v1.OperatorService//GetJob",
        "/tailor.v1.OperatorService/getjob",
        "/tailor.v1.operatorservice/GetJob",
        "/tailor.v1.OperatorService/Get%4aob",
        "//tailor.v1.OperatorService/GetJob",
        "/grpc.health.v1.Health/Check/../../tailor.v1.OperatorService/SubmitJob",
        "tailor.v1.OperatorService/GetJob",
    ] {
        assert_eq!(rule(path), CallRule::Nobody, "{path}");
    }
    assert_eq!(rule("/grpc.health.v1.Health/Check"), CallRule::Anybody);
}

#[test]
fn a_change_needs_an_operator_and_work_a_worker() {
    for method in METHODS {
        match method.effect {
            CallEffect::Changes => assert!(!ClientRole::Viewer.may(method.least), "{} by a viewer", method.name),
            CallEffect::Works => assert_eq!(method.least, ClientRole::Worker, "{}", method.name),
            CallEffect::Reads => assert!(!ClientRole::Worker.may(method.least), "{} by a worker", method.name),
        }
    }
}

#[test]
fn no_call_needs_an_admin_who_may_make_each_call_of_people() {
    // The day this fails, SECURITY.md, docs/operations.md and docs/kubernetes.md have to say what an admin may.
    let reserved: Vec<_> = METHODS.iter().filter(|method| method.least == ClientRole::Admin).collect();
    assert!(reserved.is_empty(), "{reserved:?}");
    for method in METHODS {
        let is_of_people = method.least != ClientRole::Worker;
        assert_eq!(ClientRole::Admin.may(method.least), is_of_people, "{}", method.name);
        assert_eq!(ClientRole::Operator.may(method.least), is_of_people, "{}", method.name);
    }
}
