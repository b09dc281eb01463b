//! What the error codes of AWS mean.
//!
//! The message that comes with a code is not shown: it holds request ids and scopes of credentials, which differ from try to
//! try, and it is a part of the answer's body. Two things in it are worth a user's time, and are taken out as facts: who was
//! denied, and which action (a denied `kms:Decrypt` looks like a denied read otherwise).

use std::{fmt, time::Duration};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::transport::Service;
use crate::{
    base::{Error, Kind, limits},
    net::client,
};

/// What a call is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    /// The service that answers.
    pub(super) service: Service,
    /// The API's name of the action.
    pub(super) action: &'static str,
    /// The entry that is asked for. Only a call that names one entry can prove it absent.
    pub(super) entry: Option<&'a str>,
}

/// What the service said.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Said<'a> {
    pub(super) status: Option<u16>,
    pub(super) code: Option<&'a str>,
    pub(super) message: Option<&'a str>,
    pub(super) retry_after: Option<Duration>,
}

/// Codes with one meaning in every service.
const CODES: &[(&str, Kind, &str)] = &[
    ("ThrottlingException", Kind::Throttled, THROTTLED),
    ("Throttling", Kind::Throttled, THROTTLED),
    ("ThrottledException", Kind::Throttled, THROTTLED),
    ("TooManyRequestsException", Kind::Throttled, THROTTLED),
    ("TooManyUpdates", Kind::Throttled, THROTTLED),
    ("RequestLimitExceeded", Kind::Throttled, THROTTLED),
    ("RequestThrottled", Kind::Throttled, THROTTLED),
    ("RequestThrottledException", Kind::Throttled, THROTTLED),
    ("SlowDown", Kind::Throttled, THROTTLED),
    ("PriorRequestNotComplete", Kind::Throttled, THROTTLED),
    ("AccessDenied", Kind::Forbidden, DENIED),
    ("AccessDeniedException", Kind::Forbidden, DENIED),
    ("UnauthorizedOperation", Kind::Forbidden, DENIED),
    ("NotAuthorized", Kind::Forbidden, DENIED),
    ("OptInRequired", Kind::Forbidden, "the account is not signed up for this service"),
    (
        "DecryptionFailure",
        Kind::Forbidden,
        "the secret cannot be decrypted with its KMS key: it is disabled, deleted or not allowed",
    ),
    ("UnrecognizedClientException", Kind::Unauthenticated, "the access key is not known"),
    ("InvalidClientTokenId", Kind::Unauthenticated, "the access key is not known"),
    ("InvalidAccessKeyId", Kind::Unauthenticated, "the access key is not known"),
    ("AuthFailure", Kind::Unauthenticated, "the credential is refused"),
    ("ExpiredToken", Kind::Unauthenticated, EXPIRED),
    ("ExpiredTokenException", Kind::Unauthenticated, EXPIRED),
    ("RequestExpired", Kind::Unauthenticated, "the signature has expired: compare the clock of this node"),
    (
        "RequestTimeTooSkewed",
        Kind::Unauthenticated,
        "the signature is not valid now: compare the clock of this node",
    ),
    ("InvalidSignatureException", Kind::Unauthenticated, SIGNATURE),
    ("SignatureDoesNotMatch", Kind::Unauthenticated, SIGNATURE),
    ("IncompleteSignature", Kind::Unauthenticated, SIGNATURE),
    ("IncompleteSignatureException", Kind::Unauthenticated, SIGNATURE),
    ("MissingAuthenticationToken", Kind::Unauthenticated, "the request came without a credential"),
    ("MissingAuthenticationTokenException", Kind::Unauthenticated, "the request came without a credential"),
    ("InvalidIdentityToken", Kind::Unauthenticated, "the ServiceAccount token is refused"),
    ("InvalidIdentityTokenException", Kind::Unauthenticated, "the ServiceAccount token is refused"),
    ("IDPRejectedClaim", Kind::Unauthenticated, "the ServiceAccount token is refused"),
    ("InternalServiceError", Kind::Unavailable, DOWN),
    ("InternalServerError", Kind::Unavailable, DOWN),
    ("InternalFailure", Kind::Unavailable, DOWN),
    ("ServiceUnavailable", Kind::Unavailable, DOWN),
    ("ServiceUnavailableException", Kind::Unavailable, DOWN),
    ("RequestTimeout", Kind::Unavailable, DOWN),
    ("RequestTimeoutException", Kind::Unavailable, DOWN),
    ("IDPCommunicationError", Kind::Unavailable, "STS could not reach the identity provider of the cluster"),
    ("RequestInProgressException", Kind::Unavailable, "the certificate is not issued yet"),
    ("UnknownOperationException", Kind::Unsupported, "the endpoint does not know this action"),
    ("InvalidAction", Kind::Unsupported, "the endpoint does not know this action"),
    ("RegionDisabledException", Kind::Invalid, "the region is not enabled for the account"),
    ("ParameterVersionNotFound", Kind::Invalid, "the parameter has no such version or label"),
    ("InvalidKeyId", Kind::Invalid, "the KMS key of the parameter cannot be used"),
    ("ValidationException", Kind::Invalid, INVALID),
    ("ValidationError", Kind::Invalid, INVALID),
    ("InvalidParameterException", Kind::Invalid, INVALID),
    ("InvalidParameterValue", Kind::Invalid, INVALID),
    ("InvalidRequestException", Kind::Invalid, INVALID),
];

const THROTTLED: &str = "told to slow down";
const DENIED: &str = "access denied";
const EXPIRED: &str = "the credential has expired";
const SIGNATURE: &str = "the signature is refused: the secret access key is wrong";
const DOWN: &str = "the service failed";
const INVALID: &str = "the service cannot use the request";

/// The error of a failed SDK call.
pub(super) fn failure<E>(call: Call<'_>, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    if let Some(own) = own(&error) {
        return own.within(call.action);
    }
    match &error {
        SdkError::ServiceError(context) => {
            let (error, raw) = (context.err(), context.raw());
            let said = Said { code: error.code(), message: error.message(), ..Said::of(raw) };
            classify(call, said).because(Answered::of(raw))
        }
        SdkError::ResponseError(context) => {
            classify(call, Said::of(context.raw())).because(Answered::of(context.raw()))
        }
        SdkError::TimeoutError(_) => named(call, Kind::Unavailable, "no answer in time").because(error),
        SdkError::ConstructionFailure(_) => {
            named(call, Kind::Invalid, "the request cannot be built").because(error)
        }
        // The enum is open; what else it may hold one day, the service gave no answer.
        _ => named(call, Kind::Unavailable, "the request was not answered").because(error),
    }
}

impl Said<'_> {
    /// What the head of an answer says.
    fn of(raw: &HttpResponse) -> Self {
        let seconds = raw.headers().get("retry-after").and_then(|value| value.trim().parse().ok());
        let wait = seconds.map(|seconds| Duration::from_secs(seconds).min(limits::RETRY_AFTER_BELIEVED));
        Self { status: Some(raw.status().as_u16()), retry_after: wait, ..Self::default() }
    }
}

/// What is kept of an answer for the log. The SDK's own error is not: it shows the body.
#[derive(Debug)]
struct Answered {
    status: u16,
    request: Option<String>,
}

impl Answered {
    fn of(raw: &HttpResponse) -> Self {
        let names = ["x-amzn-requestid", "x-amz-request-id"];
        let request = names.iter().find_map(|name| raw.headers().get(*name)).filter(|id| is_name(id));
        Self { status: raw.status().as_u16(), request: request.map(str::to_string) }
    }
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = self.request.as_deref().unwrap_or("unknown");
        write!(f, "answered with {} (request {request})", self.status)
    }
}

impl std::error::Error for Answered {}

/// Our own error, if one of ours is what failed below the SDK: the transport, or the credential.
pub(super) fn own(error: &(dyn std::error::Error + 'static)) -> Option<Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(own) = error.downcast_ref::<Error>() {
            return Some(own.clone());
        }
        next = error.source();
    }
    None
}

/// The meaning of what the service said.
pub(super) fn classify(call: Call<'_>, said: Said<'_>) -> Error {
    let said = Said { code: said.code.filter(|code| is_name(code)), ..said };
    let Some(code) = said.code else {
        return by_status(call, said);
    };
    let error = if let Some(absent) = absence(call, code, said.message) {
        absent
    } else if let Some((_, kind, reason)) = CODES.iter().find(|(known, _, _)| *known == code) {
        named(call, *kind, reason).after(said.retry_after)
    } else {
        by_status(call, said)
    };
    denied(error.with("code", code), said.message)
}

/// Without a known code only the status speaks, by the rules of HTTP.
fn by_status(call: Call<'_>, said: Said<'_>) -> Error {
    match said.status {
        Some(200..=299) => named(call, Kind::Malformed, "the answer is unreadable"),
        Some(status) => about(call, client::fault(status, said.retry_after).within(call.action)),
        None if said.code.is_some() => named(call, Kind::Invalid, "the service refused the request"),
        None => named(call, Kind::Malformed, "the answer is unreadable"),
    }
}

/// "Not there", of an entry that was asked for by name, in the words of the service that keeps it.
fn absence(call: Call<'_>, code: &str, message: Option<&str>) -> Option<Error> {
    call.entry?;
    let marks = ["marked for deletion", "marked deleted"];
    let marked = message.is_some_and(|message| marks.iter().any(|mark| message.contains(mark)));
    let reason = match (call.service, code) {
        (Service::SecretsManager, "ResourceNotFoundException") => "the secret does not exist",
        (Service::SecretsManager, "InvalidRequestException" | "InvalidParameterException") if marked => {
            "the secret is marked for deletion"
        }
        (Service::ParameterStore, "ParameterNotFound") => "the parameter does not exist",
        // ESO never deletes for a certificate, so its absence is none here.
        (
            Service::SecretsManager | Service::ParameterStore | Service::CertificateManager | Service::Sts,
            _,
        ) => return None,
    };
    Some(named(call, Kind::NotFound, reason))
}

fn named(call: Call<'_>, kind: Kind, reason: &str) -> Error {
    about(call, Error::new(kind, format!("{}: {reason}", call.action)))
}

fn about(call: Call<'_>, error: Error) -> Error {
    match call.entry {
        Some(entry) => error.with("entry", entry),
        None => error,
    }
}

/// Adds who was denied which action, if the message says so in AWS's usual words.
fn denied(error: Error, message: Option<&str>) -> Error {
    if error.kind() != Kind::Forbidden {
        return error;
    }
    let word_after = |mark: &str| {
        let rest = message?.split_once(mark)?.1;
        rest.split_whitespace().next().filter(|word| is_name(word))
    };
    let error = match word_after("User: ") {
        Some(principal) => error.with("principal", without_session(principal)),
        None => error,
    };
    match word_after("authorized to perform: ") {
        Some(action) => error.with("action", action),
        None => error,
    }
}

/// The name of an assumed role without its session, which may differ from login to login.
fn without_session(principal: &str) -> &str {
    match principal.rsplit_once('/') {
        Some((role, _)) if principal.contains(":assumed-role/") => role,
        _ => principal,
    }
}

/// A name that AWS gives: ASCII, short, no quotes. Anything else in that place is not shown.
fn is_name(word: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":/_.=,@+-*#".contains(&byte);
    (1..=256).contains(&word.len()) && word.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Call<'static> =
        Call { service: Service::SecretsManager, action: "GetSecretValue", entry: Some("db") };

    fn kind(call: Call<'_>, status: u16, code: Option<&str>) -> Kind {
        classify(call, Said { status: Some(status), code, ..Said::default() }).kind()
    }

    #[test]
    fn no_code_is_listed_twice() {
        let distinct: std::collections::BTreeSet<_> = CODES.iter().map(|(code, _, _)| code).collect();
        assert_eq!(distinct.len(), CODES.len());
    }

    #[test]
    fn no_row_of_the_table_proves_absence() {
        assert!(CODES.iter().all(|(_, kind, _)| *kind != Kind::NotFound));
    }

    #[test]
    fn only_the_service_that_keeps_the_entry_can_say_that_it_is_absent() {
        let ssm = Call { service: Service::ParameterStore, action: "GetParameter", entry: Some("/db") };
        let sts = Call { service: Service::Sts, action: "AssumeRole", entry: None };
        assert_eq!(kind(READ, 400, Some("ResourceNotFoundException")), Kind::NotFound);
        assert_eq!(kind(ssm, 400, Some("ParameterNotFound")), Kind::NotFound);
        assert_eq!(kind(ssm, 400, Some("ResourceNotFoundException")), Kind::Invalid);
        assert_eq!(kind(ssm, 400, Some("ParameterVersionNotFound")), Kind::Invalid);
        assert_eq!(kind(READ, 400, Some("ParameterNotFound")), Kind::Invalid);
        assert_eq!(kind(sts, 404, Some("ResourceNotFoundException")), Kind::Invalid);
    }

    #[test]
    fn a_call_that_names_no_entry_cannot_prove_one_absent() {
        let list = Call { entry: None, ..READ };
        assert_eq!(kind(list, 400, Some("ResourceNotFoundException")), Kind::Invalid);
    }

    #[test]
    fn a_secret_marked_for_deletion_is_absent() {
        let message =
            Some("You can't perform this operation on the secret because it was marked for deletion.");
        for code in ["InvalidRequestException", "InvalidParameterException"] {
            let said = Said { status: Some(400), code: Some(code), message, ..Said::default() };
            assert_eq!(classify(READ, said).kind(), Kind::NotFound);
            assert_eq!(classify(READ, Said { message: None, ..said }).kind(), Kind::Invalid);
        }
    }

    #[test]
    fn without_a_known_code_the_status_decides_and_never_proves_absence() {
        let table = [
            (200, None, Kind::Malformed),
            (302, None, Kind::Invalid),
            (401, None, Kind::Unauthenticated),
            (403, None, Kind::Forbidden),
            (404, None, Kind::Invalid),
            (404, Some("<html>not found</html>"), Kind::Invalid),
            (409, None, Kind::Conflict),
            (429, None, Kind::Throttled),
            (503, None, Kind::Unavailable),
            (500, Some("SomethingNew"), Kind::Unavailable),
            (400, Some("SomethingNew"), Kind::Invalid),
        ];
        for (status, code, expected) in table {
            assert_eq!(kind(READ, status, code), expected, "{status} {code:?}");
        }
    }

    #[test]
    fn a_denial_names_principal_and_action_and_nothing_that_varies() {
        let message = "User: arn:aws:sts::123456789012:assumed-role/reader/1700000000 is not authorized to perform: \
                       kms:Decrypt on resource: key (Request ID: 0c1d-77) Credential=AKIAEXAMPLE/20250101";
        let said = Said {
            status: Some(400),
            code: Some("AccessDeniedException"),
            message: Some(message),
            ..Said::default()
        };
        assert_eq!(
            classify(READ, said).to_string(),
            "GetSecretValue: access denied (entry=db, code=AccessDeniedException, \
             principal=arn:aws:sts::123456789012:assumed-role/reader, action=kms:Decrypt)"
        );
    }

    #[test]
    fn a_wait_is_kept() {
        let wait = Some(Duration::from_secs(7));
        let said = Said {
            status: Some(400),
            code: Some("ThrottlingException"),
            retry_after: wait,
            ..Said::default()
        };
        assert_eq!(classify(READ, said).wait(), wait);
    }
}
