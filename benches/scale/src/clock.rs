//! The one clock of the benchmarks. Durations between two of its readings are all that anybody uses.

use std::time::Instant;

/// Now.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock; the controller's own Clock is not measured by itself"
)]
pub fn now() -> Instant {
    Instant::now()
}
