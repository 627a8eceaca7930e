use super::*;

fn every_variant() -> Vec<ApiError> {
    let reason = || "the shard is open; wait for it".to_owned();
    vec![
        ApiError::NotLeader { leader: "http://c1:7400".into(), replica: "c0".into() },
        ApiError::NotLeader { leader: String::new(), replica: "c0".into() },
        ApiError::Away { reason: reason() },
        ApiError::NotFound { what: "job nightly".into() },
        ApiError::Invalid { field: "task.shard".into(), reason: reason() },
        ApiError::AlreadyExists { reason: reason() },
        ApiError::Refused { reason: reason() },
        ApiError::UnknownWorker { worker: "l-000000000000002a".into() },
        ApiError::Denied { reason: reason() },
        ApiError::Unauthenticated { reason: reason() },
        ApiError::Incompatible { reason: reason() },
        ApiError::TooMany { reason: reason(), retry_after: Duration::from_millis(1500) },
        ApiError::Bug { reason: reason() },
    ]
}

#[test]
fn every_error_comes_back_from_its_status_as_it_was() {
    for error in every_variant() {
        let status = Status::from(error.clone());
        assert_eq!(status.message(), error.to_string());
        assert_eq!(ApiError::from(status), error);
    }
}

#[test]
fn a_status_of_any_code_and_without_details_is_an_error_all_the_same() {
    for code in (0..=16).map(Code::from_i32) {
        let error = ApiError::from(Status::new(code, "as it is"));
        assert!(error.to_string().contains("as it is"), "{code:?}: {error}");
    }
    let refused = ApiError::from(Status::permission_denied("not yours"));
    assert_eq!(refused, ApiError::Denied { reason: "not yours".into() });
}

#[test]
fn what_our_own_side_could_not_send_is_away_with_its_causes() {
    let refused = std::io::Error::other("connection refused");
    let status = Status::from_error(Box::new(refused));
    assert_eq!(ApiError::from(status), ApiError::Away { reason: "connection refused".into() });
}

#[test]
fn a_long_reason_is_cut_so_that_its_status_fits_the_headers() {
    let error = ApiError::Refused { reason: "ä".repeat(STATUS_TEXT_BYTES_MAX) };
    let status = Status::from(error);
    let headers = status.clone().into_http::<()>().headers().clone();
    let bytes: usize = headers.values().map(|value| value.len()).sum();
    assert!(bytes < 16 << 10, "{bytes} bytes of headers");
    let ApiError::Refused { reason } = ApiError::from(status) else { panic!("still refused") };
    assert!(reason.ends_with("ä...") && reason.len() <= STATUS_TEXT_BYTES_MAX);
}

#[test]
fn a_reason_of_a_later_version_is_read_by_its_code() {
    let info = ErrorDetails::with_error_info("QUITE_NEW", DOMAIN, std::collections::HashMap::new());
    let status = Status::with_error_details(Code::NotFound, "job nightly", info);
    assert_eq!(ApiError::from(status), ApiError::NotFound { what: "job nightly".into() });
}
