//! The objects of a measurement.
