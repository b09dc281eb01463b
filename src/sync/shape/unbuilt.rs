//! What a spec may ask for and is not built yet. Such an object is refused whole: no write, no deletion, never an empty map.

use std::collections::BTreeMap;

use keyferry_stores::base::{Error, Kind};

use crate::api::external_secret::{DataFrom, ExternalSecretSpec, Template};

/// The refusal of a field that is not built.
pub(crate) fn not_built(field: &str) -> Error {
    Error::new(Kind::Unsupported, format!("{field} is not built yet"))
}

/// The first thing of a spec that is not built, in the order of the spec. A template without actions is built.
#[must_use]
pub fn unbuilt(spec: &ExternalSecretSpec) -> Option<Error> {
    let target = spec.target.as_ref();
    let field = if spec.sync_windows.is_some() {
        Some("spec.syncWindows".to_string())
    } else if target.is_some_and(|target| target.manifest.is_some()) {
        Some("spec.target.manifest".to_string())
    } else {
        let template = target.and_then(|target| target.template.as_ref()).and_then(in_template);
        template.or_else(|| spec.data_from.iter().enumerate().find_map(|(i, source)| in_source(i, source)))
    };
    field.map(|field| not_built(&field))
}

fn in_template(template: &Template) -> Option<String> {
    if !template.template_from.is_empty() {
        return Some("spec.target.template.templateFrom".into());
    }
    let metadata = template.metadata.as_ref();
    let maps = [
        ("data", Some(&template.data)),
        ("metadata.labels", metadata.map(|metadata| &metadata.labels)),
        ("metadata.annotations", metadata.map(|metadata| &metadata.annotations)),
    ];
    let action = |(field, map): (&str, Option<&BTreeMap<String, String>>)| {
        let (key, _) = map?.iter().find(|(_, value)| value.contains("{{"))?;
        Some(format!("a template action in spec.target.template.{field}[{key}]"))
    };
    maps.into_iter().find_map(action)
}

fn in_source(i: usize, source: &DataFrom) -> Option<String> {
    let generator = source.source_ref.as_ref().is_some_and(|reference| reference.generator_ref.is_some());
    // ESO looks at the generator only where neither find nor extract is given.
    if generator && source.find.is_none() && source.extract.is_none() {
        return Some(format!("spec.dataFrom[{i}].sourceRef.generatorRef"));
    }
    let transform = source.rewrite.iter().position(|operation| operation.transform.is_some())?;
    Some(format!("spec.dataFrom[{i}].rewrite[{transform}].transform"))
}
