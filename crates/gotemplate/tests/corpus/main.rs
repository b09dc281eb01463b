//! What Go made of templates, for comparison.

#[cfg(test)]
mod case;
#[cfg(test)]
mod marked;
#[cfg(test)]
mod record;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod sealed;
