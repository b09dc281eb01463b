//! Many measurements of one thing, told by percentiles.

use std::time::Duration;

/// Measurements of one unit, sorted. A percentile is the smallest measurement that so many of them do not pass (nearest rank), so it is
/// always one that was made: of sixty, the 99th percentile is the greatest.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Lengths of time, in milliseconds.
    #[must_use]
    pub fn milliseconds(times: impl IntoIterator<Item = Duration>) -> Self {
        times.into_iter().map(|time| time.as_secs_f64() * 1e3).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The percentile; 100 is the greatest. Not a number without samples: no goal is met by it.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or(f64::NAN)
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(samples: I) -> Self {
        let mut sorted: Vec<f64> = samples.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        Self(sorted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_sample_that_so_many_do_not_pass() {
        let hundred: Samples = (1..=100).rev().map(f64::from).collect();
        let told = [0, 1, 50, 99, 100].map(|percent| hundred.percentile(percent));
        assert_eq!(told, [1.0, 1.0, 50.0, 99.0, 100.0]);
    }

    #[test]
    fn of_few_samples_the_99th_percentile_is_the_greatest() {
        let sixty = Samples::milliseconds((1..=60).map(Duration::from_millis));
        assert_eq!(sixty.count(), 60);
        assert!((sixty.percentile(99) - 60.0).abs() < 1e-9);
    }

    #[test]
    fn without_samples_no_percentile_is_a_number() {
        assert!(Samples::default().percentile(50).is_nan());
    }
}
