//! Renderings a second, ours beside those of the Go program in `tests/oracle`: ten templates as ExternalSecrets have them, compiled
//! once on both sides, rendered many times on one thread, in turn, with the same values and the same output.
//!
//! `cargo bench -p keyferry-gotemplate --bench template`; a part of a name as argument runs what bears it. Go must be there. Exits with 1
//! if the set misses the goal.

mod golang;
mod set;

use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use gotemplate::func::map;
use gotemplate::{Engine, Env, MissingKey, Template, Value};

use golang::Golang;
use set::Case;

/// The program's own, or the figures would be those of another program.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How often both sides take their turn with each template. Odd, so that there is a middle one.
const ROUNDS: usize = 41;
/// How long a turn takes, about: so short that most turns are not interrupted, even on a machine that has other work.
const TURN: Duration = Duration::from_millis(10);
/// How many times Go's renderings a second ours are to be.
const GOAL: f64 = 2.0;
/// The time of day for the templates, in seconds since 1970.
const MOMENT: u64 = 1_700_000_000;

pub(crate) type Failure = Box<dyn Error>;

fn main() -> Result<ExitCode, Failure> {
    let mut golang = Golang::start(MOMENT)?;
    let mut rows = Vec::new();
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    for case in set::cases().into_iter().filter(|case| case.name.contains(&wanted)) {
        rows.push(compared(&mut golang, &case)?);
    }
    golang.stop()?;
    let (text, is_good) = told(&rows);
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a template cost on both sides.
struct Row {
    name: &'static str,
    /// Nanoseconds a rendering, in the middle round.
    golang: f64,
    ours: f64,
    /// Of all rounds, in order.
    ratios: Vec<f64>,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.ratios[ROUNDS / 2]
    }
}

/// One of ours, compiled.
struct Ours {
    template: Template,
    dot: Value,
}

impl Ours {
    fn of(case: &Case) -> Result<Self, Failure> {
        let engine = map::eso().fold(Engine::new(), Engine::functions).missing_key(MissingKey::Error);
        let values = case.values.iter().map(|(key, value)| (key.as_str(), &**value));
        Ok(Self { template: engine.compile("case", case.text)?, dot: Value::string_map(values) })
    }

    /// With all that the program passes in.
    fn rendered(&self, count: u64) -> Result<(Vec<u8>, Duration), Failure> {
        let random = |buffer: &mut [u8]| buffer.fill(4);
        let began = now();
        let elapsed = || now().duration_since(began);
        let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(MOMENT);
        let mut out = Vec::new();
        for _ in 0..count {
            let env =
                Env { now: Some(moment), random: Some(&random), elapsed: Some(&elapsed), ..Env::default() };
            out = black_box(&self.template).render(black_box(&self.dot), &env)?;
        }
        Ok((out, elapsed()))
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
fn now() -> Instant {
    Instant::now()
}

fn compared(golang: &mut Golang, case: &Case) -> Result<Row, Failure> {
    let ours = Ours::of(case)?;
    let (right, _) = golang.rendered(case, 1)?;
    let (out, _) = ours.rendered(1)?;
    if out != right {
        let [out, right] = [out, right].map(|text| String::from_utf8_lossy(&text).into_owned());
        return Err(format!("{}: Go says {right:?}, we say {out:?}", case.name).into());
    }
    let golang_count = enough(|count| Ok(golang.rendered(case, count)?.1))?;
    let our_count = enough(|count| Ok(ours.rendered(count)?.1))?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let golang = nanos(golang.rendered(case, golang_count)?.1, golang_count);
        let ours = nanos(ours.rendered(our_count)?.1, our_count);
        rounds.push((golang, ours));
    }
    Ok(Row {
        name: case.name,
        golang: sorted(rounds.iter().map(|round| round.0))[ROUNDS / 2],
        ours: sorted(rounds.iter().map(|round| round.1))[ROUNDS / 2],
        ratios: sorted(rounds.iter().map(|(golang, ours)| golang / ours)),
    })
}

/// How many renderings fill a turn. Warms up on the way.
fn enough(mut rendered: impl FnMut(u64) -> Result<Duration, Failure>) -> Result<u64, Failure> {
    let mut count = 1;
    loop {
        let took = rendered(count)?;
        if took >= TURN / 4 {
            return Ok((count as f64 * TURN.as_secs_f64() / took.as_secs_f64()).ceil() as u64);
        }
        count *= 2;
    }
}

fn nanos(took: Duration, count: u64) -> f64 {
    took.as_nanos() as f64 / count as f64
}

fn sorted(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = numbers.collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The tables, and whether all goals are met.
fn told(rows: &[Row]) -> (String, bool) {
    let mut out = format!("renderings a second, one thread; the middle of {ROUNDS} rounds\n");
    out += &format!("  {:<20} {:>9} {:>9} {:>7}   least .. most\n", "template", "Go", "ours", "ratio");
    for row in rows {
        let [golang, ours] = [row.golang, row.ours].map(|nanos| 1e9 / nanos);
        let (least, most) = (row.ratios[0], row.ratios[ROUNDS - 1]);
        out += &format!(
            "  {:<20} {golang:>9.0} {ours:>9.0} {:>6.2}×   {least:>5.2} .. {most:.2}\n",
            row.name,
            row.ratio()
        );
    }
    let figures = figures(rows);
    out += &format!("\nfigures\n  {:<36} {:>7}  goal   verdict\n", "name", "figure");
    for figure in &figures {
        out += &format!("  {:<36} {:>6.2}×  ≥ {GOAL}×  {}\n", figure.name, figure.ratio, figure.verdict());
    }
    let limits = figures.iter().filter(|figure| figure.is_limit);
    let worst = limits.min_by(|a, b| a.ratio.total_cmp(&b.ratio));
    if let Some(figure) = worst {
        let (name, ratio, verdict) = (&figure.name, figure.ratio, figure.verdict());
        out += &format!("\ntemplate  {name} {ratio:.2}×  ≥ {GOAL}×  {verdict}\n");
    }
    (out, worst.is_some_and(|worst| worst.ratio >= GOAL))
}

/// A ratio that is held against the goal.
struct Figure {
    name: String,
    ratio: f64,
    /// Whether the bench fails if the goal is missed.
    is_limit: bool,
}

impl Figure {
    const fn verdict(&self) -> &'static str {
        match self.is_limit {
            _ if self.ratio >= GOAL => "good",
            true => "MISSED",
            false => "below the goal",
        }
    }
}

/// The limit holds for the set as one: each of the ten once, and each counting alike. That each template reaches it is a goal.
fn figures(rows: &[Row]) -> Vec<Figure> {
    let total = |of: fn(&Row) -> f64| rows.iter().map(of).sum::<f64>();
    let logarithms: f64 = rows.iter().map(|row| row.ratio().ln()).sum();
    let limit = |name: &str, ratio| Figure { name: name.to_owned(), ratio, is_limit: true };
    let mut figures = vec![
        limit("all in turn", total(|row| row.golang) / total(|row| row.ours)),
        limit("the geometric mean of all", (logarithms / rows.len() as f64).exp()),
    ];
    let least = rows.iter().min_by(|a, b| a.ratio().total_cmp(&b.ratio()));
    figures.extend(least.map(|row| Figure {
        name: format!("the least, {}", row.name),
        ratio: row.ratio(),
        is_limit: false,
    }));
    figures
}
