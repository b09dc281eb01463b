//! Certificates as stores name them.
