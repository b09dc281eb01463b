//! `time.Month` and `time.Weekday`: numbers with names.

use std::any::Any;

use super::civil::{MONTHS, WEEKDAYS};
use super::{Args, Method, Signature};
use crate::error::Fault;
use crate::run::Run;
use crate::types::{Int, Kind, Type};
use crate::value::{Object, Value};

/// The type of months.
pub(super) const MONTH: Type = Type::Named("time.Month", Kind::Int);
/// The type of days of the week.
pub(super) const WEEKDAY: Type = Type::Named("time.Weekday", Kind::Int);

/// A `time.Month`, 1 for January, or a `time.Weekday`, 0 for Sunday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Month(i64),
    Weekday(i64),
}

impl Named {
    /// Its name, nothing if it has none.
    pub(super) fn name(self) -> &'static str {
        let (names, at): (&[&str], i64) = match self {
            Self::Month(number) => (&MONTHS, number.saturating_sub(1)),
            Self::Weekday(number) => (&WEEKDAYS, number),
        };
        usize::try_from(at).ok().and_then(|at| names.get(at)).copied().unwrap_or_default()
    }

    /// Its name; Go has a text for a number that is no month and no day, too.
    fn shown(self) -> String {
        match (self, self.name()) {
            (Self::Month(number), "") => format!("%!Month({number})"),
            (Self::Weekday(number), "") => format!("%!Weekday({number})"),
            (_, name) => name.to_owned(),
        }
    }
}

static METHODS: &[Method<Named>] =
    &[Method::new("String", &[], Type::String, |named, _, _| Ok(named.shown().into()))];

impl Object for Named {
    fn go_type(&self) -> Type {
        match self {
            Self::Month(_) => MONTH,
            Self::Weekday(_) => WEEKDAY,
        }
    }

    fn method(&self, name: &str) -> Option<Signature> {
        super::find(METHODS, name)
    }

    fn call(&self, name: &str, run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
        super::call(METHODS, name, self, run, args)
    }

    fn text(&self) -> Option<Vec<u8>> {
        Some(self.shown().into())
    }

    fn underlying(&self) -> Option<Value> {
        let (Self::Month(number) | Self::Weekday(number)) = self;
        Some(Value::Int(Int::Int, *number))
    }

    fn with_number(&self, number: i64) -> Option<Value> {
        Some(Value::object(match self {
            Self::Month(_) => Self::Month(number),
            Self::Weekday(_) => Self::Weekday(number),
        }))
    }

    fn equals(&self, other: &dyn Object) -> Option<bool> {
        let other: &dyn Any = other;
        Some(other.downcast_ref::<Self>() == Some(self))
    }
}
