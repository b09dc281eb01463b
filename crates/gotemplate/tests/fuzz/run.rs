//! Runs cases on a thread of ordinary size, and watches their time and memory from outside.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use gotemplate::func::map;
use gotemplate::{Engine, Env, MissingKey, Step};
use rustix::time::{ClockId, clock_gettime};

use crate::MEMORY;
use crate::case::{Case, World};
use crate::dice::Noise;
use crate::report::{Ended, Outcome, Report};

/// How many cases the short run has, and its seed.
const SHORT: u64 = 3_000;
const SEED: u64 = 20_260;
/// How long a rendering may work, without and with optimisation.
const SLOW: Duration = Duration::from_secs(5);
const FAST: Duration = Duration::from_secs(2);
/// How long a rendering may really work, in times of what it may.
const PATIENCE: u32 = 3;
/// What hangs does so for ever: so long nothing is heard of it, however busy the machine.
const SILENCE: Duration = Duration::from_secs(300);
/// The stack that threads have by default.
const STACK: usize = 2 << 20;

type Numbers = Box<dyn Iterator<Item = u64> + Send>;

#[test]
fn nothing_panics_and_nothing_outlives_its_limits() {
    let time =
        if cfg!(debug_assertions) && variable("KEYFERRY_FUZZ_MINUTES").is_none() { SLOW } else { FAST };
    let (seed, numbers, least) = chosen();
    let report = Watch::begin(seed, numbers, time).run();
    println!("{report}");
    assert!(report.findings.is_empty(), "{}", report.findings.join("\n"));
    assert!(report.cases() >= least, "{} of {least} cases", report.cases());
}

/// The seed and the numbers of the cases to run, and how many they are at least.
fn chosen() -> (u64, Numbers, u64) {
    if let Some(case) = variable("KEYFERRY_FUZZ_CASE") {
        let (seed, number) = case.split_once(':').unwrap();
        return (seed.parse().unwrap(), Box::new(std::iter::once(number.parse().unwrap())), 1);
    }
    let Some(minutes) = variable("KEYFERRY_FUZZ_MINUTES") else { return (SEED, Box::new(0..SHORT), SHORT) };
    let (began, length) = (now(), Duration::from_secs_f64(minutes.parse::<f64>().unwrap() * 60.0));
    let seed = variable("KEYFERRY_FUZZ_SEED").map(|seed| seed.parse().unwrap());
    let seed = seed.unwrap_or_else(|| Noise::new(std::process::id().into(), 0).next() >> 40);
    (seed, Box::new((0..).take_while(move |_| now() - began < length)), 1)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
fn now() -> Instant {
    Instant::now()
}

/// How long this thread has worked: what else the machine does is not counted.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap()
}

/// What the thread that renders tells.
enum News {
    Begins(u64),
    Ended(u64, Outcome),
}

/// The thread that watches.
struct Watch {
    seed: u64,
    world: Arc<World>,
    news: Receiver<News>,
    patience: Duration,
    worker: JoinHandle<()>,
    panicked: Arc<Mutex<String>>,
}

impl Watch {
    fn begin(seed: u64, numbers: Numbers, time: Duration) -> Self {
        let world = Arc::new(World::new(time));
        let (tell, news) = sync_channel(1024);
        let patience = time * PATIENCE;
        let panicked = Arc::default();
        let worker = Worker { seed, world: Arc::clone(&world), tell, panicked: Arc::clone(&panicked) };
        let worker =
            std::thread::Builder::new().stack_size(STACK).spawn(move || worker.run(numbers)).unwrap();
        Self { seed, world, news, patience, worker, panicked }
    }

    fn run(self) -> Report {
        let mut report = Report::new(self.seed, self.patience);
        let mut running = 0;
        loop {
            match self.news.recv_timeout(SILENCE) {
                Ok(News::Begins(number)) => running = number,
                Ok(News::Ended(number, outcome)) => {
                    let text = || self.world.case(self.seed, number).text;
                    report.add(number, &outcome, text);
                }
                Err(RecvTimeoutError::Disconnected) => return self.ended(report, running),
                Err(RecvTimeoutError::Timeout) => {
                    report.find(running, "hangs", &self.world.case(self.seed, running).text);
                    return report;
                }
            }
        }
    }

    /// The end of the worker, which is a finding of its own if it panicked outside of a rendering.
    fn ended(self, mut report: Report, running: u64) -> Report {
        if self.worker.join().is_err() {
            let why = self.panicked.lock().unwrap_or_else(PoisonError::into_inner).clone();
            report.find(running, &format!("ends the run: {why}"), b"");
        }
        report
    }
}

/// The thread that renders.
struct Worker {
    seed: u64,
    world: Arc<World>,
    tell: SyncSender<News>,
    /// Where and why the last panic was.
    panicked: Arc<Mutex<String>>,
}

impl Worker {
    fn run(self, numbers: Numbers) {
        let panicked = Arc::clone(&self.panicked);
        std::panic::set_hook(Box::new(move |panic| {
            *panicked.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string();
        }));
        // A stack that overflows ends the process; the file says in which case.
        let journal = File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz-case")).unwrap();
        let engines = [MissingKey::Error, MissingKey::Default, MissingKey::Zero]
            .map(|key| (key, map::eso().fold(Engine::new(), Engine::functions).missing_key(key)));
        for number in numbers {
            journal.write_at(format!("{:>20}:{number:>20}\n", self.seed).as_bytes(), 0).unwrap();
            self.tell.send(News::Begins(number)).unwrap();
            let outcome = self.outcome(number, &engines);
            self.tell.send(News::Ended(number, outcome)).unwrap();
        }
    }

    fn outcome(&self, number: u64, engines: &[(MissingKey, Engine)]) -> Outcome {
        let case = self.world.case(self.seed, number);
        let engine = engines.iter().find(|(key, _)| *key == case.missing_key).map(|(_, engine)| engine);
        let engine = engine.unwrap();
        let kind = case.kind.clone();
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let began = worked();
        let ended = catch_unwind(AssertUnwindSafe(|| render(case, engine)));
        // The engine makes an error of a panic; the hook has seen it.
        let why = std::mem::take(&mut *self.panicked.lock().unwrap_or_else(PoisonError::into_inner));
        let ended = ended.ok().filter(|_| why.is_empty()).unwrap_or(Ended::Panic(why));
        Outcome { kind, ended, time: worked() - began, memory: MEMORY.peak_usage().saturating_sub(before) }
    }
}

fn render(case: Case, engine: &Engine) -> Ended {
    let noise = std::cell::RefCell::new(Noise::new(case.chance, 0));
    let random = |buffer: &mut [u8]| noise.borrow_mut().fill(buffer);
    let began = worked();
    let elapsed = || worked() - began;
    let env = Env {
        now: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)),
        random: Some(&random),
        limits: case.limits,
        elapsed: Some(&elapsed),
        ..Env::default()
    };
    let rendered = engine.compile("case", &case.text).and_then(|template| template.render(&case.dot, &env));
    match rendered {
        Ok(out) => Ended::Output(out.len()),
        Err(error) => {
            // All that it can say must be had.
            let said = [error.to_string(), error.excerpt(), error.without_values().to_owned()].concat();
            let hint = error.did_you_mean().map_or(0, str::len);
            match error.step() {
                Step::Parse => Ended::Unparsed,
                Step::Execute => Ended::Failed(said.len() + hint),
                Step::Limit => Ended::Limit,
            }
        }
    }
}
