//! Metrics under ESO's names (reference 8.1), computed at scrape from live state: an object that is gone has no series.

use std::{
    fmt::{self, Debug},
    sync::Arc,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text::encode},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

/// What is known of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectRow {
    /// Namespace; empty for cluster-scoped kinds.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Reconciles.
    pub calls: u64,
    /// Reconciles that failed.
    pub errors: u64,
    /// Duration of the last reconcile in nanoseconds.
    pub duration: u64,
    /// The Ready condition; `None` before the first.
    pub ready: Option<bool>,
}

/// One process-wide number.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Name, without a suffix.
    pub name: &'static str,
    /// Help text.
    pub help: &'static str,
    /// True for a counter (the text format appends `_total`).
    pub counter: bool,
    /// Labels.
    pub labels: Vec<(&'static str, String)>,
    /// Value.
    pub value: u64,
}

/// Something with live state to report.
pub trait Source: Send + Sync + Debug + 'static {
    /// The metric prefix (`externalsecret`), and the rows; an empty prefix has none.
    fn objects(&self) -> (&'static str, Vec<ObjectRow>);

    /// Figures of the process.
    fn figures(&self) -> Vec<Figure> {
        Vec::new()
    }
}

/// All metrics of the process as OpenMetrics text.
#[must_use]
pub fn text(sources: &[Arc<dyn Source>]) -> String {
    let mut registry = Registry::default();
    for source in sources {
        registry.register_collector(Box::new(Scrape(source.clone())));
    }
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _infallible = encode(&mut text, &registry);
    text
}

#[derive(Debug)]
struct Scrape(Arc<dyn Source>);

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (prefix, rows) = self.0.objects();
        if !prefix.is_empty() {
            conditions(&mut encoder, prefix, &rows)?;
            durations(&mut encoder, prefix, &rows)?;
        }
        if prefix == "externalsecret" {
            calls(&mut encoder, prefix, &rows)?;
        }
        figures(&mut encoder, &self.0.figures())
    }
}

fn names(row: &ObjectRow) -> [(&'static str, &str); 2] {
    [("name", row.name.as_str()), ("namespace", row.namespace.as_str())]
}

fn conditions(encoder: &mut DescriptorEncoder<'_>, prefix: &str, rows: &[ObjectRow]) -> fmt::Result {
    let name = format!("{prefix}_status_condition");
    let mut metric =
        encoder.encode_descriptor(&name, "The condition of an object", None, MetricType::Gauge)?;
    for row in rows {
        let Some(ready) = row.ready else { continue };
        for (status, value) in [("True", ready), ("False", !ready)] {
            let [name, namespace] = names(row);
            let labels = [name, namespace, ("condition", "Ready"), ("status", status)];
            gauge(&mut metric, &labels, u64::from(value))?;
        }
    }
    Ok(())
}

fn durations(encoder: &mut DescriptorEncoder<'_>, prefix: &str, rows: &[ObjectRow]) -> fmt::Result {
    let name = format!("{prefix}_reconcile_duration");
    let help = "The duration of the last reconcile in nanoseconds";
    let mut metric = encoder.encode_descriptor(&name, help, None, MetricType::Gauge)?;
    rows.iter().try_for_each(|row| gauge(&mut metric, &names(row), row.duration))
}

fn calls(encoder: &mut DescriptorEncoder<'_>, prefix: &str, rows: &[ObjectRow]) -> fmt::Result {
    let name = format!("{prefix}_sync_calls");
    let mut metric = encoder.encode_descriptor(&name, "Reconciles", None, MetricType::Counter)?;
    for row in rows {
        ConstCounter::new(row.calls).encode(metric.encode_family(&names(row))?)?;
    }
    // ESO's name of this counter lacks the suffix of counters, so it is exposed as a gauge.
    let name = format!("{prefix}_sync_calls_error");
    let mut metric = encoder.encode_descriptor(&name, "Reconciles that failed", None, MetricType::Gauge)?;
    rows.iter().try_for_each(|row| gauge(&mut metric, &names(row), row.errors))
}

fn figures(encoder: &mut DescriptorEncoder<'_>, figures: &[Figure]) -> fmt::Result {
    for group in figures.chunk_by(|a, b| a.name == b.name) {
        let Some(first) = group.first() else { continue };
        let kind = if first.counter { MetricType::Counter } else { MetricType::Gauge };
        let mut metric = encoder.encode_descriptor(first.name, first.help, None, kind)?;
        for figure in group {
            let labels: Vec<(&str, &str)> =
                figure.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
            if figure.counter {
                ConstCounter::new(figure.value).encode(metric.encode_family(&labels.as_slice())?)?;
            } else {
                gauge(&mut metric, &labels, figure.value)?;
            }
        }
    }
    Ok(())
}

fn gauge(metric: &mut MetricEncoder<'_>, labels: &[(&str, &str)], value: u64) -> fmt::Result {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(metric.encode_family(&labels)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct One(Option<bool>);

    impl Source for One {
        fn objects(&self) -> (&'static str, Vec<ObjectRow>) {
            let (namespace, name) = ("team".to_string(), "es".to_string());
            (
                "externalsecret",
                vec![ObjectRow { namespace, name, calls: 3, errors: 1, duration: 42, ready: self.0 }],
            )
        }
    }

    #[test]
    fn names_and_labels_are_those_of_eso() {
        let text = text(&[Arc::new(One(Some(true)))]);
        for line in [
            r#"externalsecret_sync_calls_total{name="es",namespace="team"} 3"#,
            r#"externalsecret_sync_calls_error{name="es",namespace="team"} 1"#,
            r#"externalsecret_status_condition{name="es",namespace="team",condition="Ready",status="True"} 1"#,
            r#"externalsecret_status_condition{name="es",namespace="team",condition="Ready",status="False"} 0"#,
            r#"externalsecret_reconcile_duration{name="es",namespace="team"} 42"#,
        ] {
            assert!(text.lines().any(|have| have == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn an_object_without_a_condition_has_no_condition_series() {
        assert!(!text(&[Arc::new(One(None))]).contains("status=\"True\""));
    }
}
