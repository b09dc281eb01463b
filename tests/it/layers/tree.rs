//! The modules of a package as its sources declare them: what each names, and every path that is written in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use syn::{
    Attribute, Expr, ExprLit, Item, ItemExternCrate, ItemMod, ItemUse, Lit, Macro, Meta,
    spanned::Spanned,
    visit::{self, Visit},
};

use super::written::{self, Brings, Found, Written};

/// The sources of a package.
pub(super) struct Sources {
    /// Where the modules start.
    pub(super) root: String,
    /// Text by path from the root of the tree.
    pub(super) files: BTreeMap<String, String>,
}

/// One module.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// Names that `use` brings in, functions' own included; a name may be brought in by several.
    pub(super) names: BTreeMap<String, Vec<Written>>,
    /// Modules all of whose names it brings in.
    pub(super) globs: Vec<Written>,
    paths: Vec<Written>,
}

/// All modules by their path from the root, which is the empty one.
#[derive(Debug, Default)]
pub(super) struct Tree(BTreeMap<Vec<String>, Module>);

impl Tree {
    /// Follows `mod` from the root on. Panics where a source does not parse or is missing: the compiler would not take it either.
    pub(super) fn read(sources: &Sources) -> Self {
        let root = PathBuf::from(&sources.root);
        let folder = root.parent().unwrap_or(Path::new("")).to_path_buf();
        let place = Place { file: sources.root.clone(), folder };
        let mut reader = Reader { sources, tree: Self::default(), module: Vec::new(), place };
        reader.read_file();
        reader.tree
    }

    pub(super) fn module(&self, path: &[String]) -> Option<&Module> {
        self.0.get(path)
    }

    /// The paths of all modules.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Vec<String>> {
        self.0.keys()
    }

    /// All written paths with the modules they stand in.
    pub(super) fn written(&self) -> impl Iterator<Item = (&Vec<String>, &Written)> {
        self.0.iter().flat_map(|(path, module)| module.paths.iter().map(move |written| (path, written)))
    }
}

/// Where a module's text is.
#[derive(Clone)]
struct Place {
    file: String,
    /// Where the files of its modules are.
    folder: PathBuf,
}

struct Reader<'a> {
    sources: &'a Sources,
    tree: Tree,
    module: Vec<String>,
    place: Place,
}

impl Reader<'_> {
    fn read_file(&mut self) {
        let name = self.place.file.clone();
        let text = self.sources.files.get(&name).unwrap_or_else(|| panic!("{name} is missing"));
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        self.here();
        self.visit_file(&file);
    }

    /// The module that is being read.
    fn here(&mut self) -> &mut Module {
        self.tree.0.entry(self.module.clone()).or_default()
    }

    fn written(&self, found: Found) -> Written {
        let Found { global, segments, line } = found;
        Written { global, segments, file: self.place.file.clone(), line }
    }

    fn note(&mut self, found: Found) {
        let written = self.written(found);
        self.here().paths.push(written);
    }

    fn bring(&mut self, found: Found, brings: Brings) {
        let written = self.written(found);
        let module = self.here();
        module.paths.push(written.clone());
        match brings {
            Brings::Name(name) => module.names.entry(name).or_default().push(written),
            Brings::All => module.globs.push(written),
            Brings::Nothing => (),
        }
    }

    /// Where `mod name;` keeps its text.
    fn place_of(&self, item: &ItemMod) -> Place {
        let name = item.ident.to_string();
        if let Some(path) = item.attrs.iter().find_map(path_attribute) {
            let file = Path::new(&self.place.file).with_file_name(path);
            let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
            return Place { file: text(&file), folder };
        }
        let folder = self.place.folder.join(&name);
        let beside = text(&folder.with_extension("rs"));
        let file =
            if self.sources.files.contains_key(&beside) { beside } else { text(&folder.join("mod.rs")) };
        Place { file, folder }
    }

    fn read_inline(&mut self, items: &[Item]) {
        self.here();
        items.iter().for_each(|item| self.visit_item(item));
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        item.attrs.iter().for_each(|attribute| self.visit_attribute(attribute));
        let outside = self.place.clone();
        let name = item.ident.to_string();
        if let Some((_, items)) = &item.content {
            self.place.folder.push(&name);
            self.module.push(name);
            self.read_inline(items);
        } else {
            self.place = self.place_of(item);
            self.module.push(name);
            self.read_file();
        }
        self.module.pop();
        self.place = outside;
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for (found, brings) in written::imports(&item.tree, item.leading_colon.is_some()) {
            self.bring(found, brings);
        }
    }

    fn visit_item_extern_crate(&mut self, item: &'ast ItemExternCrate) {
        let own = item.ident == "self";
        let segments = vec![if own { "crate".to_string() } else { item.ident.to_string() }];
        let name = item.rename.as_ref().map_or(&item.ident, |(_, name)| name).to_string();
        self.bring(Found { global: !own, segments, line: item.span().start().line }, Brings::Name(name));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.note(Found { global: path.leading_colon.is_some(), segments, line: path.span().start().line });
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invoked: &'ast Macro) {
        self.visit_path(&invoked.path);
        written::in_macro(invoked.tokens.clone()).into_iter().for_each(|found| self.note(found));
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            written::in_attribute(list.tokens.clone()).into_iter().for_each(|found| self.note(found));
        }
    }
}

/// The text of `#[path = "..."]`.
fn path_attribute(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    let Expr::Lit(ExprLit { lit: Lit::Str(path), .. }) = &pair.value else { return None };
    pair.path.is_ident("path").then(|| path.value())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
