//! Change: a call that changes something on somebody's behalf, from its request to its line in the audit log.

use model::JobId;
use model::admission::is_unprintable;
use model::limits::REASON_BYTES_MAX;
use proto::ApiError;
use tonic::{Request, Response, Status};

use super::Door;
use crate::Env;
use crate::access::{Act, Caller};

/// Call that changes something, until it is decided.
#[derive(Debug)]
pub(super) struct Change<'a> {
    door: &'a Door,
    caller: Caller,
    act: Act,
    /// Job of the call with its dataset, once they are known.
    of: Option<(JobId, String)>,
}

impl<'a> Change<'a> {
    /// Begins a change; `of` names the object of the request and its reason.
    pub(super) fn begin<R>(
        door: &'a Door,
        verb: &'static str,
        request: Request<R>,
        of: impl FnOnce(&R) -> (String, &str),
    ) -> (Self, R) {
        let caller = Caller::of(request.extensions());
        let request = request.into_inner();
        let (object, reason) = of(&request);
        // Both are texts of the caller that nobody has checked yet.
        let act = Act { verb, object: shown(&object), reason: shown(reason) };
        (Self { door, caller, act, of: None }, request)
    }

    /// Caller of the change.
    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Tells the job of the change and its dataset, where its entry is kept.
    pub(super) fn is_of(&mut self, job: &JobId, dataset: &str) {
        self.of = Some((job.clone(), dataset.to_owned()));
    }

    /// Tells the object of the change anew, once the request is decoded.
    pub(super) fn names(&mut self, object: String, reason: &str) {
        (self.act.object, self.act.reason) = (shown(&object), shown(reason));
    }

    /// Notes the decision, and turns it into the answer.
    pub(super) fn decided<T>(self, decided: Result<T, ApiError>) -> Result<Response<T>, Status> {
        // The client asks another coordinator, or asks again: that call is decided, and noted, there.
        let is_undecided =
            matches!(decided, Err(ApiError::NotLeader { .. } | ApiError::Away { .. } | ApiError::TooMany { .. }));
        if !is_undecided {
            self.door.audit.note(&self.caller, self.act, &decided, self.of);
        }
        Ok(Response::new(decided?))
    }
}

/// Checks that this coordinator may touch a place; an empty URI names none.
pub(super) fn check_place(
    (door, env): (&Door, &Env),
    caller: &Caller,
    verb: &'static str,
    (field, uri): (&str, &str),
) -> Result<(), ApiError> {
    if uri.is_empty() {
        return Ok(());
    }
    env.stores.allows(uri).map_err(|refused| {
        let error = ApiError::Denied { reason: format!("{field} {refused}") };
        door.audit.refuse(caller, verb, "place", &error);
        error
    })
}

/// Cuts a text of the caller, and replaces what would steer a terminal.
fn shown(text: &str) -> String {
    let end = text.floor_char_boundary(REASON_BYTES_MAX);
    text[..end].chars().map(|letter| if is_unprintable(letter) { ' ' } else { letter }).collect()
}
