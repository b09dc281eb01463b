//! The content of the Secret from the values and the spec's template (reference 2.7), and the check of what may be written at all.
//!
//! Templates without actions only: `sync::shape::unbuilt` refuses the others before a store is asked.

use std::collections::BTreeMap;

use keyferry_stores::base::{Error, Kind, Result, SecretBytes, refs::Scope};

use super::shape::unbuilt;
use crate::{
    api::external_secret::{ExternalSecretSpec, MergePolicy, Template},
    cluster::Secret,
};

/// The type whose Secret the API server fills with a token of the ServiceAccount that the annotation names.
const SERVICE_ACCOUNT_TOKEN: &str = "kubernetes.io/service-account-token";
/// The annotation that names the ServiceAccount.
const SERVICE_ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";
/// The type whose Secret lets a node join the cluster.
const BOOTSTRAP_TOKEN: &str = "bootstrap.kubernetes.io/token";

/// What goes into the Secret, before it meets the one that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Keys and values.
    pub data: BTreeMap<String, SecretBytes>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// The type, if the template names one.
    pub type_: Option<String>,
    /// Finalizers to add.
    pub finalizers: Vec<String>,
    /// True if the Secret is to be immutable.
    pub immutable: bool,
}

/// The metadata of the ExternalSecret that a Secret without a template takes over.
#[derive(Debug, Clone, Copy)]
pub struct Metadata<'a> {
    /// Labels.
    pub labels: &'a BTreeMap<String, String>,
    /// Annotations.
    pub annotations: &'a BTreeMap<String, String>,
}

/// Renders the content.
///
/// # Errors
/// `Refused` if the template asks for a privileged Secret; `Unsupported` if it needs what is not built.
pub fn render(
    spec: &ExternalSecretSpec,
    metadata: Metadata<'_>,
    values: &BTreeMap<String, SecretBytes>,
) -> Result<Rendered> {
    if let Some(error) = unbuilt(spec) {
        return Err(error);
    }
    let target = spec.target.as_ref();
    let immutable = target.is_some_and(|target| target.immutable);
    let Some(template) = target.and_then(|target| target.template.as_ref()) else {
        let (labels, annotations) = (metadata.labels.clone(), metadata.annotations.clone());
        return Ok(Rendered { data: values.clone(), labels, annotations, immutable, ..Rendered::default() });
    };
    let rendered = from_template(template, values, immutable);
    authorize(rendered.type_.as_deref().unwrap_or_default(), &rendered.annotations)
        .map_err(|error| error.within("could not apply template"))?;
    Ok(rendered)
}

fn from_template(template: &Template, values: &BTreeMap<String, SecretBytes>, immutable: bool) -> Rendered {
    let merges = template.merge_policy == Some(MergePolicy::Merge) || template.data.is_empty();
    let mut data = if merges { values.clone() } else { BTreeMap::new() };
    data.extend(template.data.iter().map(|(key, text)| (key.clone(), SecretBytes::from(text.as_str()))));
    let metadata = template.metadata.clone().unwrap_or_default();
    Rendered {
        data,
        labels: metadata.labels,
        annotations: metadata.annotations,
        type_: template.type_.clone().filter(|type_| !type_.is_empty()),
        finalizers: metadata.finalizers,
        immutable,
    }
}

/// The last look at a Secret before it is written, whatever led to it: only into the namespace of the object that asks for it, and
/// never one that would make the API server hand out a credential (SEC-06). Rules at admission are advice; this one is not.
///
/// # Errors
/// `Refused`.
pub fn authorize_write(secret: &Secret, scope: &Scope) -> Result<()> {
    if scope.consumer() != Some(secret.namespace.as_str()) {
        let refusal = Error::new(
            Kind::Refused,
            "a Secret may be written only into the namespace of its ExternalSecret",
        );
        return Err(refusal.with("namespace", &secret.namespace));
    }
    authorize(&secret.type_, &secret.annotations).map_err(|error| error.within("could not apply template"))
}

fn authorize(type_: &str, annotations: &BTreeMap<String, String>) -> Result<()> {
    let refusal = match type_ {
        SERVICE_ACCOUNT_TOKEN if annotations.contains_key(SERVICE_ACCOUNT_NAME) => {
            format!("template.type={type_:?} with annotation {SERVICE_ACCOUNT_NAME:?} is not allowed")
        }
        BOOTSTRAP_TOKEN => format!("template.type={type_:?} is not allowed"),
        _ => return Ok(()),
    };
    Err(Error::new(Kind::Refused, refusal))
}

#[cfg(test)]
mod tests;
