//! Tests of whole lookups: against the Go module's recorded answers, and against hostile input.

#[cfg(test)]
mod bounds;
#[cfg(test)]
mod recorded;
