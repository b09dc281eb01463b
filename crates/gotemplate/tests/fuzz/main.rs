//! Hostile templates and hostile values: nothing panics, nothing outlives its limits. A short run is a test as any;
//! `KEYFERRY_FUZZ_MINUTES=10 cargo test --release -p keyferry-gotemplate --test fuzz -- --nocapture` is a long one, and
//! `KEYFERRY_FUZZ_CASE=SEED:NUMBER` repeats one case, which the report names.

#[cfg(test)]
mod call;
#[cfg(test)]
mod case;
#[cfg(test)]
mod dice;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod mutate;
#[cfg(test)]
mod record;
#[cfg(test)]
mod report;
#[cfg(test)]
mod run;
#[cfg(test)]
mod value;

/// Tells how much memory a case takes.
#[global_allocator]
static MEMORY: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;
