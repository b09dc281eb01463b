//! `*time.Location`: where a moment is shown.

use std::any::Any;
use std::rc::Rc;

use super::failure::Pointed;
use super::zone::Zone;
use super::{Args, Method, Signature};
use crate::error::Fault;
use crate::run::Run;
use crate::types::{Kind, Type, Uint};
use crate::value::{List, Object, Value};

/// Its type.
pub(super) const LOCATION: Type = Type::Named("*time.Location", Kind::Ptr);
const ZONE: Type = Type::Named("*time.zone", Kind::Ptr);

/// `*time.Location`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location(pub(super) Zone);

static LOCATION_METHODS: &[Method<Location>] =
    &[Method::new("String", &[], Type::String, |location, _, _| Ok(location.0.name().into()))];

impl Object for Location {
    fn go_type(&self) -> Type {
        LOCATION
    }

    fn method(&self, name: &str) -> Option<Signature> {
        super::find(LOCATION_METHODS, name)
    }

    fn call(&self, name: &str, run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
        super::call(LOCATION_METHODS, name, self, run, args)
    }

    fn text(&self) -> Option<Vec<u8>> {
        Some(self.0.name().into())
    }

    fn copied(&self) -> Option<Value> {
        Some(Value::object(Self(Zone::Empty(Rc::new(())))))
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let (zones, transitions) =
            (Type::Named("time.zone", Kind::Struct), Type::Named("time.zoneTrans", Kind::Struct));
        let (zones, transitions, cache, from, to) = match &self.0 {
            Zone::Utc | Zone::Empty(_) => {
                (List::nil(zones), List::nil(transitions), Value::object(NoZone), 0, 0)
            }
            Zone::Fixed(fixed) => {
                let only = zone_parts(&fixed.0, fixed.1);
                let zone = Value::object(Pointed { of: "time.zone", fields: only.clone() });
                let start = Value::object(Pointed { of: "time.zoneTrans", fields: start_parts() });
                let cached = Value::object(CachedZone(only));
                (
                    List::new(zones, vec![zone]),
                    List::new(transitions, vec![start]),
                    cached,
                    i64::MIN,
                    i64::MAX,
                )
            }
            // No value leads to the location of such a zone: they are only used to show moments.
            Zone::Named(..) => {
                (List::nil(zones), List::nil(transitions), Value::object(CachedZone(Vec::new())), 0, 0)
            }
        };
        vec![
            ("name", self.0.name().into()),
            ("zone", Value::List(zones)),
            ("tx", Value::List(transitions)),
            ("extend", "".into()),
            ("cacheStart", Value::int64(from)),
            ("cacheEnd", Value::int64(to)),
            ("cacheZone", cache),
        ]
    }

    fn pointed(&self) -> Option<Value> {
        Some(Value::object(Pointed { of: "time.Location", fields: self.fields() }))
    }

    fn equals(&self, other: &dyn Object) -> Option<bool> {
        let other: &dyn Any = other;
        Some(other.downcast_ref::<Self>() == Some(self))
    }

    fn is_same(&self, other: &dyn Object) -> Option<bool> {
        let other: &dyn Any = other;
        Some(other.downcast_ref::<Self>().is_some_and(|other| self.0.is_same(&other.0)))
    }
}

/// The nil `*time.Location`, which moments in UTC hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoLocation;

impl Object for NoLocation {
    fn go_type(&self) -> Type {
        LOCATION
    }

    fn is_nil(&self) -> bool {
        true
    }
}

/// The nil `*time.zone` of a location without zones.
#[derive(Clone, Copy, Debug)]
struct NoZone;

/// The `*time.zone` of one that has some.
#[derive(Clone, Debug)]
struct CachedZone(Vec<(&'static str, Value)>);

/// The parts of a `time.zone`.
fn zone_parts(name: &str, offset: i64) -> Vec<(&'static str, Value)> {
    vec![("name", name.into()), ("offset", Value::int(offset)), ("isDST", Value::Bool(false))]
}

/// The parts of the first `time.zoneTrans` of a location with one zone.
fn start_parts() -> Vec<(&'static str, Value)> {
    let no = || Value::Bool(false);
    vec![
        ("when", Value::int64(i64::MIN)),
        ("index", Value::Uint(Uint::Uint8, 0)),
        ("isstd", no()),
        ("isutc", no()),
    ]
}

impl Object for NoZone {
    fn go_type(&self) -> Type {
        ZONE
    }

    fn is_nil(&self) -> bool {
        true
    }
}

impl Object for CachedZone {
    fn go_type(&self) -> Type {
        ZONE
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        self.0.clone()
    }
}
