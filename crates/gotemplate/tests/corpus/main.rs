//! What Go made of templates, for comparison.

#[cfg(test)]
mod case;
#[cfg(test)]
mod record;
