//! Errors as values: what methods return that do not fail but say why they did nothing. They have the types, fields
//! and methods of Go's own.

use std::any::Any;
use std::rc::Rc;

use super::{Args, Method, Signature};
use crate::error::Fault;
use crate::interface::Interface;
use crate::run::Run;
use crate::types::{Kind, Type};
use crate::value::{Object, Value};

/// A pointer to an error's struct.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Failure {
    /// `errors.New`, once and for all.
    Text(String),
    /// `fmt.Errorf` with a `%w`: the whole text, and what it wraps.
    Wrap(String, Option<Rc<Self>>),
    /// `*strconv.NumError`: the function, its argument, what was wrong with it.
    Number(&'static str, String, &'static str),
    /// `*json.SyntaxError`: the message, the bytes read before the error.
    Syntax(String, usize),
    /// `*json.UnmarshalTypeError`, where a string is wanted: what there was instead, the bytes read up to it.
    NoString(&'static str, usize),
}

impl Failure {
    pub(super) fn message(&self) -> String {
        match self {
            Self::Text(text) | Self::Wrap(text, _) | Self::Syntax(text, _) => text.clone(),
            Self::Number(func, text, why) => {
                let quoted = crate::print::quote(text.as_bytes());
                format!("strconv.{func}: parsing {}: {why}", String::from_utf8_lossy(&quoted))
            }
            Self::NoString(value, _) => {
                format!("json: cannot unmarshal {value} into Go value of type string")
            }
        }
    }

    /// The name of the struct's type.
    const fn name(&self) -> (&'static str, &'static str) {
        match self {
            Self::Text(_) => ("*errors.errorString", "errors.errorString"),
            Self::Wrap(..) => ("*fmt.wrapError", "fmt.wrapError"),
            Self::Number(..) => ("*strconv.NumError", "strconv.NumError"),
            Self::Syntax(..) => ("*json.SyntaxError", "json.SyntaxError"),
            Self::NoString(..) => ("*json.UnmarshalTypeError", "json.UnmarshalTypeError"),
        }
    }

    /// What it wraps.
    fn wrapped(&self) -> Option<Value> {
        match self {
            Self::Wrap(_, Some(inner)) => {
                Some(Interface::error(Some(Value::Object(Rc::clone(inner) as Rc<dyn Object>))))
            }
            Self::Number(_, _, why) => Some(Self::Text((*why).to_owned()).value()),
            _ => None,
        }
    }

    /// As the value of an `error`.
    pub(super) fn value(self) -> Value {
        Interface::error(Some(Value::object(self)))
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::new(failure.message())
    }
}

static METHODS: &[Method<Failure>] =
    &[Method::new("Error", &[], Type::String, |failure, _, _| Ok(failure.message().into()))];
static WRAPPERS: &[Method<Failure>] = &[Method::new("Unwrap", &[], Type::Error, |failure, _, _| {
    Ok(failure.wrapped().unwrap_or_else(|| Interface::error(None)))
})];

impl Object for Failure {
    fn go_type(&self) -> Type {
        Type::Named(self.name().0, Kind::Ptr)
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let offset = |offset: usize| ("Offset", Value::int64(i64::try_from(offset).unwrap_or(i64::MAX)));
        match self {
            Self::Text(text) => vec![("s", text.as_str().into())],
            Self::Wrap(text, _) => {
                vec![
                    ("msg", text.as_str().into()),
                    ("err", self.wrapped().unwrap_or_else(|| Interface::error(None))),
                ]
            }
            Self::Number(func, text, why) => {
                let why = Self::Text((*why).to_owned()).value();
                vec![("Func", (*func).into()), ("Num", text.as_str().into()), ("Err", why)]
            }
            Self::Syntax(text, at) => vec![("msg", text.as_str().into()), offset(*at)],
            Self::NoString(value, at) => vec![
                ("Value", (*value).into()),
                ("Type", StringType::value()),
                offset(*at),
                ("Struct", "".into()),
                ("Field", "".into()),
            ],
        }
    }

    fn weight(&self) -> usize {
        self.message().len()
    }

    fn method(&self, name: &str) -> Option<Signature> {
        let wraps =
            matches!(self, Self::Wrap(..) | Self::Number(..)).then(|| super::find(WRAPPERS, name)).flatten();
        super::find(METHODS, name).or(wraps)
    }

    fn call(&self, name: &str, run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
        let methods = if name == "Unwrap" { WRAPPERS } else { METHODS };
        super::call(methods, name, self, run, args)
    }

    fn text(&self) -> Option<Vec<u8>> {
        Some(self.message().into_bytes())
    }

    fn copied(&self) -> Option<Value> {
        Some(Value::object(match self {
            Self::Text(_) => Self::Text(String::new()),
            Self::Wrap(..) => Self::Wrap(String::new(), None),
            Self::Number(func, text, _) => Self::Number(func, text.clone(), ""),
            Self::Syntax(_, at) => Self::Syntax(String::new(), *at),
            Self::NoString(value, at) => Self::NoString(value, *at),
        }))
    }

    fn is_error(&self) -> bool {
        true
    }

    fn equals(&self, other: &dyn Object) -> Option<bool> {
        let other: &dyn Any = other;
        Some(other.downcast_ref::<Self>() == Some(self))
    }

    /// Of each text there is one error in Go, which all return.
    fn is_same(&self, other: &dyn Object) -> Option<bool> {
        Some(matches!(self, Self::Text(text) if !text.is_empty()) && self.equals(other) == Some(true))
    }

    fn pointed(&self) -> Option<Value> {
        Some(Value::object(Pointed { of: self.name().1, fields: self.fields() }))
    }
}

/// A struct that a pointer without methods of the struct points to.
pub(super) struct Pointed {
    pub(super) of: &'static str,
    pub(super) fields: Vec<(&'static str, Value)>,
}

impl Object for Pointed {
    fn go_type(&self) -> Type {
        Type::Named(self.of, Kind::Struct)
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        self.fields.clone()
    }
}

/// The `reflect.Type` of strings.
struct StringType;

impl StringType {
    fn value() -> Value {
        Interface::of(Type::Named("reflect.Type", Kind::Interface), Value::object(Self))
    }
}

static TYPE_METHODS: &[Method<StringType>] = &[
    Method::new("String", &[], Type::String, |_, _, _| Ok("string".into())),
    Method::new("Name", &[], Type::String, |_, _, _| Ok("string".into())),
    Method::new("PkgPath", &[], Type::String, |_, _, _| Ok("".into())),
];

impl Object for StringType {
    fn go_type(&self) -> Type {
        Type::Named("*reflect.rtype", Kind::Ptr)
    }

    fn method(&self, name: &str) -> Option<Signature> {
        super::find(TYPE_METHODS, name)
    }

    fn call(&self, name: &str, run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
        super::call(TYPE_METHODS, name, self, run, args)
    }

    fn text(&self) -> Option<Vec<u8>> {
        Some(b"string".to_vec())
    }
}
