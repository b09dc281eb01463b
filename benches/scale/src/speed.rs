//! How fast the machine runs: on a shared one, the same work takes a third more CPU time at one minute than at another.
//!
//! A thread does one fixed piece of work again and again, with pauses, and counts its own CPU time. CPU times of two measurements
//! minutes apart can then be told as at one speed ([`Speed::even`]).

use std::{
    fs,
    hint::black_box,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::Result;

/// The pause between two pieces of work; each takes some milliseconds.
const PAUSE: Duration = Duration::from_millis(200);
/// Documents that are read and written in one piece of work.
const DOCUMENTS: usize = 40;

/// CPU time that one piece of work took, on the average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed(Duration);

impl Speed {
    /// The CPU time that something would have taken at another speed.
    #[must_use]
    pub fn even(self, cpu: Duration, at: Self) -> Duration {
        cpu.mul_f64(self.over(at).recip())
    }

    /// How much longer the same work takes than at another speed.
    #[must_use]
    pub fn over(self, other: Self) -> f64 {
        self.0.as_secs_f64() / other.0.as_secs_f64()
    }

    /// A speed at which a piece of work takes so long.
    #[must_use]
    pub const fn of(unit: Duration) -> Self {
        Self(unit)
    }
}

/// Who measures the speed, until it is dropped.
#[derive(Debug)]
pub struct Pacer {
    taken: Arc<Mutex<(u32, Duration)>>,
    _ends: mpsc::Sender<()>,
}

impl Pacer {
    /// Starts to measure.
    #[must_use]
    pub fn start() -> Self {
        let taken = Arc::<Mutex<(u32, Duration)>>::default();
        let (ends, ended) = mpsc::channel::<()>();
        let counted = taken.clone();
        thread::spawn(move || measure(&counted, &ended));
        Self { taken, _ends: ends }
    }

    /// The speed so far.
    ///
    /// # Errors
    /// If nothing was measured: it was asked too early, or the kernel does not tell a thread's CPU time.
    pub fn speed(&self) -> Result<Speed> {
        let (count, sum) = *self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if count == 0 {
            return Err("the speed of the machine was not measured".into());
        }
        Ok(Speed(sum / count))
    }
}

/// Works until the other end of the channel is gone.
fn measure(taken: &Mutex<(u32, Duration)>, ended: &mpsc::Receiver<()>) {
    let document = document().to_string();
    while ended.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
        // What cannot be measured is missed by `speed`, which says so.
        let Some(unit) = measured(&document) else { return };
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken = (taken.0 + 1, taken.1 + unit);
    }
}

/// The CPU time of one piece of work: texts are read into trees and written again, as a controller does all day.
fn measured(document: &str) -> Option<Duration> {
    let before = cpu()?;
    for _ in 0..DOCUMENTS {
        let tree: Value = serde_json::from_str(black_box(document)).ok()?;
        black_box(tree.to_string());
    }
    Some(cpu()?.saturating_sub(before))
}

/// Something of the size of fifty objects.
fn document() -> Value {
    let object = |n: usize| {
        let labels = json!({ "app": format!("app-{n}"), "team": "payments", "stage": "production" });
        json!({ "metadata": { "name": format!("object-{n}"), "namespace": "shop", "labels": labels },
            "spec": { "numbers": [n, n * 2, n * 3], "text": "x".repeat(200) }, "status": { "ready": true } })
    };
    (0..50).map(object).collect()
}

/// CPU time of this thread (`/proc/thread-self/schedstat`: nanoseconds on the processor come first).
fn cpu() -> Option<Duration> {
    let told = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(told.split(' ').next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_at_half_the_speed_counts_half() {
        let [slow, fast] = [20, 10].map(|unit| Speed::of(Duration::from_millis(unit)));
        assert_eq!(slow.even(Duration::from_secs(4), fast), Duration::from_secs(2));
        assert_eq!(fast.even(Duration::from_secs(4), fast), Duration::from_secs(4));
        assert!((slow.over(fast) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_piece_of_work_takes_time() {
        assert!(measured(&document().to_string()).is_some_and(|unit| !unit.is_zero()));
    }
}
