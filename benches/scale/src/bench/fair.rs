//! Objects that are new while many others are due: how long their first sync takes, at the same store and at another one.
//!
//! Two stores, A and B, each with a quota of its own and an answer time of [`LATENCY`]. For T a new object comes every second at each of
//! them, from its creation (the answer to the POST) until the observer sees it Ready. Idle, they are alone. Then, in a control plane
//! of their own, beside N objects of A that are in sync and due together at every tick. With the N of the list those are a thousand
//! reads within a tenth of the interval, more than the sends that a gate has in flight can fetch in that time, so there is a queue.
//!
//! Last and without a verdict, in the same control plane, while the N are also forced by an annotation, which puts them into the lane of
//! the new ones. Each annotation is a write of ours, and keyferry carries it over to the Secret and the status, so the API server is what
//! all wait for then, at both stores.
//!
//! New objects lie in the same namespaces as the N, so fairness between namespaces alone does not help them, and name keys of their own,
//! so no read is shared.
//!
//! A percentile is by nearest rank, so it is always a time that was measured. Of the 100 new objects of the list p99 is the second worst:
//! one slow answer of a busy machine decides nothing, two do. Of fewer than 100, which a shorter T brings, it is the worst.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use futures::{StreamExt, TryStreamExt, future::try_join_all};
use tokio::time::sleep;

use super::{Arguments, Row, Run, running::Running};
use crate::{
    Result, clock,
    plane::{Api, Plane},
    samples::Samples,
    standin::{Behaviour, StandIn},
    table::{Figure, Report, Table},
    workload::{Shape, Workload},
};

/// The row of this benchmark.
pub(super) const ROW: Row = Row {
    name: "fair",
    objects: 10_000,
    time: Duration::from_secs(100),
    about: "first syncs of new objects, one a second for T, beside N due at the same store and beside another store",
    run,
};

/// What each store takes for an answer.
const LATENCY: Duration = Duration::from_millis(200);
/// `spec.refreshInterval` of the objects that are due.
const INTERVAL: Duration = Duration::from_secs(15);
/// From one new object to the next.
const EVERY: Duration = Duration::from_secs(1);
/// Annotations that are written at a time.
const ANNOTATIONS: usize = 32;

fn run(arguments: Arguments) -> Run {
    Box::pin(measure(arguments))
}

async fn measure(Arguments { objects, time }: Arguments) -> Result<Report> {
    let count = usize::try_from(time.as_secs())?.max(1);
    let idle = Scene::set(0, count).await?;
    let alone = idle.arrive(1..count + 1).await?;
    idle.running.end().await?;
    let busy = Scene::set(objects, count).await?;
    let due = busy.arrive(1..count + 1).await?;
    let (forced, ()) = tokio::try_join!(busy.arrive(count + 1..2 * count + 1), busy.force_all())?;
    busy.running.end().await?;
    Ok(Findings { objects, alone, due, forced }.report())
}

/// keyferry with the objects that are due in sync, and both stores in use.
struct Scene {
    running: Running,
    objects: usize,
    due: Workload,
    sides: [Side; 2],
}

/// A store and the new objects that come there.
struct Side {
    store: StandIn,
    newcomers: Workload,
}

/// How new objects fared at one store.
struct Arrived {
    first_syncs: Samples,
    /// What the store was asked meanwhile, for whomever.
    reads: usize,
}

/// How new objects fared at A and at B.
type Arrivals = [Arrived; 2];

impl Scene {
    /// With `objects` that are due; at each store up to twice `count` new objects may come after the first, which opens it.
    async fn set(objects: usize, count: usize) -> Result<Self> {
        let plane = Plane::start(false).await?;
        let most = 2 * count + 1;
        let sides = [Side::start(most, "newcomer", "account")?, Side::start(most, "neighbour", "other")?];
        let shape = Shape { interval: format!("{}s", INTERVAL.as_secs()), ..Shape::shared(objects) };
        let due = Workload::new(Shape { stores: 1, ..shape }, sides[0].store.address());
        due.create(plane.api()).await?;
        sides[1].newcomers.add_stores(plane.api()).await?;
        let running = Running::start(plane).await?;
        running.until_ready(objects).await?;
        let scene = Self { running, objects, due, sides };
        scene.arrive(0..1).await?;
        // From then on every tick has all objects.
        sleep(INTERVAL).await;
        Ok(scene)
    }

    /// The new objects of these numbers come to both stores, one after the other; those of lower numbers have come before.
    async fn arrive(&self, numbers: Range<usize>) -> Result<Arrivals> {
        let [a, b] = &self.sides;
        let all = self.objects + self.sides.len() * numbers.end;
        let api = self.running.api();
        let (at_a, at_b) = tokio::try_join!(a.create(api, numbers.clone()), b.create(api, numbers))?;
        self.running.until_ready(all).await?;
        Ok([a.arrived(&self.running, &at_a)?, b.arrived(&self.running, &at_b)?])
    }

    /// Annotates all objects that are due.
    async fn force_all(&self) -> Result<()> {
        let api = self.running.api();
        let annotated = (0..self.objects).map(|n| self.due.force_sync(api, n, "now"));
        futures::stream::iter(annotated).buffer_unordered(ANNOTATIONS).try_collect().await
    }
}

/// The number of a new object, and when it was created.
type Created = (usize, Instant);

impl Side {
    fn start(most: usize, service: &str, account: &str) -> Result<Self> {
        let store = StandIn::start()?;
        store.behave(Behaviour { latency: LATENCY, failing: None });
        let shape = Shape { stores: 1, ..Shape::unshared(most) };
        let newcomers = Workload::new(shape, store.address()).of_service(service).at_account(account);
        Ok(Self { store, newcomers })
    }

    /// Creates new objects, each at its time, however long those before take.
    async fn create(&self, api: &Api, numbers: Range<usize>) -> Result<Vec<Created>> {
        self.store.reset();
        let one = |(n, wait)| async move {
            sleep(wait).await;
            self.newcomers.create_object(api, n).await?;
            Ok((n, clock::now()))
        };
        try_join_all(numbers.zip((0..).map(|nth| EVERY * nth)).map(one)).await
    }

    /// How the objects fared, which are all Ready.
    fn arrived(&self, running: &Running, created: &[Created]) -> Result<Arrived> {
        let first_sync = |(n, at): &Created| {
            let ready = running.became_ready(&self.newcomers.namespace(*n), &self.newcomers.name(*n))?;
            Ok(ready.saturating_duration_since(*at))
        };
        let times = created.iter().map(first_sync).collect::<Result<Vec<_>>>()?;
        Ok(Arrived { first_syncs: Samples::milliseconds(times), reads: self.store.read_count() })
    }
}

/// All that was found.
struct Findings {
    objects: usize,
    alone: Arrivals,
    due: Arrivals,
    forced: Arrivals,
}

impl Findings {
    fn report(&self) -> Report {
        let ratio = |side: usize| self.ratio(&self.due, side, 99);
        let figures = vec![
            Figure::at_most("first sync p99 at A, beside N due ÷ idle", ratio(0), "×", 3.0, 3.0),
            Figure::at_most("first sync p99 at B, beside N due ÷ idle", ratio(1), "×", 1.2, 1.2),
        ];
        Report { tables: vec![self.first_syncs()], figures }
    }

    fn ratio(&self, arrivals: &Arrivals, side: usize, percent: usize) -> f64 {
        let of = |arrivals: &Arrivals| arrivals[side].first_syncs.percentile(percent);
        of(arrivals) / of(&self.alone)
    }

    fn first_syncs(&self) -> Table {
        let count = self.alone[0].first_syncs.count();
        let worst = if count < 100 { ", of which p99 is the greatest" } else { "" };
        let title = format!("first syncs of {count} new objects a store{worst}");
        let columns = ["run", "store", "p50 ms", "p99 ms", "p50 ÷ idle", "p99 ÷ idle", "reads of the store"];
        let mut table = Table::new(&title, &columns);
        let due = format!("{} due every {} s at A", self.objects, INTERVAL.as_secs());
        let forced = format!("{due}, and forced (no verdict)");
        for (run, arrivals) in [("idle", &self.alone), (&due, &self.due), (&forced, &self.forced)] {
            for (side, store) in [(0, "A"), (1, "B")] {
                let Arrived { first_syncs, reads } = &arrivals[side];
                let times = [50, 99].map(|percent| format!("{:.0}", first_syncs.percentile(percent)));
                let ratios = [50, 99].map(|percent| format!("{:.2}", self.ratio(arrivals, side, percent)));
                let [run, store, reads] = [run.to_owned(), store.to_owned(), reads.to_string()];
                table.rows.push([&[run, store], &times[..], &ratios, &[reads]].concat());
            }
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Verdict;

    fn arrivals(a: &[u64], b: &[u64]) -> Arrivals {
        [a, b].map(|times| Arrived {
            first_syncs: Samples::milliseconds(times.iter().map(|time| Duration::from_millis(*time))),
            reads: times.len() * 3,
        })
    }

    fn findings(due: Arrivals) -> Findings {
        let (alone, forced) = (arrivals(&[200, 250], &[200, 240]), arrivals(&[9_000], &[9_000]));
        Findings { objects: 10, alone, due, forced }
    }

    #[test]
    fn each_store_is_held_against_itself_alone() {
        let figures = findings(arrivals(&[500, 300], &[240, 288])).report().figures;
        assert!((figures[0].value - 2.0).abs() < 1e-9);
        assert!((figures[1].value - 1.2).abs() < 1e-9);
    }

    #[test]
    fn one_late_object_of_a_hundred_decides_nothing_and_two_do() {
        let late = |late: usize| [vec![9_000; late], vec![240; 100 - late]].concat();
        let missed = |late_ones: usize| {
            let figures = findings(arrivals(&late(late_ones), &[240; 100])).report().figures;
            figures.iter().filter(|figure| figure.verdict() == Verdict::Missed).count()
        };
        assert_eq!((missed(1), missed(2)), (0, 1));
        assert_eq!(ROW.time, EVERY * 100);
    }

    #[test]
    fn forced_objects_decide_nothing() {
        let figures = findings(arrivals(&[250], &[240])).report().figures;
        assert!(figures.iter().all(|figure| figure.verdict() == Verdict::Good), "{figures:?}");
    }

    #[test]
    fn without_new_objects_nothing_is_good() {
        let figures = findings(arrivals(&[], &[])).report().figures;
        assert!(figures.iter().all(|figure| figure.verdict() == Verdict::Missed), "{figures:?}");
    }

    #[test]
    fn every_run_tells_of_both_stores() {
        let table = findings(arrivals(&[250], &[240])).first_syncs();
        let told: Vec<_> = table.rows.iter().map(|row| row[1].as_str()).collect();
        assert_eq!(told, ["A", "B", "A", "B", "A", "B"]);
        assert!(table.title.ends_with("p99 is the greatest"), "{}", table.title);
    }
}
