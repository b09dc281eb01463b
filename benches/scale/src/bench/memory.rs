//! What an object costs: memory and CPU time for few, more and many objects, and memory after relists.
//!
//! The sizes are a fiftieth, a fifth and all of the objects that are asked for. An object's cost is what a controller beside n objects
//! needs more than one beside the same stores without objects, divided by n: a cost that grows with n shows as a ratio above 1.

use std::time::Duration;

use super::{Arguments, Row, Run};
use crate::{
    Result,
    controller::Controller,
    observer::Observer,
    plane::Plane,
    process::{self, Usage},
    recorder::{Record, Recorder},
    standin::StandIn,
    table::{Figure, Report, Table},
    workload::{Shape, Workload},
};

/// How long all objects may take to become Ready, or keyferry to come to rest. Long, because it only matters when a benchmark fails.
const PATIENCE: Duration = Duration::from_secs(3600);
/// How long a relist may take.
const RELISTED_WITHIN: Duration = Duration::from_secs(600);
/// How long nothing may happen before memory is looked at.
const SETTLE: Duration = Duration::from_secs(5);
/// How often it is looked whether a relist is over.
const LOOK: Duration = Duration::from_millis(100);
/// Long, so that next to nothing is refreshed meanwhile: ticks are spread over a tenth of it, store by store.
const INTERVAL: &str = "24h";
/// Relists in a row.
const RELISTS: usize = 5;
/// The least CPU time that counts as work, of [`SETTLE`]: below it nothing but timers ran.
const AT_REST: Duration = Duration::from_millis(100);
const MIB: f64 = (1 << 20) as f64;

/// The row of this benchmark.
pub(super) const ROW: Row = Row {
    name: "memory",
    objects: 50_000,
    time: Duration::from_secs(60),
    about: "memory and CPU an object beside a fiftieth, a fifth and all of N objects, and after relists",
    run,
};

/// Runs the benchmark.
pub(super) fn run(arguments: Arguments) -> Run {
    Box::pin(async move { Ok(measure(arguments.objects).await?.report()) })
}

/// A controller behind a proxy that forces relists, beside a control plane of its own.
struct Scene {
    controller: Controller,
    recorder: Recorder,
    observer: Observer,
    workload: Workload,
    plane: Plane,
    _stand_in: StandIn,
}

/// What a controller has used beside so many objects.
#[derive(Debug, Clone, Copy)]
struct Size {
    objects: usize,
    /// CPU time from its start until all objects were Ready.
    cpu: Duration,
    /// When it had come to rest.
    settled: Usage,
    /// After the relists; its peak is the one of the relists.
    relisted: Usage,
}

/// All that was measured.
struct Memory {
    /// Beside nothing at all.
    empty: Usage,
    /// Beside the stores alone: what no object adds to.
    idle: Usage,
    /// From few to many.
    sizes: [Size; 3],
}

async fn measure(objects: usize) -> Result<Memory> {
    let (empty, idle) = without_objects().await?;
    let sizes = [
        of_size((objects / 50).max(1)).await?,
        of_size((objects / 5).max(1)).await?,
        of_size(objects).await?,
    ];
    Ok(Memory { empty, idle, sizes })
}

/// A controller beside nothing, and the same one after stores came. Its CPU time is that of the start alone, without the rest that
/// follows, which is in no other size's.
async fn without_objects() -> Result<(Usage, Usage)> {
    let scene = Scene::set(0, async |_, _| Ok(())).await?;
    let cpu = process::usage(scene.controller.pid())?.cpu;
    let empty = scene.at_rest().await?;
    scene.workload.create_stores(scene.plane.api()).await?;
    let idle = scene.at_rest().await?;
    Ok((Usage { cpu, ..empty }, Usage { cpu, ..idle }))
}

async fn of_size(objects: usize) -> Result<Size> {
    let scene = Scene::set(objects, async |workload, plane| workload.create(plane.api()).await).await?;
    scene.observer.until_ready(objects, PATIENCE).await?;
    let cpu = process::usage(scene.controller.pid())?.cpu;
    let settled = scene.at_rest().await?;
    process::reset_peak(scene.controller.pid())?;
    for _ in 0..RELISTS {
        scene.relist().await?;
    }
    Ok(Size { objects, cpu, settled, relisted: scene.at_rest().await? })
}

impl Scene {
    /// A controller that has listed what `fill` made.
    async fn set(objects: usize, fill: impl AsyncFnOnce(&Workload, &Plane) -> Result<()>) -> Result<Self> {
        let (plane, stand_in) = (Plane::start(false).await?, StandIn::start()?);
        let shape = Shape { interval: INTERVAL.to_owned(), ..Shape::shared(objects) };
        let workload = Workload::new(shape, stand_in.address());
        fill(&workload, &plane).await?;
        let ca = std::fs::read(plane.ca())?;
        let recorder = Recorder::start(plane.server(), Some(&ca), Record::Nothing)?;
        let identity = plane.identity(recorder.address()).await?;
        let observer = Observer::start(plane.api()).await?;
        let mut controller = Controller::start(&identity, &[])?;
        controller.until_listed().await?;
        Ok(Self { controller, recorder, observer, workload, plane, _stand_in: stand_in })
    }

    /// What the controller has used, when it does nothing any more.
    async fn at_rest(&self) -> Result<Usage> {
        let rest = tokio::time::timeout(PATIENCE, self.until_at_rest()).await;
        rest.unwrap_or_else(|_| Err(format!("keyferry still works after {} s", PATIENCE.as_secs()).into()))
    }

    async fn until_at_rest(&self) -> Result<Usage> {
        let pid = self.controller.pid();
        let mut before = process::usage(pid)?;
        loop {
            tokio::time::sleep(SETTLE).await;
            let now = process::usage(pid)?;
            if now.cpu.saturating_sub(before.cpu) <= AT_REST {
                return Ok(now);
            }
            before = now;
        }
    }

    /// Forces a list of everything that is watched, and waits until that is done with.
    async fn relist(&self) -> Result<()> {
        let watched = self.recorder.watched();
        let all = self.recorder.watches() + watched;
        self.recorder.relist();
        let relisted = async {
            while self.recorder.watches() < all {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(RELISTED_WITHIN, relisted).await.is_err() {
            let missing = all - self.recorder.watches();
            return Err(
                format!("{missing} of {watched} watches did not come back after a forced relist").into()
            );
        }
        self.at_rest().await.map(drop)
    }
}

impl Size {
    /// What the objects added to the memory, in bytes an object.
    fn bytes(&self, idle: Usage) -> f64 {
        (self.settled.anonymous as f64 - idle.anonymous as f64) / self.objects as f64
    }

    /// What the objects added to the CPU time, in seconds an object.
    fn cpu(&self, idle: Usage) -> f64 {
        (self.cpu.as_secs_f64() - idle.cpu.as_secs_f64()) / self.objects as f64
    }

    /// What must be resident after the relists at most: a little more than before them.
    fn kept(&self) -> Figure {
        let name = format!("resident after {RELISTS} relists, {} objects", self.objects);
        let allowed = mib(self.settled.resident) * 1.05 + 2.0;
        Figure::at_most(&name, mib(self.relisted.resident), "MiB", allowed, allowed)
    }
}

impl Memory {
    fn report(&self) -> Report {
        Report { tables: vec![self.used(), self.costs(), self.after_relists()], figures: self.figures() }
    }

    fn figures(&self) -> Vec<Figure> {
        let [few, more, many] = &self.sizes;
        let against = format!("{} objects ÷ {}", many.objects, few.objects);
        let growth = |what: &str, cost: &dyn Fn(&Size) -> f64| {
            Figure::at_most(&format!("{what}, {against}"), ratio(cost(many), cost(few)), "×", 1.15, 1.15)
        };
        let peak = format!("peak resident, {} objects", more.objects);
        let mut figures = vec![
            Figure::at_most(&peak, mib(more.settled.peak), "MiB", 60.0, 60.0),
            growth("bytes an object", &|size| size.bytes(self.idle)),
            growth("CPU an object", &|size| size.cpu(self.idle)),
            Figure::at_most("resident beside nothing", mib(self.empty.resident), "MiB", 20.0, 20.0),
        ];
        figures.extend(self.sizes.iter().map(Size::kept));
        figures
    }

    fn used(&self) -> Table {
        let mut table = Table::new("memory in MiB", &["beside", "resident", "anonymous", "peak"]);
        let mut row = |name: String, usage: Usage| {
            let sizes = [usage.resident, usage.anonymous, usage.peak].map(told);
            table.rows.push([name].into_iter().chain(sizes).collect());
        };
        row("nothing".to_owned(), self.empty);
        row("stores".to_owned(), self.idle);
        self.sizes.iter().for_each(|size| row(format!("{} objects", size.objects), size.settled));
        table
    }

    /// Part of what the first objects add is added once, such as connections. What further ones add shows whether a cost grows.
    fn costs(&self) -> Table {
        let heads = ["objects", "bytes an object", "bytes a further one", "CPU s", "CPU µs an object"];
        let mut table = Table::new("costs beyond those of the stores alone", &heads);
        let (mut objects, mut anonymous) = (0, self.idle.anonymous as f64);
        for size in &self.sizes {
            let further =
                (size.settled.anonymous as f64 - anonymous) / (size.objects - objects).max(1) as f64;
            table.row([
                size.objects.to_string(),
                format!("{:.0}", size.bytes(self.idle)),
                format!("{further:.0}"),
                format!("{:.2}", size.cpu(self.idle) * size.objects as f64),
                format!("{:.0}", size.cpu(self.idle) * 1e6),
            ]);
            (objects, anonymous) = (size.objects, size.settled.anonymous as f64);
        }
        table
    }

    fn after_relists(&self) -> Table {
        let title = format!("memory in MiB before and after {RELISTS} relists");
        let mut table =
            Table::new(&title, &["objects", "resident before", "after", "peak", "anonymous before", "after"]);
        for Size { objects, settled, relisted, .. } in &self.sizes {
            let sizes =
                [settled.resident, relisted.resident, relisted.peak, settled.anonymous, relisted.anonymous];
            table.rows.push([objects.to_string()].into_iter().chain(sizes.map(told)).collect());
        }
        table
    }
}

/// Not a number where the smaller size cost nothing: then there was too little of it to be measured, and no goal is met.
fn ratio(many: f64, few: f64) -> f64 {
    if few > 0.0 { many / few } else { f64::NAN }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB
}

fn told(bytes: u64) -> String {
    format!("{:.1}", mib(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Verdict;

    fn usage(mebibytes: u64) -> Usage {
        let size = mebibytes << 20;
        Usage { cpu: Duration::from_millis(100), resident: size, peak: size, anonymous: size }
    }

    /// A size with so much memory before and after the relists, and so many seconds of CPU time.
    fn size(objects: usize, [settled, relisted]: [u64; 2], cpu: f64) -> Size {
        let cpu = Duration::from_secs_f64(cpu);
        Size { objects, cpu, settled: usage(settled), relisted: usage(relisted) }
    }

    fn memory(sizes: [Size; 3]) -> Memory {
        Memory { empty: usage(10), idle: usage(10), sizes }
    }

    fn missed(sizes: [Size; 3]) -> Vec<String> {
        let figures = memory(sizes).figures().into_iter();
        figures.filter(|figure| figure.verdict() == Verdict::Missed).map(|figure| figure.name).collect()
    }

    #[test]
    fn a_cost_that_does_not_grow_is_good() {
        let sizes = [size(1, [11, 11], 0.2), size(10, [20, 20], 1.1), size(50, [60, 60], 5.1)];
        assert_eq!(missed(sizes), [""; 0]);
    }

    #[test]
    fn what_the_process_costs_without_objects_is_nobodys() {
        let size = size(10, [20, 20], 1.1);
        assert!((size.bytes(usage(10)) - f64::from(1 << 20)).abs() < 1.0);
        assert!((size.cpu(usage(10)) - 0.1).abs() < 1e-9);
    }

    #[test]
    fn a_cost_that_grows_by_more_than_fifteen_hundredths_is_missed() {
        let sizes = [size(1, [11, 11], 0.2), size(10, [20, 20], 1.1), size(50, [68, 68], 6.0)];
        assert_eq!(missed(sizes), ["bytes an object, 50 objects ÷ 1", "CPU an object, 50 objects ÷ 1"]);
    }

    #[test]
    fn what_was_too_little_to_be_measured_meets_no_goal() {
        let sizes = [size(1, [10, 10], 0.1), size(10, [20, 20], 1.1), size(50, [60, 60], 5.1)];
        assert_eq!(missed(sizes), ["bytes an object, 50 objects ÷ 1", "CPU an object, 50 objects ÷ 1"]);
    }

    #[test]
    fn a_relist_may_leave_two_mebibytes_and_a_twentieth() {
        let sizes = |after| [size(1, [11, 11], 0.2), size(10, [20, after], 1.1), size(50, [60, 60], 5.1)];
        assert_eq!(missed(sizes(23)), [""; 0]);
        assert_eq!(missed(sizes(24)), ["resident after 5 relists, 10 objects"]);
    }
}
