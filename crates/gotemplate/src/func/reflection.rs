//! Sprig's functions on types and kinds, and `reflect.DeepEqual`.

use super::Func;
use super::deep::deep_equal;
use crate::error::Fault;
use crate::print;
use crate::types::Type;
use crate::value::Value;

const ANYTHING: &[Type] = &[Type::Any];
const NAME_AND_VALUE: &[Type] = &[Type::String, Type::Any];

/// The table.
pub static ROWS: &[Func] = &[
    Func::fixed("typeOf", ANYTHING, Type::String, |_, args| Ok(Value::str(type_of(args.value(0))?))),
    Func::fixed("typeIs", NAME_AND_VALUE, Type::Bool, |_, args| {
        Ok((type_of(args.value(1))? == args.str(0)?.as_bytes()).into())
    }),
    Func::fixed("typeIsLike", NAME_AND_VALUE, Type::Bool, |_, args| {
        let (name, found) = (args.str(0)?.as_bytes(), type_of(args.value(1))?);
        Ok((found == name || found.strip_prefix(b"*") == Some(name)).into())
    }),
    Func::fixed("kindOf", ANYTHING, Type::String, |_, args| Ok(args.value(0).kind().to_string().into())),
    Func::fixed("kindIs", NAME_AND_VALUE, Type::Bool, |_, args| {
        Ok((args.value(1).kind().to_string().as_bytes() == args.str(0)?.as_bytes()).into())
    }),
    Func::fixed("deepEqual", &[Type::Any, Type::Any], Type::Bool, |run, args| {
        Ok(deep_equal(run, args.value(0), args.value(1))?.into())
    }),
];

/// The type as `%T` prints it.
fn type_of(value: &Value) -> Result<Vec<u8>, Fault> {
    print::sprintf(b"%T", std::slice::from_ref(value))
}
