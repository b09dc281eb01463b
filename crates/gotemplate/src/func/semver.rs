//! Versions and what is asked of them, as `Masterminds/semver` has it: more is a version than the standard allows.

use std::any::Any;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::LazyLock;

use regex_automata::meta::Regex;

use super::constraint::Constraints;
use super::failure::Failure;
use super::{Args, Func, Method, Signature, growth, json_read};
use crate::error::Fault;
use crate::interface::Interface;
use crate::pattern::{Groups, constant};
use crate::run::Run;
use crate::types::{Kind, Type, Uint};
use crate::value::{Bytes, Object, Value};

const POINTER: Type = Type::Named("*semver.Version", Kind::Ptr);
const STRUCT: Type = Type::Named("semver.Version", Kind::Struct);
const STRING: Type = Type::String;
/// What `Value` returns: an interface of `database/sql/driver`.
const DRIVER_VALUE: Type = Type::Named("driver.Value", Kind::Interface);
const UINT64: Type = Type::Uint(Uint::Uint64);

/// The functions of this topic.
pub static ROWS: &[Func] = &[
    Func::fixed("semver", &[STRING], POINTER, |_, args| {
        Ok(Pointer::value(Version::parse(&args.str(0)?.to_text())?))
    }),
    Func::fixed("semverCompare", &[STRING, STRING], Type::Bool, |run, args| {
        let (constraint, version) = (args.str(0)?, args.str(1)?);
        // Each range `a - b` in it is put into the text anew.
        let (text, times) = (constraint.len() as u64, constraint.len() as u64 / 1024);
        run.spend(text + version.len() as u64 + text.saturating_mul(times))?;
        let constraints = Constraints::parse(&constraint.to_text())?;
        Ok(constraints.allow(&Version::parse(&version.to_text())?).into())
    }),
];

/// A version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) major: u64,
    pub(super) minor: u64,
    pub(super) patch: u64,
    pub(super) prerelease: String,
    metadata: String,
    original: String,
}

/// Dotted identifiers.
pub(super) const IDENTIFIERS: &str = r"[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*";

static FORM: LazyLock<Regex> = LazyLock::new(|| {
    let form =
        format!(r"^v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?(?:-({IDENTIFIERS}))?(?:\+({IDENTIFIERS}))?$");
    constant(&form)
});

impl Version {
    /// A version of up to three numbers, with zeros before them perhaps.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        Ok(Self::read(text)?)
    }

    fn read(text: &str) -> Result<Self, Failure> {
        let found = Groups::of(&FORM, text).ok_or_else(|| new_error("invalid semantic version"))?;
        let part = |index| found.get(index);
        let version = Self {
            major: number(part(1))?,
            minor: number(part(2))?,
            patch: number(part(3))?,
            prerelease: part(4).to_owned(),
            metadata: part(5).to_owned(),
            original: text.to_owned(),
        };
        if !version.prerelease.is_empty() {
            check_prerelease(&version.prerelease)?;
        }
        Ok(version)
    }

    fn to_text(&self) -> String {
        let mut text = format!("{}.{}.{}", self.major, self.minor, self.patch);
        for (mark, part) in [('-', &self.prerelease), ('+', &self.metadata)] {
            if !part.is_empty() {
                text.push(mark);
                text.push_str(part);
            }
        }
        text
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("major", uint(self.major)),
            ("minor", uint(self.minor)),
            ("patch", uint(self.patch)),
            ("pre", self.prerelease.as_str().into()),
            ("metadata", self.metadata.as_str().into()),
            ("original", self.original.as_str().into()),
        ]
    }

    /// How many bytes of text it holds.
    const fn weight(&self) -> usize {
        self.prerelease.len() + self.metadata.len() + self.original.len()
    }

    /// With an original that is written like this one's.
    fn rewritten(mut self) -> Self {
        let mark = if self.original.starts_with('v') { "v" } else { "" };
        self.original = format!("{mark}{}", self.to_text());
        self
    }

    /// Without prerelease and metadata.
    fn released(&self) -> Self {
        Self { prerelease: String::new(), metadata: String::new(), ..self.clone() }
    }

    fn next_major(&self) -> Self {
        Self { major: self.major.wrapping_add(1), minor: 0, patch: 0, ..self.released() }.rewritten()
    }

    fn next_minor(&self) -> Self {
        Self { minor: self.minor.wrapping_add(1), patch: 0, ..self.released() }.rewritten()
    }

    fn next_patch(&self) -> Self {
        let step = u64::from(self.prerelease.is_empty());
        Self { patch: self.patch.wrapping_add(step), ..self.released() }.rewritten()
    }

    /// By precedence: metadata does not count.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let numbers = |version: &Self| (version.major, version.minor, version.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| {
            match (self.prerelease.is_empty(), other.prerelease.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => compare_prereleases(&self.prerelease, &other.prerelease),
            }
        })
    }
}

fn new_error(text: &str) -> Failure {
    Failure::Text(text.to_owned())
}

fn number(digits: &str) -> Result<u64, Failure> {
    if digits.is_empty() {
        return Ok(0);
    }
    digits.parse().map_err(|_| {
        let why = Failure::Number("ParseUint", digits.to_owned(), "value out of range");
        Failure::Wrap(format!("error parsing version segment: {}", why.message()), Some(Rc::new(why)))
    })
}

fn is_identifier(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn check_prerelease(text: &str) -> Result<(), Failure> {
    for part in text.split('.') {
        if !is_identifier(part) {
            return Err(new_error("invalid prerelease string"));
        }
        if part.len() > 1 && part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(new_error("version segment starts with 0"));
        }
    }
    Ok(())
}

/// Identifier by identifier; a missing one is less than any.
pub(super) fn compare_prereleases(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => compare_identifiers(a.unwrap_or_default(), b.unwrap_or_default()),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Numbers by value and before words; words by their bytes.
fn compare_identifiers(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    if a.is_empty() || b.is_empty() {
        return a.len().cmp(&b.len());
    }
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| !text.starts_with('+'));
    match (number(a), number(b)) {
        (None, None) => a.cmp(b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        // Two numbers that differ only in their zeros count as less.
        (Some(a), Some(b)) => {
            if a > b {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
    }
}

/// `*semver.Version`. All who hold it see what its methods make of it.
#[derive(Debug)]
struct Pointer(RefCell<Version>);

/// `semver.Version`, as some methods return it. It lacks the methods of the pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Plain(Version);

/// What has a version.
trait Holder {
    fn get(&self) -> impl Deref<Target = Version>;
}

impl Pointer {
    fn value(version: Version) -> Value {
        Value::object(Self(RefCell::new(version)))
    }

    /// Becomes the version of a text, if it is one. The `error` that says so.
    fn become_text(&self, text: &str) -> Value {
        match Version::read(text) {
            Ok(version) => {
                self.0.replace(version);
                Interface::error(None)
            }
            Err(failure) => failure.value(),
        }
    }

    fn become_json(&self, run: &mut Run<'_>, json: &[u8]) -> Result<Value, Fault> {
        Ok(match json_read::read_string(run, json)? {
            Ok(text) => self.become_text(&String::from_utf8_lossy(&text)),
            Err(failure) => failure.value(),
        })
    }
}

impl Holder for Pointer {
    fn get(&self) -> impl Deref<Target = Version> {
        self.0.borrow()
    }
}

impl Holder for Plain {
    fn get(&self) -> impl Deref<Target = Version> {
        &self.0
    }
}

/// How many methods both have.
const SHARED: usize = 14;

/// The methods that both have.
const fn shared<T: Holder>() -> [Method<T>; SHARED] {
    [
        Method::new("String", &[], STRING, |v, _, _| Ok(v.get().to_text().into())),
        Method::new("Major", &[], UINT64, |v, _, _| Ok(uint(v.get().major))),
        Method::new("Minor", &[], UINT64, |v, _, _| Ok(uint(v.get().minor))),
        Method::new("Patch", &[], UINT64, |v, _, _| Ok(uint(v.get().patch))),
        Method::new("Prerelease", &[], STRING, |v, _, _| Ok(v.get().prerelease.as_str().into())),
        Method::new("Metadata", &[], STRING, |v, _, _| Ok(v.get().metadata.as_str().into())),
        Method::new("IncMajor", &[], STRUCT, |v, _, _| Ok(Value::object(Plain(v.get().next_major())))),
        Method::new("IncMinor", &[], STRUCT, |v, _, _| Ok(Value::object(Plain(v.get().next_minor())))),
        Method::new("IncPatch", &[], STRUCT, |v, _, _| Ok(Value::object(Plain(v.get().next_patch())))),
        Method::new("SetPrerelease", &[STRING], STRUCT, |v, _, args| {
            let prerelease = args.str(0)?.to_text().into_owned();
            if !prerelease.is_empty() {
                check_prerelease(&prerelease)?;
            }
            Ok(Value::object(Plain(Version { prerelease, ..Version::clone(&v.get()) }.rewritten())))
        }),
        Method::new("SetMetadata", &[STRING], STRUCT, |v, _, args| {
            let metadata = args.str(0)?.to_text().into_owned();
            if !metadata.is_empty() && !metadata.split('.').all(is_identifier) {
                return Err("invalid metadata string".into());
            }
            Ok(Value::object(Plain(Version { metadata, ..Version::clone(&v.get()) }.rewritten())))
        }),
        Method::new("MarshalText", &[], Type::BYTES, |v, _, _| Ok(copied(&v.get().to_text()))),
        Method::new("MarshalJSON", &[], Type::BYTES, |v, _, _| {
            Ok(copied(&format!("\"{}\"", v.get().to_text())))
        }),
        Method::new("Value", &[], DRIVER_VALUE, |v, _, _| {
            Ok(Interface::of(DRIVER_VALUE, v.get().to_text().into()))
        }),
    ]
}

/// A text as a `[]byte` of its own.
fn copied(text: &str) -> Value {
    Value::Bytes(Bytes::with_capacity(text.as_bytes(), growth::copied(text.len())))
}

const fn uint(number: u64) -> Value {
    Value::Uint(Uint::Uint64, number)
}

static SHARED_BY_POINTER: [Method<Pointer>; SHARED] = shared();
static SHARED_BY_PLAIN: [Method<Plain>; SHARED] = shared();

static OF_POINTER: &[Method<Pointer>] = &[
    Method::new("Original", &[], STRING, |v, _, _| Ok(v.get().original.as_str().into())),
    Method::new("Compare", &[POINTER], Type::INT, |v, _, args| Ok(Value::int(order(v, args)? as i64))),
    Method::new("LessThan", &[POINTER], Type::Bool, |v, _, args| Ok(order(v, args)?.is_lt().into())),
    Method::new("LessThanEqual", &[POINTER], Type::Bool, |v, _, args| Ok(order(v, args)?.is_le().into())),
    Method::new("GreaterThan", &[POINTER], Type::Bool, |v, _, args| Ok(order(v, args)?.is_gt().into())),
    Method::new("GreaterThanEqual", &[POINTER], Type::Bool, |v, _, args| Ok(order(v, args)?.is_ge().into())),
    Method::new("Equal", &[POINTER], Type::Bool, |v, _, args| {
        Ok(order(v, args).is_ok_and(Ordering::is_eq).into())
    }),
    Method::new("UnmarshalText", &[Type::BYTES], Type::Error, |v, _, args| {
        Ok(v.become_text(&String::from_utf8_lossy(&args.bytes(0)?.borrow())))
    }),
    Method::new("UnmarshalJSON", &[Type::BYTES], Type::Error, |v, run, args| {
        v.become_json(run, &args.bytes(0)?.borrow())
    }),
    Method::new("Scan", &[Type::ANY], Type::Error, |v, _, args| {
        let text = if let Value::Str(text) = args.value(0) { text.to_text() } else { "".into() };
        Ok(v.become_text(&text))
    }),
];

fn order(version: &Pointer, args: Args<'_>) -> Result<Ordering, Fault> {
    let other = args.value(0).downcast::<Pointer>().ok_or(super::lists::NIL)?;
    Ok(version.get().compare(&other.get()))
}

impl Object for Pointer {
    fn go_type(&self) -> Type {
        POINTER
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        self.get().fields()
    }

    fn weight(&self) -> usize {
        self.get().weight()
    }

    fn method(&self, name: &str) -> Option<Signature> {
        super::find(OF_POINTER, name).or_else(|| super::find(&SHARED_BY_POINTER, name))
    }

    fn call(&self, name: &str, run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
        match super::find(OF_POINTER, name) {
            Some(_) => super::call(OF_POINTER, name, self, run, args),
            None => super::call(&SHARED_BY_POINTER, name, self, run, args),
        }
    }

    fn text(&self) -> Option<Vec<u8>> {
        Some(self.get().to_text().into_bytes())
    }

    fn json(&self) -> Option<Value> {
        Some(self.get().to_text().into())
    }

    fn pointed(&self) -> Option<Value> {
        Some(Value::object(Plain(self.get().clone())))
    }

    fn copied(&self) -> Option<Value> {
        Some(Self::value(Version::default()))
    }

    fn equals(&self, other: &dyn Object) -> Option<bool> {
        let other: &dyn Any = other;
        Some(other.downcast_ref::<Self>().is_some_and(|other| *self.get() == *other.get()))
    }
}

impl Object for Plain {
    fn go_type(&self) -> Type {
        STRUCT
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        self.0.fields()
    }

    fn weight(&self) -> usize {
        self.0.weight()
    }

    fn method(&self, name: &str) -> Option<Signature> {
        super::find(&SHARED_BY_PLAIN, name)
    }

    fn call(&self, name: &str, run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
        super::call(&SHARED_BY_PLAIN, name, self, run, args)
    }

    fn text(&self) -> Option<Vec<u8>> {
        Some(self.0.to_text().into_bytes())
    }

    fn json(&self) -> Option<Value> {
        Some(self.0.to_text().into())
    }

    fn copied(&self) -> Option<Value> {
        Some(Value::object(Plain(Version::default())))
    }

    fn equals(&self, other: &dyn Object) -> Option<bool> {
        let other: &dyn Any = other;
        Some(other.downcast_ref::<Self>() == Some(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prereleases_have_an_order() {
        let order = ["1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-a", "1.0.0-a.1", "1.0.0-b", "1.0.0"];
        for pair in order.windows(2) {
            let [a, b] = [pair[0], pair[1]].map(|text| Version::parse(text).unwrap());
            assert!(a.compare(&b).is_lt(), "{pair:?}");
        }
    }

    #[test]
    fn a_version_is_marshalled_as_its_text() {
        let version = Pointer(RefCell::new(Version::parse("v1.2.3-a+b").unwrap()));
        let env = crate::run::Env::default();
        let called = |name: &str| version.call(name, &mut Run::new(&env), Args::new(&[])).unwrap();
        assert!(matches!(called("MarshalJSON"), Value::Bytes(text) if *text.borrow() == *b"\"1.2.3-a+b\""));
        assert!(matches!(called("Value").held(), Value::Str(text) if &*text == b"1.2.3-a+b"));
    }

    #[test]
    fn the_next_version_is_written_like_the_one_before() {
        let version = Version::parse("v1.2.3-a+b").unwrap();
        assert_eq!(version.next_patch().original, "v1.2.3");
        assert_eq!(version.next_minor().original, "v1.3.0");
    }
}
