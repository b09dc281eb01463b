//! The tree of a YAML document: the tokens put together, as libyaml's grammar has it.

use std::collections::HashMap;

use super::Stop;
use super::scan::{Kind, Scan, Scanner};
use super::text::{Mark, Text};
use crate::run::Run;

/// How deep nodes may lie in each other.
const MAX_DEPTH: usize = 500;
const STANDARD: &str = "tag:yaml.org,2002:";

/// A node by its place in [`Tree`].
pub(super) type Id = usize;

/// A node.
#[derive(Debug)]
pub(super) enum Node {
    Scalar(Scalar),
    List(Vec<Id>),
    Map(Vec<(Id, Id)>),
    /// Another name of a node.
    Alias(String, Id),
}

/// A scalar.
#[derive(Debug, Default)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// Its tag, if it has one.
    pub(super) tag: String,
    /// Whether it may be something else than a string.
    pub(super) plain: bool,
}

/// The nodes of the first document of a text.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) root: Option<Id>,
}

impl Tree {
    pub(super) fn read(run: &mut Run<'_>, text: &[u8]) -> Scan<Self> {
        let mut builder = Builder {
            run,
            scanner: Scanner::new(Text::new(text)),
            tree: Self::default(),
            anchors: HashMap::new(),
            tags: Vec::new(),
            depth: 0,
        };
        builder.document()?;
        Ok(builder.tree)
    }
}

struct Builder<'r, 'e, 't> {
    run: &'r mut Run<'e>,
    scanner: Scanner<'t>,
    tree: Tree,
    anchors: HashMap<String, Id>,
    /// Handles and what they stand for.
    tags: Vec<(String, String)>,
    depth: usize,
}

/// What stands before a node.
#[derive(Default)]
struct Properties {
    anchor: Option<String>,
    tag: String,
}

/// Where a node stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a block, where it may be one itself.
    Block,
    /// The key or value of a block, where a list need not be indented.
    BlockEntry,
    Flow,
}

/// A fault at a token.
fn fault(mark: Mark, problem: &str) -> Stop {
    match mark.line {
        0 => Stop::Malformed(problem.to_owned()),
        line => Stop::Malformed(format!("line {line}: {problem}")),
    }
}

impl Builder<'_, '_, '_> {
    fn next(&mut self) -> Scan<&Kind> {
        Ok(&self.scanner.peek()?.kind)
    }

    /// Takes the next token if it is this one.
    fn take_if(&mut self, kind: &Kind) -> Scan<bool> {
        let found = self.next()? == kind;
        if found {
            self.scanner.take()?;
        }
        Ok(found)
    }

    fn wrong(&mut self, problem: &str) -> Stop {
        match self.scanner.peek() {
            Ok(token) => fault(token.start, problem),
            Err(stop) => stop,
        }
    }

    fn add(&mut self, node: Node) -> Id {
        self.tree.nodes.push(node);
        self.tree.nodes.len() - 1
    }

    fn document(&mut self) -> Scan<()> {
        self.scanner.take()?;
        self.directives()?;
        let explicit = self.take_if(&Kind::DocumentStart)?;
        let ends = matches!(
            self.next()?,
            Kind::StreamEnd
                | Kind::DocumentStart
                | Kind::DocumentEnd
                | Kind::Version(..)
                | Kind::TagDirective(..)
        );
        if !explicit && *self.next()? == Kind::StreamEnd {
            return Ok(());
        }
        let root = if explicit && ends { self.empty() } else { self.node(Place::Block)? };
        self.tree.root = Some(root);
        // What follows the document is not read, but its end is looked for.
        self.next()?;
        Ok(())
    }

    fn directives(&mut self) -> Scan<()> {
        let mut versions = 0;
        let mut any = false;
        loop {
            let refusal = match self.next()?.clone() {
                Kind::Version(..) if versions > 0 => Some("found duplicate %YAML directive"),
                Kind::Version(1, 1) => {
                    versions += 1;
                    None
                }
                Kind::Version(..) => Some("found incompatible YAML document"),
                Kind::TagDirective(handle, prefix) => {
                    self.look_through_tags()?;
                    self.define(handle, prefix)
                }
                _ => break,
            };
            if let Some(refusal) = refusal {
                return Err(self.wrong(refusal));
            }
            any = true;
            self.scanner.take()?;
        }
        if any && *self.next()? != Kind::DocumentStart {
            return Err(self.wrong("did not find expected <document start>"));
        }
        self.tags.extend([("!".into(), "!".into()), ("!!".into(), STANDARD.into())]);
        Ok(())
    }

    /// Pays for a look at each handle.
    fn look_through_tags(&mut self) -> Scan<()> {
        Ok(self.run.spend(1 + self.tags.len() as u64 / 16)?)
    }

    /// What a handle stands for; why it cannot, if it already stands for something.
    fn define(&mut self, handle: String, prefix: String) -> Option<&'static str> {
        if self.tags.iter().any(|(known, _)| *known == handle) {
            return Some("found duplicate %TAG directive");
        }
        self.tags.push((handle, prefix));
        None
    }

    /// A scalar where there is nothing.
    fn empty(&mut self) -> Id {
        self.add(Node::Scalar(Scalar { plain: true, ..Scalar::default() }))
    }

    fn node(&mut self, place: Place) -> Scan<Id> {
        self.run.spend(1)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Stop::too_deep(MAX_DEPTH));
        }
        let id = match self.next()?.clone() {
            Kind::Alias(name) => self.alias(name)?,
            _ => {
                let start = self.scanner.peek()?.start;
                let properties = self.properties(start)?;
                self.content(place, properties)?
            }
        };
        self.depth -= 1;
        Ok(id)
    }

    fn alias(&mut self, name: String) -> Scan<Id> {
        let Some(target) = self.anchors.get(&name).copied() else {
            return Err(Stop::Malformed(format!("unknown anchor '{name}' referenced")));
        };
        self.scanner.take()?;
        Ok(self.add(Node::Alias(name, target)))
    }

    /// Anchor and tag, in any order.
    fn properties(&mut self, start: Mark) -> Scan<Properties> {
        let mut anchor = self.anchor()?;
        let tag = match self.next()?.clone() {
            Kind::Tag(handle, suffix) => {
                self.look_through_tags()?;
                let mark = self.scanner.take()?.start;
                Some((handle, suffix, mark))
            }
            _ => None,
        };
        if anchor.is_none() && tag.is_some() {
            anchor = self.anchor()?;
        }
        let tag = match tag {
            None => String::new(),
            Some((handle, suffix, _)) if handle.is_empty() => suffix,
            Some((handle, suffix, mark)) => {
                let known = self.tags.iter().find(|(known, _)| *known == handle);
                let mark = if mark.line == 0 { start } else { mark };
                let (_, prefix) = known.ok_or_else(|| fault(mark, "found undefined tag handle"))?;
                format!("{prefix}{suffix}")
            }
        };
        Ok(Properties { anchor, tag })
    }

    fn anchor(&mut self) -> Scan<Option<String>> {
        let Kind::Anchor(name) = self.next()?.clone() else { return Ok(None) };
        self.scanner.take()?;
        Ok(Some(name))
    }

    fn content(&mut self, place: Place, properties: Properties) -> Scan<Id> {
        let kind = self.next()?.clone();
        let Properties { anchor, tag } = properties;
        let bare = anchor.is_none() && tag.is_empty();
        // The node has its place before its parts, which may refer to it.
        let id = self.add(Node::Scalar(Scalar::default()));
        self.anchors.extend(anchor.map(|name| (name, id)));
        let block = place != Place::Flow;
        let node = match kind {
            Kind::Entry if place == Place::BlockEntry => self.unindented_list()?,
            Kind::Scalar(text, plain) => {
                self.scanner.take()?;
                let plain = plain && tag.is_empty() || tag == "!";
                Node::Scalar(Scalar { text, tag, plain })
            }
            Kind::FlowSequence => self.flow_list()?,
            Kind::FlowMapping => self.flow_map()?,
            Kind::BlockSequence if block => self.block_list()?,
            Kind::BlockMapping if block => self.block_map()?,
            _ if bare => return Err(self.wrong("did not find expected node content")),
            _ => {
                let plain = tag.is_empty();
                Node::Scalar(Scalar { text: String::new(), tag, plain })
            }
        };
        self.tree.nodes[id] = node;
        Ok(id)
    }

    /// A node, or an empty one before one of these tokens.
    fn node_or_empty(&mut self, place: Place, ends: &[Kind]) -> Scan<Id> {
        if ends.contains(self.next()?) { Ok(self.empty()) } else { self.node(place) }
    }

    fn block_list(&mut self) -> Scan<Node> {
        self.scanner.take()?;
        let mut items = Vec::new();
        while self.take_if(&Kind::Entry)? {
            items.push(self.node_or_empty(Place::Block, &[Kind::Entry, Kind::BlockEnd])?);
        }
        if self.take_if(&Kind::BlockEnd)? {
            return Ok(Node::List(items));
        }
        Err(self.wrong("did not find expected '-' indicator"))
    }

    /// A list as deep as the key whose value it is.
    fn unindented_list(&mut self) -> Scan<Node> {
        let ends = [Kind::Entry, Kind::Key, Kind::Value, Kind::BlockEnd];
        let mut items = Vec::new();
        while self.take_if(&Kind::Entry)? {
            items.push(self.node_or_empty(Place::Block, &ends)?);
        }
        Ok(Node::List(items))
    }

    fn block_map(&mut self) -> Scan<Node> {
        let ends = [Kind::Key, Kind::Value, Kind::BlockEnd];
        self.scanner.take()?;
        let mut entries = Vec::new();
        while self.take_if(&Kind::Key)? {
            let key = self.node_or_empty(Place::BlockEntry, &ends)?;
            let value = if self.take_if(&Kind::Value)? {
                self.node_or_empty(Place::BlockEntry, &ends)?
            } else {
                self.empty()
            };
            entries.push((key, value));
        }
        if self.take_if(&Kind::BlockEnd)? {
            return Ok(Node::Map(entries));
        }
        Err(self.wrong("did not find expected key"))
    }

    /// Whether another part of a flow collection follows. A comma may stand before its end.
    fn more(&mut self, first: bool, end: &Kind, refusal: &str) -> Scan<bool> {
        if self.take_if(end)? {
            return Ok(false);
        }
        if first {
            return Ok(true);
        }
        if !self.take_if(&Kind::FlowEntry)? {
            return Err(self.wrong(refusal));
        }
        Ok(!self.take_if(end)?)
    }

    fn flow_list(&mut self) -> Scan<Node> {
        self.scanner.take()?;
        let mut items = Vec::new();
        while self.more(items.is_empty(), &Kind::FlowSequenceEnd, "did not find expected ',' or ']'")? {
            let item = if self.take_if(&Kind::Key)? { self.single_entry()? } else { self.node(Place::Flow)? };
            items.push(item);
        }
        Ok(Node::List(items))
    }

    /// A map of one entry, which in a flow list needs no braces.
    fn single_entry(&mut self) -> Scan<Id> {
        let id = self.add(Node::Map(Vec::new()));
        let key = match self.next()? {
            // So it is in Go's library: the token is taken for the missing key.
            Kind::Value | Kind::FlowEntry | Kind::FlowSequenceEnd => {
                self.scanner.take()?;
                self.empty()
            }
            _ => self.node(Place::Flow)?,
        };
        let value = if self.take_if(&Kind::Value)? {
            self.node_or_empty(Place::Flow, &[Kind::FlowEntry, Kind::FlowSequenceEnd])?
        } else {
            self.empty()
        };
        self.tree.nodes[id] = Node::Map(vec![(key, value)]);
        Ok(id)
    }

    fn flow_map(&mut self) -> Scan<Node> {
        self.scanner.take()?;
        let mut entries = Vec::new();
        while self.more(entries.is_empty(), &Kind::FlowMappingEnd, "did not find expected ',' or '}'")? {
            entries.push(self.flow_entry()?);
        }
        Ok(Node::Map(entries))
    }

    /// A key with its value. A key alone has an empty one.
    fn flow_entry(&mut self) -> Scan<(Id, Id)> {
        if !self.take_if(&Kind::Key)? {
            return Ok((self.node(Place::Flow)?, self.empty()));
        }
        let ends = [Kind::Value, Kind::FlowEntry, Kind::FlowMappingEnd];
        let key = self.node_or_empty(Place::Flow, &ends)?;
        let value = match self.take_if(&Kind::Value)? {
            true => self.node_or_empty(Place::Flow, &ends[1..])?,
            false => self.empty(),
        };
        Ok((key, value))
    }
}
