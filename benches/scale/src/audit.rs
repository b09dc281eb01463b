//! Requests by verb and resource, from the audit log.
