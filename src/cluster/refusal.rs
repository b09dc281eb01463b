//! What the answers of the API server and the errors of kube's client mean in our taxonomy.

use std::time::Duration;

use ::kube::{Error as KubeError, core::Status};
use http::StatusCode;
use keyferry_stores::base::{Error, Kind, limits::MESSAGE_BYTES};

/// The reason by which kube marks an error body that was no `Status`: its message is then that body.
const NOT_A_STATUS: &str = "Failed to parse error data";

/// What the API server says when a `test` of a JSON patch fails: the object is not what we took it for.
const TEST_FAILED: &str = "the server rejected our request due to an error in our request";

/// The cause by which the API server marks a refusal to create something in a namespace that is being deleted.
const NAMESPACE_ENDS: &str = "NamespaceTerminating";

/// The cause that we give to a 404 which is about no object: the API server serves no such path, as the kind is not installed.
const UNSERVED: &str = "PathNotServed";

/// The fact under which such a cause stands in our error.
const CAUSE: &str = "cause";

/// True if a creation was refused because its namespace is being deleted: whatever was to be there is going away itself.
#[must_use]
pub fn is_of_ending_namespace(error: &Error) -> bool {
    has_cause(error, NAMESPACE_ENDS)
}

/// True if the API server serves nothing at the path of the request. It says nothing about any object.
pub(super) fn is_of_unserved_path(error: &Error) -> bool {
    has_cause(error, UNSERVED)
}

fn has_cause(error: &Error, cause: &str) -> bool {
    error.facts().iter().any(|(name, value)| *name == CAUSE && value == cause)
}

/// What a refusal of a request about the object `name` means. A 404 about something else (the namespace of a new Secret) does not
/// say that the object is absent.
pub(super) fn refused(status: StatusCode, wait: Option<Duration>, (body, name): (&[u8], &str)) -> Error {
    let told: Status = serde_json::from_slice(body).unwrap_or_default();
    let told = Status { code: status.as_u16(), ..told };
    let error = refusal(&told);
    let wait = wait.or(error.wait());
    let other = error.kind() == Kind::NotFound && told.details.is_none_or(|details| details.name != name);
    if other { error.as_kind(Kind::Invalid) } else { error.after(wait) }
}

/// What an error of kube's client means.
pub(super) fn failure(error: KubeError) -> Error {
    let unavailable = |what: &str| Error::new(Kind::Unavailable, what);
    match error {
        KubeError::Api(status) => refusal(&status),
        KubeError::Auth(error) => {
            Error::new(Kind::Unauthenticated, "the credential for the API server cannot be had")
                .because(error)
        }
        KubeError::HyperError(error) => {
            unavailable("the connection to the API server was cut off").because(error)
        }
        KubeError::ReadEvents(error) => unavailable("the watch was cut off").because(error),
        KubeError::SerdeError(_) | KubeError::FromUtf8(_) => {
            Error::new(Kind::Malformed, "the answer of the API server is unreadable")
        }
        other => unavailable("the API server cannot be reached").because(other),
    }
}

/// What an answer other than success means. Its text is the API server's message: it names fields and keys of a Secret, and says
/// `<secret contents redacted>` where it means a value; what webhooks say of
/// values is taken out where a Secret is written.
fn refusal(status: &Status) -> Error {
    let kind = match (status.code, status.reason.as_str()) {
        (422, _) if status.message == TEST_FAILED => Kind::Conflict,
        (404, "NotFound") if names_object(status) => Kind::NotFound,
        (401, _) => Kind::Unauthenticated,
        (403, _) => Kind::Forbidden,
        (409, _) => Kind::Conflict,
        (429, _) => Kind::Throttled,
        (400 | 413 | 415 | 422, _) => Kind::Invalid,
        _ => Kind::Unavailable,
    };
    let seconds = status.details.as_ref().map(|details| details.retry_after_seconds).filter(|wait| *wait > 0);
    let wait = seconds.map(|seconds| Duration::from_secs(seconds.into()));
    let error = Error::new(kind, message(status)).after(wait);
    match status.code {
        403 if namespace_ends(status) => error.with(CAUSE, NAMESPACE_ENDS),
        404 if !names_object(status) => error.with(CAUSE, UNSERVED),
        _ => error,
    }
}

/// True if a 404 is about an object and not about a path that the API server does not serve.
fn names_object(status: &Status) -> bool {
    status.details.as_ref().is_some_and(|details| !details.name.is_empty())
}

fn namespace_ends(status: &Status) -> bool {
    let mut causes = status.details.iter().flat_map(|details| &details.causes);
    causes.any(|cause| cause.reason == NAMESPACE_ENDS)
}

/// The API server's message, bounded: some hold a whole schema.
fn message(status: &Status) -> String {
    if status.message.is_empty() || status.reason == NOT_A_STATUS {
        return format!("the API server answered with status {}", status.code);
    }
    status.message[..status.message.floor_char_boundary(MESSAGE_BYTES)].to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn told(code: u16, json: &Value) -> Error {
        let status = StatusCode::from_u16(code).unwrap();
        refused(status, None, (json.to_string().as_bytes(), "s"))
    }

    fn status(reason: &str, name: &str) -> Value {
        json!({ "kind": "Status", "reason": reason, "message": "told", "details": { "name": name, "kind": "secrets" } })
    }

    #[test]
    fn every_refusal_has_its_kind() {
        let table = [
            (404, status("NotFound", "s"), Kind::NotFound),
            (404, status("NotFound", "other"), Kind::Invalid),
            (404, json!({ "reason": "NotFound", "details": {} }), Kind::Unavailable),
            (404, json!("404 page not found"), Kind::Unavailable),
            (409, status("AlreadyExists", "s"), Kind::Conflict),
            (409, status("Conflict", "s"), Kind::Conflict),
            (401, status("Unauthorized", ""), Kind::Unauthenticated),
            (403, status("Forbidden", "s"), Kind::Forbidden),
            (422, status("Invalid", "s"), Kind::Invalid),
            (422, json!({ "reason": "Invalid", "message": TEST_FAILED }), Kind::Conflict),
            (400, status("BadRequest", ""), Kind::Invalid),
            (429, status("TooManyRequests", ""), Kind::Throttled),
            (500, status("InternalError", ""), Kind::Unavailable),
            (503, json!(null), Kind::Unavailable),
        ];
        for (code, json, kind) in table {
            assert_eq!(told(code, &json).kind(), kind, "{code} {json}");
        }
    }

    #[test]
    fn a_429_says_how_long_to_wait() {
        let error = refused(StatusCode::TOO_MANY_REQUESTS, Some(Duration::from_secs(7)), (b"", "s"));
        assert_eq!(error.wait(), Some(Duration::from_secs(7)));
        let told = told(429, &json!({ "details": { "retryAfterSeconds": 3 } }));
        assert_eq!(told.wait(), Some(Duration::from_secs(3)));
    }

    #[test]
    fn only_a_403_that_names_the_end_of_a_namespace_is_of_one() {
        let causes =
            json!([{ "reason": "NamespaceTerminating", "message": "namespace n is being terminated" }]);
        let ending =
            json!({ "reason": "Forbidden", "message": "told", "details": { "name": "s", "causes": causes } });
        let table = [(403, &ending, true), (403, &status("Forbidden", "s"), false), (500, &ending, false)];
        for (code, json, ends) in table {
            assert_eq!(is_of_ending_namespace(&told(code, json)), ends, "{code} {json}");
        }
    }

    #[test]
    fn only_a_404_that_names_no_object_is_of_a_path_that_is_not_served() {
        let table = [
            (404, json!("404 page not found"), true),
            (404, json!({ "reason": "NotFound", "details": {} }), true),
            (404, status("NotFound", "s"), false),
            (404, status("NotFound", "other"), false),
            (503, json!(null), false),
        ];
        for (code, json, unserved) in table {
            assert_eq!(is_of_unserved_path(&told(code, &json)), unserved, "{code} {json}");
        }
    }

    #[test]
    fn an_error_page_of_a_proxy_is_not_told() {
        let status = Status::failure("<html>secret</html>", NOT_A_STATUS).with_code(502);
        assert_eq!(refusal(&status).to_string(), "the API server answered with status 502");
    }
}
