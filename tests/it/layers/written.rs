//! Paths as they stand in a source: in use trees, in code, in the tokens of macros and attributes.

use std::fmt;

use proc_macro2::{Delimiter, Literal, TokenStream, TokenTree};
use syn::{UseTree, spanned::Spanned};

/// A path as it is written, and where.
#[derive(Clone)]
pub(super) struct Written {
    /// It begins with `::`: the name of a package.
    pub(super) global: bool,
    /// Its names, without generic arguments.
    pub(super) segments: Vec<String>,
    /// The source's path from the root of the tree.
    pub(super) file: String,
    /// The line, from 1.
    pub(super) line: usize,
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} {}", self.file, self.line, self.segments.join("::"))
    }
}

/// A path without its file.
pub(super) struct Found {
    pub(super) global: bool,
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
}

/// What one leaf of a use tree brings in.
pub(super) enum Brings {
    /// A name.
    Name(String),
    /// All names of a module.
    All,
    /// Nothing that can be written later (`as _`).
    Nothing,
}

/// The leaves of a use tree.
pub(super) fn imports(tree: &UseTree, global: bool) -> Vec<(Found, Brings)> {
    let mut leaves = Vec::new();
    walk(tree, &mut Vec::new(), &mut leaves);
    let found = |(segments, brings, line)| (Found { global, segments, line }, brings);
    leaves.into_iter().map(found).collect()
}

type Leaf = (Vec<String>, Brings, usize);

fn walk(tree: &UseTree, prefix: &mut Vec<String>, leaves: &mut Vec<Leaf>) {
    let line = tree.span().start().line;
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            walk(&path.tree, prefix, leaves);
            prefix.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|item| walk(item, prefix, leaves)),
        UseTree::Glob(_) => leaves.push((prefix.clone(), Brings::All, line)),
        UseTree::Name(name) => leaves.push(leaf(prefix, &name.ident.to_string(), None, line)),
        UseTree::Rename(rename) => {
            leaves.push(leaf(prefix, &rename.ident.to_string(), Some(rename.rename.to_string()), line));
        }
    }
}

/// `a::{self}` brings `a`.
fn leaf(prefix: &[String], name: &str, alias: Option<String>, line: usize) -> Leaf {
    let mut segments = prefix.to_vec();
    if name != "self" || segments.is_empty() {
        segments.push(name.to_string());
    }
    let last = segments.last().cloned().unwrap_or_default();
    let brings = match alias.unwrap_or(last) {
        alias if alias == "_" => Brings::Nothing,
        alias => Brings::Name(alias),
    };
    (segments, brings, line)
}

/// All paths in the tokens of a macro, however deep.
pub(super) fn in_macro(tokens: TokenStream) -> Vec<Found> {
    let mut found = Vec::new();
    scan(tokens, false, &mut found);
    found
}

/// All paths in the tokens of an attribute, and those that derives take as text.
pub(super) fn in_attribute(tokens: TokenStream) -> Vec<Found> {
    let mut found = Vec::new();
    scan(tokens, true, &mut found);
    found
}

fn scan(tokens: TokenStream, text_too: bool, found: &mut Vec<Found>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < trees.len() {
        match &trees[at] {
            TokenTree::Ident(_) if is_field(&trees, at) => at += 1,
            TokenTree::Ident(_) => at = path(&trees, at, found),
            TokenTree::Group(group) => {
                scan(group.stream(), text_too, found);
                at += 1;
            }
            TokenTree::Literal(literal) => {
                found.extend(text_path(literal).filter(|_| text_too));
                at += 1;
            }
            TokenTree::Punct(_) => at += 1,
        }
    }
}

/// Reads `a::b::c` from an identifier on; the place behind it. A group behind `::` is a use tree.
fn path(trees: &[TokenTree], start: usize, found: &mut Vec<Found>) -> usize {
    let global = start >= 2 && is_colons(trees, start - 2) && !is_after_name(trees, start - 2);
    let line = trees[start].span().start().line;
    let (mut segments, mut at) = (vec![trees[start].to_string()], start + 1);
    while is_colons(trees, at) {
        match trees.get(at + 2) {
            Some(TokenTree::Ident(next)) => segments.push(next.to_string()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                found.extend(grouped(&segments, trees[at + 2].clone()));
                return at + 3;
            }
            _ => break,
        }
        at += 3;
    }
    found.push(Found { global, segments, line });
    at
}

fn grouped(prefix: &[String], group: TokenTree) -> Vec<Found> {
    let Ok(tree) = syn::parse2::<UseTree>(group.into()) else { return Vec::new() };
    let whole = |found: Found| Found { segments: [prefix, &found.segments].concat(), ..found };
    imports(&tree, false).into_iter().map(|(found, _)| whole(found)).collect()
}

fn is_colons(trees: &[TokenTree], at: usize) -> bool {
    let colon =
        |tree: Option<&TokenTree>| matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    colon(trees.get(at)) && colon(trees.get(at + 1))
}

fn is_after_name(trees: &[TokenTree], at: usize) -> bool {
    at > 0 && matches!(&trees[at - 1], TokenTree::Ident(_) | TokenTree::Group(_))
}

/// `x.name`: no path begins here.
fn is_field(trees: &[TokenTree], at: usize) -> bool {
    at > 0 && matches!(&trees[at - 1], TokenTree::Punct(punct) if punct.as_char() == '.')
}

/// Text that is a path of several names, as `#[serde(with = "...")]` takes it.
fn text_path(literal: &Literal) -> Option<Found> {
    let text = syn::parse_str::<syn::LitStr>(&literal.to_string()).ok()?.value();
    let path = syn::parse_str::<syn::Path>(&text).ok().filter(|path| path.segments.len() > 1)?;
    let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    Some(Found { global: path.leading_colon.is_some(), segments, line: literal.span().start().line })
}
