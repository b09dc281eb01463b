//! A module uses only those above its own row, and Kubernetes' client only where a row may know it.
//!
//! The sources are parsed, their modules followed as the compiler follows them, and every path in them resolved: `crate`, `super`,
//! `self`, use trees, aliases, globs, re-exports, paths inside macros and in attributes. Test code obeys the same rows. Links in
//! documentation do not: a lower row may name who depends on it.

mod resolve;
mod tree;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use self::{
    resolve::Reached,
    tree::{Sources, Tree},
};

/// What a package's modules may use.
struct Rules {
    /// Modules by row, from the lowest; a module uses what stands in lower rows and nothing beside itself.
    rows: &'static [&'static [&'static str]],
    /// Modules below the top that never use each other, whatever their row.
    strangers: &'static [&'static str],
    /// Who may use Kubernetes' client library, and what of it.
    kubernetes: &'static [(&'static str, Kubernetes)],
}

/// How much of Kubernetes' client library a module may use.
enum Kubernetes {
    Everything,
    Only(&'static [&'static str]),
}

const STORES: Rules =
    Rules { rows: &[&["base"], &["net"], &["provider", "generator"]], strangers: &[], kubernetes: &[] };

const OPERATOR: Rules = Rules {
    rows: &[&["telemetry"], &["api"], &["cluster"], &["sync"], &["controller"], &["cli"]],
    strangers: &["controller::external_secret", "controller::store"],
    kubernetes: &[
        ("api", Kubernetes::Only(&["CustomResource"])),
        ("cluster", Kubernetes::Everything),
        ("controller", Kubernetes::Everything),
        ("cli", Kubernetes::Everything),
    ],
};

/// A package without rows: it only must not know Kubernetes.
const LEAF: Rules = Rules { rows: &[], strangers: &[], kubernetes: &[] };

/// Names under which Kubernetes' client library can be reached.
const CLIENT: [&str; 6] = ["kube", "kube_core", "kube_client", "kube_derive", "kube_runtime", "k8s_openapi"];

impl Rules {
    fn of(package: &str) -> &'static Self {
        match package {
            "" => &OPERATOR,
            "crates/stores" => &STORES,
            _ => &LEAF,
        }
    }

    fn row(&self, module: &str) -> Option<usize> {
        self.rows.iter().position(|row| row.contains(&module))
    }

    /// What is wrong with these sources, one line each.
    fn violations(&self, sources: &Sources) -> Vec<String> {
        let tree = Tree::read(sources);
        let strays = tree.paths().filter(|_| !self.rows.is_empty()).map(|path| self.stray(path));
        let strays: BTreeSet<String> = strays.flatten().collect();
        let found = tree.written().filter_map(|(module, written)| {
            let reached = tree.reached(module, written);
            let complaint = self.complaint(module, &reached)?;
            Some(format!("{}:{}: {complaint}", written.file, written.line))
        });
        strays.into_iter().chain(found).collect()
    }

    /// A module at the top that stands in no row.
    fn stray(&self, module: &[String]) -> Option<String> {
        let top = module.first().filter(|top| self.row(top).is_none())?;
        Some(format!("the module {top} stands in no row"))
    }

    fn complaint(&self, module: &[String], reached: &Reached) -> Option<String> {
        let local = reached
            .local
            .iter()
            .find_map(|target| self.upward(module, target).or_else(|| self.aside(module, target)));
        local.or_else(|| reached.foreign.iter().find_map(|target| self.client(module, target)))
    }

    fn upward(&self, module: &[String], target: &[String]) -> Option<String> {
        let (own, other) = (module.first()?, target.first()?);
        let (row, above) = (self.row(own)?, self.row(other)?);
        let allowed = own == other || above < row;
        (!allowed).then(|| format!("{own} (row {row}) uses {} (row {above})", target.join("::")))
    }

    fn aside(&self, module: &[String], target: &[String]) -> Option<String> {
        let stranger = |path: &[String]| self.strangers.iter().find(|name| within(path, name)).copied();
        let (own, other) = (stranger(module)?, stranger(target)?);
        (own != other).then(|| format!("{own} uses {other}: they must not know each other"))
    }

    fn client(&self, module: &[String], target: &[String]) -> Option<String> {
        let (library, item) =
            target.split_first().filter(|(library, _)| CLIENT.contains(&library.as_str()))?;
        let own = module.first().map_or("the root", String::as_str);
        let allowed = match self.kubernetes.iter().find(|(name, _)| *name == own) {
            None => false,
            Some((_, Kubernetes::Everything)) => true,
            Some((_, Kubernetes::Only(items))) => {
                item.first().is_some_and(|item| items.contains(&item.as_str()))
            }
        };
        (!allowed).then(|| format!("{own} uses {library}, which it must not know: {}", target.join("::")))
    }
}

/// True if a path is a module, `a::b`, or something in it.
fn within(path: &[String], module: &str) -> bool {
    let mut parts = path.iter();
    module.split("::").all(|part| parts.next().is_some_and(|own| own == part))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Folders of all packages from the root; the operator's is empty.
fn packages() -> Vec<String> {
    let folders = std::fs::read_dir(root().join("crates")).expect("crates/ can be listed");
    let names = folders.map(|folder| folder.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut packages: Vec<String> = names.map(|name| format!("crates/{name}")).collect();
    packages.push(String::new());
    packages.sort();
    packages
}

/// All Rust sources of a package, by their path from the root of the tree; `src/lib.rs` is where the modules start.
fn sources(package: &str) -> Sources {
    let mut files = BTreeMap::new();
    collect(&root().join(package).join("src"), &mut files);
    Sources { root: join(package, "src/lib.rs"), files }
}

fn join(package: &str, file: &str) -> String {
    if package.is_empty() { file.into() } else { format!("{package}/{file}") }
}

fn collect(folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).expect("a folder that can be listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source that can be read");
            let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
            files.insert(name, text);
        }
    }
}

#[test]
fn every_module_uses_only_what_stands_above_its_row() {
    let all: Vec<String> =
        packages().iter().flat_map(|package| Rules::of(package).violations(&sources(package))).collect();
    assert!(all.is_empty(), "\n{}", all.join("\n"));
}

/// The table in the documentation of `lib.rs` is what people read; it must be the one that is enforced.
#[test]
fn the_map_in_lib_rs_shows_these_rows() {
    for package in ["", "crates/stores"] {
        let sources = sources(package);
        let declared: BTreeSet<String> =
            Tree::read(&sources).paths().filter_map(|path| path.first().cloned()).collect();
        let rules = Rules::of(package);
        let expected = rules
            .rows
            .iter()
            .enumerate()
            .flat_map(|(row, modules)| modules.iter().map(move |name| (row, *name)));
        let expected: BTreeSet<(usize, String)> = expected
            .map(|(row, name)| (row, name.to_string()))
            .filter(|(_, name)| declared.contains(name))
            .collect();
        assert_eq!(mapped(&sources.files[&sources.root]), expected, "{}", sources.root);
    }
}

/// The rows `| n | [`module`], ... |` of a documentation table.
fn mapped(text: &str) -> BTreeSet<(usize, String)> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | ")?.split_once(" | "));
    let numbered =
        rows.filter_map(|(row, rest)| Some((row.parse::<usize>().ok()?, rest.split(" | ").next()?)));
    let named = |(row, names): (usize, &str)| {
        let names: Vec<String> =
            names.split(", ").map(|name| name.trim_matches(['[', '`', ']']).to_string()).collect();
        names.into_iter().map(move |name| (row, name))
    };
    numbered.flat_map(named).collect()
}

/// Ways out of a process, and to what only a process knows.
const DOORS: [&str; 11] = [
    "fs::",
    "TcpStream",
    "UdpSocket",
    "ToSocketAddrs",
    "env::",
    "process::",
    "thread::",
    "::now()",
    "unsafe",
    "extern \"",
    "getrandom",
];

#[test]
fn sec_04_templates_have_no_door_to_the_world() {
    let mut files = BTreeMap::new();
    collect(&root().join("crates/gotemplate/src"), &mut files);
    assert!(files.len() > 40, "{files:?}");
    for (file, text) in files {
        let (text, _tests) = text.split_once("#[cfg(test)]").unwrap_or((&text, ""));
        let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
        let found = code.enumerate().find(|(_, line)| DOORS.iter().any(|door| line.contains(door)));
        assert!(found.is_none(), "{file}: {found:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: Rules = Rules {
        rows: &[&["low"], &["mid"], &["high", "beside"]],
        strangers: &["high::one", "high::two"],
        kubernetes: &[("mid", Kubernetes::Only(&["CustomResource"])), ("high", Kubernetes::Everything)],
    };

    /// A package whose root declares all modules and says `root` besides; the other files are given.
    fn package(root: &str, files: &[(&str, &str)]) -> Sources {
        let modules = "pub mod low; pub mod mid; pub mod high; pub mod beside;";
        let empty =
            ["low.rs", "mid.rs", "high.rs", "beside.rs"].map(|file| (format!("src/{file}"), String::new()));
        let given = files.iter().map(|(file, text)| (format!("src/{file}"), text.to_string()));
        let lib = ("src/lib.rs".to_string(), format!("{modules} {root}"));
        Sources { root: lib.0.clone(), files: empty.into_iter().chain(given).chain([lib]).collect() }
    }

    fn judged(root: &str, files: &[(&str, &str)]) -> Vec<String> {
        ROWS.violations(&package(root, files))
    }

    /// One file `low.rs`, whose modules may use nothing.
    fn low(text: &str) -> Vec<String> {
        judged("", &[("low.rs", text)])
    }

    #[test]
    fn a_violation_names_file_line_and_both_rows() {
        assert_eq!(
            low("\n\nuse crate::high::Thing;"),
            ["src/low.rs:3: low (row 0) uses high::Thing (row 2)"]
        );
    }

    #[test]
    fn every_way_to_write_a_path_upwards_is_found() {
        for text in [
            "use crate::high;",
            "use crate::high::Thing as Other;",
            "use crate::{mid, high::{self, Thing}};",
            "use crate::high::*;",
            "use super::high::Thing;",
            "use self::super::high::Thing;",
            "use crate as root; fn f() -> root::high::Thing { todo!() }",
            "use crate::{self as root}; type T = root::high::Thing;",
            "use super::*; fn f() { high::run() }",
            "mod inner { use super::super::high::Thing; }",
            "mod inner { fn f() { super::super::high::run() } }",
            "fn f() { crate::high::run() }",
            "fn f() { use crate::high::run; run() }",
            "fn f(_: &dyn crate::high::Trait) {}",
            "fn f<T: crate::high::Trait>() {}",
            "impl crate::high::Trait for X {}",
            "fn f() { <X as crate::high::Trait>::run() }",
            "fn f() { println!(\"{}\", crate::high::run()) }",
            "fn f() { outer!({ inner: [crate::high::run()] }) }",
            "macro_rules! m { () => { $crate::high::run() } }",
            "macro_rules! m { () => { use crate::{low, high::Thing}; } }",
            "crate::high::generate!();",
            "#[serde(default = \"crate::high::run\")] struct S;",
            "#[derive(crate::high::Derive)] struct S;",
            "#[cfg(test)] mod tests { use crate::high::Thing; }",
            "pub use crate::high::Thing;",
            "extern crate self as own; fn f() { own::high::run() }",
        ] {
            assert!(!low(text).is_empty(), "not found: {text}");
        }
    }

    #[test]
    fn what_a_lower_row_may_do_is_let_pass() {
        for text in [
            "use crate::low::Thing;",
            "use super::low::Thing;",
            "mod inner { use super::Thing; }",
            "fn f() { high::run() }",
            "struct S { high: u8 } fn f(s: &S) -> u8 { s.high }",
            "use other::high::Thing;",
            "use ::high::Thing;",
            "//! See [`crate::high`].\n/// And `crate::high::Thing`.\nfn f() {}",
            "fn f() -> &'static str { \"crate::high::Thing\" }",
            "mod high { pub fn run() {} } fn f() { high::run() }",
            "pub(in crate::low) fn f() {}",
        ] {
            assert_eq!(low(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_row_may_use_every_row_above_it_in_the_table() {
        assert_eq!(judged("", &[("high.rs", "use crate::{low::A, mid::B};")]), Vec::<String>::new());
    }

    #[test]
    fn modules_of_one_row_do_not_use_each_other() {
        let found = judged("", &[("high.rs", "use crate::beside::Thing;")]);
        assert_eq!(found, ["src/high.rs:1: high (row 2) uses beside::Thing (row 2)"]);
    }

    #[test]
    fn a_re_export_is_followed_to_where_it_leads() {
        for root in [
            "pub use high::Thing;",
            "pub use high::Other as Thing;",
            "pub use high::*;",
            "pub use self::high as up;",
        ] {
            let files = [
                ("low.rs", "use crate::Thing; fn f() { crate::up::run() }"),
                ("high.rs", "pub use self::x::Thing; mod x {}"),
            ];
            assert!(!judged(root, &files).is_empty(), "{root}");
        }
    }

    #[test]
    fn a_re_export_of_a_lower_row_by_a_higher_one_is_still_a_path_upwards() {
        let files = [("low.rs", "use crate::high::Thing;"), ("high.rs", "pub use crate::low::Thing;")];
        assert_eq!(judged("", &files), ["src/low.rs:1: low (row 0) uses high::Thing (row 2)"]);
    }

    #[test]
    fn modules_are_followed_through_folders_inline_modules_and_path_attributes() {
        let bad = "use crate::high::Thing;";
        for files in [
            [("low.rs", "mod part;"), ("low/part.rs", bad)],
            [("low.rs", "mod part;"), ("low/part/mod.rs", bad)],
            [("low.rs", "mod part { mod deep; }"), ("low/part/deep.rs", bad)],
            [("low.rs", "#[path = \"low_tests.rs\"] mod tests;"), ("low_tests.rs", bad)],
        ] {
            assert_eq!(judged("", &files).len(), 1, "{files:?}");
        }
    }

    #[test]
    fn super_is_counted_from_the_module_and_not_from_the_file() {
        let files = [
            ("low.rs", "mod part;"),
            ("low/part.rs", "use super::high::Thing; mod deep { use super::super::super::high; }"),
        ];
        assert_eq!(judged("", &files), ["src/low/part.rs:1: low (row 0) uses high (row 2)"]);
    }

    #[test]
    fn a_module_in_no_row_is_a_violation() {
        let mut sources = package("pub mod stray;", &[]);
        sources.files.insert("src/stray.rs".into(), String::new());
        assert_eq!(ROWS.violations(&sources), ["the module stray stands in no row"]);
    }

    #[test]
    fn reconcilers_do_not_use_each_other_but_what_they_share() {
        let files = [
            ("high.rs", "mod one; mod two; mod shared;"),
            ("high/one.rs", "use super::{shared::A, two::B};"),
            ("high/two.rs", "use super::shared::A;"),
            ("high/shared.rs", ""),
        ];
        assert_eq!(
            judged("", &files),
            ["src/high/one.rs:1: high::one uses high::two: they must not know each other"]
        );
    }

    #[test]
    fn the_client_library_is_for_those_rows_that_may_know_it() {
        for text in [
            "use kube::Client;",
            "use kube as k;",
            "use k8s_openapi::api::core::v1::Secret;",
            "fn f() -> ::kube::Client { todo!() }",
            "fn f() { kube::Client::try_default() }",
            "fn f() { vec![kube::Client::new()] }",
            "use kube_client::Client;",
            "extern crate kube;",
        ] {
            assert!(!low(text).is_empty(), "not found: {text}");
            assert_eq!(judged("", &[("high.rs", text)]), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_module_of_our_own_is_not_the_client_library_of_its_name() {
        assert_eq!(
            low("pub mod kube { pub struct Door; } use self::kube::Door; fn f() -> kube::Door {}"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn where_only_the_derive_is_allowed_the_rest_is_not() {
        assert_eq!(
            judged("", &[("mid.rs", "#[derive(kube::CustomResource)] #[kube(kind = \"K\")] struct S;")]),
            Vec::<String>::new()
        );
        assert_eq!(judged("", &[("mid.rs", "use kube::Client;")]).len(), 1);
    }

    #[test]
    fn a_package_without_rows_must_still_not_know_kubernetes() {
        let sources = package("", &[("low.rs", "use kube::Client; use crate::high::Thing;")]);
        assert_eq!(LEAF.violations(&sources).len(), 1);
    }

    #[test]
    fn names_that_lead_in_a_circle_end() {
        assert_eq!(
            low(
                "use self::a::X; mod a { pub use super::b::*; } mod b { pub use super::a::*; pub use super::X; }"
            ),
            Vec::<String>::new()
        );
    }
}
