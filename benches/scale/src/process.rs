//! A process under measurement.
