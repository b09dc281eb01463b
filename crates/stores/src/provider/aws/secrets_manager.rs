//! Secrets Manager: reads (reference 10.2).
//!
//! Current values of several secrets are read by one `BatchGetSecretValue`; versions, stages and tags singly. A find always
//! lists first: the filters of AWS match a tag's key and a tag's value independently (`a=1, b=2` also finds `a=2, b=1`), and
//! only the list shows the tags, so that pairs can be compared. A batch by filter needs the right to list as well, so nobody
//! loses access. The store's `prefix` is for keys; names that a list gives are whole.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use aws_sdk_secretsmanager::{
    Client,
    operation::{batch_get_secret_value::BatchGetSecretValueOutput, get_secret_value::GetSecretValueOutput},
    primitives::Blob,
    types::{ApiErrorType, Filter, FilterNameStringType, SecretListEntry, SecretValueEntry, Tag},
};

use super::{
    auth::Session,
    error::{Call, Said, classify},
    read::{self, Ask, Backend, Batched, Matches},
    transport::Service,
};
use crate::base::{Error, Kind, Result, SecretBytes};
use crate::provider::{Entry, Query};

/// Secrets of one account and region.
#[derive(Debug)]
pub(super) struct SecretsManager {
    client: Client,
    session: Arc<Session>,
}

/// Filters that AWS takes at most, less one for the path; two a tag. More tags are compared after the list alone.
const FILTERED_TAGS: usize = 4;

impl SecretsManager {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { client: Client::new(&session.sdk(Service::SecretsManager)), session }
    }

    async fn value(&self, ask: &Ask) -> Result<Entry> {
        let (stage, version) = stage_or_version(ask.version.as_deref());
        let answer = self
            .session
            .call(call("GetSecretValue", Some(&ask.id)), || {
                let request = self.client.get_secret_value().secret_id(&ask.id);
                request.set_version_stage(stage.clone()).set_version_id(version.clone()).send()
            })
            .await?;
        let GetSecretValueOutput { secret_string, secret_binary, version_id, .. } = answer;
        entry(&ask.id, secret_string, secret_binary, version_id)
    }

    async fn list_page(
        &self,
        filters: &[Filter],
        token: Option<String>,
    ) -> Result<(Vec<SecretListEntry>, Option<String>)> {
        let answer = self
            .session
            .call(call("ListSecrets", None), || {
                let request = self.client.list_secrets().max_results(100).set_next_token(token.clone());
                request.set_filters(Some(filters.to_vec()).filter(|filters| !filters.is_empty())).send()
            })
            .await?;
        Ok((answer.secret_list.unwrap_or_default(), answer.next_token))
    }
}

#[async_trait]
impl Backend for SecretsManager {
    /// `BatchGetSecretValue` takes 20 ids.
    const BATCH: usize = 20;

    fn session(&self) -> &Session {
        &self.session
    }

    async fn one(&self, ask: &Ask) -> Result<Entry> {
        self.value(ask).await
    }

    async fn tags(&self, id: &str) -> Result<BTreeMap<String, String>> {
        let describe = || self.client.describe_secret().secret_id(id).send();
        let answer = self.session.call(call("DescribeSecret", Some(id)), describe).await?;
        Ok(pairs(answer.tags()))
    }

    async fn batch(&self, ids: &[String]) -> Result<Batched> {
        let mut batched = Batched::new();
        let mut token = None;
        loop {
            let answer = self
                .session
                .call(call("BatchGetSecretValue", None), || {
                    let request = self.client.batch_get_secret_value().set_secret_id_list(Some(ids.to_vec()));
                    request.set_next_token(token.clone()).send()
                })
                .await?;
            token = read::next_page(token, answer.next_token.clone())?;
            collect(answer, ids, &mut batched);
            if token.is_none() {
                break;
            }
        }
        read::unanswered(ids, &mut batched);
        Ok(batched)
    }

    async fn find(&self, query: &Query) -> Result<Vec<(String, Option<Entry>)>> {
        let matches = Matches::of(query)?;
        let filters = filters(query);
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let (page, next) = self.list_page(&filters, token.clone()).await?;
            for secret in page {
                let name = secret.name().ok_or_else(|| unreadable("ListSecrets"))?;
                if matches.name(name) && matches.tags(&pairs(secret.tags())) {
                    names.push((name.to_string(), None));
                }
            }
            read::within_limit(names.len())?;
            token = read::next_page(token, next)?;
            if token.is_none() {
                return Ok(names);
            }
        }
    }
}

fn call<'a>(action: &'static str, entry: Option<&'a str>) -> Call<'a> {
    Call { service: Service::SecretsManager, action, entry }
}

fn unreadable(action: &str) -> Error {
    Error::new(Kind::Malformed, format!("{action}: the answer is unreadable"))
}

/// `uuid/<id>` is a version, anything else a stage; none is the current one.
fn stage_or_version(version: Option<&str>) -> (Option<String>, Option<String>) {
    match version {
        None | Some("") => (Some("AWSCURRENT".to_string()), None),
        Some(version) => match version.strip_prefix("uuid/") {
            Some(id) => (None, Some(id.to_string())),
            None => (Some(version.to_string()), None),
        },
    }
}

fn entry(id: &str, text: Option<String>, binary: Option<Blob>, version: Option<String>) -> Result<Entry> {
    let bytes = text.map(String::into_bytes).or_else(|| binary.map(Blob::into_inner));
    let Some(bytes) = bytes else {
        return Err(
            Error::new(Kind::Malformed, "the secret has neither a string nor bytes").with("entry", id)
        );
    };
    Ok(Entry { version, ..Entry::bytes(SecretBytes::new(bytes)) })
}

/// Sorts one answer's values and errors to the ids that asked: an id may be a name, an ARN, or an ARN without its random end.
fn collect(answer: BatchGetSecretValueOutput, ids: &[String], batched: &mut Batched) {
    for value in answer.secret_values.unwrap_or_default() {
        let asked: Vec<_> = ids.iter().filter(|id| is_named(&value, id)).collect();
        let SecretValueEntry { secret_string, secret_binary, version_id, .. } = value;
        for id in asked {
            let entry = entry(id, secret_string.clone(), secret_binary.clone(), version_id.clone());
            batched.insert(id.clone(), entry);
        }
    }
    for error in answer.errors.unwrap_or_default() {
        if let Some(id) = error.secret_id().filter(|id| ids.iter().any(|asked| asked == id)) {
            batched.insert(id.to_string(), Err(refusal(id, &error)));
        }
    }
}

fn is_named(value: &SecretValueEntry, id: &str) -> bool {
    let partial =
        |arn: &str| arn.strip_prefix(id).is_some_and(|rest| rest.len() == 7 && rest.starts_with('-'));
    value.name() == Some(id)
        || value.arn().is_some_and(|arn| arn == id || (id.starts_with("arn:") && partial(arn)))
}

fn refusal(id: &str, error: &ApiErrorType) -> Error {
    let said = Said { code: error.error_code(), message: error.message(), ..Said::default() };
    classify(call("BatchGetSecretValue", Some(id)), said)
}

fn pairs(tags: &[Tag]) -> BTreeMap<String, String> {
    let text = |part: Option<&str>| part.unwrap_or_default().to_string();
    tags.iter().map(|tag| (text(tag.key()), text(tag.value()))).collect()
}

fn filters(query: &Query) -> Vec<Filter> {
    let filter = |key, value: &String| Filter::builder().key(key).values(value).build();
    let tags = query.tags.iter().take(FILTERED_TAGS);
    let of_tags = tags.flat_map(|(key, value)| {
        [filter(FilterNameStringType::TagKey, key), filter(FilterNameStringType::TagValue, value)]
    });
    let of_path = query.path.iter().map(|path| filter(FilterNameStringType::Name, path));
    of_path.chain(of_tags).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:111111111111:secret:app/db-AbCdEf";

    fn value(name: &str, arn: &str) -> SecretValueEntry {
        SecretValueEntry::builder().name(name).arn(arn).secret_string("v").build()
    }

    #[test]
    fn a_version_is_a_stage_unless_it_says_uuid() {
        let table = [
            (None, Some("AWSCURRENT"), None),
            (Some(""), Some("AWSCURRENT"), None),
            (Some("AWSPENDING"), Some("AWSPENDING"), None),
            (Some("uuid/1-2"), None, Some("1-2")),
            (Some("1-2"), Some("1-2"), None),
        ];
        for (version, stage, id) in table {
            let expected = (stage.map(str::to_string), id.map(str::to_string));
            assert_eq!(stage_or_version(version), expected, "{version:?}");
        }
    }

    #[test]
    fn a_value_answers_to_its_name_its_arn_and_its_arn_without_the_random_end() {
        let named = |id| is_named(&value("app/db", ARN), id);
        assert!(named("app/db") && named(ARN) && named(ARN.strip_suffix("-AbCdEf").unwrap()));
        assert!(!named("app/d") && !named("app/db-AbCdEf") && !named(ARN.strip_suffix("AbCdEf").unwrap()));
        let other = value(
            "app/db-prod",
            "arn:aws:secretsmanager:eu-central-1:111111111111:secret:app/db-prod-AbCdEf",
        );
        assert!(!is_named(&other, ARN.strip_suffix("-AbCdEf").unwrap()));
    }

    #[test]
    fn every_id_of_a_batch_has_an_answer_and_silence_is_malformed() {
        let ids = ["a", "b", "c", "d"].map(str::to_string);
        let error = |id: &str, code: &str| ApiErrorType::builder().secret_id(id).error_code(code).build();
        let answer = BatchGetSecretValueOutput::builder()
            .secret_values(value("a", ARN))
            .errors(error("b", "ResourceNotFoundException"))
            .errors(error("c", "AccessDeniedException"))
            .errors(error("x", "ResourceNotFoundException"))
            .build();
        let mut batched = Batched::new();
        collect(answer, &ids, &mut batched);
        read::unanswered(&ids, &mut batched);
        let kinds: Vec<_> =
            batched.into_values().map(|answer| answer.map_err(|error| error.kind()).err()).collect();
        assert_eq!(kinds, [None, Some(Kind::NotFound), Some(Kind::Forbidden), Some(Kind::Malformed)]);
    }

    #[test]
    fn a_secret_without_a_value_is_malformed() {
        assert_eq!(entry("a", None, None, None).unwrap_err().kind(), Kind::Malformed);
        assert!(entry("a", Some(String::new()), None, None).is_ok());
    }

    #[test]
    fn no_more_filters_are_sent_than_are_taken() {
        let tags = (0..9).map(|i| (i.to_string(), "v".to_string())).collect();
        let query = Query { tags, path: Some("p".into()), name: None };
        assert_eq!(filters(&query).len(), 9);
    }
}
