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

/// `time.Month`, 1 for January.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Month(pub(super) i64);

/// `time.Weekday`, 0 for Sunday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weekday(pub(super) i64);

impl Month {
    pub(super) fn name(self) -> &'static str {
        usize::try_from(self.0 - 1).ok().and_then(|at| MONTHS.get(at)).copied().unwrap_or_default()
    }

    /// Its name; Go has a text for a number that is no month, too.
    fn shown(self) -> String {
        if self.name().is_empty() { format!("%!Month({})", self.0) } else { self.name().to_owned() }
    }
}

impl Weekday {
    pub(super) fn name(self) -> &'static str {
        usize::try_from(self.0).ok().and_then(|at| WEEKDAYS.get(at)).copied().unwrap_or_default()
    }

    /// Its name; Go has a text for a number that is no day, too.
    fn shown(self) -> String {
        if self.name().is_empty() { format!("%!Weekday({})", self.0) } else { self.name().to_owned() }
    }
}

static MONTH_METHODS: &[Method<Month>] =
    &[Method::new("String", &[], Type::String, |month, _, _| Ok(month.shown().into()))];
static WEEKDAY_METHODS: &[Method<Weekday>] =
    &[Method::new("String", &[], Type::String, |day, _, _| Ok(day.shown().into()))];

impl Object for Month {
    fn go_type(&self) -> Type {
        MONTH
    }

    fn method(&self, name: &str) -> Option<Signature> {
        super::find(MONTH_METHODS, name)
    }

    fn call(&self, name: &str, run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
        super::call(MONTH_METHODS, name, self, run, args)
    }

    fn text(&self) -> Option<Vec<u8>> {
        Some(self.shown().into())
    }

    fn underlying(&self) -> Option<Value> {
        Some(Value::Int(Int::Int, self.0))
    }

    fn with_number(&self, number: i64) -> Option<Value> {
        Some(Value::object(Self(number)))
    }

    fn equals(&self, other: &dyn Object) -> Option<bool> {
        let other: &dyn Any = other;
        Some(other.downcast_ref::<Self>() == Some(self))
    }
}

impl Object for Weekday {
    fn go_type(&self) -> Type {
        WEEKDAY
    }

    fn method(&self, name: &str) -> Option<Signature> {
        super::find(WEEKDAY_METHODS, name)
    }

    fn call(&self, name: &str, run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
        super::call(WEEKDAY_METHODS, name, self, run, args)
    }

    fn text(&self) -> Option<Vec<u8>> {
        Some(self.shown().into())
    }

    fn underlying(&self) -> Option<Value> {
        Some(Value::Int(Int::Int, self.0))
    }

    fn with_number(&self, number: i64) -> Option<Value> {
        Some(Value::object(Self(number)))
    }

    fn equals(&self, other: &dyn Object) -> Option<bool> {
        let other: &dyn Any = other;
        Some(other.downcast_ref::<Self>() == Some(self))
    }
}
