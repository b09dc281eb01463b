//! Benchmarks of the keyferry controller beside a real API server, one command each: `./justw bench NAME`.
//!
//! The package knows nothing of keyferry's code: it measures the program from outside, by what the kernel says of the process, what the
//! API server's audit log says of its requests, and what the store stand-in counts. It is a package of its own so that the program
//! which is measured is built as it is shipped, without what tests add to it.
//!
//! | module | holds |
//! |---|---|
//! | [`clock`] | the one clock |
//! | [`plane`] | a control plane for one measurement, and the administrator's door to it |
//! | [`audit`] | requests by verb and resource, from the audit log |
//! | [`standin`] | a store that speaks Vault KV v2, with faults and counters |
//! | [`recorder`] | a proxy in front of the API server: records what is written, forces relists |
//! | [`workload`] | the objects: stores, ExternalSecrets, the keys they draw |
//! | [`observer`] | who is Ready since when, as a watch tells it |
//! | [`samples`] | many lengths of time: percentiles, their ratios |
//! | [`process`] | a process under measurement: CPU, memory |
//! | [`speed`] | how fast the machine runs meanwhile |
//! | [`controller`] | keyferry as the chart's ServiceAccount |
//! | [`floor`] | the loop that makes the same writes with nothing in between |
//! | [`table`] | tables, figures against goals, verdicts |
//! | [`mod@bench`] | one module a benchmark |

pub mod audit;
pub mod bench;
pub mod clock;
pub mod controller;
pub mod floor;
pub mod observer;
pub mod plane;
pub mod process;
pub mod recorder;
pub mod samples;
pub mod speed;
pub mod standin;
pub mod table;
pub mod workload;

/// What goes wrong here ends the benchmark; the text says what it was.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Of anything that may go wrong.
pub type Result<T> = std::result::Result<T, Failure>;
