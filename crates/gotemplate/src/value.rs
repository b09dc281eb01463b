//! The values of a template: Go's, with its types, its bytes in strings and its references to lists and maps.
//!
//! A value lives on one thread and is cheap to copy: strings, lists and maps are shared. What `set` does to a map
//! all its holders see. A map never comes to hold itself, so values are trees and are freed as such, however deep.
//!
//! Values are secrets to their users: `Debug` prints types, never content.

use std::any::Any;
use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

pub use crate::bytes::Bytes;
use crate::error::Fault;
use crate::func::{Args, Func, Signature};
pub use crate::list::List;
use crate::run::Run;
use crate::types::{Float, Int, Kind, Type, Uint};

/// Bytes that Go calls a string. Often UTF-8, never checked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Str(Arc<[u8]>);

impl Str {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes nothing else holds: all or none.
    pub(crate) fn own_bytes(&self) -> usize {
        if Arc::strong_count(&self.0) == 1 { self.0.len() } else { 0 }
    }

    /// The text, with U+FFFD for what is not UTF-8.
    #[must_use]
    pub fn to_text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl std::ops::Deref for Str {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Str {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Default for Str {
    fn default() -> Self {
        Self(Arc::from(&[][..]))
    }
}

impl From<&[u8]> for Str {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<Vec<u8>> for Str {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        Self(text.into_bytes().into())
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Str({} bytes)", self.0.len())
    }
}

/// A value.
#[derive(Clone, Default)]
pub enum Value {
    /// No value at all (Go's invalid `reflect.Value`): a missing key, the end of a pipeline that gave `nil`. Prints as
    /// `<no value>`. Reaches only functions whose parameter is [`Type::Reflect`]; never return it.
    #[default]
    NoValue,
    /// The nil of `interface {}`, as in JSON's `null`.
    Nil,
    /// `true` or `false`.
    Bool(bool),
    /// A signed integer of any width. The number always fits its type.
    Int(Int, i64),
    /// An unsigned integer of any width. The number always fits its type.
    Uint(Uint, u64),
    /// A floating-point number.
    Float(Float, f64),
    /// A `complex128`: real and imaginary part.
    Complex(f64, f64),
    /// A `string`.
    Str(Str),
    /// A `[]byte`.
    Bytes(Bytes),
    /// A slice of anything but bytes.
    List(List),
    /// A map with string keys.
    Map(Map),
    /// A struct, a pointer to one, an error or any other type with fields or methods.
    Object(Rc<dyn Object>),
    /// A function, to be used by `call`.
    Func(Rc<Func>),
}

impl Value {
    /// A Go `int`.
    #[must_use]
    pub const fn int(number: i64) -> Self {
        Self::Int(Int::Int, number)
    }

    /// A Go `int64`.
    #[must_use]
    pub const fn int64(number: i64) -> Self {
        Self::Int(Int::Int64, number)
    }

    /// A Go `float64`.
    #[must_use]
    pub const fn float(number: f64) -> Self {
        Self::Float(Float::Float64, number)
    }

    /// A Go `string`.
    #[must_use]
    pub fn str(text: impl Into<Str>) -> Self {
        Self::Str(text.into())
    }

    /// A Go `[]byte`.
    #[must_use]
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// A Go `[]interface {}`.
    #[must_use]
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(List::new(Type::Any, items))
    }

    /// A Go `[]string`.
    #[must_use]
    pub fn strings<S: Into<Str>>(items: impl IntoIterator<Item = S>) -> Self {
        Self::List(List::new(Type::String, items.into_iter().map(Self::str).collect()))
    }

    /// A Go `map[string]interface {}`.
    #[must_use]
    pub fn dict<K: Into<Str>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(Map::new(Type::Any, entries))
    }

    /// A Go `map[string]string`.
    #[must_use]
    pub fn string_map<K: Into<Str>, V: Into<Str>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::Map(Map::new(Type::String, entries.into_iter().map(|(k, v)| (k, Self::str(v)))))
    }

    /// An object.
    #[must_use]
    pub fn object(object: impl Object) -> Self {
        Self::Object(Rc::new(object))
    }

    /// The value's type; `None` for what is nil without a type.
    #[must_use]
    pub fn go_type(&self) -> Option<Type> {
        Some(match self {
            Self::NoValue | Self::Nil => return None,
            Self::Bool(_) => Type::Bool,
            Self::Int(int, _) => Type::Int(*int),
            Self::Uint(uint, _) => Type::Uint(*uint),
            Self::Float(float, _) => Type::Float(*float),
            Self::Complex(..) => Type::Complex,
            Self::Str(_) => Type::String,
            Self::Bytes(_) => Type::BYTES,
            Self::List(list) => list.go_type(),
            Self::Map(map) => map.go_type(),
            Self::Object(object) => object.go_type(),
            Self::Func(_) => Type::Func,
        })
    }

    /// The type as Go prints it; `interface {}` for what is nil without a type, a function's with its parameters.
    #[must_use]
    pub fn type_name(&self) -> String {
        match self {
            Self::Func(func) => func.signature().to_string(),
            _ => self.go_type().unwrap_or(Type::Any).to_string(),
        }
    }

    /// The kind of the value's type; [`Kind::Invalid`] for what is nil without a type.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.go_type().map_or(Kind::Invalid, Type::kind)
    }

    /// The zero of a type: what `index` gives for a missing key.
    #[must_use]
    pub fn zero(of: Type) -> Self {
        match of {
            Type::Any | Type::Error | Type::Func | Type::Named(..) => Self::Nil,
            Type::Reflect => Self::NoValue,
            Type::Bool => Self::Bool(false),
            Type::Int(int) => Self::Int(int, 0),
            Type::Uint(uint) => Self::Uint(uint, 0),
            Type::Float(float) => Self::Float(float, 0.0),
            Type::Complex => Self::Complex(0.0, 0.0),
            Type::String => Self::Str(Str::default()),
            Type::BYTES => Self::Bytes(Bytes::nil()),
            Type::Slice(elem) => Self::List(List::nil(*elem)),
            Type::Map(elem) => Self::Map(Map::nil(*elem)),
        }
    }

    /// Whether the value is true for `if`: not nil, not zero, not empty. Objects are true unless they stand for a
    /// number or a string.
    #[must_use]
    pub fn truth(&self) -> bool {
        match self {
            Self::NoValue | Self::Nil => false,
            Self::Bool(b) => *b,
            Self::Int(_, n) => *n != 0,
            Self::Uint(_, n) => *n != 0,
            Self::Float(_, n) => *n != 0.0,
            Self::Complex(re, im) => *re != 0.0 || *im != 0.0,
            Self::Str(s) => !s.is_empty(),
            Self::Bytes(s) => !s.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Object(object) => object.underlying().is_none_or(|value| value.truth()),
            Self::Func(_) => true,
        }
    }

    /// Nil without a type, or a nil list or map.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        match self {
            Self::NoValue | Self::Nil => true,
            Self::List(list) => list.is_nil(),
            Self::Map(map) => map.is_nil(),
            Self::Bytes(bytes) => bytes.is_nil(),
            _ => false,
        }
    }

    /// The object, if it is one of this Rust type.
    #[must_use]
    pub fn downcast<T: Object>(&self) -> Option<&T> {
        let Self::Object(object) = self else { return None };
        let any: &dyn Any = &**object;
        any.downcast_ref()
    }

    /// What it points to, if it is a pointer to a struct; all else as it is.
    pub(crate) fn pointed(&self) -> Self {
        let Self::Object(object) = self else { return self.clone() };
        object.pointed().unwrap_or_else(|| self.clone())
    }

    /// A named number or string (`time.Duration`) as the plain number or string that it is; all else as it is.
    #[must_use]
    pub fn plain(&self) -> Self {
        match self {
            Self::Object(object) => object.underlying().unwrap_or_else(|| self.clone()),
            _ => self.clone(),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.go_type() {
            Some(go_type) => write!(f, "Value({go_type})"),
            None => f.write_str("Value(nil)"),
        }
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::str(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::str(text)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::str(bytes)
    }
}

impl From<Str> for Value {
    fn from(text: Str) -> Self {
        Self::Str(text)
    }
}

/// A Go map from strings. All copies are the same map. Its order is that of the keys' bytes, as Go sorts them.
#[derive(Clone)]
pub struct Map(Rc<MapStore>);

struct MapStore {
    elem: Type,
    nil: bool,
    entries: RefCell<BTreeMap<Str, Value>>,
}

impl Map {
    /// A map to `elem`. Each value must be of that type.
    #[must_use]
    pub fn new<K: Into<Str>>(elem: Type, entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        let entries = entries.into_iter().map(|(key, value)| (key.into(), value)).collect();
        Self(Rc::new(MapStore { elem, nil: false, entries: RefCell::new(entries) }))
    }

    /// The nil map to `elem`: empty, takes no entries, `null` in JSON.
    #[must_use]
    pub fn nil(elem: Type) -> Self {
        Self(Rc::new(MapStore { elem, nil: true, entries: RefCell::default() }))
    }

    /// The type of the values.
    #[must_use]
    pub fn elem(&self) -> Type {
        self.0.elem
    }

    /// The type of the map.
    #[must_use]
    pub fn go_type(&self) -> Type {
        Type::map_of(self.0.elem)
    }

    /// Whether it is the nil map.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.0.nil
    }

    /// How many entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.entries.borrow().len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value under `key`.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        self.0.entries.borrow().get(key).cloned()
    }

    /// Looks at the value under `key`; false if there is none.
    pub(crate) fn look(&self, key: &[u8], look: impl FnOnce(&Value) -> bool) -> bool {
        self.0.entries.borrow().get(key).is_some_and(look)
    }

    /// Whether there is a value under `key`.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.0.entries.borrow().contains_key(key)
    }

    /// Puts a value under a key, for all who hold the map.
    ///
    /// # Errors
    /// If it is the nil map, or if the value holds this map.
    pub fn insert(&self, key: impl Into<Str>, value: Value) -> Result<(), Fault> {
        self.put(key.into(), value, |_| Ok(()))
    }

    /// [`Map::insert`], paid for: the value is searched for this map.
    pub(crate) fn insert_within(&self, run: &mut Run<'_>, key: Str, value: Value) -> Result<(), Fault> {
        self.put(key, value, |steps| run.spend(steps))
    }

    fn put(&self, key: Str, value: Value, pay: impl FnMut(u64) -> Result<(), Fault>) -> Result<(), Fault> {
        if self.0.nil {
            return Err(Fault::from("assignment to entry in nil map"));
        }
        // A map that nobody else holds cannot be in the value.
        if Rc::strong_count(&self.0) > 1 {
            search(&value, self.address(), pay)?;
        }
        self.0.entries.borrow_mut().insert(key, value);
        Ok(())
    }

    /// Removes what is under `key`, for all who hold the map.
    pub fn remove(&self, key: &[u8]) -> Option<Value> {
        self.0.entries.borrow_mut().remove(key)
    }

    /// Whether nothing else holds the entries.
    pub(crate) fn is_own(&self) -> bool {
        Rc::strong_count(&self.0) == 1
    }

    /// Shows each entry, in order.
    pub(crate) fn each(&self, mut show: impl FnMut(&Str, &Value)) {
        self.0.entries.borrow().iter().for_each(|(key, value)| show(key, value));
    }

    /// Whether all entries please beside those of the other map, in order. It stops at the first that do not.
    pub(crate) fn all_beside(
        &self,
        other: &Self,
        mut please: impl FnMut((&Str, &Value), (&Str, &Value)) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        for (entry, beside) in self.0.entries.borrow().iter().zip(other.0.entries.borrow().iter()) {
            if !please(entry, beside)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The keys in order, as they are now.
    #[must_use]
    pub fn keys(&self) -> Vec<Str> {
        self.0.entries.borrow().keys().cloned().collect()
    }

    /// The entries in order, as they are now.
    #[must_use]
    pub fn entries(&self) -> Vec<(Str, Value)> {
        self.0.entries.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Whether both are the same map, not only equal ones.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    fn address(&self) -> *const () {
        Rc::as_ptr(&self.0).cast()
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Map({}, {} entries)", self.go_type(), self.len())
    }
}

/// Searches a value for the map at `address`, which must not be in it. What is looked at is paid for before.
fn search(
    value: &Value,
    address: *const (),
    mut pay: impl FnMut(u64) -> Result<(), Fault>,
) -> Result<(), Fault> {
    // In parts of a step: what a container and an item of it take.
    const STEP: usize = 128;
    const CONTAINER: usize = STEP / 8;
    if !matches!(value, Value::List(_) | Value::Map(_)) {
        return Ok(());
    }
    let mut open = vec![value.clone()];
    let mut seen = std::collections::HashSet::new();
    let mut owed = 0;
    while let Some(value) = open.pop() {
        let (at, items) = match &value {
            Value::List(list) => (list.address(), list.all().len()),
            Value::Map(map) => (map.address(), map.len()),
            _ => continue,
        };
        if at == address {
            return Err(Fault::from("a map cannot be put into itself"));
        }
        if seen.insert(at) {
            owed += CONTAINER + items;
            pay((owed / STEP) as u64)?;
            owed %= STEP;
            open.extend(children(&value));
        }
    }
    Ok(())
}

/// The lists and maps right under a list (all that its windows share) or a map.
fn children(value: &Value) -> Vec<Value> {
    let is_container = |value: &&Value| matches!(value, Value::List(_) | Value::Map(_));
    match value {
        Value::List(list) => list.all().iter().filter(is_container).cloned().collect(),
        Value::Map(map) => map.0.entries.borrow().values().filter(is_container).cloned().collect(),
        _ => Vec::new(),
    }
}

/// Frees values one after the other: freeing them in each other would end the process for lack of stack.
pub(crate) fn free(mut open: Vec<Value>) {
    while let Some(value) = open.pop() {
        match value {
            Value::List(list) => open.extend(list.into_own_items()),
            Value::Map(mut map) => {
                if let Some(store) = Rc::get_mut(&mut map.0) {
                    open.extend(std::mem::take(store.entries.get_mut()).into_values());
                }
            }
            _ => {}
        }
    }
}

impl Drop for MapStore {
    fn drop(&mut self) {
        let entries = self.entries.get_mut();
        if entries.values().any(|item| matches!(item, Value::List(_) | Value::Map(_))) {
            free(std::mem::take(entries).into_values().collect());
        }
    }
}

/// A value of a named Go type: a struct, a pointer, an error, a named number.
///
/// Each part has a default; an implementation says what its type has. [`crate::func::Method`] makes a table of methods.
pub trait Object: Any {
    /// Its type: `Type::Named("time.Time", Kind::Struct)`.
    fn go_type(&self) -> Type;

    /// The fields, in order: for `.Cert`, and for printing where there is no [`Object::text`]. Those whose names begin
    /// with a small letter are seen only where a verb prints the bare struct.
    fn fields(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    /// What it points to, if it is a pointer to a struct: a value that has the methods of the struct alone.
    fn pointed(&self) -> Option<Value> {
        None
    }

    /// Whether it is a nil pointer.
    fn is_nil(&self) -> bool {
        false
    }

    /// How many bytes of text it holds: to make it, to call a method and to read a field cost as much as a string of them.
    fn weight(&self) -> usize {
        0
    }

    /// What the method takes and returns, if there is one of that name.
    fn method(&self, name: &str) -> Option<Signature> {
        let _ = name;
        None
    }

    /// Why Go's templates cannot call the method of that name, if it is one of several results.
    fn uncallable(&self, name: &str) -> Option<String> {
        let _ = name;
        None
    }

    /// Calls the method. The arguments have been checked against its signature.
    ///
    /// # Errors
    /// What the method returns or panics with in Go.
    fn call(&self, name: &str, run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
        let _ = (run, args);
        Err(Fault::new(format!("{} has no method {name}", self.go_type())))
    }

    /// What its `String` or `Error` method returns, if it has one.
    fn text(&self) -> Option<Vec<u8>> {
        None
    }

    /// Whether it is an error: the text is that of `Error`.
    fn is_error(&self) -> bool {
        false
    }

    /// What its `GoString` method returns, if it has one.
    fn go_syntax(&self) -> Option<Vec<u8>> {
        None
    }

    /// The plain number or string of a named number or string: `time.Duration` is an `int64`.
    fn underlying(&self) -> Option<Value> {
        None
    }

    /// A value of its type with another number, if it is a named integer: `range` gives such ones.
    fn with_number(&self, number: i64) -> Option<Value> {
        let _ = number;
        None
    }

    /// What stands for it in JSON and YAML, if not its exported fields.
    fn json(&self) -> Option<Value> {
        self.underlying()
    }

    /// What Go's `copystructure` makes of it, if that is another value: it leaves out fields that are not exported.
    fn copied(&self) -> Option<Value> {
        None
    }

    /// Whether it equals another one of the same type, with what pointers in it point to; `None` if the type cannot be
    /// compared.
    fn equals(&self, other: &dyn Object) -> Option<bool> {
        let _ = other;
        None
    }

    /// Whether Go's `==` holds for the two: for structs with the very same pointers in them. One pointer is one `Rc`;
    /// where several stand for one it says so.
    fn is_same(&self, other: &dyn Object) -> Option<bool> {
        if self.go_type().kind() == Kind::Ptr { Some(false) } else { self.equals(other) }
    }
}

/// Whether a field of that name is seen outside of its package.
pub(crate) fn is_exported(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_shared_by_its_copies() {
        let map = Map::new(Type::Any, [("a", Value::int(1))]);
        let copy = map.clone();
        copy.insert("b", Value::int(2)).unwrap();
        assert_eq!(map.len(), 2);
    }

    #[test]
    fn a_map_is_not_put_into_itself_at_any_depth() {
        let map = Map::new::<&str>(Type::Any, []);
        let nested = Value::list(vec![Value::dict([("d", Value::Map(map.clone()))])]);
        assert_eq!(map.insert("a", nested).unwrap_err().to_string(), "a map cannot be put into itself");
    }

    #[test]
    fn deep_values_are_freed_without_deep_recursion() {
        let mut value = Value::list(Vec::new());
        for _ in 0..1_000_000 {
            value = Value::list(vec![value]);
        }
        drop(value);
    }

    #[test]
    fn a_nil_map_takes_no_entry() {
        let map = Map::nil(Type::Any);
        assert_eq!(map.insert("a", Value::Nil).unwrap_err().to_string(), "assignment to entry in nil map");
    }

    #[test]
    fn debug_prints_no_content() {
        let value = Value::string_map([("key", "marker")]);
        assert_eq!(format!("{value:?}"), "Value(map[string]string)");
    }
}
