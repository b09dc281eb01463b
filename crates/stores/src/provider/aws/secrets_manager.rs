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

    async fn list_page(&self, filters: &[Filter], token: Option<String>) -> Result<(Vec<SecretListEntry>, Option<String>)> {
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
        return Err(Error::new(Kind::Malformed, "the secret has neither a string nor bytes").with("entry", id));
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
    let partial = |arn: &str| arn.strip_prefix(id).is_some_and(|rest| rest.len() == 7 && rest.starts_with('-'));
    value.name() == Some(id) || value.arn().is_some_and(|arn| arn == id || (id.starts_with("arn:") && partial(arn)))
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
