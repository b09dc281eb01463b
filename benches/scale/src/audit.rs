//! Requests by verb and resource, as the API server's audit log tells them: counted outside the process that made them.
//!
//! An event may be written a moment after its request was answered, so who counts waits until the counts rest.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::{self, Display, Formatter},
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{Failure, Result};

/// The verbs that change objects. A review or a token request is a `create` as well.
const WRITES: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];

/// How often a user asked for what: by verb and `resource` or `resource/subresource`; paths such as `/readyz` stand for themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<(String, String), u64>);

/// An event of the log. A watch has two of the same id: one when it starts, one when it ends.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "auditID")]
    id: String,
    verb: String,
    #[serde(rename = "requestURI")]
    uri: String,
    user: User,
    object_ref: Option<ObjectRef>,
}

/// Who asked.
#[derive(Deserialize)]
struct User {
    /// Absent where somebody whom nobody knows was refused.
    #[serde(default)]
    username: String,
}

/// What was asked for. Each is empty where it does not apply.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ObjectRef {
    namespace: String,
    name: String,
    resource: String,
    subresource: String,
}

/// Counts the requests of one user, watches that still run included. A last line that is still being written is left for the next count.
///
/// # Errors
/// If the log cannot be read or is no audit log.
pub fn count(log: &Path, user: &str) -> Result<Counts> {
    let mut counts = Counts::default();
    each(log, user, |event| {
        let key = (event.verb.clone(), event.asked_for());
        *counts.0.entry(key).or_default() += 1;
    })?;
    Ok(counts)
}

/// How often one user wrote each object's `resource` or `resource/subresource`, whatever the answer was; by `namespace/name`. A `create`
/// names no object and is not among them.
///
/// # Errors
/// As [`count`].
pub fn writes_of_each(log: &Path, user: &str, resource: &str) -> Result<BTreeMap<String, u64>> {
    let mut writes = BTreeMap::new();
    each(log, user, |event| {
        let Some(ObjectRef { namespace, name, .. }) = &event.object_ref else { return };
        let object = format!("{namespace}/{name}");
        if !name.is_empty() && WRITES.contains(&event.verb.as_str()) && event.asked_for() == resource {
            *writes.entry(object).or_default() += 1;
        }
    })?;
    Ok(writes)
}

/// Takes every request of one user once.
fn each(log: &Path, user: &str, take: impl FnMut(Event)) -> Result<()> {
    let mut tally = Tally { user, seen: HashSet::new(), take };
    // The log goes first: should it be moved aside meanwhile, it is read twice and counted once.
    tally.read_file(log)?;
    for file in moved_aside(log)? {
        tally.read_file(&file)?;
    }
    Ok(())
}

impl Counts {
    /// How often the user asked with this verb for this `resource` or `resource/subresource`.
    #[must_use]
    pub fn get(&self, verb: &str, resource: &str) -> u64 {
        self.0.get(&(verb.to_owned(), resource.to_owned())).copied().unwrap_or_default()
    }

    /// All requests.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The requests that write.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.rows().filter(|(verb, ..)| WRITES.contains(verb)).map(|(.., count)| count).sum()
    }

    /// Verb, resource and count, sorted by verb and resource.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.0.iter().map(|((verb, resource), count)| (verb.as_str(), resource.as_str(), *count))
    }

    /// What came after an earlier count of the same log.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let left = |(verb, resource, count): (&str, &str, u64)| {
            let new = count.saturating_sub(earlier.get(verb, resource));
            (new > 0).then(|| ((verb.to_owned(), resource.to_owned()), new))
        };
        Self(self.rows().filter_map(left).collect())
    }
}

impl Display for Counts {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.rows().try_for_each(|(verb, resource, count)| writeln!(out, "{verb} {resource} {count}"))
    }
}

/// A count under way.
struct Tally<'a, T> {
    user: &'a str,
    /// The ids of the requests that are counted.
    seen: HashSet<String>,
    take: T,
}

impl<T: FnMut(Event)> Tally<'_, T> {
    fn read_file(&mut self, file: &Path) -> Result<()> {
        let named = |error: &dyn Display| Failure::from(format!("{}: {error}", file.display()));
        let open = File::open(file).map_err(|error| named(&error))?;
        self.read(BufReader::new(open)).map_err(|error| named(&error))
    }

    fn read(&mut self, mut log: impl BufRead) -> Result<()> {
        let mut line = Vec::new();
        while log.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            self.add(serde_json::from_slice(&line)?);
            line.clear();
        }
        Ok(())
    }

    fn add(&mut self, event: Event) {
        if event.user.username == self.user && self.seen.insert(event.id.clone()) {
            (self.take)(event);
        }
    }
}

impl Event {
    fn asked_for(self) -> String {
        match self.object_ref.unwrap_or_default() {
            ObjectRef { resource, .. } if resource.is_empty() => {
                self.uri.split('?').next().unwrap_or_default().to_owned()
            }
            ObjectRef { resource, subresource, .. } if subresource.is_empty() => resource,
            ObjectRef { resource, subresource, .. } => format!("{resource}/{subresource}"),
        }
    }
}

/// What the API server has moved aside of the log, which it does every 100 MB: `audit.log` becomes `audit-<time>.log`.
fn moved_aside(log: &Path) -> Result<Vec<PathBuf>> {
    let (Some(directory), Some(stem)) = (log.parent(), log.file_stem()) else {
        return Err(format!("{}: not a file", log.display()).into());
    };
    let moved = format!("{}-", stem.to_string_lossy());
    let of_ours = |file: &PathBuf| {
        let name = file.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        file.extension() == log.extension() && name.starts_with(&moved)
    };
    let entries =
        std::fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let files: std::io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
    Ok(files?.into_iter().filter(of_ours).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"
{"auditID":"1","stage":"ResponseComplete","verb":"create","requestURI":"/s","user":{"username":"ours"},"objectRef":{"resource":"secrets","namespace":"a","apiVersion":"v1"}}
{"auditID":"2","stage":"ResponseComplete","verb":"create","requestURI":"/s","user":{"username":"ours"},"objectRef":{"resource":"secrets"}}
{"auditID":"3","stage":"ResponseComplete","verb":"create","requestURI":"/s","user":{"username":"admin"},"objectRef":{"resource":"secrets"}}
{"auditID":"4","stage":"ResponseStarted","verb":"watch","requestURI":"/s?watch=1","user":{"username":"ours"},"objectRef":{"resource":"secrets"}}
{"auditID":"5","stage":"ResponseStarted","verb":"watch","requestURI":"/s?watch=1","user":{"username":"ours"},"objectRef":{"resource":"secrets"}}
{"auditID":"4","stage":"ResponseComplete","verb":"watch","requestURI":"/s?watch=1","user":{"username":"ours"},"objectRef":{"resource":"secrets"}}
{"auditID":"6","stage":"ResponseComplete","verb":"patch","requestURI":"/e","user":{"username":"ours"},"objectRef":{"resource":"externalsecrets","subresource":"status"}}
{"auditID":"8","stage":"ResponseComplete","verb":"get","requestURI":"/s","user":{},"objectRef":{"resource":"secrets"}}
{"auditID":"7","stage":"ResponseComplete","verb":"get","requestURI":"/readyz?verbose","user":{"username":"ours"}}
"#;

    fn counted(log: &str) -> Counts {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("audit.log"), log.trim_start()).unwrap();
        count(&dir.path().join("audit.log"), "ours").unwrap()
    }

    #[test]
    fn a_request_is_counted_once_and_a_watch_that_runs_as_well() {
        let told = "create secrets 2\nget /readyz 1\npatch externalsecrets/status 1\nwatch secrets 2\n";
        assert_eq!(counted(LOG).to_string(), told);
    }

    #[test]
    fn totals_and_writes_are_sums() {
        let counts = counted(LOG);
        assert_eq!((counts.total(), counts.writes()), (6, 3));
        assert_eq!((counts.get("create", "secrets"), counts.get("delete", "secrets")), (2, 0));
    }

    #[test]
    fn a_line_that_is_still_being_written_is_left_for_the_next_count() {
        assert_eq!(counted(LOG.trim_end()).get("get", "/readyz"), 0);
    }

    #[test]
    fn a_difference_holds_only_what_is_new() {
        let earlier = counted(LOG.trim_end());
        assert_eq!(counted(LOG).since(&earlier).to_string(), "get /readyz 1\n");
    }

    #[test]
    fn what_the_api_server_moved_aside_is_counted_too() {
        let (dir, lines) = (tempfile::tempdir().unwrap(), LOG.trim_start());
        let (old, new) = lines.split_at(lines.match_indices('\n').nth(3).unwrap().0 + 1);
        std::fs::write(dir.path().join("audit-2026-01-01T00-00-00.000.log"), old).unwrap();
        std::fs::write(dir.path().join("audit.log"), new).unwrap();
        std::fs::write(dir.path().join("kube-apiserver.log"), "something else\n").unwrap();
        assert_eq!(count(&dir.path().join("audit.log"), "ours").unwrap(), counted(LOG));
    }

    #[test]
    fn writes_are_counted_for_each_object() {
        let line = |id: u64, user: &str, verb: &str, subresource: &str, name: &str| {
            let of = serde_json::json!({
                "resource": "externalsecrets", "subresource": subresource, "namespace": "shop", "name": name,
            });
            let user = serde_json::json!({ "username": user });
            format!(
                "{}\n",
                serde_json::json!({
                    "auditID": id.to_string(), "verb": verb, "requestURI": "/", "user": user, "objectRef": of,
                })
            )
        };
        let log = [
            line(1, "ours", "patch", "status", "a"),
            line(2, "ours", "update", "status", "a"),
            line(2, "ours", "update", "status", "a"),
            line(3, "ours", "patch", "status", "b"),
            line(4, "ours", "patch", "", "b"),
            line(5, "ours", "get", "status", "b"),
            line(6, "admin", "patch", "status", "b"),
        ];
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("audit.log");
        std::fs::write(&file, log.concat()).unwrap();
        let writes = writes_of_each(&file, "ours", "externalsecrets/status").unwrap();
        assert_eq!(writes, BTreeMap::from([("shop/a".to_owned(), 2), ("shop/b".to_owned(), 1)]));
    }

    #[test]
    fn a_log_that_is_not_there_is_named() {
        let error = count(Path::new("/nowhere/audit.log"), "ours").unwrap_err().to_string();
        assert!(error.contains("/nowhere"), "{error}");
    }
}
