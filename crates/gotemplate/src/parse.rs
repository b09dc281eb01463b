//! The parser: Go's, with its order of reading, so that its messages name what Go's name. Variables become slots.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::ast::{
    Action, Branch, Command, Constant, Decl, Expr, ExprKind, Invocation, Node, Pipe, Place, Slot,
};
use crate::ast::{Tree, Variable};
use crate::error::Step;
use crate::func::Func;
use crate::lex::{Item, Lexer, LoopWords, Tok, quoted};
use crate::number::Number;
use crate::quote::unquote;
use crate::span::Span;
use crate::value::Str;

/// How deeply parentheses and controls may be nested, together. Go stops at 10 000 parentheses; this many fit a small
/// stack.
pub(crate) const MAX_NESTING: usize = 200;

/// How many texts, actions, commands, operands, fields and variables all templates of a text may have together. Each of
/// them takes up to some 200 bytes.
pub(crate) const MAX_NODES: usize = 50_000;

/// Why a text is no template.
#[derive(Debug)]
pub(crate) struct ParseFault {
    pub(crate) step: Step,
    pub(crate) text: String,
    pub(crate) span: Span,
    /// The unknown function, if that is what is wrong.
    pub(crate) unknown: Option<String>,
}

type Parsed<T> = Result<T, Box<ParseFault>>;

/// The functions a template may name.
pub(crate) type Functions = HashMap<String, Arc<Func>>;

/// What to parse.
pub(crate) struct Source<'t> {
    pub(crate) name: &'t str,
    pub(crate) text: &'t [u8],
    pub(crate) delims: (&'t str, &'t str),
    pub(crate) functions: &'t Functions,
}

/// Parses a text. The templates it defines come back by name; that of the source's name is the one to run.
pub(crate) fn parse(source: &Source<'_>) -> Parsed<Vec<Tree>> {
    let words = LoopWords {
        break_ok: !source.functions.contains_key("break"),
        continue_ok: !source.functions.contains_key("continue"),
    };
    let lexer = Lexer::new(source.text, source.delims, words);
    let mut shared =
        Shared { source, lexer, trees: Vec::new(), known: HashMap::new(), nesting: 0, nodes: 0, searched: 0 };
    let mut parser = Parser::new(&mut shared, source.name.into());
    parser.top_level()?;
    parser.add()?;
    let Shared { mut trees, known, .. } = shared;
    trees.iter_mut().for_each(|tree| link(&mut tree.root, &known));
    Ok(trees)
}

/// Gives every `template` the index of what it names.
fn link(nodes: &mut [Node], known: &HashMap<Vec<u8>, Known>) {
    for node in nodes {
        match node {
            Node::Template(call) => call.target = known.get(&call.name).map(|tree| tree.at),
            Node::If(branch) | Node::With(branch) | Node::Range(branch) => {
                link(&mut branch.list, known);
                link(branch.otherwise.as_deref_mut().unwrap_or_default(), known);
            }
            Node::Text(_) | Node::Action(_) | Node::Break | Node::Continue => {}
        }
    }
}

/// A stack of names in which the latest of a name is found at once, however many there are.
struct Names {
    stack: Vec<String>,
    places: HashMap<String, Vec<usize>>,
}

impl Names {
    /// With the variable that every template has.
    fn new() -> Self {
        let mut names = Self { stack: Vec::new(), places: HashMap::new() };
        names.push("$".to_owned());
        names
    }

    const fn len(&self) -> usize {
        self.stack.len()
    }

    fn push(&mut self, name: String) {
        self.places.entry(name.clone()).or_default().push(self.stack.len());
        self.stack.push(name);
    }

    fn truncate(&mut self, len: usize) {
        for name in self.stack.drain(len..) {
            self.places.get_mut(&name).and_then(Vec::pop);
        }
    }

    /// The place of the latest of that name.
    fn find(&self, name: &str) -> Option<usize> {
        self.places.get(name)?.last().copied()
    }
}

/// The variables that exist at a point of a run, by slot.
struct Slots {
    names: Names,
    /// What each hides, if it may be left out.
    hides: Vec<Option<u32>>,
    hidden: Vec<Slot>,
    max: usize,
}

impl Slots {
    fn new() -> Self {
        Self { names: Names::new(), hides: vec![None], hidden: Vec::new(), max: 1 }
    }

    /// Declares a variable. In parentheses `and` and `or` may leave it out: then its name means what it meant before.
    fn declare(&mut self, name: String, in_parens: bool) -> Option<Slot> {
        let before = self.find(&name).filter(|_| in_parens);
        let hides = before.and_then(|slot| {
            self.hidden.push(slot);
            u32::try_from(self.hidden.len() - 1).ok()
        });
        self.names.push(name);
        self.hides.push(hides);
        self.max = self.max.max(self.names.len());
        Some(Slot { at: self.names.len() - 1, hides })
    }

    fn find(&self, name: &str) -> Option<Slot> {
        self.names.find(name).map(|at| Slot { at, hides: self.hides[at] })
    }

    fn truncate(&mut self, len: usize) {
        self.names.truncate(len);
        self.hides.truncate(len);
    }
}

/// What there is under a name.
#[derive(Clone, Copy)]
struct Known {
    /// The index of its tree.
    at: usize,
    /// Whether that is nothing but space: then the next one of the name replaces it.
    blank: bool,
}

/// What all definitions of one text share.
struct Shared<'t> {
    source: &'t Source<'t>,
    lexer: Lexer<'t>,
    trees: Vec<Tree>,
    /// The trees, by name.
    known: HashMap<Vec<u8>, Known>,
    nesting: usize,
    /// How many nodes there are so far.
    nodes: usize,
    /// How many bytes of text were searched for more than space. Each tree is searched once, when it is finished, so
    /// these are never more than the whole text has.
    searched: usize,
}

/// The parser of one definition, with three items of look-ahead.
struct Parser<'p, 't> {
    shared: &'p mut Shared<'t>,
    name: Vec<u8>,
    root: Vec<Node>,
    items: [Item<'t>; 3],
    peeked: usize,
    /// The names that the text may use from here on: Go's parser forgets them late.
    known: Names,
    slots: Slots,
    action_line: usize,
    ranges: usize,
}

/// What ends a list of nodes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    End,
    Else,
}

impl Ending {
    const fn text(self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

/// A node or what ends its list.
enum Piece {
    Node(Node),
    Ending(Ending),
}

/// The controls that have a body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Control {
    If,
    Range,
    With,
}

impl Control {
    const fn name(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::Range => "range",
            Self::With => "with",
        }
    }

    fn node(self, branch: Branch) -> Node {
        let branch = Box::new(branch);
        match self {
            Self::If => Node::If(branch),
            Self::Range => Node::Range(branch),
            Self::With => Node::With(branch),
        }
    }
}

impl<'p, 't> Parser<'p, 't> {
    fn new(shared: &'p mut Shared<'t>, name: Vec<u8>) -> Self {
        let item = || Item { tok: Tok::Eof, pos: 0, val: Cow::Borrowed(b""), line: 0 };
        Self {
            shared,
            name,
            root: Vec::new(),
            items: [item(), item(), item()],
            peeked: 0,
            known: Names::new(),
            slots: Slots::new(),
            action_line: 0,
            ranges: 0,
        }
    }

    // The stream of items.

    fn next(&mut self) -> Item<'t> {
        if self.peeked > 0 {
            self.peeked -= 1;
        } else {
            self.items[0] = self.shared.lexer.next_item();
        }
        self.items[self.peeked].clone()
    }

    fn backup(&mut self) {
        self.peeked += 1;
    }

    fn backup2(&mut self, first: Item<'t>) {
        self.items[1] = first;
        self.peeked = 2;
    }

    fn backup3(&mut self, first: Item<'t>, second: Item<'t>) {
        self.items[1] = second;
        self.items[2] = first;
        self.peeked = 3;
    }

    fn peek(&mut self) -> Item<'t> {
        let item = self.next();
        self.backup();
        item
    }

    fn next_non_space(&mut self) -> Item<'t> {
        loop {
            let item = self.next();
            if item.tok != Tok::Space {
                return item;
            }
        }
    }

    fn peek_non_space(&mut self) -> Item<'t> {
        let item = self.next_non_space();
        self.backup();
        item
    }

    // Messages.

    fn fault<T>(&self, message: &str) -> Parsed<T> {
        self.fault_at(message, Span::new(self.items[0].pos, self.items[0].end()))
    }

    fn fault_at<T>(&self, message: &str, span: Span) -> Parsed<T> {
        let text = format!("template: {}:{}: {message}", self.shared.source.name, self.items[0].line);
        Err(Box::new(ParseFault { step: Step::Parse, text, span, unknown: None }))
    }

    fn beyond_limit<T>(&self, message: &str) -> Parsed<T> {
        self.fault(message).map_err(|mut fault: Box<ParseFault>| {
            fault.step = Step::Limit;
            fault
        })
    }

    fn unexpected<T>(&self, item: &Item<'t>, context: &str) -> Parsed<T> {
        let span = Span::new(item.pos, item.end());
        if item.tok != Tok::Error {
            return self.fault_at(&format!("unexpected {} in {context}", item.describe()), span);
        }
        let mut message = item.describe();
        if self.action_line != 0 && self.action_line != item.line {
            let in_action = if item.val.ends_with(b" action") { "" } else { " in action" };
            let started = format!("{in_action} started at {}:{}", self.shared.source.name, self.action_line);
            message.push_str(&started);
        }
        self.fault_at(&message, span)
    }

    fn expect(&mut self, tok: Tok, context: &str) -> Parsed<Item<'t>> {
        let item = self.next_non_space();
        if item.tok == tok { Ok(item) } else { self.unexpected(&item, context) }
    }

    /// One level deeper, unless that is too deep.
    fn enter(&mut self, message: &str) -> Parsed<()> {
        if self.shared.nesting >= MAX_NESTING {
            return self.beyond_limit(message);
        }
        self.shared.nesting += 1;
        Ok(())
    }

    /// One node more, unless that is too many.
    fn count(&mut self) -> Parsed<()> {
        self.shared.nodes += 1;
        if self.shared.nodes > MAX_NODES {
            return self.beyond_limit(&format!("max number of nodes ({MAX_NODES}) exceeded"));
        }
        Ok(())
    }

    // Definitions and lists.

    fn top_level(&mut self) -> Parsed<()> {
        while self.peek().tok != Tok::Eof {
            if self.begins_definition() {
                self.definition()?;
                continue;
            }
            match self.text_or_action()? {
                Piece::Node(node) => self.root.push(node),
                Piece::Ending(ending) => return self.fault(&format!("unexpected {}", ending.text())),
            }
        }
        Ok(())
    }

    /// Whether a `define` comes next; if so, it has been read.
    fn begins_definition(&mut self) -> bool {
        if self.peek().tok != Tok::LeftDelim {
            return false;
        }
        let delim = self.next();
        let found = self.next_non_space().tok == Tok::Define;
        if !found {
            self.backup2(delim);
        }
        found
    }

    fn definition(&mut self) -> Parsed<()> {
        self.count()?;
        let mut inner = Parser::new(self.shared, Vec::new());
        let item = inner.next_non_space();
        inner.name = inner.template_name(&item, "define clause")?;
        inner.expect(Tok::RightDelim, "define clause")?;
        let ending = inner.body()?;
        inner.is_end(ending, "define clause")?;
        inner.add()
    }

    /// The list of a definition, up to its end.
    fn body(&mut self) -> Parsed<Ending> {
        self.enter("max nesting depth exceeded")?;
        let (list, ending) = self.item_list()?;
        self.shared.nesting -= 1;
        self.root = list.into();
        Ok(ending)
    }

    /// Refuses what does not end a definition.
    fn is_end(&self, ending: Ending, context: &str) -> Parsed<()> {
        match ending {
            Ending::End => Ok(()),
            Ending::Else => self.fault(&format!("unexpected {} in {context}", ending.text())),
        }
    }

    /// Adds the finished definition, unless an empty one would replace another.
    fn add(&mut self) -> Parsed<()> {
        let blank = self.is_blank();
        let known = self.shared.known.get(&self.name).copied();
        if known.is_some_and(|tree| !tree.blank) {
            if blank {
                return Ok(());
            }
            return self.fault(&format!("template: multiple definition of template {}", quoted(&self.name)));
        }
        let tree = Tree {
            name: std::mem::take(&mut self.name),
            root: std::mem::take(&mut self.root).into_boxed_slice(),
            slots: self.slots.max,
            hidden: std::mem::take(&mut self.slots.hidden).into(),
        };
        let at = known.map_or(self.shared.trees.len(), |tree| tree.at);
        self.shared.known.insert(tree.name.clone(), Known { at, blank });
        match self.shared.trees.get_mut(at) {
            Some(replaced) => *replaced = tree,
            None => self.shared.trees.push(tree),
        }
        Ok(())
    }

    /// Whether the definition is nothing but space.
    fn is_blank(&mut self) -> bool {
        let (text, searched) = (self.shared.source.text, &mut self.shared.searched);
        let blank = self.root.iter().all(|node| match node {
            Node::Text(span) => {
                *searched += span.end - span.start;
                String::from_utf8_lossy(&text[span.start..span.end]).trim().is_empty()
            }
            _ => false,
        });
        debug_assert!(*searched <= text.len(), "some text was searched twice for more than space");
        blank
    }

    fn item_list(&mut self) -> Parsed<(Box<[Node]>, Ending)> {
        let mut list = Vec::new();
        while self.peek_non_space().tok != Tok::Eof {
            match self.text_or_action()? {
                Piece::Node(node) => list.push(node),
                Piece::Ending(ending) => return Ok((list.into(), ending)),
            }
        }
        self.fault("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Parsed<Piece> {
        self.count()?;
        let item = self.next_non_space();
        match item.tok {
            Tok::Text => Ok(Piece::Node(Node::Text(Span::new(item.pos, item.end())))),
            Tok::LeftDelim => {
                self.action_line = item.line;
                let piece = self.action()?;
                self.action_line = 0;
                Ok(piece)
            }
            _ => self.unexpected(&item, "input"),
        }
    }

    fn action(&mut self) -> Parsed<Piece> {
        let item = self.next_non_space();
        let node = match item.tok {
            Tok::Block => self.block()?,
            Tok::Break => self.loop_word("{{break}}", Node::Break)?,
            Tok::Continue => self.loop_word("{{continue}}", Node::Continue)?,
            Tok::Else => return self.otherwise(),
            Tok::End => {
                self.expect(Tok::RightDelim, "end")?;
                return Ok(Piece::Ending(Ending::End));
            }
            Tok::If => self.control(Control::If)?,
            Tok::Range => self.control(Control::Range)?,
            Tok::Template => self.template()?,
            Tok::With => self.control(Control::With)?,
            _ => {
                self.backup();
                let pos = self.peek().pos;
                let pipe = self.pipeline("command", Tok::RightDelim)?;
                let place = Place::at(pos, pipe.place.span());
                Node::Action(Action { place, pipe })
            }
        };
        Ok(Piece::Node(node))
    }

    // Controls.

    fn loop_word(&mut self, word: &str, node: Node) -> Parsed<Node> {
        let item = self.next_non_space();
        if item.tok != Tok::RightDelim {
            return self.unexpected(&item, word);
        }
        if self.ranges == 0 {
            return self.fault(&format!("{word} outside {{{{range}}}}"));
        }
        Ok(node)
    }

    /// `else`; an `if` or `with` right after it stays for the control that it belongs to.
    fn otherwise(&mut self) -> Parsed<Piece> {
        if !matches!(self.peek_non_space().tok, Tok::If | Tok::With) {
            self.expect(Tok::RightDelim, "else")?;
        }
        Ok(Piece::Ending(Ending::Else))
    }

    fn control(&mut self, control: Control) -> Parsed<Node> {
        self.enter("max nesting depth exceeded")?;
        let (known, outer) = (self.known.len(), self.slots.names.len());
        let pipe = self.pipeline(control.name(), Tok::RightDelim)?;
        let inner = self.slots.names.len();
        self.ranges += usize::from(control == Control::Range);
        let (list, ending) = self.item_list()?;
        self.ranges -= usize::from(control == Control::Range);
        self.slots.truncate(inner);
        let otherwise = if ending == Ending::Else { Some(self.else_list(control)?) } else { None };
        self.slots.truncate(outer);
        self.known.truncate(known);
        self.shared.nesting -= 1;
        Ok(control.node(Branch { pipe, list, otherwise }))
    }

    fn else_list(&mut self, control: Control) -> Parsed<Box<[Node]>> {
        let chained = match self.peek().tok {
            Tok::If => control == Control::If,
            Tok::With => control == Control::With,
            _ => false,
        };
        if chained {
            self.next();
            return Ok([self.control(control)?].into());
        }
        let (list, ending) = self.item_list()?;
        if ending != Ending::End {
            return self.fault(&format!("expected end; found {}", ending.text()));
        }
        Ok(list)
    }

    fn block(&mut self) -> Parsed<Node> {
        let context = "block clause";
        let item = self.next_non_space();
        let name = self.template_name(&item, context)?;
        let pipe = self.pipeline(context, Tok::RightDelim)?;
        let mut inner = Parser::new(self.shared, name.clone());
        let ending = inner.body()?;
        if ending == Ending::End {
            inner.add()?;
        }
        // As Go: by the line of the block, and not of what ends it.
        self.is_end(ending, context)?;
        let place = Place::new(item.pos, item.end());
        Ok(Node::Template(Box::new(Invocation { place, name, pipe: Some(pipe), target: None })))
    }

    fn template(&mut self) -> Parsed<Node> {
        let context = "template clause";
        let item = self.next_non_space();
        let name = self.template_name(&item, context)?;
        let mut pipe = None;
        if self.next_non_space().tok != Tok::RightDelim {
            self.backup();
            pipe = Some(self.pipeline(context, Tok::RightDelim)?);
        }
        let place = Place::new(item.pos, item.end());
        Ok(Node::Template(Box::new(Invocation { place, name, pipe, target: None })))
    }

    fn template_name(&self, item: &Item<'t>, context: &str) -> Parsed<Vec<u8>> {
        if !matches!(item.tok, Tok::String | Tok::RawString) {
            return self.unexpected(item, context);
        }
        self.unquoted(item)
    }

    fn unquoted(&self, item: &Item<'t>) -> Parsed<Vec<u8>> {
        match unquote(&item.val) {
            Some(bytes) => Ok(bytes),
            None => self.fault_at("invalid syntax", Span::new(item.pos, item.end())),
        }
    }

    // Pipelines.

    fn pipeline(&mut self, context: &str, end: Tok) -> Parsed<Pipe> {
        let start = self.peek_non_space().pos;
        let (names, assigns) = self.declarations(context)?;
        let mut commands: Vec<Command> = Vec::new();
        loop {
            let item = self.next_non_space();
            if item.tok == end {
                break;
            }
            if !begins_operand(item.tok) {
                return self.unexpected(&item, context);
            }
            self.backup();
            commands.push(self.command()?);
        }
        self.check(&commands, context)?;
        let stop = commands.last().map_or(start, |command| command.place.span().end);
        let decls = names.into_iter().map(|name| self.bind(name, assigns, end == Tok::RightParen)).collect();
        Ok(Pipe { place: Place::new(start, stop), assigns, decls, commands: commands.into() })
    }

    /// The variables a pipeline begins with, and whether it assigns to them.
    fn declarations(&mut self, context: &str) -> Parsed<(Vec<String>, bool)> {
        let mut names = Vec::new();
        loop {
            let variable = self.peek_non_space();
            if variable.tok != Tok::Variable {
                return Ok((names, false));
            }
            self.next();
            // In "$x foo" it takes three items to see that $x is no declaration.
            let after = self.peek();
            let next = self.peek_non_space();
            let comma = next.tok == Tok::Char && *next.val == *b",";
            if !comma && !matches!(next.tok, Tok::Assign | Tok::Declare) {
                self.put_back(variable, after);
                return Ok((names, false));
            }
            self.next_non_space();
            self.count()?;
            names.push(variable.text().into_owned());
            self.known.push(variable.text().into_owned());
            if !comma {
                return Ok((names, next.tok == Tok::Assign));
            }
            self.check_comma(context, names.len())?;
        }
    }

    /// Unreads a variable and what was found right behind it.
    fn put_back(&mut self, variable: Item<'t>, after: Item<'t>) {
        if after.tok == Tok::Space {
            self.backup3(variable, after);
        } else {
            self.backup2(variable);
        }
    }

    /// Only `range` takes a second variable.
    fn check_comma(&mut self, context: &str, count: usize) -> Parsed<()> {
        if context != "range" || count >= 2 {
            return self.fault(&format!("too many declarations in {context}"));
        }
        match self.peek_non_space().tok {
            Tok::Variable | Tok::RightDelim | Tok::RightParen => Ok(()),
            _ => self.fault("range can only initialize variables"),
        }
    }

    /// Gives a declared variable its slot, or finds that of an assigned one.
    fn bind(&mut self, name: String, assigns: bool, in_parens: bool) -> Decl {
        let slot = if assigns { self.slots.find(&name) } else { self.slots.declare(name.clone(), in_parens) };
        Decl { name, slot }
    }

    /// How many variables there are; of nodes there are fewer than 4 294 967 295.
    fn declared(&self) -> u32 {
        u32::try_from(self.slots.names.len()).unwrap_or(u32::MAX)
    }

    fn check(&self, commands: &[Command], context: &str) -> Parsed<()> {
        if commands.is_empty() {
            return self.fault(&format!("missing value for {context}"));
        }
        for (i, command) in commands.iter().enumerate().skip(1) {
            let constant = matches!(
                command.args[0].kind,
                ExprKind::Bool(_) | ExprKind::Dot | ExprKind::Nil | ExprKind::Number(_) | ExprKind::String(_)
            );
            if constant {
                return self.fault(&format!("non executable command in pipeline stage {}", i + 1));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Parsed<Command> {
        self.count()?;
        let start = self.peek_non_space().pos;
        let declared = self.declared();
        let mut args: Vec<Expr> = Vec::new();
        loop {
            self.peek_non_space();
            args.extend(self.operand()?);
            let item = self.next();
            match item.tok {
                Tok::Space => continue,
                Tok::RightDelim | Tok::RightParen => self.backup(),
                Tok::Pipe => {}
                _ => return self.unexpected(&item, "operand"),
            }
            break;
        }
        let Some(last) = args.last() else { return self.fault("empty command") };
        let place = Place::new(start, last.place.span().end);
        Ok(Command { place, args: args.into(), declares: declared..self.declared() })
    }

    /// A term and the fields after it.
    fn operand(&mut self) -> Parsed<Option<Expr>> {
        let Some(mut expr) = self.term()? else { return Ok(None) };
        self.count()?;
        if self.peek().tok != Tok::Field {
            return Ok(Some(expr));
        }
        let (fields, place) = self.fields_after(expr.place.span())?;
        match &mut expr.kind {
            ExprKind::Field(names) => extend(names, fields),
            ExprKind::Variable(variable) => extend(&mut variable.fields, fields),
            ExprKind::Bool(_) | ExprKind::String(_) | ExprKind::Number(_) | ExprKind::Nil | ExprKind::Dot => {
                return self.fault(&format!("unexpected . after term {}", quoted(expr.to_string())));
            }
            ExprKind::Chain(..) | ExprKind::Function(..) | ExprKind::Pipe(_) => {
                return Ok(Some(Expr { place, kind: ExprKind::Chain(Box::new((expr, fields.into()))) }));
            }
        }
        expr.place = place;
        Ok(Some(expr))
    }

    /// The fields that follow a term, and the place of the whole: Go's messages name the first of the fields.
    fn fields_after(&mut self, term: Span) -> Parsed<(Vec<Str>, Place)> {
        let pos = self.peek().pos;
        let (mut fields, mut end) = (Vec::new(), term.end);
        while self.peek().tok == Tok::Field {
            self.count()?;
            let item = self.next();
            fields.push(Str::from(&item.val[1..]));
            end = item.end();
        }
        Ok((fields, Place::at(pos, Span::new(term.start, end))))
    }

    /// A constant, a name, a field, a variable or a pipeline in parentheses.
    fn term(&mut self) -> Parsed<Option<Expr>> {
        let item = self.next_non_space();
        let kind = match item.tok {
            Tok::Identifier => self.function(&item)?,
            Tok::Dot => ExprKind::Dot,
            Tok::Nil => ExprKind::Nil,
            Tok::Variable => self.variable(&item)?,
            Tok::Field => ExprKind::Field([Str::from(&item.val[1..])].into()),
            Tok::Bool => ExprKind::Bool(*item.val == *b"true"),
            Tok::CharConstant | Tok::Complex | Tok::Number => match Number::parse(item.tok, &item.text()) {
                Ok(number) => ExprKind::Number(Box::new(number)),
                Err(message) => return self.fault(&message),
            },
            Tok::LeftParen => return self.parenthesized(&item).map(Some),
            Tok::String | Tok::RawString => {
                let text = Str::from(self.unquoted(&item)?);
                ExprKind::String(Box::new(Constant { quoted: Str::from(&*item.val), text }))
            }
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        Ok(Some(Expr { place: Place::new(item.pos, item.end()), kind }))
    }

    fn parenthesized(&mut self, open: &Item<'t>) -> Parsed<Expr> {
        self.enter("max expression depth exceeded")?;
        let pipe = self.pipeline("parenthesized pipeline", Tok::RightParen)?;
        self.shared.nesting -= 1;
        let place = Place::at(pipe.place.pos(), Span::new(open.pos, pipe.place.span().end + 1));
        Ok(Expr { place, kind: ExprKind::Pipe(Box::new(pipe)) })
    }

    fn function(&self, item: &Item<'t>) -> Parsed<ExprKind> {
        let source = self.shared.source;
        if let Some(func) = source.functions.get(&*item.text()) {
            return Ok(ExprKind::Function(Arc::clone(func)));
        }
        let message = format!("function {} not defined", quoted(&item.val));
        self.fault_at(&message, Span::new(item.pos, item.end())).map_err(|mut fault| {
            fault.unknown = Some(item.text().into_owned());
            fault
        })
    }

    fn variable(&self, item: &Item<'t>) -> Parsed<ExprKind> {
        let name = item.text().into_owned();
        if self.known.find(&name).is_none() {
            let message = format!("undefined variable {}", quoted(&item.val));
            return self.fault_at(&message, Span::new(item.pos, item.end()));
        }
        let variable = Variable { slot: self.slots.find(&name), name, fields: Box::default() };
        Ok(ExprKind::Variable(Box::new(variable)))
    }
}

/// Adds the fields behind those that are there.
fn extend(names: &mut Box<[Str]>, fields: Vec<Str>) {
    let mut all = std::mem::take(names).into_vec();
    all.extend(fields);
    *names = all.into();
}

const fn begins_operand(tok: Tok) -> bool {
    matches!(
        tok,
        Tok::Bool
            | Tok::CharConstant
            | Tok::Complex
            | Tok::Dot
            | Tok::Field
            | Tok::Identifier
            | Tok::Number
            | Tok::Nil
            | Tok::RawString
            | Tok::String
            | Tok::Variable
            | Tok::LeftParen
    )
}
