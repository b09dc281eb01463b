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

/// The allocator of the program. The C library's looks at the machine's settings when it first gives memory back.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
