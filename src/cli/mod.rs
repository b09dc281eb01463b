//! The command line, and all wiring in one visible place ([`serve`]).
//!
//! - `keyferry controller` ([`flags`], [`serve`], [`operator`]): runs until it is told to end.
//! - `keyferry crds` ([`crds`]): prints the CustomResourceDefinitions as one YAML stream.
//! - `keyferry version`.
//!
//! Exit codes: 0 = done, 1 = failed, 2 = wrong usage.

pub mod crds;
pub mod flags;
pub mod operator;
pub mod serve;

use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use clap::{ArgMatches, Command};

const FAILED: u8 = 1;
const USAGE: u8 = 2;

fn command() -> Command {
    Command::new("keyferry")
        .about("Syncs external secret stores into Kubernetes Secrets")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(flags::command(Command::new("controller")))
        .subcommand(Command::new("crds").about("Prints the CustomResourceDefinitions as YAML"))
        .subcommand(Command::new("version").about("Prints the version"))
}

/// Runs a command line.
pub fn run(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
    let matches = match command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => {
            // Nobody is left to tell if standard output is closed.
            let _closed = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE));
        }
    };
    match matches.subcommand() {
        Some(("controller", matches)) => controller(matches),
        Some(("crds", _)) => ended(crds::print(&mut io::stdout().lock())),
        _ => ended(writeln!(io::stdout().lock(), "keyferry {}", env!("CARGO_PKG_VERSION"))),
    }
}

fn controller(matches: &ArgMatches) -> ExitCode {
    match flags::parse(matches) {
        Ok((flags, notes)) => serve::run(&flags, &notes),
        Err(refusal) => {
            complain(&refusal);
            ExitCode::from(USAGE)
        }
    }
}

fn ended(outcome: io::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // `keyferry crds | head` is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(FAILED)
        }
    }
}

/// Says what is wrong where no log runs yet.
fn complain(text: &str) {
    // Nobody is left to tell if standard error is closed.
    let _closed = writeln!(io::stderr().lock(), "keyferry: {text}");
}
