//! Lists. Each function that takes any value takes lists of every type, `[]byte` included, and copies what it returns,
//! but for `slice`, which shares the items. Those named `must…` differ in nothing but their names.

use super::cast::to_int;
use super::deep::{deep_equal, is_empty};
use super::growth::{appended, grown};
use super::{Args, Func};
use crate::error::Fault;
use crate::run::{LIST_STEPS, Run};
use crate::types::{Type, Uint};
use crate::value::{List, Value};

const ANY: Type = Type::Any;
const LIST: Type = Type::LIST;
const LISTS: Type = Type::Slice(&Type::LIST);

/// The functions of this topic.
pub static ROWS: &[Func] = &[
    Func::variadic("list", &[ANY], LIST, list),
    Func::variadic("tuple", &[ANY], LIST, list),
    Func::fixed("append", &[ANY, ANY], LIST, append),
    Func::fixed("push", &[ANY, ANY], LIST, append),
    Func::fixed("mustAppend", &[ANY, ANY], LIST, append),
    Func::fixed("mustPush", &[ANY, ANY], LIST, append),
    Func::fixed("prepend", &[ANY, ANY], LIST, prepend),
    Func::fixed("mustPrepend", &[ANY, ANY], LIST, prepend),
    Func::fixed("first", &[ANY], ANY, first),
    Func::fixed("mustFirst", &[ANY], ANY, first),
    Func::fixed("last", &[ANY], ANY, last),
    Func::fixed("mustLast", &[ANY], ANY, last),
    Func::fixed("rest", &[ANY], LIST, rest),
    Func::fixed("mustRest", &[ANY], LIST, rest),
    Func::fixed("initial", &[ANY], LIST, initial),
    Func::fixed("mustInitial", &[ANY], LIST, initial),
    Func::fixed("reverse", &[ANY], LIST, reverse),
    Func::fixed("mustReverse", &[ANY], LIST, reverse),
    Func::fixed("uniq", &[ANY], LIST, uniq),
    Func::fixed("mustUniq", &[ANY], LIST, uniq),
    Func::fixed("compact", &[ANY], LIST, compact),
    Func::fixed("mustCompact", &[ANY], LIST, compact),
    Func::variadic("without", &[ANY, ANY], LIST, without),
    Func::variadic("mustWithout", &[ANY, ANY], LIST, without),
    Func::fixed("has", &[ANY, ANY], Type::Bool, has),
    Func::fixed("mustHas", &[ANY, ANY], Type::Bool, has),
    Func::variadic("slice", &[ANY, ANY], ANY, slice),
    Func::variadic("mustSlice", &[ANY, ANY], ANY, slice),
    Func::variadic("concat", &[ANY], ANY, concat),
    Func::fixed("chunk", &[Type::INT, ANY], LISTS, chunk),
    Func::fixed("mustChunk", &[Type::INT, ANY], LISTS, chunk),
];

/// What Go does for the type of nil.
pub(super) const NIL: &str = "runtime error: invalid memory address or nil pointer dereference";

/// The items of a list of any type; else the text before the kind of what it is.
fn items(run: &mut Run<'_>, value: &Value, refusal: &str) -> Result<Vec<Value>, Fault> {
    let items = match value {
        Value::List(list) => list.to_vec(),
        Value::Bytes(bytes) => {
            bytes.borrow().iter().map(|byte| Value::Uint(Uint::Uint8, (*byte).into())).collect()
        }
        Value::Nil | Value::NoValue => return Err(Fault::from(NIL)),
        other => return Err(Fault::new(format!("{refusal} {}", other.kind()))),
    };
    run.spend(items.len() as u64)?;
    Ok(items)
}

fn nil_list() -> Value {
    Value::List(List::nil(ANY))
}

fn list(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    run.spend(LIST_STEPS + args.len() as u64)?;
    Ok(Value::list(args.all().to_vec()))
}

fn append(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let mut items = items(run, args.value(0), "Cannot push on type")?;
    let capacity = grown(ANY, items.len(), items.len() + 1);
    items.push(args.value(1).clone());
    Ok(Value::List(List::with_capacity(ANY, items, capacity)))
}

fn prepend(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let mut items = items(run, args.value(0), "Cannot prepend on type")?;
    items.insert(0, args.value(1).clone());
    let capacity = if items.len() > 1 { grown(ANY, 1, items.len()) } else { 1 };
    Ok(Value::List(List::with_capacity(ANY, items, capacity)))
}

fn first(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let items = items(run, args.value(0), "Cannot find first on type")?;
    Ok(items.into_iter().next().unwrap_or(Value::Nil))
}

fn last(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let items = items(run, args.value(0), "Cannot find last on type")?;
    Ok(items.into_iter().next_back().unwrap_or(Value::Nil))
}

fn rest(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let items = items(run, args.value(0), "Cannot find rest on type")?;
    Ok(items.get(1..).map_or_else(nil_list, |rest| Value::list(rest.to_vec())))
}

fn initial(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let items = items(run, args.value(0), "Cannot find initial on type")?;
    Ok(items.split_last().map_or_else(nil_list, |(_, initial)| Value::list(initial.to_vec())))
}

fn reverse(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let mut items = items(run, args.value(0), "Cannot find reverse on type")?;
    items.reverse();
    Ok(Value::list(items))
}

/// Whether one of the items equals the value, deeply.
fn contains(run: &mut Run<'_>, items: &[Value], value: &Value) -> Result<bool, Fault> {
    for item in items {
        if deep_equal(run, value, item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uniq(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let mut out = Vec::new();
    for item in items(run, args.value(0), "Cannot find uniq on type")? {
        if !contains(run, &out, &item)? {
            out.push(item);
        }
    }
    Ok(appended(ANY, out))
}

fn compact(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let mut items = items(run, args.value(0), "Cannot compact on type")?;
    items.retain(|item| !is_empty(item));
    Ok(appended(ANY, items))
}

fn without(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let mut out = Vec::new();
    for item in items(run, args.value(0), "Cannot find without on type")? {
        if !contains(run, args.rest(1), &item)? {
            out.push(item);
        }
    }
    Ok(appended(ANY, out))
}

fn has(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    if matches!(args.value(1), Value::Nil) {
        return Ok(false.into());
    }
    let items = items(run, args.value(1), "Cannot find has on type")?;
    Ok(contains(run, &items, args.value(0))?.into())
}

/// The items from one index to before another, as a list of the same type that shares them.
fn slice(_: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let (len, capacity) = match args.value(0) {
        Value::List(list) => (list.len(), list.capacity()),
        Value::Bytes(bytes) => (bytes.len(), bytes.capacity()),
        Value::Nil | Value::NoValue => return Err(Fault::from(NIL)),
        other => {
            return Err(Fault::new(format!("list should be type of slice or array but {}", other.kind())));
        }
    };
    if len == 0 {
        return Ok(Value::Nil);
    }
    let bound = |index: usize, default: usize| match args.all().get(index) {
        Some(value) => usize::try_from(to_int(value)).ok(),
        None => Some(default),
    };
    let out_of_bounds = || Fault::from("reflect.Value.Slice: slice index out of bounds");
    let (Some(from), Some(to)) = (bound(1, 0), bound(2, len)) else { return Err(out_of_bounds()) };
    let part = match args.value(0) {
        Value::List(list) if to <= capacity => list.slice(from, to).map(Value::List),
        Value::Bytes(bytes) => bytes.slice(from, to).map(Value::Bytes),
        _ => None,
    };
    part.ok_or_else(out_of_bounds)
}

fn concat(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let mut out = Vec::new();
    for list in args.all() {
        let unfit = |fault: Fault| match list {
            Value::Nil => fault,
            _ if fault.is_limit() => fault,
            other => Fault::new(format!("Cannot concat type {} as list", other.kind())),
        };
        out.extend(items(run, list, "").map_err(unfit)?);
    }
    Ok(if out.is_empty() { nil_list() } else { appended(ANY, out) })
}

/// Lists of so many items, the last with the rest.
fn chunk(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let size = args.int(0)?;
    let items = items(run, args.value(1), "Cannot chunk type")?;
    // In floats, as Go does it: so sizes of 0 and less end as they end there.
    let count = ((items.len() as f64 - 1.0) / size as f64).floor() + 1.0;
    if !(0.0..=items.len() as f64 + 1.0).contains(&count) {
        return Err(Fault::from(BAD_LENGTH));
    }
    if count == 0.0 {
        return Ok(chunks(Vec::new()));
    }
    match usize::try_from(size) {
        Ok(size) => Ok(chunks(items.chunks(size).map(<[Value]>::to_vec).collect())),
        // A negative size divides only a list that is shorter than it.
        Err(_) if !items.is_empty() && !(items.len() as u64).is_multiple_of(size.unsigned_abs()) => {
            Ok(chunks(vec![items]))
        }
        Err(_) => Err(Fault::from(BAD_LENGTH)),
    }
}

const BAD_LENGTH: &str = "runtime error: makeslice: len out of range";

fn chunks(parts: Vec<Vec<Value>>) -> Value {
    Value::List(List::new(LIST, parts.into_iter().map(Value::list).collect()))
}
