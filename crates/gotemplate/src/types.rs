//! Go's types, as far as templates see them: by name in messages, by kind in comparisons, by identity in calls.

use std::fmt;
use std::sync::{PoisonError, RwLock};

/// What `kindOf` prints: the shape of a type, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is Go's kind of that name")]
pub enum Kind {
    Invalid,
    Bool,
    Int,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Float32,
    Float64,
    Complex128,
    String,
    Slice,
    Map,
    Struct,
    Ptr,
    Interface,
    Func,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "invalid",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint => "uint",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Complex128 => "complex128",
            Self::String => "string",
            Self::Slice => "slice",
            Self::Map => "map",
            Self::Struct => "struct",
            Self::Ptr => "ptr",
            Self::Interface => "interface",
            Self::Func => "func",
        })
    }
}

/// The signed integer types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is Go's type of that name")]
pub enum Int {
    Int,
    Int8,
    Int16,
    Int32,
    Int64,
}

/// The unsigned integer types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is Go's type of that name")]
pub enum Uint {
    Uint,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
}

/// The floating-point types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is Go's type of that name")]
pub enum Float {
    Float32,
    Float64,
}

/// A Go type. It prints as Go prints it.
///
/// ```
/// use gotemplate::Type;
/// assert_eq!(Type::Map(&Type::ANY).to_string(), "map[string]interface {}");
/// assert_eq!(Type::Slice(&Type::BYTE).to_string(), "[]uint8");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// `interface {}`: a parameter of this type takes everything.
    Any,
    /// `reflect.Value`: as [`Type::Any`], but what has no value arrives as [`crate::Value::NoValue`].
    Reflect,
    /// `error`.
    Error,
    /// `bool`.
    Bool,
    /// A signed integer.
    Int(Int),
    /// An unsigned integer.
    Uint(Uint),
    /// A floating-point number.
    Float(Float),
    /// `complex128`.
    Complex,
    /// `string`.
    String,
    /// A slice of the type.
    Slice(&'static Self),
    /// A map from strings to the type.
    Map(&'static Self),
    /// A function.
    Func,
    /// The named type of an [`crate::Object`], by its name (`time.Time`, `*semver.Version`) and its kind.
    Named(&'static str, Kind),
}

impl Type {
    /// `interface {}`.
    pub const ANY: Self = Self::Any;
    /// `int`.
    pub const INT: Self = Self::Int(Int::Int);
    /// `int64`.
    pub const INT64: Self = Self::Int(Int::Int64);
    /// `uint8`.
    pub const BYTE: Self = Self::Uint(Uint::Uint8);
    /// `float64`.
    pub const FLOAT64: Self = Self::Float(Float::Float64);
    /// `[]interface {}`.
    pub const LIST: Self = Self::Slice(&Self::Any);
    /// `[]string`.
    pub const STRINGS: Self = Self::Slice(&Self::String);
    /// `[]uint8`.
    pub const BYTES: Self = Self::Slice(&Self::BYTE);
    /// `map[string]interface {}`.
    pub const DICT: Self = Self::Map(&Self::Any);
    /// `map[string]string`.
    pub const STRING_MAP: Self = Self::Map(&Self::String);

    /// The type's kind.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Any | Self::Error => Kind::Interface,
            Self::Reflect => Kind::Struct,
            Self::Bool => Kind::Bool,
            Self::Int(Int::Int) => Kind::Int,
            Self::Int(Int::Int8) => Kind::Int8,
            Self::Int(Int::Int16) => Kind::Int16,
            Self::Int(Int::Int32) => Kind::Int32,
            Self::Int(Int::Int64) => Kind::Int64,
            Self::Uint(Uint::Uint) => Kind::Uint,
            Self::Uint(Uint::Uint8) => Kind::Uint8,
            Self::Uint(Uint::Uint16) => Kind::Uint16,
            Self::Uint(Uint::Uint32) => Kind::Uint32,
            Self::Uint(Uint::Uint64) => Kind::Uint64,
            Self::Float(Float::Float32) => Kind::Float32,
            Self::Float(Float::Float64) => Kind::Float64,
            Self::Complex => Kind::Complex128,
            Self::String => Kind::String,
            Self::Slice(_) => Kind::Slice,
            Self::Map(_) => Kind::Map,
            Self::Func => Kind::Func,
            Self::Named(_, kind) => kind,
        }
    }

    /// The type of a slice of `elem`.
    #[must_use]
    pub fn slice_of(elem: Self) -> Self {
        Self::Slice(elem.kept())
    }

    /// The type of a map from strings to `elem`.
    #[must_use]
    pub fn map_of(elem: Self) -> Self {
        Self::Map(elem.kept())
    }

    /// This type, for as long as the program runs. Those beyond the usual ones take their place once and for all:
    /// there are as many as the caller's values have.
    fn kept(self) -> &'static Self {
        static FURTHER: RwLock<Vec<&'static Type>> = RwLock::new(Vec::new());
        if let Some(usual) = USUAL.iter().find(|usual| **usual == self) {
            return usual;
        }
        let known = |types: &[&'static Self]| types.iter().copied().find(|known| **known == self);
        let found = known(&FURTHER.read().unwrap_or_else(PoisonError::into_inner));
        found.unwrap_or_else(|| {
            let mut further = FURTHER.write().unwrap_or_else(PoisonError::into_inner);
            known(&further).unwrap_or_else(|| {
                let kept: &'static Self = Box::leak(Box::new(self));
                further.push(kept);
                kept
            })
        })
    }

    /// Whether `nil` is a value of the type.
    #[must_use]
    pub const fn can_be_nil(self) -> bool {
        matches!(self, Self::Reflect)
            || matches!(self.kind(), Kind::Interface | Kind::Map | Kind::Slice | Kind::Ptr | Kind::Func)
    }
}

/// The types that lists and maps mostly have within.
const USUAL: &[Type] = &[
    Type::Any,
    Type::String,
    Type::INT,
    Type::INT64,
    Type::FLOAT64,
    Type::Bool,
    Type::BYTE,
    Type::BYTES,
    Type::LIST,
    Type::STRINGS,
    Type::DICT,
    Type::STRING_MAP,
];

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("interface {}"),
            Self::Reflect => f.write_str("reflect.Value"),
            Self::Error => f.write_str("error"),
            Self::Slice(elem) => write!(f, "[]{elem}"),
            Self::Map(elem) => write!(f, "map[string]{elem}"),
            Self::Named(name, _) => f.write_str(name),
            Self::Func => f.write_str("func()"),
            Self::Bool | Self::Int(_) | Self::Uint(_) | Self::Float(_) | Self::Complex | Self::String => {
                write!(f, "{}", self.kind())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_print_as_in_go() {
        let deep = Type::map_of(Type::slice_of(Type::map_of(Type::slice_of(Type::Uint(Uint::Uint16)))));
        assert_eq!(deep.to_string(), "map[string][]map[string][]uint16");
        assert_eq!(Type::Slice(&Type::DICT).to_string(), "[]map[string]interface {}");
        assert_eq!(Type::Named("time.Duration", Kind::Int64).kind(), Kind::Int64);
    }
}
