//! Go's `fmt`: how values print.

use crate::error::Fault;
use crate::value::Value;

/// `fmt.Sprint(value)`: what `%v` gives.
///
/// # Errors
/// If the value is nested too deeply.
pub fn display(value: &Value) -> Result<Vec<u8>, Fault> {
    sprint(std::slice::from_ref(value))
}

/// `fmt.Sprint`: spaces between operands when neither is a string.
///
/// # Errors
/// If a value is nested too deeply.
pub fn sprint(values: &[Value]) -> Result<Vec<u8>, Fault> {
    let _ = values;
    Ok(Vec::new())
}

/// `fmt.Sprintln`.
///
/// # Errors
/// If a value is nested too deeply.
pub fn sprintln(values: &[Value]) -> Result<Vec<u8>, Fault> {
    let _ = values;
    Ok(Vec::new())
}

/// `fmt.Sprintf`.
///
/// # Errors
/// If a value is nested too deeply.
pub fn sprintf(format: &[u8], values: &[Value]) -> Result<Vec<u8>, Fault> {
    let _ = (format, values);
    Ok(Vec::new())
}

/// `strconv.Quote`.
#[must_use]
pub fn quote(text: &[u8]) -> Vec<u8> {
    text.to_vec()
}
