//! Calls of functions and methods: arity, arguments and their types, with Go's messages.

use std::rc::Rc;
use std::sync::Arc;

use crate::ast::{Expr, ExprKind};
use crate::error::{Error, Fault};
use crate::eval::{At, Cell, Given, State};
use crate::func::{Args, Boxed, Func, Signature, Special};
use crate::number::{Ideal, Number};
use crate::run::{BYTES_PER_STEP, Run};
use crate::types::{Float, Int, Kind, Type, Uint};
use crate::value::{Object, Value};

/// How many arguments are passed without a vector.
const FEW: usize = 4;

impl<'t> State<'t, '_, '_> {
    /// Calls a function by its name. An error of its own is named after `node`.
    pub(crate) fn function(
        &mut self,
        dot: &Cell,
        func: &'t Arc<Func>,
        node: At<'t>,
        given: Given<'t>,
    ) -> Result<Value, Error> {
        let signature = func.signature();
        self.check_count(func.name(), signature, &given)?;
        match func.as_special() {
            Some(Special::And) => return self.short_circuit(dot, (node, given), false),
            Some(Special::Or) => return self.short_circuit(dot, (node, given), true),
            Some(Special::Call) => return self.call(dot, signature, node, given),
            None => {}
        }
        let call = |run: &mut Run<'_>, args: Args<'_>| func.call(run, args);
        self.with_args(dot, (func.name(), signature), (node, given), call)
    }

    /// Calls a method of an object.
    pub(crate) fn method(
        &mut self,
        dot: &Cell,
        (object, expr): (&Rc<dyn Object>, &'t Expr),
        (name, signature): (&str, Signature),
        given: Given<'t>,
    ) -> Result<Value, Error> {
        self.check_count(name, signature, &given)?;
        self.look_at(object)?;
        let call = |run: &mut Run<'_>, args: Args<'_>| object.call(name, run, args);
        self.with_args(dot, (name, signature), (At::Expr(expr), given), call)
    }

    pub(crate) fn check_count(
        &self,
        name: &str,
        signature: Signature,
        given: &Given<'t>,
    ) -> Result<(), Error> {
        let count = given.args.len() + usize::from(given.last.is_some());
        let (params, passed) = (signature.params.len(), given.args.len());
        if signature.variadic && count + 1 < params {
            let fixed = params - 1;
            return self
                .fail(&format!("wrong number of args for {name}: want at least {fixed} got {passed}"));
        }
        if !signature.variadic && count != params {
            return self.fail(&format!("wrong number of args for {name}: want {params} got {count}"));
        }
        Ok(())
    }

    /// Evaluates the arguments and calls.
    fn with_args(
        &mut self,
        dot: &Cell,
        (name, signature): (&str, Signature),
        (node, given): (At<'t>, Given<'t>),
        call: impl FnOnce(&mut Run<'_>, Args<'_>) -> Result<Value, Fault>,
    ) -> Result<Value, Error> {
        let count = given.args.len() + usize::from(given.last.is_some());
        let mut few = [const { Value::NoValue }; FEW];
        let mut many = Vec::new();
        let args = if count <= FEW {
            &mut few[..count]
        } else {
            many.resize(count, Value::NoValue);
            &mut many[..]
        };
        let exprs = given.args;
        let boxed = self.evaluate(dot, signature, given, args)?;
        match paid_call(self.run, Args::boxed(args, boxed), call) {
            Ok(value) => Ok(value),
            Err(fault) => {
                self.at = node;
                let is_written = |i: usize| exprs.get(i).is_some_and(is_constant);
                let computed =
                    args.iter().enumerate().filter(|(i, _)| !is_written(*i)).map(|(_, value)| value);
                Err(self.fault_over(&format!("error calling {name}: "), &fault, computed))
            }
        }
    }

    /// The values of the arguments, and which of them are boxed.
    fn evaluate(
        &mut self,
        dot: &Cell,
        signature: Signature,
        given: Given<'t>,
        into: &mut [Value],
    ) -> Result<Boxed, Error> {
        let mut boxed = Boxed::default();
        for (i, arg) in given.args.iter().enumerate() {
            let cell = self.argument(dot, param(signature, i), arg)?;
            boxed.set(i, cell.boxed);
            into[i] = cell.value;
        }
        if let Some(last) = given.last {
            let i = given.args.len();
            into[i] = self.validate(last, param(signature, i))?;
        }
        Ok(boxed)
    }

    /// `and` and `or`: the first argument that settles it, else the last.
    fn short_circuit(
        &mut self,
        dot: &Cell,
        (node, given): (At<'t>, Given<'t>),
        stops_at: bool,
    ) -> Result<Value, Error> {
        if let At::Command(command) = node {
            self.forget_declared(command)?;
        }
        let mut value = Value::NoValue;
        for arg in given.args {
            self.spend(1)?;
            value = self.argument(dot, Type::Reflect, arg)?.value;
            if value.truth() == stops_at {
                return Ok(value);
            }
        }
        Ok(given.last.unwrap_or(value))
    }

    /// `call`: the first argument is the function.
    fn call(
        &mut self,
        dot: &Cell,
        signature: Signature,
        node: At<'t>,
        given: Given<'t>,
    ) -> Result<Value, Error> {
        let name = match (given.args.first(), &given.last) {
            (Some(expr), _) => expr.to_string(),
            (None, Some(Value::Str(text))) => text.to_text().into_owned(),
            (None, Some(value)) => {
                format!("<{} Value>", value.type_name())
            }
            (None, None) => String::new(),
        };
        let body = |run: &mut Run<'_>, args: Args<'_>| call_value(&name, run, args.all());
        self.with_args(dot, ("call", signature), (node, given), body)
    }

    // Arguments.

    /// The value of an argument, which must fit the type.
    fn argument(&mut self, dot: &Cell, wanted: Type, expr: &'t Expr) -> Result<Cell, Error> {
        self.at = At::Expr(expr);
        let cell = match &expr.kind {
            ExprKind::Dot => dot.clone(),
            ExprKind::Nil if wanted.can_be_nil() => return Ok(Cell::plain(Value::zero(wanted))),
            ExprKind::Nil => return self.fail(&format!("cannot assign nil to {wanted}")),
            ExprKind::Field(names) => self.fields(dot, dot, (expr, names), Given::NOTHING)?,
            ExprKind::Variable(variable) => self.variable(dot, (expr, variable), Given::NOTHING)?,
            ExprKind::Pipe(pipe) => Cell::plain(self.nested(dot, pipe)?),
            ExprKind::Function(func) => {
                let value = self.function(dot, func, At::Expr(expr), Given::NOTHING)?;
                Cell::of(value, func.signature().returns)
            }
            ExprKind::Chain(chain) => self.chain(dot, (expr, &chain.0, &chain.1), Given::NOTHING)?,
            ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String(_) => {
                return self.constant_as(wanted, expr).map(Cell::plain);
            }
        };
        Ok(Cell { value: self.validate(cell.value, wanted)?, ..cell })
    }

    /// A constant as a value of the wanted type.
    fn constant_as(&self, wanted: Type, expr: &Expr) -> Result<Value, Error> {
        if matches!(wanted, Type::Any | Type::Reflect) {
            return self.literal(expr);
        }
        let Some((expected, value)) = convert_constant(wanted.kind(), &expr.kind) else {
            return self.fail(&format!("can't handle {expr} for arg of type {wanted}"));
        };
        match value {
            Some(value) => Ok(value),
            None => self.fail(&format!("expected {expected}; found {expr}")),
        }
    }

    /// A constant where no type asks for one.
    pub(crate) fn literal(&self, expr: &Expr) -> Result<Value, Error> {
        match &expr.kind {
            ExprKind::Bool(b) => Ok(Value::Bool(*b)),
            ExprKind::String(constant) => Ok(Value::Str(constant.text.clone())),
            ExprKind::Number(number) => match number.ideal() {
                Ideal::Int(int) => Ok(Value::int(int)),
                Ideal::Float(float) => Ok(Value::float(float)),
                Ideal::Complex(re, im) => Ok(Value::Complex(re, im)),
                Ideal::Overflow => self.fail(&format!("{expr} overflows int")),
            },
            _ => self.fail(&format!("can't evaluate command {}", crate::lex::quoted(expr.to_string()))),
        }
    }

    /// The value if it can be passed as the type.
    pub(crate) fn validate(&self, value: Value, wanted: Type) -> Result<Value, Error> {
        if wanted == Type::Reflect {
            return Ok(value);
        }
        let value = match value {
            Value::Object(object) if wanted == Type::Any || !object.is_nil() => Value::Object(object).held(),
            value => value,
        };
        if fits(&value, wanted) {
            return Ok(value);
        }
        match &value {
            Value::NoValue if wanted.can_be_nil() => Ok(Value::zero(wanted)),
            Value::NoValue => self.fail(&format!("invalid value; expected {wanted}")),
            _ => {
                let got = value.type_name();
                self.fail(&format!("wrong type for value; expected {wanted}; got {got}"))
            }
        }
    }
}

/// Calls a function, and pays for the arguments before and for what it has made and not paid for itself after.
fn paid_call(
    run: &mut Run<'_>,
    args: Args<'_>,
    call: impl FnOnce(&mut Run<'_>, Args<'_>) -> Result<Value, Fault>,
) -> Result<Value, Fault> {
    run.spend(args.len() as u64 + looked_at(args.all()))?;
    let began = run.taken();
    let made = call(run, args)?;
    run.settle(began, &made)?;
    Ok(made)
}

/// The steps that any function may need to look at its arguments once. What it does beyond that it pays for itself.
fn looked_at(args: &[Value]) -> u64 {
    const ITEMS_PER_STEP: usize = 16;
    let steps = |arg: &Value| match arg {
        Value::Str(text) => text.len() / BYTES_PER_STEP,
        Value::Bytes(bytes) => bytes.len() / BYTES_PER_STEP,
        Value::List(list) => list.len() / ITEMS_PER_STEP,
        Value::Map(map) => map.len() / ITEMS_PER_STEP,
        Value::Object(object) => object.weight() / BYTES_PER_STEP,
        _ => 0,
    };
    args.iter().map(steps).sum::<usize>() as u64
}

/// Whether the template itself says the value.
const fn is_constant(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Nil)
}

/// The type of the parameter that takes the argument at `index`.
fn param(signature: Signature, index: usize) -> Type {
    let last = signature.params.len().saturating_sub(1);
    signature.params.get(index.min(last)).copied().unwrap_or(Type::Any)
}

/// What Go expects where a kind is wanted, and the constant as that, if it can be; `None` if no constant can.
fn convert_constant(wanted: Kind, constant: &ExprKind) -> Option<(&'static str, Option<Value>)> {
    let number: Option<&Number> = match constant {
        ExprKind::Number(number) => Some(number),
        _ => None,
    };
    let int = |of: Int| ("integer", number.and_then(|n| n.int).map(|n| Value::Int(of, narrow_int(of, n))));
    let uint = |of: Uint| {
        ("unsigned integer", number.and_then(|n| n.uint).map(|n| Value::Uint(of, narrow_uint(of, n))))
    };
    let float =
        |of: Float| ("float", number.and_then(|n| n.float).map(|n| Value::Float(of, narrow_float(of, n))));
    Some(match wanted {
        Kind::Bool => ("bool", if let ExprKind::Bool(b) = constant { Some(Value::Bool(*b)) } else { None }),
        Kind::String => {
            let text = if let ExprKind::String(text) = constant { Some(&text.text) } else { None };
            ("string", text.cloned().map(Value::Str))
        }
        Kind::Complex128 => {
            ("complex", number.and_then(|n| n.complex).map(|(re, im)| Value::Complex(re, im)))
        }
        Kind::Float32 => float(Float::Float32),
        Kind::Float64 => float(Float::Float64),
        Kind::Int => int(Int::Int),
        Kind::Int8 => int(Int::Int8),
        Kind::Int16 => int(Int::Int16),
        Kind::Int32 => int(Int::Int32),
        Kind::Int64 => int(Int::Int64),
        Kind::Uint => uint(Uint::Uint),
        Kind::Uint8 => uint(Uint::Uint8),
        Kind::Uint16 => uint(Uint::Uint16),
        Kind::Uint32 => uint(Uint::Uint32),
        Kind::Uint64 => uint(Uint::Uint64),
        Kind::Invalid | Kind::Slice | Kind::Map | Kind::Struct | Kind::Ptr | Kind::Interface | Kind::Func => {
            return None;
        }
    })
}

/// The number with as many bits as the type has, as Go's conversion keeps them.
const fn narrow_int(of: Int, number: i64) -> i64 {
    match of {
        Int::Int | Int::Int64 => number,
        Int::Int8 => number as i8 as i64,
        Int::Int16 => number as i16 as i64,
        Int::Int32 => number as i32 as i64,
    }
}

const fn narrow_uint(of: Uint, number: u64) -> u64 {
    match of {
        Uint::Uint | Uint::Uint64 => number,
        Uint::Uint8 => number as u8 as u64,
        Uint::Uint16 => number as u16 as u64,
        Uint::Uint32 => number as u32 as u64,
    }
}

const fn narrow_float(of: Float, number: f64) -> f64 {
    match of {
        Float::Float64 => number,
        Float::Float32 => number as f32 as f64,
    }
}

/// Whether a value is of a type, or of an interface's.
fn fits(value: &Value, wanted: Type) -> bool {
    match (value, wanted) {
        (_, Type::Reflect) => true,
        (Value::NoValue, _) => false,
        (_, Type::Any) | (Value::Str(_), Type::String) | (Value::Bool(_), Type::Bool) => true,
        (Value::Nil, _) => false,
        (Value::Object(object), Type::Error) => object.is_error(),
        (value, wanted) => value.go_type() == Some(wanted),
    }
}

/// `call`'s own part: checks the arguments against the function's types and calls it.
fn call_value(name: &str, run: &mut Run<'_>, values: &[Value]) -> Result<Value, Fault> {
    let Some((callee, args)) = values.split_first() else { return Err(Fault::from("call of nil")) };
    let func = match &callee.clone().held() {
        Value::Func(func) => Rc::clone(func),
        Value::NoValue | Value::Nil => return Err(Fault::from("call of nil")),
        other => {
            let got = other.type_name();
            return Err(Fault::new(format!("non-function {name} of type {got}")));
        }
    };
    let signature = func.signature();
    let (params, got) = (signature.params.len(), args.len());
    if signature.variadic && got + 1 < params {
        let want = params - 1;
        return Err(Fault::new(format!("wrong number of args for {name}: got {got} want at least {want}")));
    }
    if !signature.variadic && got != params {
        return Err(Fault::new(format!("wrong number of args for {name}: got {got} want {params}")));
    }
    let prepared = args.iter().enumerate().map(|(i, arg)| {
        prepare(&arg.clone().held(), param(signature, i))
            .map_err(|fault| Fault::new(format!("arg {i}: {fault}")))
    });
    let prepared = prepared.collect::<Result<Vec<Value>, Fault>>()?;
    func.call(run, Args::new(&prepared))
}

/// The value as an argument or index of the type: nil becomes a typed nil, integers change their width.
pub(crate) fn prepare(value: &Value, wanted: Type) -> Result<Value, Fault> {
    if matches!(value, Value::NoValue | Value::Nil) {
        if wanted.can_be_nil() {
            return Ok(Value::zero(wanted));
        }
        return Err(Fault::new(format!("value is nil; should be of type {wanted}")));
    }
    if fits(value, wanted) {
        return Ok(value.clone());
    }
    match (value.plain(), wanted) {
        (Value::Int(_, n), Type::Int(of)) => Ok(Value::Int(of, narrow_int(of, n))),
        (Value::Int(_, n), Type::Uint(of)) => Ok(Value::Uint(of, narrow_uint(of, n.cast_unsigned()))),
        (Value::Uint(_, n), Type::Uint(of)) => Ok(Value::Uint(of, narrow_uint(of, n))),
        (Value::Uint(_, n), Type::Int(of)) => Ok(Value::Int(of, narrow_int(of, n.cast_signed()))),
        _ => {
            let got = value.type_name();
            Err(Fault::new(format!("value has type {got}; should be {wanted}")))
        }
    }
}
