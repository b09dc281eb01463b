//! What OpenSSL's command line makes of what template functions make.

#[cfg(test)]
mod stores;
