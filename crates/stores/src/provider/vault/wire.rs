//! The wire of Vault and OpenBao: one call, one judged answer; and what the answers hold. Shared by both providers.
//!
//! What a server says was measured on OpenBao 2.7.2 and is pinned by `tests/it/real_vault.rs`:
//!
//! | case | answer |
//! |---|---|
//! | absent key, absent version, empty folder | 404 `{"errors":[]}` |
//! | deleted or destroyed version | 404 with `data.metadata.deletion_time` or `destroyed` |
//! | key-value engine of version 1 read as v2 | 404 `{"errors":[]}`, **the same as an absent key** |
//! | version 2 read as v1 | 404 with `data: null` and a warning |
//! | nothing mounted, unknown namespace | 404 with `errors` filled |
//! | nothing mounted, token without rights there | 403 |
//! | login at an auth mount that is not there | 403, **the same as a refused login** |
//! | over a rate limit of the operator's | 429, without `Retry-After` |
//!
//! Because of the third row a bare 404 proves nothing by itself: [`Mount::proves`] has to say that the mount is the engine the
//! store takes it for.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use reqwest::Url;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{
    json,
    path::{self, KvVersion},
};
use crate::{
    base::{Clock, Error, Kind, Result, SecretBytes},
    net::client::{self, Answer},
    provider::calls::Calls,
};

/// One server, as one store reaches it.
#[derive(Debug)]
pub(in crate::provider) struct Wire {
    pub(in crate::provider) client: reqwest::Client,
    pub(in crate::provider) server: Url,
    /// Headers of every call: those the store names, and `X-Vault-Request`, without which an agent may refuse.
    pub(in crate::provider) headers: HeaderMap,
    /// The date form of `Retry-After` counts from now.
    pub(in crate::provider) clock: Arc<dyn Clock>,
    /// Where calls are counted.
    pub(in crate::provider) calls: Arc<Calls>,
}

/// One call below `/v1/`.
#[derive(Debug, Clone)]
pub(in crate::provider) struct Call<'a> {
    method: Method,
    path: String,
    query: Option<(&'static str, String)>,
    body: Option<Bytes>,
    namespace: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// Reads a path.
    pub(in crate::provider) fn read(path: impl Into<String>, namespace: Option<&'a str>) -> Self {
        Self { method: Method::GET, path: path.into(), query: None, body: None, namespace }
    }

    /// Lists a folder. `GET` with `list=true`: proxies in between often drop the method `LIST`.
    pub(in crate::provider) fn list(path: impl Into<String>, namespace: Option<&'a str>) -> Self {
        Self { query: Some(("list", "true".into())), ..Self::read(path, namespace) }
    }

    /// Posts a JSON object; the body is wiped when the last copy of the call goes.
    pub(in crate::provider) fn post(
        path: impl Into<String>,
        body: Zeroizing<Vec<u8>>,
        namespace: Option<&'a str>,
    ) -> Self {
        Self { method: Method::POST, body: Some(Bytes::from_owner(body)), ..Self::read(path, namespace) }
    }

    /// The name under which it is counted.
    fn name(&self) -> &'static str {
        match (self.path.as_str(), &self.query) {
            ("auth/token/lookup-self", _) => "LookupSelf",
            ("auth/token/revoke-self", _) => "RevokeSelf",
            (path, _) if path.starts_with("sys/") => "ReadMount",
            (_, Some(("list", _))) => "ListSecrets",
            _ if self.method == Method::POST => "Login",
            _ => "ReadSecretData",
        }
    }

    /// The path, for messages.
    pub(in crate::provider) fn path(&self) -> &str {
        &self.path
    }

    /// Adds a parameter.
    pub(in crate::provider) fn query(self, name: &'static str, value: impl Into<String>) -> Self {
        Self { query: Some((name, value.into())), ..self }
    }
}

/// A token as it goes on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::provider) struct TokenHeaders(HeaderMap);

impl TokenHeaders {
    /// The token, and the replication state after which it is known (`readYourWrites`).
    ///
    /// # Errors
    /// `Unauthenticated` for a token that cannot be a header.
    pub(in crate::provider) fn new(token: &SecretBytes, index: Option<HeaderValue>) -> Result<Self> {
        let refuse = || Error::new(Kind::Unauthenticated, "the token holds characters that no token has");
        let mut value = HeaderValue::from_bytes(token.expose().trim_ascii()).map_err(|_| refuse())?;
        value.set_sensitive(true);
        let mut headers = HeaderMap::from_iter([(HeaderName::from_static("x-vault-token"), value)]);
        headers.extend(index.map(|index| (INDEX, index)));
        Ok(Self(headers))
    }

    /// No token: an agent beside the server may add one.
    pub(in crate::provider) fn none() -> Self {
        Self(HeaderMap::new())
    }
}

/// Names the replication state that a server must have reached before it answers.
pub(in crate::provider) const INDEX: HeaderName = HeaderName::from_static("x-vault-index");

/// Headers of every call: an agent beside the server may refuse one without it.
pub(in crate::provider) fn headers() -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static("x-vault-request"), HeaderValue::from_static("true"))])
}

/// A judged answer. Everything else is an error.
#[derive(Debug)]
pub(in crate::provider) enum Reply {
    /// 2xx.
    Done(Answer),
    /// 404, and nothing but absence in it. Not yet proof: see [`Mount::proves`].
    Absent,
    /// 403: the token is not good, or not good enough.
    Denied,
    /// 400: the request cannot be met; a login with wrong credentials too.
    Unfit,
}

impl Wire {
    /// Sends one call once.
    ///
    /// # Errors
    /// Every kind but `NotFound` and `Forbidden`, which [`Reply`] leaves to the caller.
    pub(in crate::provider) async fn send(&self, call: &Call<'_>, token: &TokenHeaders) -> Result<Reply> {
        let reply = self.exchange(call, token).await;
        let answered = matches!(&reply, Ok(Reply::Done(_) | Reply::Absent));
        self.calls.note("HashiCorp/Vault", call.name(), answered);
        reply
    }

    async fn exchange(&self, call: &Call<'_>, token: &TokenHeaders) -> Result<Reply> {
        let answer = client::send(&self.client, self.request(call, token)?).await?;
        judge(answer, self.clock.now())
            .map_err(|error| error.with("host", self.host()).with("path", &call.path))
    }

    /// The host, for messages.
    pub(in crate::provider) fn host(&self) -> &str {
        self.server.host_str().unwrap_or_default()
    }

    fn request(&self, call: &Call<'_>, token: &TokenHeaders) -> Result<reqwest::Request> {
        let mut request = reqwest::Request::new(call.method.clone(), address(&self.server, call)?);
        let headers = request.headers_mut();
        headers.extend(self.headers.clone());
        headers.extend(token.0.clone());
        if let Some(namespace) = call.namespace {
            headers.insert("x-vault-namespace", header("namespace", namespace)?);
        }
        if let Some(body) = &call.body {
            headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.clone().into());
        }
        Ok(request)
    }
}

/// The URL of a call: the server's own path, `/v1/`, and the path's segments, each encoded.
fn address(server: &Url, call: &Call<'_>) -> Result<Url> {
    let segments = path::segments(&call.path)?;
    let mut url = server.clone();
    url.path_segments_mut()
        .map_err(|()| Error::new(Kind::Invalid, "the address of the server cannot hold a path"))?
        .pop_if_empty()
        .push("v1")
        .extend(segments);
    if let Some((name, value)) = &call.query {
        url.query_pairs_mut().append_pair(name, value);
    }
    Ok(url)
}

/// The address of a server.
///
/// # Errors
/// `Invalid` for what is no URL of HTTP with a host, and for one with more than a path.
pub(in crate::provider) fn server(address: &str) -> Result<Url> {
    let refuse = || {
        Error::new(Kind::Invalid, "the server is written like https://vault.example:8200")
            .with("server", address)
    };
    let url = Url::parse(address.trim()).map_err(|_| refuse())?;
    let plain =
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    if !plain || url.host_str().is_none() || url.query().is_some() || url.fragment().is_some() {
        return Err(refuse());
    }
    Ok(url)
}

/// A header's value from the configuration.
///
/// # Errors
/// `Invalid`, naming the field.
pub(in crate::provider) fn header(field: &'static str, value: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(value).map_err(|_| {
        Error::new(Kind::Invalid, "a header may hold visible characters only").with("field", field)
    })
}

fn judge(answer: Answer, now: Timestamp) -> Result<Reply> {
    let fail = |kind, what: &'static str| Err(Error::new(kind, what).with("status", answer.status.as_u16()));
    match answer.status.as_u16() {
        200..300 => Ok(Reply::Done(answer)),
        300..400 => fail(Kind::Invalid, "the server points to another address: name that one"),
        400 => Ok(Reply::Unfit),
        401 => fail(Kind::Unauthenticated, "the server refuses the credential"),
        403 => Ok(Reply::Denied),
        404 => match absence(&answer.body) {
            None => Ok(Reply::Absent),
            Some(what) => fail(Kind::Invalid, what),
        },
        412 => fail(Kind::Unavailable, "the server has not caught up yet"),
        429 => {
            let after = answer.retry_after(now);
            Err(Error::new(Kind::Throttled, "the server asks to slow down").after(after))
        }
        472 | 473 | 503 => fail(Kind::Unavailable, "the server is sealed or on standby"),
        500..600 => fail(Kind::Unavailable, "the server failed"),
        _ => fail(Kind::Invalid, "the server refuses the request"),
    }
}

/// The body of a 404, as far as it decides.
#[derive(Deserialize)]
struct Refusal {
    errors: Option<Vec<String>>,
    #[serde(default)]
    warnings: Option<Vec<String>>,
    #[serde(default)]
    data: Option<Gone>,
}

/// What v2 says of a version that is gone.
#[derive(Deserialize)]
struct Gone {
    data: Option<serde::de::IgnoredAny>,
    metadata: Option<VersionMetadata>,
}

/// What v2 says of a version.
#[derive(Deserialize)]
struct VersionMetadata {
    #[serde(default)]
    deletion_time: String,
    #[serde(default)]
    destroyed: bool,
    version: Option<u64>,
}

impl VersionMetadata {
    fn is_gone(&self) -> bool {
        self.destroyed || !self.deletion_time.is_empty()
    }
}

/// What a 404 says besides that the entry is absent; `None` if nothing.
fn absence(body: &[u8]) -> Option<&'static str> {
    let Ok(refusal) = serde_json::from_slice::<Refusal>(body) else {
        return Some("the answer is not that of a vault server");
    };
    match refusal {
        Refusal { errors: Some(errors), data: None, .. } if errors.is_empty() => None,
        Refusal { errors: None, data: Some(Gone { data: None, metadata: Some(metadata) }), .. }
            if metadata.is_gone() =>
        {
            None
        }
        Refusal { errors, warnings, .. } => {
            Some(misplaced(&errors.unwrap_or_default(), &warnings.unwrap_or_default()))
        }
    }
}

/// The server's own words are matched and not repeated.
fn misplaced(errors: &[String], warnings: &[String]) -> &'static str {
    const WORDS: [(&str, &str); 3] = [
        ("no handler for route", "nothing is mounted at this path"),
        ("namespace not found", "the namespace does not exist"),
        ("versioned K/V", "the mount is a key-value engine of version 2, and the store says v1"),
    ];
    let said = |words: &str| errors.iter().chain(warnings).any(|text| text.contains(words));
    WORDS.iter().find(|(words, _)| said(words)).map_or("the server does not know this path", |(_, what)| what)
}

/// The part of an answer that is asked for.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

fn data<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T> {
    let unreadable = || Error::new(Kind::Malformed, "the server's answer is not readable");
    let envelope: Envelope<'a> = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
    serde_json::from_str(envelope.data.ok_or_else(unreadable)?.get()).map_err(|_| unreadable())
}

/// A value that was read.
#[derive(Debug)]
pub(in crate::provider) struct Value {
    /// The entry's object, as [`json::compact`] prints it.
    pub(in crate::provider) bytes: SecretBytes,
    /// The version, where the engine has versions.
    pub(in crate::provider) version: Option<u64>,
}

/// The value in an answer; `None` where v2 says that the version is gone.
///
/// # Errors
/// `Malformed`; `Invalid` where the answer is not of the engine's version.
pub(in crate::provider) fn value(answer: &Answer, version: KvVersion) -> Result<Option<Value>> {
    match version {
        KvVersion::V1 => object(data(answer)?).map(|bytes| Some(Value { bytes, version: None })),
        KvVersion::V2 => versioned(answer),
    }
}

fn versioned(answer: &Answer) -> Result<Option<Value>> {
    let wrong = || {
        Error::new(
            Kind::Invalid,
            "the entry has no data field: the mount is not a key-value engine of version 2",
        )
    };
    let strange = || Error::new(Kind::Malformed, "the server's answer is not readable");
    let mut fields = json::fields(data(answer)?).ok_or_else(strange)?;
    let metadata =
        fields.remove("metadata").and_then(|raw| serde_json::from_str::<VersionMetadata>(raw.get()).ok());
    let value = fields.remove("data").ok_or_else(wrong)?;
    if value.get() == "null" && metadata.as_ref().is_some_and(VersionMetadata::is_gone) {
        return Ok(None);
    }
    let version = metadata.and_then(|metadata| metadata.version);
    Ok(Some(Value { bytes: object(value)?, version }))
}

fn object(raw: &RawValue) -> Result<SecretBytes> {
    if !raw.get().starts_with('{') {
        return Err(Error::new(Kind::Malformed, "the entry is not a json object"));
    }
    json::compact(raw)
}

/// What v2 knows about an entry: its custom metadata, and three fields of its own where no custom field has their name.
///
/// # Errors
/// `Malformed`.
pub(in crate::provider) fn metadata(answer: &Answer) -> Result<SecretBytes> {
    let own: BTreeMap<String, &RawValue> = data(answer)?;
    let mut all = custom(&own).unwrap_or_default();
    for name in ["created_time", "current_version", "delete_version_after"] {
        if let Some(value) = own.get(name) {
            all.entry(name.to_string()).or_insert(value);
        }
    }
    json::compact_fields(&all)
}

fn custom<'a>(own: &BTreeMap<String, &'a RawValue>) -> Option<BTreeMap<String, &'a RawValue>> {
    own.get("custom_metadata").and_then(|raw| json::fields(raw))
}

/// The custom metadata of an entry that are text, for tags.
///
/// # Errors
/// `Malformed`.
pub(in crate::provider) fn tags(answer: &Answer) -> Result<BTreeMap<String, String>> {
    let own: BTreeMap<String, &RawValue> = data(answer)?;
    let custom = custom(&own).unwrap_or_default();
    Ok(custom
        .into_iter()
        .filter_map(|(name, raw)| Some((name, serde_json::from_str(raw.get()).ok()?)))
        .collect())
}

/// The names in a folder; folders end in `/`.
///
/// # Errors
/// `Malformed`.
pub(in crate::provider) fn names(answer: &Answer) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Listing {
        #[serde(default)]
        keys: Vec<String>,
    }
    Ok(data::<Listing>(answer)?.keys)
}

/// What a login grants.
#[derive(Debug)]
pub(in crate::provider) struct Grant {
    /// The token.
    pub(in crate::provider) token: SecretBytes,
    /// Its life in seconds; 0 = it does not end.
    pub(in crate::provider) seconds: u64,
}

/// The token in the answer to a login.
///
/// # Errors
/// `Malformed`.
pub(in crate::provider) fn grant(answer: &Answer) -> Result<Grant> {
    #[derive(Deserialize)]
    struct Login {
        auth: Option<Auth>,
    }
    #[derive(Deserialize)]
    struct Auth {
        client_token: String,
        #[serde(default)]
        lease_duration: u64,
    }
    let login: Option<Login> = serde_json::from_slice(&answer.body).ok();
    let auth = login.and_then(|login| login.auth);
    let auth = auth.ok_or_else(|| Error::new(Kind::Malformed, "the answer to the login holds no token"))?;
    Ok(Grant { token: auth.client_token.into(), seconds: auth.lease_duration })
}

/// A mount, as `sys/internal/ui/mounts/<path>` describes it to every token that may use something in it.
#[derive(Debug, Deserialize)]
pub(in crate::provider) struct Mount {
    path: String,
    #[serde(rename = "type")]
    engine: String,
    #[serde(default)]
    options: Option<BTreeMap<String, String>>,
}

impl Mount {
    /// The mount in an answer.
    ///
    /// # Errors
    /// `Malformed`.
    pub(in crate::provider) fn of(answer: &Answer) -> Result<Self> {
        data(answer)
    }

    /// Proves that an absent `path` is an absent entry: that the mount is a key-value engine of the version that the store says,
    /// and that the path lies where that version keeps its values.
    ///
    /// # Errors
    /// `Invalid` that says what the mount is instead.
    pub(in crate::provider) fn proves(&self, path: &str, version: KvVersion) -> Result<()> {
        let actual =
            match self.options.as_ref().and_then(|options| options.get("version")).map(String::as_str) {
                Some("2") => KvVersion::V2,
                Some(_) | None => KvVersion::V1,
            };
        let wrong = |what: &str| Err(Error::new(Kind::Invalid, what).with("mount", &self.path));
        if !matches!(self.engine.as_str(), "kv" | "generic") {
            return wrong("the mount is no key-value engine");
        }
        // The listing of a whole engine of version 1 has the mount itself as its path.
        let path = format!("{path}/");
        let inside = path.strip_prefix(self.path.trim_matches('/')).and_then(|rest| rest.strip_prefix('/'));
        match (actual, version, inside) {
            (KvVersion::V1, KvVersion::V2, _) => {
                wrong("the mount is a key-value engine of version 1, and the store says v2")
            }
            (KvVersion::V2, KvVersion::V1, _) => {
                wrong("the mount is a key-value engine of version 2, and the store says v1")
            }
            (_, _, None) => wrong("the path of the store does not lie in this mount"),
            (KvVersion::V1, KvVersion::V1, Some(_)) => Ok(()),
            (KvVersion::V2, KvVersion::V2, Some(rest)) if is_kept(rest) => Ok(()),
            (KvVersion::V2, KvVersion::V2, Some(_)) => {
                wrong("the path of the store is not a mount but a folder in one")
            }
        }
    }

    /// The mount's path, by which a proof is remembered.
    pub(in crate::provider) fn covers(&self, path: &str) -> bool {
        format!("{path}/").starts_with(self.path.as_str())
    }
}

fn is_kept(rest: &str) -> bool {
    matches!(rest.split('/').next(), Some("data" | "metadata"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let status = http::StatusCode::from_u16(status).unwrap();
        Answer { status, headers: HeaderMap::new(), body: Zeroizing::new(body.as_bytes().to_vec()) }
    }

    fn kind(status: u16, body: &str) -> Kind {
        judge(answer(status, body), Timestamp::UNIX_EPOCH).unwrap_err().kind()
    }

    const DELETED: &str = r#"{"data":{"data":null,"metadata":{"deletion_time":"2026-11-21T10:04:38Z","destroyed":false,"version":1}}}"#;
    const DESTROYED: &str =
        r#"{"data":{"data":null,"metadata":{"deletion_time":"","destroyed":true,"version":1}}}"#;

    #[test]
    fn only_a_404_that_says_nothing_else_is_an_absence() {
        for body in [r#"{"errors":[]}"#, DELETED, DESTROYED] {
            assert!(matches!(judge(answer(404, body), Timestamp::UNIX_EPOCH), Ok(Reply::Absent)), "{body}");
        }
    }

    #[test]
    fn a_404_with_errors_is_not_an_absent_entry() {
        let cases = [
            (
                r#"{"errors":["no handler for route \"x/data/y\". route entry not found."]}"#,
                "nothing is mounted at this path",
            ),
            (r#"{"errors":["namespace not found"]}"#, "the namespace does not exist"),
            (r#"{"data":null,"warnings":["Invalid path for a versioned K/V secrets engine."]}"#, "version 2"),
            (r#"{"errors":["something else"]}"#, "the server does not know this path"),
            (r#"{"errors":null}"#, "the server does not know this path"),
            (
                r#"{"data":{"data":null,"metadata":{"deletion_time":"","destroyed":false}}}"#,
                "the server does not know this path",
            ),
            (
                r#"{"data":{"data":{"a":1},"metadata":{"destroyed":true}}}"#,
                "the server does not know this path",
            ),
            ("{}", "the server does not know this path"),
            ("<html>404</html>", "the answer is not that of a vault server"),
            ("", "the answer is not that of a vault server"),
        ];
        for (body, says) in cases {
            let error = judge(answer(404, body), Timestamp::UNIX_EPOCH).unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid, "{body}");
            assert!(error.to_string().contains(says), "{body}: {error}");
        }
    }

    #[test]
    fn a_status_has_a_meaning() {
        let cases = [
            (301, Kind::Invalid),
            (307, Kind::Invalid),
            (401, Kind::Unauthenticated),
            (405, Kind::Invalid),
            (412, Kind::Unavailable),
            (429, Kind::Throttled),
            (472, Kind::Unavailable),
            (473, Kind::Unavailable),
            (500, Kind::Unavailable),
            (502, Kind::Unavailable),
            (503, Kind::Unavailable),
        ];
        for (status, want) in cases {
            assert_eq!(kind(status, "{}"), want, "{status}");
        }
        assert!(matches!(judge(answer(403, ""), Timestamp::UNIX_EPOCH), Ok(Reply::Denied)));
        assert!(matches!(judge(answer(400, ""), Timestamp::UNIX_EPOCH), Ok(Reply::Unfit)));
    }

    #[test]
    fn no_error_repeats_the_body() {
        for status in [301, 401, 404, 405, 412, 429, 500, 503] {
            let error =
                judge(answer(status, r#"{"errors":["marker-value"]}"#), Timestamp::UNIX_EPOCH).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("marker-value"), "{status}");
        }
    }

    #[test]
    fn a_version_2_value_is_its_inner_object() {
        let body = r#"{"data":{"data":{"b":1.50,"a":"<"},"metadata":{"version":7,"deletion_time":"","destroyed":false}}}"#;
        let value = value(&answer(200, body), KvVersion::V2).unwrap().unwrap();
        assert_eq!(
            (value.bytes.expose_str().unwrap(), value.version),
            ("{\"a\":\"\\u003c\",\"b\":1.50}", Some(7))
        );
    }

    #[test]
    fn a_version_1_value_is_the_whole_object() {
        let value = value(&answer(200, r#"{"data":{"data":{"a":1}}}"#), KvVersion::V1).unwrap().unwrap();
        assert_eq!((value.bytes.expose_str().unwrap(), value.version), (r#"{"data":{"a":1}}"#, None));
    }

    #[test]
    fn a_deleted_version_in_a_200_is_absent() {
        assert!(value(&answer(200, DELETED), KvVersion::V2).unwrap().is_none());
    }

    #[test]
    fn what_is_no_value_is_an_error() {
        let cases = [
            ("{\"data\":{\"a\":1}}", KvVersion::V2, Kind::Invalid),
            ("{\"data\":{\"data\":null}}", KvVersion::V2, Kind::Malformed),
            ("{\"data\":{\"data\":[1]}}", KvVersion::V2, Kind::Malformed),
            ("[\"a\"]", KvVersion::V2, Kind::Malformed),
            ("{\"data\":null}", KvVersion::V1, Kind::Malformed),
            ("{\"data\":7}", KvVersion::V1, Kind::Malformed),
            ("<html>", KvVersion::V1, Kind::Malformed),
        ];
        for (body, version, want) in cases {
            assert_eq!(value(&answer(200, body), version).unwrap_err().kind(), want, "{body}");
        }
    }

    #[test]
    fn metadata_are_custom_fields_and_three_of_the_engine() {
        let body = r#"{"data":{"custom_metadata":{"owner":"me","created_time":"mine"},"created_time":"t","current_version":3,
            "delete_version_after":"0s","max_versions":0}}"#;
        assert_eq!(
            metadata(&answer(200, body)).unwrap().expose_str().unwrap(),
            r#"{"created_time":"mine","current_version":3,"delete_version_after":"0s","owner":"me"}"#
        );
        assert_eq!(
            metadata(&answer(200, r#"{"data":{"custom_metadata":null}}"#)).unwrap().expose_str().unwrap(),
            "{}"
        );
    }

    fn mount(path: &str, engine: &str, version: Option<&str>) -> Mount {
        let options = version.map(|version| BTreeMap::from([("version".to_string(), version.to_string())]));
        Mount { path: path.into(), engine: engine.into(), options }
    }

    #[test]
    fn a_mount_of_another_version_or_engine_proves_nothing() {
        let cases = [
            (mount("secret/", "kv", Some("2")), "secret/data/a", KvVersion::V2, true),
            (mount("secret/", "kv", Some("2")), "secret/metadata/a", KvVersion::V2, true),
            (mount("secret/", "kv", Some("1")), "secret/data/a", KvVersion::V2, false),
            (mount("secret/", "kv", None), "secret/data/a", KvVersion::V2, false),
            (mount("secret/", "kv", Some("2")), "secret/a", KvVersion::V1, false),
            (mount("secret/", "kv", Some("1")), "secret/a", KvVersion::V1, true),
            (mount("secret/", "kv", None), "secret/a", KvVersion::V1, true),
            (mount("secret/", "generic", None), "secret/a", KvVersion::V1, true),
            (mount("secret/", "kv", Some("1")), "secret", KvVersion::V1, true),
            (mount("secret/", "kv", Some("2")), "secret", KvVersion::V2, false),
            (mount("db/", "database", None), "db/creds/a", KvVersion::V1, false),
            (mount("secret/", "kv", Some("2")), "secret/team/data/a", KvVersion::V2, false),
            (mount("other/", "kv", Some("2")), "secret/data/a", KvVersion::V2, false),
            (mount("secret/", "kv", Some("2")), "secrets/data/a", KvVersion::V2, false),
            (mount("a/b/", "kv", Some("2")), "a/b/data/c", KvVersion::V2, true),
        ];
        for (mount, path, version, want) in cases {
            assert_eq!(mount.proves(path, version).is_ok(), want, "{mount:?} {path} {version:?}");
        }
    }

    #[test]
    fn a_path_is_encoded_and_stays_below_the_address() {
        let server = Url::parse("https://vault.example/base/").unwrap();
        let cases = [
            ("secret/data/a b%?#", "https://vault.example/base/v1/secret/data/a%20b%25%3F%23"),
            ("secret//data/é/", "https://vault.example/base/v1/secret/data/%C3%A9"),
            (r"secret/data/a\b", "https://vault.example/base/v1/secret/data/a%5Cb"),
        ];
        for (path, want) in cases {
            assert_eq!(address(&server, &Call::read(path, None)).unwrap().as_str(), want);
        }
        let list = Call::list("secret/metadata/", None);
        assert_eq!(
            address(&server, &list).unwrap().as_str(),
            "https://vault.example/base/v1/secret/metadata?list=true"
        );
    }

    #[test]
    fn a_token_is_sent_without_white_space_around_it() {
        let headers = TokenHeaders::new(&" s.abc\n".into(), None).unwrap();
        assert_eq!(headers.0["x-vault-token"], "s.abc");
        assert!(!format!("{headers:?}").contains("s.abc"));
        assert_eq!(TokenHeaders::new(&"a\nb".into(), None).unwrap_err().kind(), Kind::Unauthenticated);
    }
}
