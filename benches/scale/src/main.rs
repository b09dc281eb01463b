//! The command line: `keyferry-scale NAME [N] [T]`.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::{CommandFactory, FromArgMatches, Parser};
use jiff::SignedDuration;
use keyferry_scale::{
    Failure, Result,
    bench::{Arguments, ROWS, Row},
};
use tokio::signal::unix::{SignalKind, signal};

/// Measures the keyferry controller beside a real API server
#[derive(Parser)]
#[command(name = "keyferry-scale", arg_required_else_help = true)]
struct Cli {
    /// The benchmark
    name: String,
    /// How many objects (default: see the list)
    #[arg(value_name = "N", value_parser = objects)]
    objects: Option<usize>,
    /// How long to measure, such as 90s or 10m (default: see the list)
    #[arg(value_name = "T", value_parser = time)]
    time: Option<Duration>,
}

fn main() -> ExitCode {
    let matches = Cli::command().after_help(listed(ROWS)).get_matches();
    run(&matches).unwrap_or_else(|error| {
        // Nobody is left to tell if standard error is closed.
        let _closed = writeln!(io::stderr(), "keyferry-scale: {error}");
        ExitCode::FAILURE
    })
}

fn run(matches: &clap::ArgMatches) -> Result<ExitCode> {
    let cli = Cli::from_arg_matches(matches)?;
    let row = Row::named(&cli.name)?;
    let arguments =
        Arguments { objects: cli.objects.unwrap_or(row.objects), time: cli.time.unwrap_or(row.time) };
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        tokio::select! {
            report = (row.run)(arguments) => Ok(report?.finish(row.name)),
            signal = told_to_end() => Err(signal),
        }
    })
}

/// Waits for SIGINT or SIGTERM. The benchmark is then dropped, and with it the processes that it started.
async fn told_to_end() -> Failure {
    let ended = async {
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        io::Result::Ok("told to end")
    };
    ended.await.map_or_else(Failure::from, Failure::from)
}

/// The benchmarks, for the help.
fn listed(rows: &[Row]) -> String {
    let line = |row: &Row| format!("  {} {} {:#}  {}\n", row.name, row.objects, shown(row.time), row.about);
    format!("Benchmarks, with their N and T:\n{}", rows.iter().map(line).collect::<String>())
}

fn shown(time: Duration) -> SignedDuration {
    SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)
}

fn objects(text: &str) -> Result<usize> {
    match text.replace('_', "").parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{text} is no number of objects: give a whole one above 0").into()),
    }
}

fn time(text: &str) -> Result<Duration> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
    parsed
        .filter(|time| !time.is_zero())
        .ok_or_else(|| format!("{text} is no length of time: give one such as 90s or 10m").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_numbers_with_a_unit() {
        for (text, seconds) in [("10m", 600), ("90s", 90), ("1h30m", 5400)] {
            assert_eq!(time(text).unwrap(), Duration::from_secs(seconds), "{text}");
        }
    }

    #[test]
    fn a_time_without_a_unit_or_below_zero_is_refused() {
        for text in ["", "10", "0s", "-1m", "m"] {
            let error = time(text).unwrap_err().to_string();
            assert!(error.ends_with("give one such as 90s or 10m"), "{text}: {error}");
        }
    }

    #[test]
    fn the_number_of_objects_may_be_grouped_and_is_never_zero() {
        assert_eq!(objects("10_000").unwrap(), 10_000);
        assert!(objects("0").is_err() && objects("many").is_err());
    }

    #[test]
    fn the_arguments_stand_in_order_and_only_the_name_is_needed() {
        let cli = |words: &[&str]| Cli::try_parse_from([&["keyferry-scale"], words].concat()).ok();
        let all = cli(&["cold", "2000", "15s"]).unwrap();
        assert_eq!((all.objects, all.time), (Some(2000), Some(Duration::from_secs(15))));
        assert!(cli(&["cold"]).is_some());
        assert!(cli(&[]).is_none());
    }

    #[test]
    fn the_help_lists_every_benchmark() {
        let row = Row {
            name: "cold",
            objects: 10,
            time: Duration::from_secs(90),
            about: "a start",
            run: |_| unreachable!(),
        };
        assert_eq!(listed(&[row]), "Benchmarks, with their N and T:\n  cold 10 1m 30s  a start\n");
    }
}
