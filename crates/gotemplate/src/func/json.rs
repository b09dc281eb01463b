//! JSON, as `encoding/json` reads and writes it.

use super::json_read::{Refusal, read};
use super::json_write::{Style, write};
use super::{Args, Func};
use crate::error::Fault;
use crate::run::Run;
use crate::types::Type;
use crate::value::Value;

const ANY: Type = Type::Any;
const STRING: Type = Type::String;

/// The functions of this topic.
pub static ROWS: &[Func] = &[
    Func::fixed("fromJson", &[STRING], ANY, |run, args| match read(run, args.str(0)?)? {
        Ok(value) => Ok(value),
        Err(Refusal { partly, .. }) => Ok(partly),
    }),
    Func::fixed("mustFromJson", &[STRING], ANY, |run, args| {
        read(run, args.str(0)?)?.map_err(|refusal| Fault::new(refusal.text))
    }),
    Func::fixed("toJson", &[ANY], STRING, |run, args| or_empty(written(run, args, Style::Compact))),
    Func::fixed("mustToJson", &[ANY], STRING, |run, args| written(run, args, Style::Compact)),
    Func::fixed("toPrettyJson", &[ANY], STRING, |run, args| or_empty(written(run, args, Style::Pretty))),
    Func::fixed("mustToPrettyJson", &[ANY], STRING, |run, args| written(run, args, Style::Pretty)),
    Func::fixed("toRawJson", &[ANY], STRING, |run, args| written(run, args, Style::Raw)),
    Func::fixed("mustToRawJson", &[ANY], STRING, |run, args| written(run, args, Style::Raw)),
];

fn written(run: &mut Run<'_>, args: Args<'_>, style: Style) -> Result<Value, Fault> {
    Ok(Value::str(write(run, args.value(0), style)?))
}

/// What cannot be written is nothing, but a limit stays one.
fn or_empty(written: Result<Value, Fault>) -> Result<Value, Fault> {
    written.or_else(|fault| if fault.is_limit() { Err(fault) } else { Ok(Value::str("")) })
}
