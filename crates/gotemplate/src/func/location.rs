//! `*time.Location`: where a moment is shown.

use std::any::Any;
use std::rc::Rc;

use super::failure::Pointed;
use super::zone::Zone;
use super::{Args, Method, Signature};
use crate::error::Fault;
use crate::run::Run;
use crate::types::{Kind, Type};
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
        // But for UTC there would be zones, transitions and a cache: an address, at which printing ends anyway.
        let cache: Value = match self.0 {
            Zone::Utc | Zone::Empty(_) => Value::object(NoZone),
            Zone::Named(..) | Zone::Fixed(_) => Value::object(CachedZone),
        };
        vec![
            ("name", self.0.name().into()),
            ("zone", Value::List(List::nil(Type::Named("time.zone", Kind::Struct)))),
            ("tx", Value::List(List::nil(Type::Named("time.zoneTrans", Kind::Struct)))),
            ("extend", "".into()),
            ("cacheStart", Value::int64(0)),
            ("cacheEnd", Value::int64(0)),
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
#[derive(Clone, Copy, Debug)]
struct CachedZone;

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
}
