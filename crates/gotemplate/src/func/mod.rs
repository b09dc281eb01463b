//! The seam of functions: a row a function, its types as data, so that every error about arguments comes from one
//! place with Go's text. A topic's file holds its functions and its table; [`builtin`] has those of `text/template`,
//! [`map`] lists what External Secrets Operator adds to them.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::error::Fault;
use crate::run::Run;
use crate::types::Type;
use crate::value::{Bytes, List, Map, Object, Str, Value};

pub mod builtin;
pub mod chance;
pub mod dates;
pub mod dicts;
pub mod json;
pub mod lists;
pub mod numbers;
pub mod semver;
pub mod yaml;

mod calendar;
mod cast;
mod civil;
mod constraint;
mod date_parse;
mod decimal;
mod deep;
pub(crate) mod duration;
pub(crate) mod growth;
mod json_read;
mod json_text;
mod json_write;
mod layout;
mod location;
mod merge;
mod time;
mod time_parts;
mod zone;

pub mod certificate;
pub mod encoding;
pub mod issue;
pub mod logic;
pub mod map;
pub mod passwords;
pub mod path;
pub mod pkcs12;
pub mod private_key;
pub mod reflection;
pub mod regex;
pub mod rsa_decrypt;
pub mod strings;
pub mod url;
pub mod web_key;
mod web_key_read;

mod alternative_names;
mod automaton;
mod cbc_mode;
mod compare;
mod curve;
pub(crate) mod der;
mod der_write;
mod distinguished_name;
mod escape;
mod expression;
mod failure;
mod ip;
mod letter;
mod name_constraints;
mod pem;
mod random_bytes;
mod read_key;
mod rsa_key;
mod rsa_use;
mod store_cipher;
mod strict;
mod words;
mod x509;
mod x509_extension;
mod x509_key;

/// What a function does. The arguments have been checked against the row's types.
pub type Body = fn(&mut Run<'_>, Args<'_>) -> Result<Value, Fault>;

/// What a function of the caller's own making does.
pub type SharedBody = dyn Fn(&mut Run<'_>, Args<'_>) -> Result<Value, Fault> + Send + Sync;

/// What a function takes and returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The types of the parameters. Of a variadic function the last is the type of *one* further argument.
    pub params: &'static [Type],
    /// Whether the last parameter may be absent or repeated.
    pub variadic: bool,
    /// The type that Go's function is declared to return, without its error.
    pub returns: Type,
}

impl Signature {
    /// That takes nothing and returns anything.
    pub(crate) const NOTHING: Self = Self { params: &[], variadic: false, returns: Type::Any };
}

impl fmt::Display for Signature {
    /// As Go prints the function's type, without an error that it returns.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("func(")?;
        for (i, param) in self.params.iter().enumerate() {
            let further = self.variadic && i + 1 == self.params.len();
            write!(f, "{}{}{param}", if i > 0 { ", " } else { "" }, if further { "..." } else { "" })?;
        }
        write!(f, ") {}", self.returns)
    }
}

/// A row of a table of functions.
///
/// ```
/// use gotemplate::{Type, Value, func::Func};
/// static ROWS: &[Func] = &[Func::fixed("shout", &[Type::String], Type::String, |_, args| {
///     Ok(Value::str(args.str(0)?.to_ascii_uppercase()))
/// })];
/// assert_eq!(ROWS[0].name(), "shout");
/// ```
#[derive(Clone)]
pub struct Func {
    name: Cow<'static, str>,
    signature: Signature,
    code: Code,
}

#[derive(Clone)]
enum Code {
    Plain(Body),
    Shared(Arc<SharedBody>),
    /// The evaluator itself carries it out.
    Special(Special),
}

/// The built-in functions that the evaluator itself carries out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Special {
    /// Stops at the first false argument.
    And,
    /// Stops at the first true argument.
    Or,
    /// Calls its first argument.
    Call,
}

impl Func {
    /// A function with a fixed number of parameters.
    #[must_use]
    pub const fn fixed(name: &'static str, params: &'static [Type], returns: Type, body: Body) -> Self {
        let signature = Signature { params, variadic: false, returns };
        Self { name: Cow::Borrowed(name), signature, code: Code::Plain(body) }
    }

    /// A function whose last parameter takes any number of arguments of its type, none included.
    #[must_use]
    pub const fn variadic(name: &'static str, params: &'static [Type], returns: Type, body: Body) -> Self {
        let signature = Signature { params, variadic: true, returns };
        Self { name: Cow::Borrowed(name), signature, code: Code::Plain(body) }
    }

    /// A function that holds values of its own.
    #[must_use]
    pub fn shared(name: impl Into<Cow<'static, str>>, signature: Signature, body: Arc<SharedBody>) -> Self {
        Self { name: name.into(), signature, code: Code::Shared(body) }
    }

    /// A function of any number of values, but at least one, that the evaluator itself carries out.
    pub(crate) const fn special(name: &'static str, special: Special) -> Self {
        let params = &[Type::Reflect, Type::Reflect];
        let signature = Signature { params, variadic: true, returns: Type::Reflect };
        Self { name: Cow::Borrowed(name), signature, code: Code::Special(special) }
    }

    /// Which of those it is, if it is one.
    pub(crate) const fn as_special(&self) -> Option<Special> {
        match self.code {
            Code::Special(special) => Some(special),
            Code::Plain(_) | Code::Shared(_) => None,
        }
    }

    /// The name templates use.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it takes and returns.
    #[must_use]
    pub const fn signature(&self) -> Signature {
        self.signature
    }

    /// Calls it. Checks nothing: the arguments must fit the signature.
    ///
    /// # Errors
    /// What the function returns or panics with in Go.
    pub fn call(&self, run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
        match &self.code {
            Code::Plain(body) => body(run, args),
            Code::Shared(body) => body(run, args),
            Code::Special(_) => Err(Fault::new(format!("{} is only for templates to call", self.name))),
        }
    }
}

impl fmt::Debug for Func {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Func")
            .field("name", &self.name)
            .field("signature", &self.signature)
            .finish_non_exhaustive()
    }
}

/// A row of a table of methods of the object `T`. An [`Object`] answers `method` with [`find`] and `call` with
/// [`call`].
#[derive(Debug)]
pub struct Method<T: 'static> {
    /// The name templates use.
    pub name: &'static str,
    /// What it takes and returns, without the receiver.
    pub signature: Signature,
    /// What it does.
    pub body: fn(&T, &mut Run<'_>, Args<'_>) -> Result<Value, Fault>,
}

impl<T> Method<T> {
    /// A method with a fixed number of parameters.
    #[must_use]
    pub const fn new(
        name: &'static str,
        params: &'static [Type],
        returns: Type,
        body: fn(&T, &mut Run<'_>, Args<'_>) -> Result<Value, Fault>,
    ) -> Self {
        Self { name, signature: Signature { params, variadic: false, returns }, body }
    }
}

/// The signature of the method of that name.
#[must_use]
pub fn find<T>(methods: &[Method<T>], name: &str) -> Option<Signature> {
    methods.iter().find(|method| method.name == name).map(|method| method.signature)
}

/// Calls the method of that name.
///
/// # Errors
/// What the method returns, or that there is none of that name.
pub fn call<T>(
    methods: &[Method<T>],
    name: &str,
    receiver: &T,
    run: &mut Run<'_>,
    args: Args<'_>,
) -> Result<Value, Fault> {
    let found = methods.iter().find(|method| method.name == name);
    let method = found.ok_or_else(|| Fault::new(format!("no method {name}")))?;
    (method.body)(receiver, run, args)
}

/// The arguments of a call, checked against the signature. The readers fail only if the row's types are others than
/// those that its body reads.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    values: &'a [Value],
    boxed: Boxed,
}

/// Which of the first arguments Go would see in an `interface {}`: it tells them from others where it names their types.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Boxed(u8);

impl Boxed {
    pub(crate) const fn set(&mut self, index: usize, boxed: bool) {
        if boxed && index < u8::BITS as usize {
            self.0 |= 1 << index;
        }
    }

    const fn get(self, index: usize) -> bool {
        index < u8::BITS as usize && self.0 & 1 << index != 0
    }
}

impl<'a> Args<'a> {
    /// These values.
    #[must_use]
    pub const fn new(values: &'a [Value]) -> Self {
        Self { values, boxed: Boxed(0) }
    }

    /// These values, some of them boxed.
    pub(crate) const fn boxed(values: &'a [Value], boxed: Boxed) -> Self {
        Self { values, boxed }
    }

    /// The type as Go names it where it does not look into boxes.
    pub(crate) fn type_name(self, index: usize) -> String {
        if self.boxed.get(index) { Type::Any.to_string() } else { self.value(index).type_name() }
    }

    /// Whether Go would see it in an `interface {}`.
    pub(crate) const fn is_boxed(self, index: usize) -> bool {
        self.boxed.get(index)
    }

    /// How many there are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.values.is_empty()
    }

    /// All of them.
    #[must_use]
    pub const fn all(self) -> &'a [Value] {
        self.values
    }

    /// Those from `index` on: the variadic part.
    #[must_use]
    pub fn rest(self, index: usize) -> &'a [Value] {
        self.values.get(index..).unwrap_or_default()
    }

    /// One of them; nil beyond the last.
    #[must_use]
    pub fn value(self, index: usize) -> &'a Value {
        self.values.get(index).unwrap_or(&Value::Nil)
    }

    /// A `string`.
    ///
    /// # Errors
    /// If it is none.
    pub fn str(self, index: usize) -> Result<&'a Str, Fault> {
        match self.value(index) {
            Value::Str(text) => Ok(text),
            other => Err(unexpected(index, Type::String, other)),
        }
    }

    /// A `[]byte`.
    ///
    /// # Errors
    /// If it is none.
    pub fn bytes(self, index: usize) -> Result<&'a Bytes, Fault> {
        match self.value(index) {
            Value::Bytes(bytes) => Ok(bytes),
            other => Err(unexpected(index, Type::BYTES, other)),
        }
    }

    /// A signed integer of any width.
    ///
    /// # Errors
    /// If it is none.
    pub fn int(self, index: usize) -> Result<i64, Fault> {
        match self.value(index) {
            Value::Int(_, number) => Ok(*number),
            other => Err(unexpected(index, Type::INT, other)),
        }
    }

    /// A floating-point number.
    ///
    /// # Errors
    /// If it is none.
    pub fn float(self, index: usize) -> Result<f64, Fault> {
        match self.value(index) {
            Value::Float(_, number) => Ok(*number),
            other => Err(unexpected(index, Type::FLOAT64, other)),
        }
    }

    /// A `bool`.
    ///
    /// # Errors
    /// If it is none.
    pub fn bool(self, index: usize) -> Result<bool, Fault> {
        match self.value(index) {
            Value::Bool(b) => Ok(*b),
            other => Err(unexpected(index, Type::Bool, other)),
        }
    }

    /// A slice, but not `[]byte`.
    ///
    /// # Errors
    /// If it is none.
    pub fn list(self, index: usize) -> Result<&'a List, Fault> {
        match self.value(index) {
            Value::List(list) => Ok(list),
            other => Err(unexpected(index, Type::LIST, other)),
        }
    }

    /// A map.
    ///
    /// # Errors
    /// If it is none.
    pub fn map(self, index: usize) -> Result<&'a Map, Fault> {
        match self.value(index) {
            Value::Map(map) => Ok(map),
            other => Err(unexpected(index, Type::DICT, other)),
        }
    }

    /// An object of this Rust type.
    ///
    /// # Errors
    /// If it is none.
    pub fn object<T: Object>(self, index: usize) -> Result<&'a T, Fault> {
        let value = self.value(index);
        value
            .downcast()
            .ok_or_else(|| unexpected(index, Type::Named("an object", crate::Kind::Struct), value))
    }
}

impl fmt::Debug for Args<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.values).finish()
    }
}

fn unexpected(index: usize, wanted: Type, got: &Value) -> Fault {
    Fault::new(format!("argument {index} should be {wanted}, not {got:?}"))
}
