//! SEC-04: what this crate is built from reads no file, no clock and nothing of the host, and draws no random bytes of its own.
//!
//! `cargo tree` tells each package with the features that this crate alone asks for. The names below are those of what does such
//! things, and of the features by which what is there would begin to. `jiff` with `std` tells the time to those who ask, which
//! this crate does not; `cpufeatures` asks what the processor can, on some platforms through `libc`.

use std::process::Command;

/// Packages that reach out of the process. A `*` at the end stands for any rest.
const REACHING: &[&str] = &[
    // the system itself
    "errno",
    "io-uring",
    "libc",
    "linux-raw-sys",
    "nix",
    "rustix",
    "syscalls",
    "wasi",
    "winapi*",
    "windows*",
    // random bytes
    "const-random",
    "fastrand",
    "getrandom",
    "nanorand",
    "oorandom",
    "rand",
    "rand_hc",
    "rand_jitter",
    "rdrand",
    "uuid",
    // clocks and the host's zone
    "chrono",
    "coarsetime",
    "iana-time-zone*",
    "instant",
    "jiff-tzdb-platform",
    "localtime",
    "minstant",
    "quanta",
    "time",
    "tz-rs",
    "tzfile",
    "web-time",
    // sockets, and what waits for them
    "async-io",
    "async-std",
    "curl*",
    "hickory-*",
    "hyper*",
    "mio",
    "native-tls",
    "openssl*",
    "polling",
    "quinn*",
    "reqwest",
    "rustls",
    "signal-hook*",
    "smol",
    "socket2",
    "tokio*",
    "tungstenite",
    "ureq",
    // files and what else a host has
    "cap-std",
    "dirs*",
    "fs2",
    "fs4",
    "gethostname",
    "home",
    "hostname",
    "ignore",
    "memmap*",
    "notify",
    "num_cpus",
    "procfs",
    "sysinfo",
    "tempfile",
    "users",
    "walkdir",
    "whoami",
    // libraries in C, which no lint of ours sees
    "*-sys",
    "aws-lc-rs",
    "ring",
];

/// Features by which a package that is there would begin to.
const AWAKENING: &[&str] = &[
    "clock",
    "compile-time-rng",
    "getrandom",
    "js",
    "local-offset",
    "now",
    "os_rng",
    "rand",
    "runtime-rng",
    "std_rng",
    "sys_rng",
    "thread_rng",
    "tz-system",
    "tzdb-bundle-platform",
    "tzdb-concatenated",
    "tzdb-zoneinfo",
    "wall_clock",
];

/// What asks the processor for its instructions. What stands below it serves nothing else.
const PROCESSOR: &str = "cpufeatures";

/// The packages with their features, indented by their depth: `2cipher v0.5.2 block-buffer,stream-wrapper`.
fn tree() -> String {
    let wanted = ["tree", "--locked", "--offline", "--package", env!("CARGO_PKG_NAME")];
    let shape = ["--edges", "normal,no-proc-macro", "--prefix", "depth", "--format", "{p} {f}"];
    let mut cargo = Command::new(env!("CARGO"));
    let told = cargo.args(wanted).args(shape).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    String::from_utf8(told.stdout).unwrap()
}

/// A line's depth, name and features.
fn parts(line: &str) -> (usize, &str, Vec<&str>) {
    let (depth, rest) = line.split_at(line.find(|c: char| !c.is_ascii_digit()).unwrap());
    let mut words = rest.split_whitespace().filter(|word| !word.starts_with('('));
    let (name, _version) = (words.next().unwrap(), words.next());
    (depth.parse().unwrap(), name, words.flat_map(|features| features.split(',')).collect())
}

fn is_like(name: &str, pattern: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => name.ends_with(end),
        (_, Some(start)) => name.starts_with(start),
        _ => name == pattern,
    }
}

/// What in a tree reaches out of the process.
fn reaching(tree: &str) -> Vec<String> {
    let mut below = usize::MAX;
    let mut found = Vec::new();
    for (depth, name, features) in tree.lines().map(parts) {
        if depth > below {
            continue;
        }
        below = if name == PROCESSOR { depth } else { usize::MAX };
        if REACHING.iter().any(|pattern| is_like(name, pattern)) {
            found.push(name.to_string());
        }
        let awake = features.iter().filter(|feature| AWAKENING.contains(feature));
        found.extend(awake.map(|feature| format!("{name}/{feature}")));
    }
    found
}

#[test]
fn sec_04_nothing_below_this_crate_reaches_out_of_the_process() {
    let tree = tree();
    assert!(tree.lines().count() > 50, "{tree}");
    assert_eq!(reaching(&tree), [""; 0], "{tree}");
}

#[test]
fn what_reaches_out_is_found_wherever_it_stands() {
    let tree = "0keyferry-gotemplate v0.1.0 (/k)\n1rand_core v0.10.1 \n1bcrypt v0.19.3 alloc,getrandom\n2getrandom v0.4.1 \n\
                1cpufeatures v0.3.1 \n2libc v0.2.1 \n1jiff v0.2.43 std,tz-system (*)\n2libc v0.2.1 \n1aws-lc-sys v0.1.0 \n1tokio-util v0.7.1 \n";
    let found = ["bcrypt/getrandom", "getrandom", "jiff/tz-system", "libc", "aws-lc-sys", "tokio-util"];
    assert_eq!(reaching(tree), found);
}
