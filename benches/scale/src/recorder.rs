//! A proxy in front of the API server.
