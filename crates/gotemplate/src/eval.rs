//! Walks a parsed template: Go's `exec.go`. As there, the node that was looked at last is the one an error names.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::MissingKey;
use crate::ast::{
    Action, Branch, Command, Decl, Expr, ExprKind, Invocation, Node, Pipe, Place, Slot, Tree, Variable,
};
use crate::error::{Error, Fault, Step};
use crate::func::Signature;
use crate::hint::closest;
use crate::lex::quoted;
use crate::print;
use crate::run::{BYTES_PER_STEP, Run};
use crate::span::line_and_column;
use crate::types::{Kind, Type};
use crate::value::{Bytes, List, Map, Object, Str, Value, is_exported};
use crate::veil::{VEIL, veiled};

/// How many controls, pipelines in parentheses and templates may be under way inside each other. More would not fit
/// the stack of a thread.
const MAX_LEVELS: usize = 500;

/// A compiled text.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) name: String,
    pub(crate) text: std::sync::Arc<[u8]>,
    pub(crate) trees: Vec<Tree>,
    /// The tree to run.
    pub(crate) main: usize,
    pub(crate) missing_key: MissingKey,
    /// How long the output was the last time: what it will need.
    pub(crate) size: AtomicUsize,
}

impl Compiled {
    /// The bytes that it takes, about.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>()
            + self.name.len()
            + self.text.len()
            + self.trees.iter().map(Tree::weight).sum::<usize>()
    }
}

/// Renders a compiled text.
pub(crate) fn render(compiled: &Compiled, dot: &Value, run: &mut Run<'_>) -> Result<Vec<u8>, Error> {
    let tree = &compiled.trees[compiled.main];
    let mut state = State {
        compiled,
        tree,
        run,
        out: Vec::with_capacity(compiled.size.load(Ordering::Relaxed)),
        slots: vec![None; tree.slots],
        base: 0,
        at: At::Nowhere,
        depth: 0,
        levels: 0,
    };
    let dot = Cell::plain(dot.clone());
    state.slots[0] = Some(dot.clone());
    // Go's engine recovers from panics of functions as well. The panic's own text may show values.
    match catch_unwind(AssertUnwindSafe(|| state.walk(&dot, &tree.root))) {
        Ok(Ok(_)) => {
            compiled.size.store(state.out.len(), Ordering::Relaxed);
            Ok(state.out)
        }
        Ok(Err(error)) => Err(error),
        Err(_) => Err(state.error(Step::Execute, "the template engine panicked; this is a fault of its own")),
    }
}

/// A value and whether Go would see an `interface {}` around it: what messages then call its type.
#[derive(Clone)]
pub(crate) struct Cell {
    pub(crate) value: Value,
    pub(crate) boxed: bool,
}

impl Cell {
    pub(crate) const fn plain(value: Value) -> Self {
        Self { value, boxed: false }
    }

    /// An item of a container.
    pub(crate) const fn of(value: Value, elem: Type) -> Self {
        Self { value, boxed: matches!(elem, Type::Any) }
    }

    /// The type as messages name it.
    fn type_name(&self) -> String {
        if self.boxed { Type::Any.to_string() } else { self.value.type_name() }
    }
}

/// What follows a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// The node that an error names.
#[derive(Clone, Copy)]
pub(crate) enum At<'t> {
    Nowhere,
    Action(&'t Action),
    Template(&'t Invocation),
    Pipe(&'t Pipe),
    Command(&'t Command),
    Expr(&'t Expr),
}

impl At<'_> {
    fn place(self) -> Place {
        match self {
            Self::Nowhere => Place::default(),
            Self::Action(node) => node.place,
            Self::Template(node) => node.place,
            Self::Pipe(node) => node.place,
            Self::Command(node) => node.place,
            Self::Expr(node) => node.place,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Nowhere => String::new(),
            Self::Action(node) => node.to_string(),
            Self::Template(node) => node.to_string(),
            Self::Pipe(node) => node.to_string(),
            Self::Command(node) => node.to_string(),
            Self::Expr(node) => node.to_string(),
        }
    }
}

/// What stands behind a function, a method or a field: its arguments, and what the pipeline brings as a further one.
#[derive(Clone)]
pub(crate) struct Given<'t> {
    pub(crate) args: &'t [Expr],
    pub(crate) last: Option<Value>,
}

impl Given<'_> {
    pub(crate) const NOTHING: Self = Self { args: &[], last: None };

    const fn is_empty(&self) -> bool {
        self.args.is_empty() && self.last.is_none()
    }
}

/// One rendering.
pub(crate) struct State<'t, 'r, 'e> {
    compiled: &'t Compiled,
    /// The template that runs.
    tree: &'t Tree,
    pub(crate) run: &'r mut Run<'e>,
    out: Vec<u8>,
    /// The variables of all templates under way; those of the one that runs begin at `base`.
    slots: Vec<Option<Cell>>,
    base: usize,
    pub(crate) at: At<'t>,
    depth: usize,
    levels: usize,
}

impl<'t> State<'t, '_, '_> {
    // Errors.

    /// Ends the run with Go's message.
    pub(crate) fn fail<T>(&self, message: &str) -> Result<T, Error> {
        Err(self.error(Step::Execute, message))
    }

    fn error(&self, step: Step, message: &str) -> Error {
        let place = self.at.place();
        let (line, column) = line_and_column(&self.compiled.text, place.pos());
        let (parsed, running, context) = (&self.compiled.name, quoted(&self.tree.name), self.at.text());
        let text =
            format!("template: {parsed}:{line}:{column}: executing {running} at <{context}>: {message}");
        Error::new(step, text, place.span(), self.compiled.text.clone())
    }

    /// Ends the run with Go's message, which shows a value.
    fn fail_showing<T>(&self, value: &Value, message: impl Fn(&str) -> String) -> Result<T, Error> {
        let told = self.error(Step::Execute, &message(VEIL)).to_string();
        Err(self.error(Step::Execute, &message(&self.shown(value)?)).with_veiled(told))
    }

    /// Ends the run because of what a function made of these values.
    pub(crate) fn fault_over<'v>(
        &'v self,
        before: &str,
        fault: &Fault,
        values: impl Iterator<Item = &'v Value>,
    ) -> Error {
        let error = self.fault(before, fault);
        if fault.is_limit() {
            return error;
        }
        let told = veiled(&fault.to_string(), values.chain(self.run.decoded()), &self.compiled.text);
        let told = self.fault(before, &Fault::new(told)).to_string();
        error.with_veiled(told)
    }

    /// Ends the run because of what a function returned; a limit is reported as such.
    pub(crate) fn fault(&self, before: &str, fault: &Fault) -> Error {
        if fault.is_limit() {
            return self.error(Step::Limit, &fault.to_string()).wanting_steps(fault.wants_steps());
        }
        self.error(Step::Execute, &format!("{before}{fault}"))
    }

    pub(crate) fn spend(&mut self, steps: u64) -> Result<(), Error> {
        self.run.spend(steps).map_err(|fault| self.fault("", &fault))
    }

    /// Pays for a look at all that an object holds.
    pub(crate) fn look_at(&mut self, object: &Rc<dyn Object>) -> Result<(), Error> {
        self.spend((object.weight() / BYTES_PER_STEP) as u64)
    }

    fn enter(&mut self) -> Result<(), Error> {
        self.levels += 1;
        if self.levels <= MAX_LEVELS {
            return Ok(());
        }
        Err(self.error(Step::Limit, &format!("exceeded maximum nesting depth ({MAX_LEVELS})")))
    }

    // Nodes.

    fn walk(&mut self, dot: &Cell, nodes: &'t [Node]) -> Result<Flow, Error> {
        self.enter()?;
        for node in nodes {
            let flow = self.walk_node(dot, node)?;
            if flow != Flow::Next {
                self.levels -= 1;
                return Ok(flow);
            }
        }
        self.levels -= 1;
        Ok(Flow::Next)
    }

    fn walk_node(&mut self, dot: &Cell, node: &'t Node) -> Result<Flow, Error> {
        self.spend(1)?;
        match node {
            Node::Text(span) => self.write(&self.compiled.text[span.start..span.end])?,
            Node::Action(action) => self.walk_action(dot, action)?,
            Node::If(branch) => return self.walk_if(dot, branch, false),
            Node::With(branch) => return self.walk_if(dot, branch, true),
            Node::Range(branch) => return self.walk_range(dot, branch),
            Node::Template(call) => self.walk_template(dot, call)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out.extend_from_slice(bytes);
        self.check_output()
    }

    fn check_output(&self) -> Result<(), Error> {
        let max = self.run.limits().output;
        if self.out.len() <= max {
            return Ok(());
        }
        Err(self.error(Step::Limit, &format!("exceeded the limit of {max} bytes of output")))
    }

    fn walk_action(&mut self, dot: &Cell, action: &'t Action) -> Result<(), Error> {
        if self.write_lone(dot, &action.pipe) {
            self.at = At::Action(action);
            return self.check_output();
        }
        let value = self.pipeline(dot, &action.pipe)?;
        if !action.pipe.decls.is_empty() {
            return Ok(());
        }
        self.at = At::Action(action);
        match &value {
            Value::Str(text) => self.write(text),
            Value::NoValue => self.write(b"<no value>"),
            Value::Func(_) => self.fail(&format!("can't print {action} of type {}", value.type_name())),
            other => {
                let max = self.run.limits().output;
                print::display_into(&mut self.out, other, max).map_err(|fault| self.fault("", &fault))?;
                self.check_output()
            }
        }
    }

    /// Writes a text that stands under a name, by far the most usual action, as it lies there. Whether it was one.
    fn write_lone(&mut self, dot: &Cell, pipe: &Pipe) -> bool {
        let ([Command { args, .. }], []) = (&pipe.commands[..], &pipe.decls[..]) else { return false };
        let [Expr { kind, .. }] = &args[..] else { return false };
        let out = &mut self.out;
        let mut write = |value: &Value| {
            let Value::Str(text) = value else { return false };
            out.extend_from_slice(text);
            true
        };
        match (kind, &dot.value) {
            (ExprKind::Variable(variable), _) if variable.fields.is_empty() => {
                let cell = variable.slot.and_then(|slot| self.slots[self.base + slot.at].as_ref());
                cell.is_some_and(|cell| write(&cell.value))
            }
            (ExprKind::Field(names), Value::Map(map)) if names.len() == 1 => map.look(&names[0], write),
            (ExprKind::Dot, value) => write(value),
            _ => false,
        }
    }

    fn walk_if(&mut self, dot: &Cell, branch: &'t Branch, sets_dot: bool) -> Result<Flow, Error> {
        let value = self.pipeline(dot, &branch.pipe)?;
        match &branch.otherwise {
            _ if value.truth() && sets_dot => self.walk(&Cell::plain(value), &branch.list),
            _ if value.truth() => self.walk(dot, &branch.list),
            Some(list) => self.walk(dot, list),
            None => Ok(Flow::Next),
        }
    }

    fn walk_template(&mut self, dot: &Cell, call: &'t Invocation) -> Result<(), Error> {
        self.at = At::Template(call);
        let Some(target) = call.target else {
            return self.fail(&format!("template {} not defined", quoted(&call.name)));
        };
        let max = self.run.limits().depth;
        if self.depth >= max {
            return Err(self.error(Step::Limit, &format!("exceeded maximum template depth ({max})")));
        }
        let dot = match &call.pipe {
            Some(pipe) => Cell::plain(self.pipeline(dot, pipe)?),
            None => Cell::plain(Value::NoValue),
        };
        let (tree, base) = (self.tree, self.base);
        self.tree = &self.compiled.trees[target];
        self.spend(self.tree.slots as u64 / 4)?;
        self.base = self.slots.len();
        self.slots.resize(self.base + self.tree.slots, None);
        self.slots[self.base] = Some(dot.clone());
        self.depth += 1;
        self.walk(&dot, &self.tree.root)?;
        self.depth -= 1;
        self.slots.truncate(self.base);
        (self.tree, self.base) = (tree, base);
        Ok(())
    }

    // Loops.

    fn walk_range(&mut self, dot: &Cell, branch: &'t Branch) -> Result<Flow, Error> {
        let value = self.pipeline(dot, &branch.pipe)?;
        let ran = match value.plain() {
            Value::NoValue | Value::Nil if matches!(value, Value::Object(_)) => {
                return self.fail("range can't iterate over <nil>");
            }
            Value::Int(of, end) => {
                self.check_one_variable(&value, branch)?;
                let number = |n| match &value {
                    Value::Object(object) => object.with_number(n),
                    _ => None,
                };
                self.range_numbers(branch, 0..end, |n| number(n).unwrap_or(Value::Int(of, n)))?
            }
            Value::Uint(of, end) => {
                self.check_one_variable(&value, branch)?;
                self.range_numbers(branch, 0..end, |n| Value::Uint(of, n))?
            }
            Value::List(list) => self.range_list(branch, &list)?,
            Value::Bytes(bytes) => self.range_bytes(branch, &bytes)?,
            Value::Map(map) => self.range_map(branch, &map)?,
            Value::NoValue | Value::Nil => false,
            other => {
                let other = other.pointed();
                return self.fail_showing(&other, |text| format!("range can't iterate over {text}"));
            }
        };
        match &branch.otherwise {
            // As in Go a `break` in there ends it, a `continue` goes on with the loop around.
            Some(list) if !ran => match self.walk(dot, list)? {
                Flow::Break => Ok(Flow::Next),
                flow => Ok(flow),
            },
            _ => Ok(Flow::Next),
        }
    }

    fn shown(&self, value: &Value) -> Result<String, Error> {
        let max = self.run.limits().output;
        let bytes = print::display_up_to(value, max).map_err(|fault| self.fault("", &fault))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn check_one_variable(&self, value: &Value, branch: &Branch) -> Result<(), Error> {
        if branch.pipe.decls.len() < 2 {
            return Ok(());
        }
        self.fail_showing(value, |text| format!("can't use {text} to iterate over more than one variable"))
    }

    fn range_numbers<N>(
        &mut self,
        branch: &'t Branch,
        numbers: impl Iterator<Item = N>,
        value: impl Fn(N) -> Value,
    ) -> Result<bool, Error> {
        let mut ran = false;
        let nothing = || Value::NoValue;
        for number in numbers {
            ran = true;
            if !self.iterate(branch, nothing, Cell::plain(value(number)))? {
                break;
            }
        }
        Ok(ran)
    }

    fn range_list(&mut self, branch: &'t Branch, list: &List) -> Result<bool, Error> {
        for i in 0..list.len() {
            let item = Cell::of(list.get(i).unwrap_or_default(), list.elem());
            if !self.iterate(branch, || Value::int(i as i64), item)? {
                break;
            }
        }
        Ok(!list.is_empty())
    }

    fn range_bytes(&mut self, branch: &'t Branch, bytes: &Bytes) -> Result<bool, Error> {
        for i in 0..bytes.len() {
            let byte = bytes.borrow().get(i).copied().unwrap_or_default();
            let item = Cell::plain(Value::Uint(crate::Uint::Uint8, u64::from(byte)));
            if !self.iterate(branch, || Value::int(i as i64), item)? {
                break;
            }
        }
        Ok(!bytes.is_empty())
    }

    fn range_map(&mut self, branch: &'t Branch, map: &Map) -> Result<bool, Error> {
        // They are copied: what is put into the map meanwhile is not met.
        self.spend(map.len() as u64 / 3)?;
        let entries = map.entries();
        let any = !entries.is_empty();
        for (key, value) in entries {
            if !self.iterate(branch, || Value::Str(key), Cell::of(value, map.elem()))? {
                break;
            }
        }
        Ok(any)
    }

    /// One round; whether there may be another.
    fn iterate(
        &mut self,
        branch: &'t Branch,
        key: impl FnOnce() -> Value,
        item: Cell,
    ) -> Result<bool, Error> {
        self.spend(1)?;
        let assigns = branch.pipe.assigns;
        match &*branch.pipe.decls {
            [] => {}
            [one] => self.set(one, assigns, item.clone())?,
            [first, second, ..] => {
                self.set(first, assigns, Cell::plain(key()))?;
                self.set(second, assigns, item.clone())?;
            }
        }
        Ok(self.walk(&item, &branch.list)? != Flow::Break)
    }

    // Pipelines.

    fn set(&mut self, decl: &Decl, assigns: bool, cell: Cell) -> Result<(), Error> {
        // A declared variable exists from here on; one that is assigned to must exist already.
        let slot =
            if assigns { self.place_of(decl.slot)? } else { decl.slot.map(|slot| self.base + slot.at) };
        match slot.and_then(|slot| self.slots.get_mut(slot)) {
            Some(place) => {
                *place = Some(cell);
                Ok(())
            }
            None => self.fail(&format!("undefined variable: {}", decl.name)),
        }
    }

    /// Where the variable lies that a name means at this point of the run: not one whose declaration was left out.
    fn place_of(&mut self, slot: Option<Slot>) -> Result<Option<usize>, Error> {
        let mut slot = slot;
        while let Some(Slot { at, hides }) = slot {
            if self.slots[self.base + at].is_some() {
                return Ok(Some(self.base + at));
            }
            self.spend(1)?;
            slot = hides.and_then(|hides| self.tree.hidden.get(hides as usize)).copied();
        }
        Ok(None)
    }

    /// Forgets what the arguments of a command declare: some of them may be left out.
    pub(crate) fn forget_declared(&mut self, command: &Command) -> Result<(), Error> {
        if command.declares.is_empty() {
            return Ok(());
        }
        self.spend(command.declares.len() as u64 / 16)?;
        let Range { start, end } = command.declares;
        self.slots[self.base + start as usize..self.base + end as usize].fill(None);
        Ok(())
    }

    /// The value of a pipeline; [`Value::NoValue`] where Go digs into a nil interface.
    pub(crate) fn pipeline(&mut self, dot: &Cell, pipe: &'t Pipe) -> Result<Value, Error> {
        self.at = At::Pipe(pipe);
        let mut last = None;
        for command in &pipe.commands {
            let value = match self.command(dot, command, last)?.piped() {
                Value::Nil => Value::NoValue,
                value => value,
            };
            last = Some(value);
        }
        let value = last.unwrap_or_default();
        for decl in &pipe.decls {
            self.set(decl, pipe.assigns, Cell::plain(value.clone()))?;
        }
        Ok(value)
    }

    /// A pipeline in parentheses.
    pub(crate) fn nested(&mut self, dot: &Cell, pipe: &'t Pipe) -> Result<Value, Error> {
        self.enter()?;
        let value = self.pipeline(dot, pipe)?;
        self.levels -= 1;
        Ok(value)
    }

    fn command(&mut self, dot: &Cell, command: &'t Command, last: Option<Value>) -> Result<Value, Error> {
        let Some((first, args)) = command.args.split_first() else { return Ok(Value::NoValue) };
        let given = Given { args, last };
        match &first.kind {
            ExprKind::Field(fields) => {
                self.at = At::Expr(first);
                Ok(self.fields(dot, dot, (first, fields), given)?.value)
            }
            ExprKind::Chain(chain) => Ok(self.chain(dot, (first, &chain.0, &chain.1), given)?.value),
            ExprKind::Function(func) => {
                self.at = At::Expr(first);
                self.function(dot, func, At::Command(command), given)
            }
            ExprKind::Pipe(pipe) => {
                self.check_no_arguments(first, &given)?;
                self.nested(dot, pipe)
            }
            ExprKind::Variable(variable) => Ok(self.variable(dot, (first, variable), given)?.value),
            _ => {
                self.at = At::Expr(first);
                self.check_no_arguments(first, &given)?;
                self.constant(dot, first)
            }
        }
    }

    fn check_no_arguments(&self, first: &Expr, given: &Given<'_>) -> Result<(), Error> {
        if given.is_empty() {
            return Ok(());
        }
        self.fail(&format!("can't give argument to non-function {first}"))
    }

    fn constant(&self, dot: &Cell, expr: &'t Expr) -> Result<Value, Error> {
        match &expr.kind {
            ExprKind::Dot => Ok(dot.value.clone()),
            ExprKind::Nil => self.fail("nil is not a command"),
            _ => self.literal(expr),
        }
    }

    // Fields and variables.

    pub(crate) fn variable(
        &mut self,
        dot: &Cell,
        (expr, variable): (&'t Expr, &'t Variable),
        given: Given<'t>,
    ) -> Result<Cell, Error> {
        self.at = At::Expr(expr);
        let found = self.place_of(variable.slot)?.and_then(|place| self.slots[place].clone());
        let Some(cell) = found else { return self.fail(&format!("undefined variable: {}", variable.name)) };
        if variable.fields.is_empty() {
            self.check_no_arguments(expr, &given)?;
            return Ok(cell);
        }
        self.fields(dot, &cell, (expr, &variable.fields), given)
    }

    pub(crate) fn chain(
        &mut self,
        dot: &Cell,
        (expr, base, fields): (&'t Expr, &'t Expr, &'t [Str]),
        given: Given<'t>,
    ) -> Result<Cell, Error> {
        self.at = At::Expr(expr);
        let receiver = self.base_of_chain(dot, base)?;
        self.fields(dot, &receiver, (expr, fields), given)
    }

    /// What the fields of a chain start from: a pipeline or a function.
    fn base_of_chain(&mut self, dot: &Cell, base: &'t Expr) -> Result<Cell, Error> {
        self.at = At::Expr(base);
        match &base.kind {
            ExprKind::Pipe(pipe) => Ok(Cell::plain(self.nested(dot, pipe)?)),
            ExprKind::Function(func) => {
                let value = self.function(dot, func, At::Expr(base), Given::NOTHING)?;
                Ok(Cell::of(value, func.signature().returns))
            }
            _ => self.literal(base).map(Cell::plain),
        }
    }

    /// `.a.b.c`: all but the last without arguments.
    pub(crate) fn fields(
        &mut self,
        dot: &Cell,
        receiver: &Cell,
        (expr, names): (&'t Expr, &'t [Str]),
        given: Given<'t>,
    ) -> Result<Cell, Error> {
        let Some((last, path)) = names.split_last() else { return Ok(receiver.clone()) };
        let mut reached = None;
        for name in path {
            let from = reached.as_ref().unwrap_or(receiver);
            reached = Some(self.field(dot, from, (expr, name), Given::NOTHING)?);
        }
        let from = reached.as_ref().unwrap_or(receiver);
        self.field(dot, from, (expr, last), given)
    }

    fn field(
        &mut self,
        dot: &Cell,
        receiver: &Cell,
        (expr, name): (&'t Expr, &'t Str),
        given: Given<'t>,
    ) -> Result<Cell, Error> {
        match &receiver.value {
            Value::Map(map) if given.is_empty() => self.entry(map, name),
            Value::Map(_) => self.fail(&format!("{} is not a method but has arguments", name.to_text())),
            Value::NoValue if self.compiled.missing_key == MissingKey::Error => {
                self.fail(&format!("nil data; no entry for key {}", quoted(&**name)))
            }
            Value::NoValue => Ok(Cell::plain(Value::NoValue)),
            Value::Nil => self.fail(&format!("nil pointer evaluating interface {{}}.{}", name.to_text())),
            Value::Object(object) if object.is_nil() && object.go_type().kind() == Kind::Interface => {
                self.fail(&format!("nil pointer evaluating {}.{}", object.go_type(), name.to_text()))
            }
            Value::Object(object) => {
                let text = name.to_text();
                if let Some(signature) = object.method(&text) {
                    let value = self.method(dot, (object, expr), (&text, signature), given)?;
                    return Ok(Cell::of(value, signature.returns));
                }
                if let Some(why) = object.uncallable(&text) {
                    self.check_count(&text, Signature::NOTHING, &given)?;
                    return self.fail(&why);
                }
                self.look_at(object)?;
                let field = object.fields().into_iter().find(|(known, _)| *known == text);
                match field {
                    Some(_) if !is_exported(&text) => {
                        let of = receiver.value.type_name();
                        self.fail(&format!("{text} is an unexported field of struct type {of}"))
                    }
                    Some((_, value)) if given.is_empty() => Ok(Cell::plain(value)),
                    Some(_) => self.fail(&format!("{text} has arguments but cannot be invoked as function")),
                    None => self.no_field(receiver, name),
                }
            }
            _ => self.no_field(receiver, name),
        }
    }

    fn no_field(&self, receiver: &Cell, name: &Str) -> Result<Cell, Error> {
        self.fail(&format!("can't evaluate field {} in type {}", name.to_text(), receiver.type_name()))
    }

    fn entry(&self, map: &Map, name: &Str) -> Result<Cell, Error> {
        if let Some(value) = map.get(name) {
            return Ok(Cell::of(value, map.elem()));
        }
        match self.compiled.missing_key {
            MissingKey::Default => Ok(Cell::plain(Value::NoValue)),
            MissingKey::Zero => Ok(Cell::of(Value::zero(map.elem()), map.elem())),
            MissingKey::Error => {
                let name = name.to_text();
                let keys: Vec<String> = map.keys().iter().map(|key| key.to_text().into_owned()).collect();
                let hint = closest(&name, keys.iter().map(String::as_str));
                let message = format!("map has no entry for key {}", quoted(name.as_bytes()));
                Err(self.error(Step::Execute, &message).with_hint(hint))
            }
        }
    }
}
