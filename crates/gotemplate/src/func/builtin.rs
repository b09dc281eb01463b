//! The functions of `text/template` itself.

use crate::func::Func;

/// The table.
pub static ROWS: &[Func] = &[];
