//! A process under measurement: what the kernel says of its CPU time and memory.

use std::{fs, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use crate::{Result, clock};

/// Clock ticks a second in `/proc/PID/stat`. `sysconf(_SC_CLK_TCK)` is 100 on every architecture that Linux still runs on but Alpha,
/// whatever the kernel's own tick is.
const TICKS_A_SECOND: u64 = 100;

/// How long a process must do next to nothing to count as at rest.
const SETTLE: Duration = Duration::from_secs(5);
/// The CPU time that it may use in [`SETTLE`]: no more than timers need.
const AT_REST: Duration = Duration::from_millis(100);

/// What a process has used so far. Sizes are bytes; the kernel counts them by the thread, so they may be some pages behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// CPU time in user and system mode, all threads; a hundredth of a second is the smallest step.
    pub cpu: Duration,
    /// Resident memory.
    pub resident: u64,
    /// The most that was ever resident, or since [`reset_peak`].
    pub peak: u64,
    /// Resident memory that no file backs: heap and stacks, without the program's code.
    pub anonymous: u64,
}

/// Resident memory over time.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// When, from the first sample on, and how many bytes. In the order of time.
    pub samples: Vec<(Duration, u64)>,
}

/// What a process has used so far.
///
/// # Errors
/// If there is no such process, or it has ended.
pub fn usage(pid: u32) -> Result<Usage> {
    let status = read(pid, "status")?;
    let size = |field| kilobytes(&status, field).ok_or(format!("/proc/{pid}/status has no {field}"));
    let cpu = cpu(&read(pid, "stat")?).ok_or(format!("/proc/{pid}/stat has no CPU times"))?;
    Ok(Usage { cpu, resident: size("VmRSS")?, peak: size("VmHWM")?, anonymous: size("RssAnon")? })
}

/// Waits until a process does nothing any more; what it has used by then, its peak included.
///
/// # Errors
/// If the process ends, or still works after `within`.
pub async fn at_rest(pid: u32, within: Duration) -> Result<Usage> {
    let rest = tokio::time::timeout(within, until_at_rest(pid)).await;
    rest.unwrap_or_else(|_| Err(format!("process {pid} still works after {within:?}").into()))
}

async fn until_at_rest(pid: u32) -> Result<Usage> {
    let mut before = usage(pid)?;
    loop {
        tokio::time::sleep(SETTLE).await;
        let now = usage(pid)?;
        if now.rested_since(before) {
            return Ok(now);
        }
        before = now;
    }
}

/// Makes the peak of resident memory what is resident now.
///
/// # Errors
/// If the process is not ours or has ended.
pub fn reset_peak(pid: u32) -> Result<()> {
    let file = format!("/proc/{pid}/clear_refs");
    fs::write(&file, "5").map_err(|error| format!("{file}: {error}").into())
}

/// Looks at the resident memory at once and then every so often, for a time.
///
/// # Errors
/// If the process ends meanwhile.
pub async fn sample(pid: u32, every: Duration, time: Duration) -> Result<Series> {
    let (mut series, started) = (Series::default(), clock::now());
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let passed = clock::now().duration_since(started);
        series.samples.push((passed, usage(pid)?.resident));
        if passed >= time {
            return Ok(series);
        }
    }
}

impl Usage {
    /// The same with the peak of all the time until `later`. What was resident counts where the kernel's peak is behind it.
    #[must_use]
    pub fn with_peak_until(self, later: Self) -> Self {
        let seen = [self.resident, self.peak, later.resident, later.peak];
        Self { peak: seen.into_iter().fold(0, u64::max), ..self }
    }

    /// True if nothing but timers ran in the [`SETTLE`] that lies between the two.
    fn rested_since(self, before: Self) -> bool {
        self.cpu.saturating_sub(before.cpu) <= AT_REST
    }
}

impl Series {
    /// How fast the memory grows in bytes a minute: the least-squares line through the samples from `from` on. Not a number below
    /// two samples: nothing was measured then, and no goal is met by it.
    #[must_use]
    pub fn slope(&self, from: Duration) -> f64 {
        let points: Vec<_> = self.samples.iter().filter(|(at, _)| *at >= from).map(point).collect();
        let (minutes, bytes) = (mean(points.iter().map(|(x, _)| *x)), mean(points.iter().map(|(_, y)| *y)));
        let (mut together, mut spread) = (0.0, 0.0);
        for (x, y) in points {
            together += (x - minutes) * (y - bytes);
            spread += (x - minutes).powi(2);
        }
        if spread > 0.0 { together / spread } else { f64::NAN }
    }

    /// The most that was seen; 0 without samples.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.samples.iter().map(|(_, bytes)| *bytes).max().unwrap_or_default()
    }
}

/// Minutes and bytes.
fn point((at, bytes): &(Duration, u64)) -> (f64, f64) {
    (at.as_secs_f64() / 60.0, *bytes as f64)
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

fn read(pid: u32, name: &str) -> Result<String> {
    let file = format!("/proc/{pid}/{name}");
    fs::read_to_string(&file).map_err(|error| format!("{file}: {error}").into())
}

/// User and system time: fields 14 and 15. The second field is the program's name in brackets, which may hold anything.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some(Duration::from_millis((user + system) * 1000 / TICKS_A_SECOND))
}

/// A size in bytes.
fn kilobytes(status: &str, field: &str) -> Option<u64> {
    let of_field = |line: &str| Some(line.strip_prefix(field)?.strip_prefix(':')?.trim().to_owned());
    let size = status.lines().find_map(of_field)?;
    Some(size.strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(megabytes: &[u64]) -> Series {
        let sample = |(second, size): (u64, &u64)| (Duration::from_secs(second), size << 20);
        Series { samples: (0..).zip(megabytes).map(sample).collect() }
    }

    #[test]
    fn a_program_may_be_named_as_if_it_were_a_line_of_numbers() {
        let stat = "7 (a) 1 2 3) S 1 7 7 0 -1 4194560 10 0 0 0 150 25 0 0 20 0 4 0 99 1 2";
        assert_eq!(cpu(stat), Some(Duration::from_millis(1750)));
    }

    #[test]
    fn sizes_are_told_in_bytes_and_never_taken_from_a_field_of_a_longer_name() {
        let status = "Name:\tkeyferry\nRssAnonymous:\t 1 kB\nRssAnon:\t    2048 kB\n";
        assert_eq!(kilobytes(status, "RssAnon"), Some(2 << 20));
        assert_eq!(kilobytes(status, "VmRSS"), None);
    }

    #[test]
    fn a_slope_is_bytes_a_minute() {
        let slope = series(&[10, 11, 12, 13]).slope(Duration::ZERO);
        assert!((slope - 60.0 * f64::from(1 << 20)).abs() < 1.0, "{slope}");
    }

    #[test]
    fn a_slope_does_not_see_what_was_before() {
        let slope = series(&[10, 90, 50, 50, 50]).slope(Duration::from_secs(2));
        assert!(slope.abs() < 1e-6, "{slope}");
    }

    #[test]
    fn too_few_samples_have_no_slope() {
        for few in [&[][..], &[10]] {
            assert!(series(few).slope(Duration::ZERO).is_nan());
        }
    }

    #[test]
    fn we_are_a_process_whose_peak_can_be_forgotten() {
        let pid = std::process::id();
        reset_peak(pid).unwrap();
        let usage = usage(pid).unwrap();
        assert!(usage.resident > 0 && usage.anonymous > 0 && usage.peak > 0, "{usage:?}");
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        assert!(usage(u32::MAX).unwrap_err().to_string().contains("/proc/4294967295/status"));
    }

    #[test]
    fn a_peak_is_the_most_that_was_seen_until_later() {
        let usage = |resident, peak| Usage { cpu: Duration::ZERO, resident, peak, anonymous: 0 };
        assert_eq!(usage(2, 1).with_peak_until(usage(1, 1)), usage(2, 2));
        assert_eq!(usage(1, 2).with_peak_until(usage(1, 5)), usage(1, 5));
        assert_eq!(usage(1, 2).with_peak_until(usage(4, 3)), usage(1, 4));
    }

    #[test]
    fn a_process_rests_that_uses_next_to_no_cpu_time() {
        let after = |milliseconds: u64| Usage {
            cpu: Duration::from_millis(milliseconds),
            resident: 0,
            peak: 0,
            anonymous: 0,
        };
        assert!(after(1_100).rested_since(after(1_000)));
        assert!(!after(1_110).rested_since(after(1_000)));
    }

    #[tokio::test]
    async fn the_first_sample_is_taken_at_once() {
        let series = sample(std::process::id(), Duration::from_secs(60), Duration::ZERO).await.unwrap();
        assert_eq!(series.samples.len(), 1);
        assert!(series.highest() > 0);
    }
}
