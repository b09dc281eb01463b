//! Parameter Store: reads (reference 10.2).
//!
//! Values are always asked for decrypted. Several current values are read by one `GetParameters`. Its `InvalidParameters` lists
//! names that do not exist together with names that are not well formed, so it proves nothing: such a name is asked for once
//! more alone, and only that answer may say that it is absent. The store's `prefix` is for keys; names that a list gives are
//! whole.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use aws_sdk_ssm::{
    Client,
    operation::get_parameters::GetParametersOutput,
    types::{Parameter, ParameterStringFilter, ResourceTypeForTagging},
};

use super::{
    auth::Session,
    error::Call,
    read::{self, Ask, Backend, Batched, Matches},
    transport::Service,
};
use crate::{
    base::{Error, Kind, Result, SecretBytes},
    provider::{Entry, Query},
};

/// Parameters of one account and region.
#[derive(Debug)]
pub(super) struct ParameterStore {
    client: Client,
    session: Arc<Session>,
}

type Listed = Vec<(String, Option<Entry>)>;

impl ParameterStore {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { client: Client::new(&session.sdk(Service::ParameterStore)), session }
    }

    /// All parameters below a path whose names match, with their values.
    async fn by_path(&self, path: &str, matches: &Matches<'_>) -> Result<Listed> {
        let mut listed = Listed::new();
        let mut token = None;
        loop {
            let answer = self
                .session
                .call(call("GetParametersByPath", None), || {
                    let request = self.client.get_parameters_by_path().path(path).recursive(true);
                    request.with_decryption(true).max_results(10).set_next_token(token.clone()).send()
                })
                .await?;
            for parameter in answer.parameters.unwrap_or_default() {
                let name = parameter.name().ok_or_else(|| unreadable("GetParametersByPath"))?.to_string();
                let read = matches.name(&name).then(|| entry(&name, parameter)).transpose()?;
                listed.extend(read.map(|entry| (name, Some(entry))));
            }
            read::within_limit(listed.len())?;
            token = read::next_page(token, answer.next_token)?;
            if token.is_none() {
                return Ok(listed);
            }
        }
    }

    /// The names that the service's own filters select and that match.
    async fn described(&self, filters: &[ParameterStringFilter], matches: &Matches<'_>) -> Result<Listed> {
        let mut listed = Listed::new();
        let mut token = None;
        loop {
            let answer = self
                .session
                .call(call("DescribeParameters", None), || {
                    let request =
                        self.client.describe_parameters().max_results(50).set_next_token(token.clone());
                    request
                        .set_parameter_filters(Some(filters.to_vec()).filter(|filters| !filters.is_empty()))
                        .send()
                })
                .await?;
            for parameter in answer.parameters.unwrap_or_default() {
                let name = parameter.name.ok_or_else(|| unreadable("DescribeParameters"))?;
                listed.extend(matches.name(&name).then_some((name, None)));
            }
            read::within_limit(listed.len())?;
            token = read::next_page(token, answer.next_token)?;
            if token.is_none() {
                return Ok(listed);
            }
        }
    }
}

#[async_trait]
impl Backend for ParameterStore {
    /// `GetParameters` takes 10 names.
    const BATCH: usize = 10;

    fn session(&self) -> &Session {
        &self.session
    }

    async fn one(&self, ask: &Ask) -> Result<Entry> {
        let name = match ask.version.as_deref().unwrap_or_default() {
            "" => ask.id.clone(),
            version => format!("{}:{version}", ask.id),
        };
        let get = || self.client.get_parameter().name(&name).with_decryption(true).send();
        let answer = self.session.call(call("GetParameter", Some(&name)), get).await?;
        entry(&name, answer.parameter.ok_or_else(|| unreadable("GetParameter"))?)
    }

    async fn tags(&self, id: &str) -> Result<BTreeMap<String, String>> {
        let list = || {
            let request =
                self.client.list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter);
            request.resource_id(id).send()
        };
        let answer = self.session.call(call("ListTagsForResource", Some(id)), list).await?;
        Ok(answer.tag_list().iter().map(|tag| (tag.key().to_string(), tag.value().to_string())).collect())
    }

    async fn batch(&self, ids: &[String]) -> Result<Batched> {
        let get = || self.client.get_parameters().set_names(Some(ids.to_vec())).with_decryption(true).send();
        let answer = self.session.call(call("GetParameters", None), get).await?;
        Ok(collect(answer, ids))
    }

    /// The name wins over tags, as in ESO.
    async fn find(&self, query: &Query) -> Result<Listed> {
        let tags = if query.name.is_some() { BTreeMap::new() } else { query.tags.clone() };
        let matches = Matches::of(query)?;
        if !tags.is_empty() {
            return self.described(&filters(&tags, query.path.as_deref())?, &matches).await;
        }
        match self.by_path(query.path.as_deref().unwrap_or("/"), &matches).await {
            Err(error) if error.kind() == Kind::Forbidden => {
                self.described(&filters(&tags, query.path.as_deref())?, &matches).await
            }
            other => other,
        }
    }
}

fn call<'a>(action: &'static str, entry: Option<&'a str>) -> Call<'a> {
    Call { service: Service::ParameterStore, action, entry }
}

fn unreadable(action: &str) -> Error {
    Error::new(Kind::Malformed, format!("{action}: the answer is unreadable"))
}

fn entry(name: &str, parameter: Parameter) -> Result<Entry> {
    let Some(value) = parameter.value else {
        return Err(Error::new(Kind::Malformed, "the parameter came without a value").with("entry", name));
    };
    let version = Some(parameter.version).filter(|version| *version > 0).map(|version| version.to_string());
    Ok(Entry { version, ..Entry::bytes(SecretBytes::from(value)) })
}

/// Sorts one answer to the names that asked: a name, a name with `:version` or `:label`, or an ARN. Names in
/// `InvalidParameters` are left out, and so read singly.
fn collect(answer: GetParametersOutput, ids: &[String]) -> Batched {
    let mut batched = Batched::new();
    for parameter in answer.parameters.unwrap_or_default() {
        for id in ids.iter().filter(|id| is_named(&parameter, id)) {
            batched.insert(id.clone(), entry(id, parameter.clone()));
        }
    }
    read::unanswered(ids, &mut batched);
    for invalid in answer.invalid_parameters.unwrap_or_default() {
        batched.remove(&invalid);
    }
    batched
}

fn is_named(parameter: &Parameter, id: &str) -> bool {
    let is = |name: Option<&str>| {
        let rest = name.and_then(|name| id.strip_prefix(name));
        rest.is_some_and(|rest| rest == parameter.selector().unwrap_or_default())
    };
    is(parameter.name()) || is(parameter.arn())
}

fn filters(tags: &BTreeMap<String, String>, path: Option<&str>) -> Result<Vec<ParameterStringFilter>> {
    let filter = |key: &str, option: &str, value: &str| {
        let filter = ParameterStringFilter::builder().key(key).option(option).values(value).build();
        filter.map_err(|error| Error::new(Kind::Bug, "a filter without a key").because(error))
    };
    let of_path = path.into_iter().map(|path| filter("Path", "Recursive", path));
    let of_tags = tags.iter().map(|(key, value)| filter(&format!("tag:{key}"), "Equals", value));
    of_path.chain(of_tags).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str, selector: Option<&str>) -> Parameter {
        Parameter::builder().name(name).set_selector(selector.map(str::to_string)).value("v").build()
    }

    #[test]
    fn a_parameter_answers_to_its_name_with_its_own_selector_only() {
        assert!(is_named(&parameter("/a", None), "/a"));
        assert!(is_named(&parameter("/a", Some(":3")), "/a:3"));
        assert!(!is_named(&parameter("/a", Some(":3")), "/a"));
        assert!(!is_named(&parameter("/a", Some(":3")), "/a:4"));
        assert!(!is_named(&parameter("/a", None), "/a/b"));
    }

    #[test]
    fn an_arn_is_answered_by_the_parameter_that_has_it() {
        let arn = "arn:aws:ssm:eu-central-1:111111111111:parameter/a";
        let shared = Parameter::builder().name("/a").arn(arn).value("v").build();
        assert!(is_named(&shared, arn));
    }

    #[test]
    fn an_invalid_name_is_left_for_a_single_read_and_silence_is_malformed() {
        let ids = ["/a", "/b", "/c"].map(str::to_string);
        let answer =
            GetParametersOutput::builder().parameters(parameter("/a", None)).invalid_parameters("/b").build();
        let batched = collect(answer, &ids);
        assert!(batched["/a"].is_ok());
        assert!(!batched.contains_key("/b"));
        assert_eq!(batched["/c"].as_ref().unwrap_err().kind(), Kind::Malformed);
    }

    #[test]
    fn a_parameter_without_a_value_is_malformed() {
        assert_eq!(entry("/a", Parameter::builder().name("/a").build()).unwrap_err().kind(), Kind::Malformed);
    }
}
