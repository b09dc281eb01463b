//! The content of the Secret from the values and the spec's template (reference 2.7, 6), and the check of what may be written at all.
//! [`generic`]: that of an object of another kind.
//!
//! Later wins: the values of the stores (where they stay), `templateFrom` in its order, `template.data`; for labels and annotations
//! `templateFrom`, then the template's own. What is rendered into a place that is checked by the API server (keys, labels) is checked here
//! first: the API server's refusal would show it.

pub mod generic;

mod names;
mod path;
mod sheet;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use keyferry_stores::base::{
    Error, Kind, Result, SecretBytes,
    refs::{Ref, RefKind, Scope},
};

use self::sheet::{Place, Sheet};
use super::{
    shape::{check_size, unbuilt},
    shelf::{Sources, Used, Wanted},
    templates::Session,
};
use crate::{
    api::external_secret::{ExternalSecretSpec, MergePolicy, Template, TemplateFrom, TemplateRef},
    cluster::{Meta, Secret, Unsaid, generic::GenericObject},
};

/// The type whose Secret the API server fills with a token of the ServiceAccount that the annotation names.
const SERVICE_ACCOUNT_TOKEN: &str = "kubernetes.io/service-account-token";
/// The annotation that names the ServiceAccount.
const SERVICE_ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";
/// The type whose Secret lets a node join the cluster.
const BOOTSTRAP_TOKEN: &str = "bootstrap.kubernetes.io/token";
/// The one version of the template engine.
const ENGINE: &str = "v2";

/// What goes into the Secret, before it meets the one that is there.
#[derive(Clone, Default, PartialEq, Eq)]
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
    /// True if nothing was rendered, because the Secret that is there keeps its content. No Secret is made of this.
    pub frozen: bool,
    /// What was rendered into keys, labels and annotations.
    pub unsaid: Vec<Unsaid>,
}

/// Without what was rendered: it may hold what stores hold.
impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (data, labels, annotations) = (self.data.len(), self.labels.len(), self.annotations.len());
        write!(f, "Rendered({data} keys, {labels} labels, {annotations} annotations)")
    }
}

/// The metadata of the ExternalSecret that a Secret without a template takes over.
#[derive(Debug, Clone, Copy)]
pub struct Metadata<'a> {
    /// Labels.
    pub labels: &'a BTreeMap<String, String>,
    /// Annotations.
    pub annotations: &'a BTreeMap<String, String>,
}

/// What templates are rendered with.
#[derive(Debug, Clone, Copy)]
pub struct Templating<'a, 't> {
    /// Functions, delimiters and limits.
    pub session: &'a Session<'t>,
    /// What [`wanted_of`] names, as it was read.
    pub sources: &'a Sources,
}

/// The ConfigMaps and Secrets that a specification uses as templates. None of them can name a namespace.
#[must_use]
pub fn sources_of(spec: &ExternalSecretSpec) -> Vec<Ref> {
    wanted_of(spec).into_keys().collect()
}

/// [`sources_of`], with what is used of each.
#[must_use]
pub fn wanted_of(spec: &ExternalSecretSpec) -> Wanted {
    let template = spec.target.as_ref().and_then(|target| target.template.as_ref());
    let entries = template.map(|template| template.template_from.as_slice()).unwrap_or_default();
    let mut wanted = Wanted::new();
    for (n, entry) in entries.iter().enumerate() {
        for (kind, source) in sources_in(entry) {
            let first = || Used { part: sheet::part_of(n), keys: BTreeSet::new() };
            let used = wanted.entry(reference(kind, source)).or_insert_with(first);
            used.keys.extend(source.items.iter().map(|item| item.key.clone()));
        }
    }
    wanted
}

fn reference(kind: RefKind, source: &TemplateRef) -> Ref {
    Ref { kind, field: "templateFrom", name: source.name.clone(), namespace: None, strict: false }
}

/// The objects of an entry, in the order in which they are rendered.
fn sources_in(entry: &TemplateFrom) -> impl Iterator<Item = (RefKind, &TemplateRef)> {
    let config_map = entry.config_map.iter().map(|source| (RefKind::ConfigMap, source));
    config_map.chain(entry.secret.iter().map(|source| (RefKind::Secret, source)))
}

/// The word for the part of the target that an entry fills; what is not said is the schema's default.
fn target_of(entry: &TemplateFrom) -> &str {
    entry.target.as_deref().unwrap_or("Data")
}

/// Renders the content.
///
/// # Errors
/// `Refused` if the template asks for a privileged Secret; `Invalid` if it does not work, naming the entry and the place in it and never
/// a value; `Unsupported` if the specification needs what is not built.
pub fn render<'a>(
    spec: &ExternalSecretSpec,
    metadata: Metadata<'_>,
    values: &'a BTreeMap<String, SecretBytes>,
    templating: Templating<'a, '_>,
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
    let rendered = check(template).and_then(|()| from_template(template, values, templating));
    let rendered = rendered.and_then(|rendered| {
        authorize(rendered.type_.as_deref().unwrap_or_default(), &rendered.annotations)?;
        check_size(&rendered.data)?;
        Ok(Rendered { immutable, ..rendered })
    });
    rendered.map_err(|error| error.within("could not apply template"))
}

/// What no values are needed for to refuse it (reference 7.2, rules 4 and 5).
fn check(template: &Template) -> Result<()> {
    check_engine(template)?;
    let type_ = template.type_.as_deref().unwrap_or_default();
    let metadata = template.metadata.as_ref();
    authorize(type_, metadata.map_or(&BTreeMap::new(), |metadata| &metadata.annotations))?;
    for (n, entry) in template.template_from.iter().enumerate() {
        check_place(entry, type_).map_err(|error| error.within(sheet::part_of(n)))?;
    }
    Ok(())
}

fn check_place(entry: &TemplateFrom, type_: &str) -> Result<()> {
    if Place::of(target_of(entry))? == Place::Annotations && type_ == SERVICE_ACCOUNT_TOKEN {
        let why = format!("template.type={type_:?} with templateFrom target=\"Annotations\" is not allowed");
        return Err(Error::new(Kind::Refused, why));
    }
    Ok(())
}

fn check_engine(template: &Template) -> Result<()> {
    match template.engine_version.as_deref() {
        None | Some("" | ENGINE) => Ok(()),
        Some(other) => {
            Err(Error::new(Kind::Invalid, format!("unsupported template engine version: {other}")))
        }
    }
}

fn from_template<'a>(
    template: &Template,
    values: &'a BTreeMap<String, SecretBytes>,
    templating: Templating<'a, '_>,
) -> Result<Rendered> {
    let metadata = template.metadata.clone().unwrap_or_default();
    let keeps = template.merge_policy == Some(MergePolicy::Merge)
        || template.data.is_empty() && template.template_from.is_empty();
    let rendered = Rendered {
        data: if keeps { values.clone() } else { BTreeMap::new() },
        type_: template.type_.clone().filter(|type_| !type_.is_empty()),
        finalizers: metadata.finalizers,
        ..Rendered::default()
    };
    let mut sheet = Sheet::new(rendered, values, templating);
    sheet.add_all_from(&template.template_from)?;
    sheet.add_own("data", &Place::Data, &template.data)?;
    sheet.add_own("metadata.labels", &Place::Labels, &metadata.labels)?;
    sheet.add_own("metadata.annotations", &Place::Annotations, &metadata.annotations)?;
    Ok(sheet.filled)
}

/// The last look at a Secret before it is written, whatever led to it: only into the namespace of the object that asks for it, and
/// never one that would make the API server hand out a credential (SEC-06). Rules at admission are advice; this one is not.
///
/// # Errors
/// `Refused`.
pub fn authorize_write(secret: &Secret, scope: &Scope) -> Result<()> {
    authorize_namespace(&secret.meta, scope)?;
    authorize(&secret.type_, &secret.meta.annotations)
        .map_err(|error| error.within("could not apply template"))
}

/// The same look at an object of another kind: into its own namespace alone.
///
/// # Errors
/// `Refused`.
pub fn authorize_object(object: &GenericObject, scope: &Scope) -> Result<()> {
    authorize_namespace(&object.meta, scope)
}

fn authorize_namespace(target: &Meta, scope: &Scope) -> Result<()> {
    if scope.consumer() == Some(target.namespace.as_str()) {
        return Ok(());
    }
    let why = "a target may be written only into the namespace of its ExternalSecret";
    Err(Error::new(Kind::Refused, why).with("namespace", &target.namespace))
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
