//! A parsed template. The tree is walked as it is: names of functions and variables are resolved, constants are
//! made. It prints as Go prints its own, because error messages quote it.

use std::fmt;
use std::sync::Arc;

use crate::func::Func;
use crate::number::Number;
use crate::span::Span;
use crate::value::Str;

/// Where a node stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The byte that Go's messages name. Of `.a.b` it is that of `.b`.
    pub(crate) pos: usize,
    /// All of the node.
    pub(crate) span: Span,
}

impl Place {
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self { pos: start, span: Span::new(start, end) }
    }
}

/// One template: the whole text, a `define` or a `block`.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) name: String,
    pub(crate) root: Vec<Node>,
    /// How many variables it has at most at one time, `$` included.
    pub(crate) slots: usize,
}

#[derive(Debug)]
pub(crate) enum Node {
    /// Literal text.
    Text(Span),
    Action(Action),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template(Invocation),
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
    pub(crate) list: Vec<Node>,
    pub(crate) otherwise: Option<Vec<Node>>,
}

/// `{{template "name" pipeline}}`.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) pipe: Option<Pipe>,
    /// Its index among the templates; `None` if there is none of that name.
    pub(crate) target: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) place: Place,
    /// Whether the variables are assigned to, not declared.
    pub(crate) assigns: bool,
    pub(crate) decls: Vec<Decl>,
    pub(crate) commands: Vec<Command>,
}

/// A variable that a pipeline declares or assigns to.
#[derive(Debug)]
pub(crate) struct Decl {
    pub(crate) name: String,
    /// `None`: assigned to, but never declared.
    pub(crate) slot: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) place: Place,
    /// The first is what is evaluated, the others are its arguments.
    pub(crate) args: Vec<Expr>,
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
    String(Constant),
    /// `.a.b`
    Field(Vec<Str>),
    Variable(Variable),
    /// `(pipeline).a.b`, `function.a.b`
    Chain(Box<Expr>, Vec<Str>),
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
    pub(crate) slot: Option<usize>,
    pub(crate) fields: Vec<Str>,
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
            ExprKind::Chain(base, fields) => {
                in_parens(f, base)?;
                fields_into(f, fields)
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
