//! Values of interface types that have a name: `error`, `driver.Value`. Most values shed their interface on the way;
//! where they keep it, messages name it, and a nil in it is not the nil of a template.

use crate::error::Fault;
use crate::func::{Args, Signature};
use crate::run::Run;
use crate::types::Type;
use crate::value::{Object, Value};

/// A value in such an interface: an object that stands for it, and has its type.
#[derive(Clone)]
pub(crate) struct Interface {
    of: Type,
    /// Nil if there is none.
    held: Value,
}

impl Interface {
    /// What a method returns that is declared to return an `error` alone.
    pub(crate) fn error(held: Option<Value>) -> Value {
        Value::object(Self { of: Type::Error, held: held.unwrap_or(Value::Nil) })
    }

    /// A value in an interface without methods.
    pub(crate) fn of(of: Type, held: Value) -> Value {
        Value::object(Self { of, held })
    }

    fn object(&self) -> Option<&dyn Object> {
        if let Value::Object(object) = &self.held { Some(&**object) } else { None }
    }
}

impl Value {
    /// What an interface holds: Go's `indirectInterface`.
    pub(crate) fn held(self) -> Self {
        match self.downcast::<Interface>() {
            Some(interface) => interface.held.clone(),
            None => self,
        }
    }

    /// What is left of it at the end of a pipeline, which opens interfaces without methods.
    pub(crate) fn piped(self) -> Self {
        match self.downcast::<Interface>() {
            Some(Interface { of: Type::Error | Type::Named("reflect.Type", _), .. }) => self,
            Some(interface) => interface.held.clone(),
            None => self,
        }
    }
}

impl Object for Interface {
    fn go_type(&self) -> Type {
        self.of
    }

    fn is_nil(&self) -> bool {
        self.held.is_nil()
    }

    fn is_error(&self) -> bool {
        self.of == Type::Error
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        self.object().map(|object| object.fields()).unwrap_or_default()
    }

    fn pointed(&self) -> Option<Value> {
        Some(self.held.pointed())
    }

    fn uncallable(&self, name: &str) -> Option<String> {
        self.object().and_then(|object| object.uncallable(name))
    }

    fn weight(&self) -> usize {
        self.object().map_or(0, |object| object.weight())
    }

    fn method(&self, name: &str) -> Option<Signature> {
        self.object().and_then(|object| object.method(name))
    }

    fn call(&self, name: &str, run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
        let object = self.object().ok_or_else(|| Fault::new(format!("no method {name}")))?;
        object.call(name, run, args)
    }

    fn text(&self) -> Option<Vec<u8>> {
        self.object().and_then(|object| object.text())
    }

    fn underlying(&self) -> Option<Value> {
        Some(self.held.clone())
    }
}
