//! The floor: the same writes with nothing in between.
