//! One module a benchmark.
