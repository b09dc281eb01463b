//! What a spec may ask for and is not built yet. Such an object is refused whole: no write, no deletion, never an empty map.

use keyferry_stores::base::{Error, Kind};

use crate::api::external_secret::{DataFrom, ExternalSecretSpec};

/// The first thing of a spec that is not built, in the order of the spec.
#[must_use]
pub fn unbuilt(spec: &ExternalSecretSpec) -> Option<Error> {
    let field = if spec.sync_windows.is_some() {
        Some("spec.syncWindows".to_string())
    } else {
        spec.data_from.iter().enumerate().find_map(|(i, source)| in_source(i, source))
    };
    field.map(|field| Error::new(Kind::Unsupported, format!("{field} is not built yet")))
}

fn in_source(i: usize, source: &DataFrom) -> Option<String> {
    let generator = source.source_ref.as_ref().is_some_and(|reference| reference.generator_ref.is_some());
    // ESO looks at the generator only where neither find nor extract is given.
    let asks = generator && source.find.is_none() && source.extract.is_none();
    asks.then(|| format!("spec.dataFrom[{i}].sourceRef.generatorRef"))
}
