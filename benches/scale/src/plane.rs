//! A control plane for one measurement.
