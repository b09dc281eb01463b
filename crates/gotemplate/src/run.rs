//! What a rendering may use of the world, all of it passed in: the time, chance, the zone, and limits.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::error::Fault;
use crate::value::Value;

/// How much a template may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Nodes walked, items iterated, bytes made and other work, in steps of about a microsecond and of at most some 128
    /// bytes: a million steps take about a second and 128 MiB.
    pub steps: u64,
    /// Bytes of output, and of each string that a function makes.
    pub output: usize,
    /// Templates that call templates.
    pub depth: usize,
    /// Time, if [`Env::elapsed`] is there to tell it. It is looked at between calls: what one call of a function may take
    /// is bounded by its steps. Only to make an RSA key, which depends on chance, may take seconds.
    pub time: Duration,
}

impl Default for Limits {
    /// A million steps, 16 MiB, 200 templates deep, 10 seconds.
    fn default() -> Self {
        Self { steps: 1_000_000, output: 16 << 20, depth: 200, time: Duration::from_secs(10) }
    }
}

/// Fills a buffer with random bytes.
pub type Random<'e> = dyn Fn(&mut [u8]) + 'e;

/// Tells the time since the rendering began, or since any other fixed moment.
pub type Elapsed<'e> = dyn Fn() -> Duration + 'e;

/// The whole outside world of a template. The default has no time and no chance: functions that need them fail.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// let env = gotemplate::Env { now: Some(SystemTime::UNIX_EPOCH), ..Default::default() };
/// assert!(env.random.is_none());
/// ```
#[derive(Clone, Copy, Default)]
pub struct Env<'e> {
    /// The present, for `now` and its kin.
    pub now: Option<SystemTime>,
    /// The source of chance, good enough for keys.
    pub random: Option<&'e Random<'e>>,
    /// The IANA name of the local zone; empty means UTC.
    pub zone: &'e str,
    /// How much the template may use.
    pub limits: Limits,
    /// Asked now and then, for [`Limits::time`].
    pub elapsed: Option<&'e Elapsed<'e>>,
    /// Where the steps that were taken are added.
    pub spent: Option<&'e Cell<u64>>,
}

impl std::fmt::Debug for Env<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("Env");
        out.field("now", &self.now)
            .field("zone", &self.zone)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// How many bytes are made in one step. As all that a rendering makes may be kept, this also bounds its memory.
pub(crate) const BYTES_PER_STEP: usize = 128;

/// What a map costs beyond its entries: it takes room for eleven of them at once.
pub(crate) const MAP_STEPS: u64 = 6;

/// What a list costs beyond its items.
pub(crate) const LIST_STEPS: u64 = 2;

/// How many steps pass between two looks at the time.
const STEPS_PER_LOOK: u64 = 256;

/// One rendering, as functions see it: the environment and what is left of the limits.
#[derive(Debug)]
pub struct Run<'e> {
    env: &'e Env<'e>,
    steps: u64,
    next_look: u64,
    began: Duration,
    /// What functions made of values and tell in their errors.
    decoded: Vec<Value>,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        if let Some(spent) = self.env.spent {
            spent.set(spent.get().saturating_add(self.steps));
        }
    }
}

impl<'e> Run<'e> {
    /// A rendering that has used nothing yet.
    #[must_use]
    pub fn new(env: &'e Env<'e>) -> Self {
        let began = env.elapsed.map_or(Duration::ZERO, |elapsed| elapsed());
        let next_look = STEPS_PER_LOOK.min(env.limits.steps.saturating_add(1));
        Self { env, steps: 0, next_look, began, decoded: Vec::new() }
    }

    /// The present.
    ///
    /// # Errors
    /// If the caller gave none.
    pub fn now(&self) -> Result<SystemTime, Fault> {
        self.env.now.ok_or_else(|| Fault::from("the time is not available to this template"))
    }

    /// Fills the buffer with random bytes.
    ///
    /// # Errors
    /// If the caller gave no source of them.
    pub fn random(&self, buffer: &mut [u8]) -> Result<(), Fault> {
        let random =
            self.env.random.ok_or_else(|| Fault::from("chance is not available to this template"))?;
        random(buffer);
        Ok(())
    }

    /// The IANA name of the local zone.
    #[must_use]
    pub const fn zone(&self) -> &'e str {
        if self.env.zone.is_empty() { "UTC" } else { self.env.zone }
    }

    /// The limits.
    #[must_use]
    pub const fn limits(&self) -> &'e Limits {
        &self.env.limits
    }

    /// Counts work, in steps of about a microsecond. A function whose work grows with its input calls this first.
    ///
    /// # Errors
    /// If a limit is reached.
    #[inline]
    pub fn spend(&mut self, steps: u64) -> Result<(), Fault> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps < self.next_look { Ok(()) } else { self.look() }
    }

    /// Refuses a string of more bytes than a template may make, before it is made.
    ///
    /// # Errors
    /// If it is too long.
    pub fn make(&mut self, bytes: usize) -> Result<(), Fault> {
        let max = self.env.limits.output;
        if bytes > max {
            return Err(too_long(max));
        }
        self.spend((bytes / BYTES_PER_STEP) as u64)
    }

    /// How many steps were taken.
    pub(crate) const fn taken(&self) -> u64 {
        self.steps
    }

    /// Pays for what a call has made, as far as the call, which began after so many steps, has not paid for it itself.
    pub(crate) fn settle(&mut self, began: u64, made: &Value) -> Result<(), Fault> {
        let weight = weight(made);
        if matches!(made, Value::Str(_) | Value::Bytes(_)) && weight.bytes > self.env.limits.output {
            return Err(too_long(self.env.limits.output));
        }
        let paid = self.steps - began;
        self.spend((weight.items + (weight.bytes / BYTES_PER_STEP) as u64).saturating_sub(paid))
    }

    /// Notes what a function that fails has decoded from a value: its error may quote it, and messages without values must not.
    pub(crate) fn conceal(&mut self, decoded: impl Into<Value>) {
        self.decoded.push(decoded.into());
    }

    /// See [`Run::conceal`].
    pub(crate) fn decoded(&self) -> impl Iterator<Item = &Value> {
        self.decoded.iter()
    }

    fn look(&mut self) -> Result<(), Fault> {
        self.next_look =
            self.steps.saturating_add(STEPS_PER_LOOK).min(self.env.limits.steps.saturating_add(1));
        if self.steps > self.env.limits.steps {
            return Err(Fault::of_steps(format!("exceeded the limit of {} steps", self.env.limits.steps)));
        }
        let used = self.env.elapsed.map_or(Duration::ZERO, |elapsed| elapsed().saturating_sub(self.began));
        if used > self.env.limits.time {
            return Err(Fault::limit(format!("exceeded the limit of {:?}", self.env.limits.time)));
        }
        Ok(())
    }
}

/// Without the length: it may come from a value.
pub(crate) fn too_long(max: usize) -> Fault {
    Fault::limit(format!("a value exceeds the limit of {max} bytes"))
}

/// What a value takes in memory that nothing else holds.
#[derive(Default)]
struct Weight {
    items: u64,
    bytes: usize,
}

impl Weight {
    fn add(&mut self, value: &Value) {
        match value {
            Value::Str(text) => self.bytes += text.own_bytes(),
            Value::Bytes(bytes) => self.bytes += bytes.own_bytes(),
            Value::List(list) if list.is_own() => self.items += LIST_STEPS + list.len() as u64,
            Value::Map(map) if map.is_own() => self.items += MAP_STEPS + map.len() as u64,
            Value::Object(object) if Rc::strong_count(object) == 1 => self.bytes += object.weight(),
            _ => {}
        }
    }
}

/// The value and what is right under it. What lies deeper is paid for where it is made.
fn weight(value: &Value) -> Weight {
    let mut weight = Weight::default();
    weight.add(value);
    match value {
        Value::List(list) if list.is_own() => list.each(|item| weight.add(item)),
        Value::Map(map) if map.is_own() => map.each(|key, item| {
            weight.bytes += key.own_bytes();
            weight.add(item);
        }),
        _ => {}
    }
    weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_beyond_the_limit_is_refused_at_the_very_step() {
        let env = Env { limits: Limits { steps: 1500, ..Limits::default() }, ..Env::default() };
        let mut run = Run::new(&env);
        run.spend(1500).unwrap();
        assert!(run.spend(1).unwrap_err().is_limit());
    }

    #[test]
    fn a_limit_of_few_steps_is_one() {
        let env = Env { limits: Limits { steps: 3, ..Limits::default() }, ..Env::default() };
        let mut run = Run::new(&env);
        run.spend(3).unwrap();
        assert!(run.spend(1).is_err());
    }

    #[test]
    fn steps_are_told_apart_from_other_limits_and_added_up() {
        let spent = Cell::new(7);
        let limits = Limits { steps: 1500, output: 10, ..Limits::default() };
        let env = Env { limits, spent: Some(&spent), ..Env::default() };
        let mut run = Run::new(&env);
        assert!(!run.make(11).unwrap_err().wants_steps());
        assert!(run.spend(1501).unwrap_err().wants_steps());
        drop(run);
        assert_eq!(spent.get(), 7 + 1501);
    }

    #[test]
    fn what_a_call_makes_is_paid_for_once() {
        let env = Env::default();
        let price = |paid: u64, made: &Value| {
            let mut run = Run::new(&env);
            let began = run.taken();
            run.spend(paid).unwrap();
            run.settle(began, made).unwrap();
            run.taken()
        };
        let text = Value::str("x".repeat(1280));
        assert_eq!((price(0, &text), price(4, &text), price(20, &text)), (10, 10, 20));
        let held = text.clone();
        assert_eq!(price(0, &held), 0);
        let texts = || Value::strings(["x".repeat(1280), "x".repeat(1280)]);
        assert_eq!(price(0, &texts()), LIST_STEPS + 2 + 20);
        assert_eq!(
            price(0, &Value::dict([("x".repeat(1280), texts())])),
            MAP_STEPS + 1 + 10 + LIST_STEPS + 2
        );
    }

    #[test]
    fn time_beyond_the_limit_is_refused_at_a_look() {
        let clock = Cell::new(Duration::ZERO);
        let elapsed = || clock.get();
        let env = Env { elapsed: Some(&elapsed), ..Env::default() };
        let mut run = Run::new(&env);
        clock.set(Duration::from_secs(11));
        assert_eq!(run.spend(STEPS_PER_LOOK).unwrap_err().to_string(), "exceeded the limit of 10s");
    }

    #[test]
    fn without_an_environment_there_is_no_time_and_no_chance() {
        let env = Env::default();
        let run = Run::new(&env);
        assert!(run.now().is_err());
        assert!(run.random(&mut [0]).is_err());
    }
}
