//! The functions of `text/template` itself.

use crate::call::prepare;
use crate::error::Fault;
use crate::func::compare::{equal, less};
use crate::func::escape::{html, js, url_query};
use crate::func::{Args, Func, Special};
use crate::print;
use crate::run::Run;
use crate::types::{Kind, Type, Uint};
use crate::value::{Bytes, List, Value};

const ANYTHING: &[Type] = &[Type::Any];
const ONE: &[Type] = &[Type::Reflect];
const TWO: &[Type] = &[Type::Reflect, Type::Reflect];

/// The table.
pub static ROWS: &[Func] = &[
    Func::special("and", Special::And),
    Func::special("or", Special::Or),
    Func::special("call", Special::Call),
    Func::fixed("not", ONE, Type::Bool, |_, args| Ok(Value::Bool(!args.value(0).truth()))),
    Func::fixed("len", ONE, Type::INT, len),
    Func::variadic("index", TWO, Type::Reflect, index),
    Func::variadic("slice", TWO, Type::Reflect, slice),
    Func::variadic("print", ANYTHING, Type::String, |run, args| {
        let text = print::sprint_up_to(args.all(), run.limits().output)?;
        made(run, text)
    }),
    Func::variadic("println", ANYTHING, Type::String, |run, args| {
        let text = print::sprintln_up_to(args.all(), run.limits().output)?;
        made(run, text)
    }),
    Func::variadic("printf", &[Type::String, Type::Any], Type::String, |run, args| {
        let text = print::sprintf_up_to(args.str(0)?, args.rest(1), run.limits().output)?;
        made(run, text)
    }),
    Func::variadic("html", ANYTHING, Type::String, |run, args| escaped(run, args, html)),
    Func::variadic("js", ANYTHING, Type::String, |run, args| escaped(run, args, js)),
    Func::variadic("urlquery", ANYTHING, Type::String, |run, args| escaped(run, args, url_query)),
    Func::variadic("eq", TWO, Type::Bool, |_, args| Ok(Value::Bool(equal(args.value(0), args.rest(1))?))),
    Func::fixed("ne", TWO, Type::Bool, |_, args| Ok(Value::Bool(!equal(args.value(0), args.rest(1))?))),
    Func::fixed("lt", TWO, Type::Bool, |_, args| Ok(Value::Bool(less(args.value(0), args.value(1))?))),
    Func::fixed("le", TWO, Type::Bool, |_, args| Ok(Value::Bool(at_most(args)?))),
    Func::fixed("gt", TWO, Type::Bool, |_, args| Ok(Value::Bool(!at_most(args)?))),
    Func::fixed("ge", TWO, Type::Bool, |_, args| Ok(Value::Bool(!less(args.value(0), args.value(1))?))),
];

fn at_most(args: Args<'_>) -> Result<bool, Fault> {
    Ok(less(args.value(0), args.value(1))? || equal(args.value(0), args.rest(1))?)
}

/// A string that was made, if it is not too long.
fn made(run: &mut Run<'_>, text: Vec<u8>) -> Result<Value, Fault> {
    run.make(text.len())?;
    Ok(Value::str(text))
}

/// The arguments as an action would print them, escaped.
fn escaped(run: &mut Run<'_>, args: Args<'_>, escape: fn(&[u8]) -> Vec<u8>) -> Result<Value, Fault> {
    let printable =
        |value: &Value| if value.go_type().is_none() { Value::from("<no value>") } else { value.clone() };
    let values: Vec<Value> = args.all().iter().map(printable).collect();
    let text = print::sprint_up_to(&values, run.limits().output)?;
    made(run, escape(&text))
}

/// The name of a value's type, or of what it points to; a named number has its own.
fn of_type(value: &Value, plain: &Value) -> String {
    let named = if matches!(plain, Value::Object(_)) { plain.pointed() } else { value.clone() };
    named.type_name()
}

fn len(_: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let len = match args.value(0).plain() {
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        Value::Nil => return Err(Fault::from("len of nil pointer")),
        Value::NoValue => return Err(Fault::from("reflect: call of reflect.Value.Type on zero Value")),
        value => return Err(Fault::new(format!("len of type {}", of_type(args.value(0), &value)))),
    };
    Ok(Value::int(len as i64))
}

fn no_index(type_name: &str) -> Fault {
    Fault::new(format!("cannot index slice/array with type {type_name}"))
}

/// A value as an index, up to and with `end`.
fn position(index: &Value, end: usize) -> Result<usize, Fault> {
    let number = match index.plain() {
        Value::Int(_, n) => n,
        Value::Uint(_, n) => n.cast_signed(),
        Value::NoValue | Value::Nil => return Err(Fault::from("cannot index slice/array with nil")),
        _ => return Err(no_index(&index.type_name())),
    };
    let at = usize::try_from(number).ok().filter(|at| *at <= end);
    at.ok_or_else(|| Fault::new(format!("index out of range: {number}")))
}

fn index(_: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let mut item = args.value(0).clone().held();
    if item.go_type().is_none() {
        return Err(Fault::from("index of untyped nil"));
    }
    for index in args.rest(1) {
        item = one_index(&item, &index.clone().held())?;
    }
    Ok(item)
}

fn one_index(item: &Value, index: &Value) -> Result<Value, Fault> {
    match &item.plain() {
        Value::Str(text) => byte_at(text, index, "reflect: string index out of range"),
        Value::Bytes(bytes) => byte_at(&bytes.borrow(), index, "reflect: slice index out of range"),
        Value::List(list) => {
            let found = list.get(position(index, list.len())?);
            found.ok_or_else(|| Fault::from("reflect: slice index out of range"))
        }
        Value::Map(map) => {
            let Value::Str(key) = prepare(index, Type::String)? else { return Ok(Value::zero(map.elem())) };
            Ok(map.get(&key).unwrap_or_else(|| Value::zero(map.elem())))
        }
        Value::Nil | Value::NoValue => Err(Fault::from("index of nil pointer")),
        plain => Err(Fault::new(format!("can't index item of type {}", of_type(item, plain)))),
    }
}

fn byte_at(bytes: &[u8], index: &Value, beyond: &str) -> Result<Value, Fault> {
    let byte = bytes.get(position(index, bytes.len())?).ok_or_else(|| Fault::from(beyond))?;
    Ok(Value::Uint(Uint::Uint8, u64::from(*byte)))
}

/// Where a slice begins and ends, and where its capacity ends if it was given.
struct Bounds {
    from: usize,
    to: usize,
    max: Option<usize>,
}

fn slice(_: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let item = args.value(0).plain();
    let indexes = args.rest(1).len();
    if item.go_type().is_none() {
        return Err(Fault::from("slice of untyped nil"));
    }
    if indexes > 3 {
        return Err(Fault::new(format!("too many slice indexes: {indexes}")));
    }
    match &item {
        Value::Str(_) if indexes == 3 => Err(Fault::from("cannot 3-index slice a string")),
        Value::Str(text) => {
            let Bounds { from, to, .. } = bounds(args, text.len(), text.len())?;
            Ok(Value::str(&text[from..to]))
        }
        Value::Bytes(bytes) => slice_bytes(bytes, args),
        Value::List(list) => slice_list(list, args),
        item => Err(Fault::new(format!("can't slice item of type {}", of_type(args.value(0), item)))),
    }
}

const OUT_OF_BOUNDS: &str = "reflect.Value.Slice: slice index out of bounds";

fn slice_bytes(bytes: &Bytes, args: Args<'_>) -> Result<Value, Fault> {
    let Bounds { from, to, max } = bounds(args, bytes.len(), bytes.capacity())?;
    let part = match max {
        Some(max) => bytes.slice_up_to(from, to, max),
        None => bytes.slice(from, to),
    };
    part.map(Value::Bytes).ok_or_else(|| Fault::from(OUT_OF_BOUNDS))
}

fn slice_list(list: &List, args: Args<'_>) -> Result<Value, Fault> {
    let Bounds { from, to, max } = bounds(args, list.len(), list.capacity())?;
    let part = match max {
        Some(max) => list.slice_up_to(from, to, max),
        None => list.slice(from, to),
    };
    part.map(Value::List).ok_or_else(|| Fault::from(OUT_OF_BOUNDS))
}

/// What the arguments of `slice` ask for. Unlike `index` it does not look into an `interface {}`.
fn bounds(args: Args<'_>, len: usize, capacity: usize) -> Result<Bounds, Fault> {
    let mut at = [0, len, capacity];
    for (i, index) in args.rest(1).iter().enumerate() {
        if args.is_boxed(i + 1) || index.kind() == Kind::Interface {
            return Err(no_index(&args.type_name(i + 1)));
        }
        at[i] = position(index, capacity)?;
    }
    let [from, to, max] = at;
    let wrong = |low: usize, high: usize| Err(Fault::new(format!("invalid slice index: {low} > {high}")));
    if from > to {
        return wrong(from, to);
    }
    let max = (args.len() == 4).then_some(max);
    match max {
        Some(max) if to > max => wrong(to, max),
        _ => Ok(Bounds { from, to, max }),
    }
}
