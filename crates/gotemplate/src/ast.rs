//! A parsed template. The tree is walked as it is: names of functions and variables are resolved, constants are
//! made. It prints as Go prints its own, because error messages quote it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::func::Func;
use crate::number::Number;
use crate::span::Span;
use crate::value::Str;

/// Where a node stands. Beyond 4 GiB of text it stands at their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pos: u32,
    start: u32,
    end: u32,
}

impl Place {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self::at(start, Span::new(start, end))
    }

    /// Of a node that Go's messages name by another byte than its first.
    pub(crate) fn at(pos: usize, span: Span) -> Self {
        let [pos, start, end] = [pos, span.start, span.end].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
        Self { pos, start, end }
    }

    /// The byte that Go's messages name. Of `.a.b` it is that of `.b`.
    pub(crate) const fn pos(self) -> usize {
        self.pos as usize
    }

    /// All of the node.
    pub(crate) const fn span(self) -> Span {
        Span::new(self.start as usize, self.end as usize)
    }
}

/// One template: the whole text, a `define` or a `block`.
#[derive(Debug)]
pub(crate) struct Tree {
    /// Of any bytes.
    pub(crate) name: Vec<u8>,
    pub(crate) root: Box<[Node]>,
    /// How many variables it has at most at one time, `$` included.
    pub(crate) slots: usize,
    /// Variables that others of their names hide.
    pub(crate) hidden: Box<[Slot]>,
}

/// Where a variable lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) at: usize,
    /// What its name means where its declaration was left out: an index of [`Tree::hidden`].
    pub(crate) hides: Option<u32>,
}

#[derive(Debug)]
pub(crate) enum Node {
    /// Literal text.
    Text(Span),
    Action(Action),
    If(Box<Branch>),
    With(Box<Branch>),
    Range(Box<Branch>),
    Template(Box<Invocation>),
    Break,
    Continue,
}

/// `{{pipeline}}`.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) place: Place,
    pub(crate) pipe: Pipe,
}

/// `if`, `with` and `range`.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) list: Box<[Node]>,
    pub(crate) otherwise: Option<Box<[Node]>>,
}

/// `{{template "name" pipeline}}`.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) place: Place,
    pub(crate) name: Vec<u8>,
    pub(crate) pipe: Option<Pipe>,
    /// Its index among the templates; `None` if there is none of that name.
    pub(crate) target: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) place: Place,
    /// Whether the variables are assigned to, not declared.
    pub(crate) assigns: bool,
    pub(crate) decls: Box<[Decl]>,
    pub(crate) commands: Box<[Command]>,
}

/// A variable that a pipeline declares or assigns to.
#[derive(Debug)]
pub(crate) struct Decl {
    pub(crate) name: String,
    /// `None`: assigned to, but never declared.
    pub(crate) slot: Option<Slot>,
}

#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) place: Place,
    /// The first is what is evaluated, the others are its arguments.
    pub(crate) args: Box<[Expr]>,
    /// The slots of what its arguments declare.
    pub(crate) declares: Range<u32>,
}

#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) place: Place,
    pub(crate) kind: ExprKind,
}

#[derive(Debug)]
pub(crate) enum ExprKind {
    Dot,
    Nil,
    Bool(bool),
    Number(Box<Number>),
    String(Box<Constant>),
    /// `.a.b`
    Field(Box<[Str]>),
    Variable(Box<Variable>),
    /// `(pipeline).a.b`, `function.a.b`
    Chain(Box<(Expr, Box<[Str]>)>),
    Function(Arc<Func>),
    Pipe(Box<Pipe>),
}

/// A string, as it is written and as it is.
#[derive(Debug)]
pub(crate) struct Constant {
    pub(crate) quoted: Str,
    pub(crate) text: Str,
}

/// `$name.a.b`
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    /// `None`: declared on a path that is never taken before this one.
    pub(crate) slot: Option<Slot>,
    pub(crate) fields: Box<[Str]>,
}

/// What the allocator adds to what it gives, about.
const OVERHEAD: usize = 16;

/// The bytes that a list of nodes takes, with what hangs on each.
fn weight_of<T>(items: &[T], hangs_on: impl Fn(&T) -> usize) -> usize {
    if items.is_empty() {
        return 0;
    }
    OVERHEAD + size_of_val(items) + items.iter().map(hangs_on).sum::<usize>()
}

fn weight_of_text(text: &[u8]) -> usize {
    2 * OVERHEAD + text.len()
}

fn weight_of_names(names: &[Str]) -> usize {
    weight_of(names, |name| weight_of_text(name))
}

impl Tree {
    /// The bytes that it takes, about.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>()
            + weight_of_text(&self.name)
            + weight_of(&self.hidden, |_| 0)
            + weight_of(&self.root, Node::weight)
    }
}

impl Node {
    /// The bytes that hang on it.
    fn weight(&self) -> usize {
        match self {
            Self::Text(_) | Self::Break | Self::Continue => 0,
            Self::Action(action) => action.pipe.weight(),
            Self::If(branch) | Self::With(branch) | Self::Range(branch) => {
                let otherwise = branch.otherwise.as_deref().unwrap_or_default();
                OVERHEAD
                    + size_of::<Branch>()
                    + branch.pipe.weight()
                    + weight_of(&branch.list, Self::weight)
                    + weight_of(otherwise, Self::weight)
            }
            Self::Template(call) => {
                let pipe = call.pipe.as_ref().map_or(0, Pipe::weight);
                OVERHEAD + size_of::<Invocation>() + weight_of_text(&call.name) + pipe
            }
        }
    }
}

impl Pipe {
    fn weight(&self) -> usize {
        weight_of(&self.decls, |decl| weight_of_text(decl.name.as_bytes()))
            + weight_of(&self.commands, |command| weight_of(&command.args, Expr::weight))
    }
}

impl Expr {
    fn weight(&self) -> usize {
        match &self.kind {
            ExprKind::Dot | ExprKind::Nil | ExprKind::Bool(_) | ExprKind::Function(_) => 0,
            ExprKind::Number(number) => {
                OVERHEAD + size_of::<Number>() + weight_of_text(number.text.as_bytes())
            }
            ExprKind::String(text) => {
                OVERHEAD + size_of::<Constant>() + weight_of_text(&text.quoted) + weight_of_text(&text.text)
            }
            ExprKind::Field(names) => weight_of_names(names),
            ExprKind::Variable(variable) => {
                let name = weight_of_text(variable.name.as_bytes());
                OVERHEAD + size_of::<Variable>() + name + weight_of_names(&variable.fields)
            }
            ExprKind::Chain(chain) => {
                OVERHEAD + size_of::<(Self, Box<[Str]>)>() + chain.0.weight() + weight_of_names(&chain.1)
            }
            ExprKind::Pipe(pipe) => OVERHEAD + size_of::<Pipe>() + pipe.weight(),
        }
    }
}

fn fields_into(f: &mut fmt::Formatter<'_>, fields: &[Str]) -> fmt::Result {
    fields.iter().try_for_each(|field| write!(f, ".{}", field.to_text()))
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Dot => f.write_str("."),
            ExprKind::Nil => f.write_str("nil"),
            ExprKind::Bool(b) => write!(f, "{b}"),
            ExprKind::Number(number) => f.write_str(&number.text),
            ExprKind::String(constant) => f.write_str(&constant.quoted.to_text()),
            ExprKind::Field(fields) => fields_into(f, fields),
            ExprKind::Variable(variable) => {
                f.write_str(&variable.name)?;
                fields_into(f, &variable.fields)
            }
            ExprKind::Chain(chain) => {
                in_parens(f, &chain.0)?;
                fields_into(f, &chain.1)
            }
            ExprKind::Function(func) => f.write_str(func.name()),
            ExprKind::Pipe(pipe) => write!(f, "{pipe}"),
        }
    }
}

/// A pipeline in parentheses, anything else without.
fn in_parens(f: &mut fmt::Formatter<'_>, expr: &Expr) -> fmt::Result {
    if matches!(expr.kind, ExprKind::Pipe(_)) { write!(f, "({expr})") } else { write!(f, "{expr}") }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, arg) in self.args.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            in_parens(f, arg)?;
        }
        Ok(())
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, decl) in self.decls.iter().enumerate() {
            f.write_str(if i > 0 { ", " } else { "" })?;
            f.write_str(&decl.name)?;
        }
        if !self.decls.is_empty() {
            f.write_str(if self.assigns { " = " } else { " := " })?;
        }
        for (i, command) in self.commands.iter().enumerate() {
            f.write_str(if i > 0 { " | " } else { "" })?;
            write!(f, "{command}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{{}}}}}", self.pipe)
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {}", crate::lex::quoted(&self.name))?;
        if let Some(pipe) = &self.pipe {
            write!(f, " {pipe}")?;
        }
        f.write_str("}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_small() {
        assert_eq!((size_of::<Node>(), size_of::<Command>(), size_of::<Expr>()), (64, 40, 40));
    }
}
