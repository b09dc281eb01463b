//! What the pure steps of a sync cost, call by call, on objects as a real API server gave them (`benches/steps/`): an ExternalSecret
//! that Argo CD and kubectl applied, its Secret of three values of 1 KiB, and its Vault store.
//!
//! `cargo bench --bench steps`; a part of a name as argument runs what bears it, `--quiet` leaves out outliers and comparisons.

use std::{error::Error, hint::black_box, sync::Arc, time::Duration};

use criterion::Criterion;
use jiff::Timestamp;
use keyferry::{
    api::{
        digest,
        external_secret::{CreationPolicy, DeletionPolicy, ExternalSecretSpec},
        parse,
    },
    cluster::{
        ObjectKey, Secret, StatusKind,
        managed::{DigestKey, ManagedSecret},
        watch::{Change, Metadata, MetadataKind, Namespace, Namespaces, Pairs, RawObject},
    },
    controller::world::{Expected, SharedWorld, Signal},
    sync::{
        plan::{self, Owner, Plan, Want},
        render::{self, Rendered, Templating},
        shape::{self, Answer, Answers, Rules},
        shelf::Sources,
        stores::StoreRef,
        templates::{Delimiters, Pace, Templates},
    },
};
use keyferry_stores::{
    base::{SecretBytes, clock::SystemClock},
    provider::{Absence, Entry, MapRule, PropertyRule},
};
use kube::core::WatchEvent;
use serde_json::{Value, json};

/// The program's own, or the figures would be those of another program.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const EXTERNAL_SECRET: &str = include_str!("steps/external_secret.json");
const SECRET: &str = include_str!("steps/secret.json");
const STORE: &str = include_str!("steps/store.json");

/// Vault's, the store of most clusters.
const VAULT: Rules = Rules {
    property: PropertyRule::FieldThenPath,
    property_absence: false,
    map: MapRule::Decoded,
    find_converts: false,
    absence: Absence::Proves,
};

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let mut bench = Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(50)
        .nresamples(10_000)
        .configure_from_args();
    let objects = Objects::read()?;
    decoding(&mut bench)?;
    parsing(&mut bench, &objects)?;
    digests(&mut bench, &objects);
    paths(&mut bench, &objects)?;
    shaping(&mut bench, &objects)?;
    planning(&mut bench, &objects)?;
    targets(&mut bench, &objects)?;
    bench.final_summary();
    Ok(())
}

/// The objects, decoded.
struct Objects {
    external_secret: RawObject,
    spec: ExternalSecretSpec,
    secret: Secret,
    store: RawObject,
    templates: Templates,
}

impl Objects {
    fn read() -> Result<Self, Box<dyn Error>> {
        let external_secret: RawObject = serde_json::from_str(EXTERNAL_SECRET)?;
        let spec = parse::external_secret(&external_secret.spec)?;
        let (secret, store) = (serde_json::from_str(SECRET)?, serde_json::from_str(STORE)?);
        let clock = SystemClock::starting_at(Timestamp::UNIX_EPOCH);
        let templates = Templates::new(&Delimiters::default(), Arc::new(clock));
        Ok(Self { external_secret, spec, secret, store, templates })
    }

    /// The store's entry: an object with the values of the Secret under the properties of the specification.
    fn entry(&self) -> Value {
        let properties = self.spec.data.iter().map(|data| {
            let value = self.secret.data.get(&data.secret_key).and_then(SecretBytes::expose_str);
            (data.remote_ref.property.clone().unwrap_or_default(), json!(value))
        });
        Value::Object(properties.collect())
    }

    /// What ESO and we copy of the ExternalSecret's metadata, with the values of the Secret.
    fn rendered(&self) -> Result<Rendered, Box<dyn Error>> {
        let labels = self.external_secret.labels.to_map();
        let mut annotations = self.external_secret.annotations.to_map();
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        let metadata = render::Metadata { labels: &labels, annotations: &annotations };
        let templating =
            Templating { session: &self.templates.session(Pace::Long), sources: &Sources::new() };
        Ok(render::render(&self.spec, metadata, &self.secret.data, templating)?)
    }
}

/// The word of an input that is not what its figure is named after.
fn must(holds: bool, what: &'static str) -> Outcome {
    if holds { Ok(()) } else { Err(what.into()) }
}

/// What the line of a watch costs, kube's frame included.
fn decoding(bench: &mut Criterion) -> Outcome {
    let line = |object: &str| format!(r#"{{"type":"MODIFIED","object":{}}}"#, object.trim());
    let (object, secret) = (line(EXTERNAL_SECRET), line(SECRET));
    serde_json::from_str::<WatchEvent<RawObject>>(&object)?;
    serde_json::from_str::<WatchEvent<Secret>>(&secret)?;
    bench.bench_function("decode/external_secret", |timer| {
        timer.iter(|| serde_json::from_str::<WatchEvent<RawObject>>(black_box(&object)));
    });
    bench.bench_function("decode/secret", |timer| {
        timer.iter(|| serde_json::from_str::<WatchEvent<Secret>>(black_box(&secret)));
    });
    let key = DigestKey::random()?;
    bench.bench_function("decode/managed_secret", |timer| {
        timer.iter(|| match serde_json::from_str::<WatchEvent<Secret>>(black_box(&secret)) {
            Ok(WatchEvent::Modified(secret)) => Some(ManagedSecret::of(&secret, &key)),
            _ => None,
        });
    });
    Ok(())
}

/// Specifications from their bytes, as each reconcile reads them.
fn parsing(bench: &mut Criterion, objects: &Objects) -> Outcome {
    parse::store(&objects.store.spec)?;
    bench.bench_function("parse/external_secret", |timer| {
        timer.iter(|| parse::external_secret(black_box(&objects.external_secret.spec)));
    });
    bench.bench_function("parse/store", |timer| {
        timer.iter(|| parse::store(black_box(&objects.store.spec)));
    });
    Ok(())
}

/// ESO's digests, and those of the cache.
fn digests(bench: &mut Criterion, objects: &Objects) {
    let (object, secret) = (&objects.external_secret, &objects.secret);
    let (annotations, labels) = (object.annotations.to_map(), object.labels.to_map());
    let name = object.key.name();
    bench.bench_function("digest/data", |timer| {
        timer.iter(|| digest::of_data(black_box(&secret.data)));
    });
    bench.bench_function("digest/synced_version", |timer| {
        timer.iter(|| digest::synced_resource_version(1, black_box(&annotations), black_box(&labels)));
    });
    bench.bench_function("digest/created_by", |timer| {
        timer.iter(|| digest::created_by(black_box("payments"), black_box(name)));
    });
    bench.bench_function("digest/field_manager", |timer| {
        timer.iter(|| digest::field_manager(black_box(name)));
    });
    let key = DigestKey::new(&[7; 32]);
    let value = [7_u8; 1024];
    bench.bench_function("managed/fingerprint", |timer| {
        timer.iter(|| key.fingerprint(black_box(&value)));
    });
    bench.bench_function("managed/secret", |timer| {
        timer.iter(|| ManagedSecret::of(black_box(secret), &key));
    });
}

/// Property paths in an entry of 3 KiB: its last field, the same one below another, and one that a query finds.
fn paths(bench: &mut Criterion, objects: &Objects) -> Outcome {
    let entry = objects.entry();
    let rows = json!([{ "name": "reader" }, { "name": "writer", "password": "p" }]);
    let (flat, below) = (entry.to_string(), json!({ "database": &entry }).to_string());
    let listed = json!({ "database": &entry, "users": rows }).to_string();
    let cases = [
        ("gjson/field", &flat, "username"),
        ("gjson/below", &below, "database.username"),
        ("gjson/query", &listed, r#"users.#(name=="writer").password"#),
    ];
    for (name, json, path) in cases {
        must(gjson::get(json, path).exists(), "the path leads nowhere")?;
        bench.bench_function(name, |timer| {
            timer.iter(|| gjson::find(black_box(json), black_box(path)).map(|found| found.text().len()));
        });
    }
    Ok(())
}

/// Answers of a store to the values of a Secret: three properties of one entry, all of an entry, three entries of one value.
fn shaping(bench: &mut Criterion, objects: &Objects) -> Outcome {
    let entry = Entry::bytes(objects.entry().to_string().into());
    let answer = |rules| Answer::Entry(Ok(entry.clone()), rules);
    let path = Rules { property: PropertyRule::Path, ..VAULT };
    let raw = Rules { map: MapRule::Raw, ..VAULT };
    let each = |rules| Answers { data: vec![answer(rules); 3], data_from: Vec::new() };
    let all = |rules| Answers { data: Vec::new(), data_from: vec![answer(rules)] };
    let extract: ExternalSecretSpec =
        parse::external_secret(br#"{ "dataFrom": [{ "extract": { "key": "payments/ledger/database" } }] }"#)?;
    let mut whole = objects.spec.clone();
    whole.data.iter_mut().for_each(|data| data.remote_ref.property = None);
    let value = |value: &SecretBytes| Answer::Entry(Ok(Entry::bytes(value.clone())), VAULT);
    let whole_answers =
        Answers { data: objects.secret.data.values().map(value).collect(), data_from: Vec::new() };
    let cases = [
        ("shape/fields", &objects.spec, each(VAULT)),
        ("shape/paths", &objects.spec, each(path)),
        ("shape/extract_decoded", &extract, all(VAULT)),
        ("shape/extract_raw", &extract, all(raw)),
        ("shape/whole", &whole, whole_answers),
    ];
    for (name, spec, answers) in cases {
        must(
            shape::assemble(spec, &answers, &objects.templates.session(Pace::Long))?.values.len() == 3,
            "the answers do not make three values",
        )?;
        bench.bench_function(name, |timer| {
            timer.iter(|| {
                let session = objects.templates.session(Pace::Long);
                shape::assemble(black_box(spec), black_box(&answers), &session)
            });
        });
    }
    Ok(())
}

/// The content of the Secret, and the plan for a target that is not there, is as wanted, has another value.
fn planning(bench: &mut Criterion, objects: &Objects) -> Outcome {
    let rendered = objects.rendered()?;
    bench.bench_function("render/no_template", |timer| timer.iter(|| black_box(objects).rendered().is_ok()));
    let object = &objects.external_secret;
    let uid = object.uid.to_string();
    let want = Want {
        owner: Owner { namespace: object.key.namespace(), name: object.key.name(), uid: &uid, said: [""; 3] },
        target: object.key.name(),
        creation: CreationPolicy::Owner,
        deletion: DeletionPolicy::Retain,
        empty: None,
        empty_since: None,
        values: &rendered.data,
        rendered: &rendered,
    };
    let mut other = objects.secret.clone();
    other.data.insert("password".into(), "changed".into());
    let now = Timestamp::UNIX_EPOCH;
    must(matches!(plan::plan::<Secret>(&want, None, now), Plan::Create(_)), "the Secret is not created")?;
    must(matches!(plan::plan(&want, Some(&objects.secret), now), Plan::Unchanged), "the Secret is written")?;
    must(matches!(plan::plan(&want, Some(&other), now), Plan::Replace(..)), "the Secret is not replaced")?;
    let cases =
        [("plan/create", None), ("plan/unchanged", Some(&objects.secret)), ("plan/replace", Some(&other))];
    for (name, have) in cases {
        bench.bench_function(name, |timer| {
            timer.iter(|| plan::plan(black_box(&want), black_box(have), now));
        });
    }
    Ok(())
}

/// The identity and target of a store, as each entry of each reconcile asks for them.
fn targets(bench: &mut Criterion, objects: &Objects) -> Outcome {
    let world =
        SharedWorld::new(Expected { over: Namespaces::All, cluster_stores: true, class: "default".into() });
    know(&world, objects);
    let labelled = json!([{ "namespaceSelector": { "matchLabels": { "team": "payments" } } }]);
    let matched = json!([{ "namespaceRegexes": ["^pay(ments|roll)(-[a-z]+)?$"] }]);
    let cases = [
        ("world/store", StatusKind::SecretStore, objects.store.clone()),
        ("world/store_by_label", StatusKind::ClusterSecretStore, cluster_store(objects, "label", labelled)?),
        ("world/store_by_regex", StatusKind::ClusterSecretStore, cluster_store(objects, "regex", matched)?),
    ];
    for (name, kind, raw) in cases {
        let store = StoreRef { kind, key: raw.key.clone() };
        let signals = world.lock().apply_store(kind, Change::Applied(raw));
        must(signals == [Signal::Store(store.clone())], "the store is not known")?;
        let usable = || world.lock().usable(black_box(&store), Some("payments"), true);
        must(usable().is_ok(), "the store cannot be asked")?;
        bench.bench_function(name, |timer| timer.iter(usable));
    }
    Ok(())
}

/// Tells the world of the namespace and of the ServiceAccount with which the store logs in.
fn know(world: &SharedWorld, objects: &Objects) {
    let labels = Pairs::from_iter([("team", "payments"), ("kubernetes.io/metadata.name", "payments")]);
    let namespace = Namespace {
        key: ObjectKey::new("", "payments"),
        uid: objects.store.uid.clone(),
        resource_version: "7".into(),
        labels,
    };
    let account = Metadata {
        key: ObjectKey::new("payments", "ledger"),
        uid: objects.store.uid.clone(),
        resource_version: "8".into(),
        annotations: Pairs::default(),
    };
    let mut world = world.lock();
    world.apply_namespace(Change::Applied(namespace));
    world.apply_metadata(MetadataKind::ServiceAccount, Change::Applied(account));
}

/// The same store for every namespace that the conditions let in.
fn cluster_store(objects: &Objects, name: &str, conditions: Value) -> Result<RawObject, Box<dyn Error>> {
    let mut spec: Value = serde_json::from_slice(&objects.store.spec)?;
    spec["conditions"] = conditions;
    let spec = serde_json::to_vec(&spec)?.into_boxed_slice();
    Ok(RawObject { key: ObjectKey::new("", name), spec, ..objects.store.clone() })
}
