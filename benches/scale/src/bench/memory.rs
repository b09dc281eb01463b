//! What an object costs: memory and CPU time for few, more and many objects, and memory after relists.
//!
//! The sizes are a fiftieth, a fifth and all of the objects that are asked for. That a cost does not grow is judged twice, for memory and
//! for CPU time:
//!
//! - *an object*: what a controller beside n objects needs more than one beside the same stores without objects, divided by n, at the
//!   largest size and at the smallest. Part of it is paid once whatever n is, such as connections; divided by few objects it is much,
//!   which flatters the largest size.
//! - *a further object*: what each object adds from the middle size to the largest, and from the smallest to the middle one. Whatever
//!   is paid once falls out. This is the stricter reading, and the first that is judged.
//!
//! CPU time is held against that of the smaller sizes as it was right before and right after the largest one: minutes lie between the
//! others, and the machine does not always run at one speed. For the same reason every CPU time is told as at the speed that the machine
//! had beside the largest size ([`crate::speed`]); beside it stands what was counted.
//!
//! The design's room for an idle controller and for one beside 10 000 objects leaves each of them [`ROOM`], which is judged as well.
//! The proxy that forces relists speaks plain HTTP to keyferry: what TLS takes to the API server, buffers and sessions of some
//! connections, is not in these sizes. `cold` and `steady` measure beside TLS.
//!
//! All of it means something for thousands of objects; of a few hundred, most is still paid once.

use std::time::Duration;

use super::{Arguments, Row, Run};
use crate::{
    Result,
    controller::Controller,
    observer::Observer,
    plane::Plane,
    process::{self, Usage},
    recorder::{Record, Recorder},
    speed::{Pacer, Speed},
    standin::StandIn,
    table::{Figure, Report, Table},
    workload::{Shape, Workload},
};

/// How long all objects may take to become Ready, or keyferry to come to rest. Long, because it only matters when a benchmark fails.
const PATIENCE: Duration = Duration::from_secs(3600);
/// How long a relist may take.
const RELISTED_WITHIN: Duration = Duration::from_secs(600);
/// How often it is looked whether a relist is over.
const LOOK: Duration = Duration::from_millis(100);
/// Long, so that next to nothing is refreshed meanwhile: the stores share one tick in it, whose reads are spread over a tenth of it.
const INTERVAL: &str = "24h";
/// Relists in a row.
const RELISTS: usize = 5;
/// Resident memory of an idle controller, in MiB.
const IDLE: f64 = 20.0;
/// Resident memory beside [`GOALS_ARE_FOR`] objects, in MiB.
const FULL: f64 = 60.0;
/// The objects of [`FULL`].
const GOALS_ARE_FOR: f64 = 10_000.0;
/// The bytes between [`IDLE`] and [`FULL`] for each object.
const ROOM: f64 = (FULL - IDLE) * MIB / GOALS_ARE_FOR;
/// What a cost at the largest size may be of the one at smaller sizes.
const GROWTH: f64 = 1.15;
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
    pacer: Pacer,
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
    /// CPU time from its start until all objects were Ready, as at the speed beside the largest size.
    cpu: Duration,
    /// The same as it was counted.
    counted: Duration,
    /// When it had come to rest.
    settled: Usage,
    /// After the relists; its peak is the one of the relists.
    relisted: Usage,
    /// What no file backs after each relist, in bytes: what every relist adds to is lost, what the first alone adds is not.
    after_each: [u64; RELISTS],
}

/// CPU time as it was counted, and how fast the machine ran meanwhile.
#[derive(Debug, Clone, Copy)]
struct Took {
    cpu: Duration,
    speed: Speed,
}

impl Took {
    /// CPU time of the start of a scene until now.
    fn of(scene: &Scene) -> Result<Self> {
        Ok(Self { cpu: process::usage(scene.controller.pid())?.cpu, speed: scene.pacer.speed()? })
    }

    fn at(self, speed: Speed) -> Duration {
        self.speed.even(self.cpu, speed)
    }
}

/// All that was measured.
struct Memory {
    /// Beside nothing at all.
    empty: Usage,
    /// Beside the stores alone: what no object adds to.
    idle: Usage,
    /// From few to many.
    sizes: [Size; 3],
    /// CPU time of the smaller sizes, measured again right before and right after the largest: as at its speed, and as counted.
    again: [[(Duration, Duration); 2]; 2],
    /// CPU time of a start without objects as it was counted.
    start: Duration,
}

async fn measure(objects: usize) -> Result<Memory> {
    let (empty, idle, start) = without_objects().await?;
    let (few, more) = (of_size((objects / 50).max(1)).await?, of_size((objects / 5).max(1)).await?);
    let smaller = async || -> Result<[Took; 2]> {
        Ok([until_ready(few.0.objects).await?.1, until_ready(more.0.objects).await?.1])
    };
    let before = smaller().await?;
    let many = of_size(objects).await?;
    let after = smaller().await?;
    let speed = many.1.speed;
    let even = |(size, took): (Size, Took)| Size { cpu: took.at(speed), ..size };
    let with_start = |usage: Usage| Usage { cpu: start.at(speed), ..usage };
    let again = [before, after].map(|sizes| sizes.map(|took| (took.at(speed), took.cpu)));
    let sizes = [even(few), even(more), even(many)];
    Ok(Memory { empty: with_start(empty), idle: with_start(idle), sizes, again, start: start.cpu })
}

/// A controller beside nothing, and the same one after stores came; and its CPU time until its first lists were complete, without the
/// rest that follows, which is in no other size's.
async fn without_objects() -> Result<(Usage, Usage, Took)> {
    let scene = Scene::set(0, async |_, _| Ok(())).await?;
    let cpu = process::usage(scene.controller.pid())?.cpu;
    let empty = scene.at_rest().await?;
    let start = Took { cpu, speed: scene.pacer.speed()? };
    scene.workload.create_stores(scene.plane.api()).await?;
    Ok((empty, scene.at_rest().await?, start))
}

/// A controller beside so many objects that are all Ready, and its CPU time until then.
async fn until_ready(objects: usize) -> Result<(Scene, Took)> {
    let scene = Scene::set(objects, async |workload, plane| workload.create(plane.api()).await).await?;
    scene.observer.until_ready(objects, PATIENCE).await?;
    let took = Took::of(&scene)?;
    Ok((scene, took))
}

/// All of a size but its CPU time, which stands beside it.
async fn of_size(objects: usize) -> Result<(Size, Took)> {
    let (scene, took) = until_ready(objects).await?;
    let settled = scene.at_rest().await?;
    process::reset_peak(scene.controller.pid())?;
    let mut after_each = [0; RELISTS];
    for after in &mut after_each {
        *after = scene.relist().await?.anonymous;
    }
    let (relisted, cpu) = (scene.at_rest().await?, took.cpu);
    Ok((Size { objects, cpu, counted: cpu, settled, relisted, after_each }, took))
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
        let pacer = Pacer::start();
        let mut controller = Controller::start(&identity, &[])?;
        controller.until_listed().await?;
        Ok(Self { controller, pacer, recorder, observer, workload, plane, _stand_in: stand_in })
    }

    /// What the controller has used, when it does nothing any more.
    async fn at_rest(&self) -> Result<Usage> {
        process::at_rest(self.controller.pid(), PATIENCE).await
    }

    /// Forces a list of everything that is watched, and waits until that is done with; what the controller has used then.
    async fn relist(&self) -> Result<Usage> {
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
        self.at_rest().await
    }
}

/// What each of some objects costs.
#[derive(Debug, Clone, Copy)]
struct Cost {
    /// Memory, in bytes.
    bytes: f64,
    /// CPU time, in seconds.
    cpu: f64,
}

impl Size {
    /// What each object adds to what there is beside the stores alone.
    fn cost(&self, idle: Usage) -> Cost {
        self.cost_beyond(0, idle.anonymous, idle.cpu)
    }

    /// What each object adds that this size has more than a smaller one.
    fn further(&self, fewer: &Self) -> Cost {
        self.cost_beyond(fewer.objects, fewer.settled.anonymous, fewer.cpu)
    }

    fn cost_beyond(&self, objects: usize, anonymous: u64, cpu: Duration) -> Cost {
        let objects = self.objects as f64 - objects as f64;
        let bytes = (self.settled.anonymous as f64 - anonymous as f64) / objects;
        Cost { bytes, cpu: (self.cpu.as_secs_f64() - cpu.as_secs_f64()) / objects }
    }

    /// What must be resident after the relists at most: a little more than before them. How much that is, no design says.
    fn kept(&self) -> Figure {
        let name = format!("resident after {RELISTS} relists, {} objects (limit ours)", self.objects);
        let allowed = mib(self.settled.resident) * 1.05 + 2.0;
        Figure::at_most(&name, mib(self.relisted.resident), "MiB", allowed, allowed)
    }
}

impl Memory {
    fn report(&self) -> Report {
        Report { tables: vec![self.used(), self.costs(), self.after_relists()], figures: self.figures() }
    }

    fn figures(&self) -> Vec<Figure> {
        [self.resident(), self.growth(), self.sizes.iter().map(Size::kept).collect()].concat()
    }

    /// What is held against the memory that the design grants. A program has a size without any object, so fewer of them earn no
    /// smaller limit.
    fn resident(&self) -> Vec<Figure> {
        let [_, more, many] = &self.sizes;
        let full = FULL * (more.objects as f64 / GOALS_ARE_FOR).max(1.0);
        let further = format!("bytes a further object, {} to {}", more.objects, many.objects);
        vec![
            Figure::at_most(&further, many.further(more).bytes, "", ROOM, ROOM),
            Figure::at_most("resident beside nothing", mib(self.empty.resident), "MiB", IDLE, IDLE),
            Figure::at_most("resident beside stores alone", mib(self.idle.resident), "MiB", IDLE, IDLE),
            Figure::at_most(
                &format!("peak resident, {} objects", more.objects),
                mib(more.settled.peak),
                "MiB",
                full,
                full,
            ),
        ]
    }

    /// What the largest size costs by what smaller ones cost; see the module.
    fn growth(&self) -> Vec<Figure> {
        let [few, more, many] = &self.sizes;
        let figure =
            |name: String, many: f64, few: f64| Figure::at_most(&name, ratio(many, few), "×", GROWTH, GROWTH);
        let further = format!("a further object, {} ÷ up to {}", many.objects, more.objects);
        let each = format!("an object, {} ÷ {}", many.objects, few.objects);
        let beside = |place: usize, size: &Size| {
            let [before, after] = self.again.map(|cpu| cpu[place].0);
            Size { cpu: (before + after) / 2, ..*size }
        };
        let (few, more) = (beside(0, few), beside(1, more));
        let (late, early) = (many.further(&more), more.further(&few));
        let (large, small) = (many.cost(self.idle), few.cost(self.idle));
        vec![
            figure(format!("bytes {further}"), late.bytes, early.bytes),
            figure(format!("CPU {further}"), late.cpu, early.cpu),
            figure(format!("bytes {each}"), large.bytes, small.bytes),
            figure(format!("CPU {each}"), large.cpu, small.cpu),
        ]
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

    /// The first size has none before it: what its objects add, they add to the stores alone.
    fn costs(&self) -> Table {
        let heads = [
            "objects",
            "bytes an object",
            "bytes a further one",
            "CPU s",
            "CPU s as counted",
            "CPU µs an object",
            "CPU µs a further one",
        ];
        let counted = |size: &Size| format!("{:.2}", size.counted.as_secs_f64() - self.start.as_secs_f64());
        let mut table = Table::new("costs beyond those of the stores alone", &heads);
        let mut before: Option<&Size> = None;
        for size in &self.sizes {
            let each = size.cost(self.idle);
            let further = before.map_or(each, |fewer| size.further(fewer));
            table.row([
                size.objects.to_string(),
                format!("{:.0}", each.bytes),
                format!("{:.0}", further.bytes),
                format!("{:.2}", each.cpu * size.objects as f64),
                counted(size),
                format!("{:.0}", each.cpu * 1e6),
                format!("{:.0}", further.cpu * 1e6),
            ]);
            before = Some(size);
        }
        for (when, [few, more]) in ["right before the last", "right after it"].iter().zip(self.again) {
            let of = |(cpu, counted), place: usize| Size { cpu, counted, ..self.sizes[place] };
            let [few, more] = [of(few, 0), of(more, 1)];
            let further = [few.cost(self.idle), more.further(&few)];
            for (size, further) in [few, more].iter().zip(further) {
                let each = size.cost(self.idle).cpu;
                table.row([
                    format!("{}, {when}", size.objects),
                    String::new(),
                    String::new(),
                    format!("{:.2}", each * size.objects as f64),
                    counted(size),
                    format!("{:.0}", each * 1e6),
                    format!("{:.0}", further.cpu * 1e6),
                ]);
            }
        }
        table
    }

    fn after_relists(&self) -> Table {
        let title = format!("memory in MiB before and after {RELISTS} relists");
        let mut table = Table::new(
            &title,
            &["objects", "resident before", "after", "peak", "anonymous before", "after each"],
        );
        for Size { objects, settled, relisted, after_each, .. } in &self.sizes {
            let sizes = [settled.resident, relisted.resident, relisted.peak, settled.anonymous].map(told);
            let each = after_each.map(told).join(", ");
            table.rows.push([objects.to_string()].into_iter().chain(sizes).chain([each]).collect());
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
        let after_each = [relisted << 20; RELISTS];
        Size { objects, cpu, counted: cpu, settled: usage(settled), relisted: usage(relisted), after_each }
    }

    fn memory(sizes: [Size; 3]) -> Memory {
        let again = [[sizes[0], sizes[1]].map(|size| (size.cpu, size.counted)); 2];
        Memory { empty: usage(10), idle: usage(10), sizes, again, start: usage(10).cpu }
    }

    fn missed(sizes: [Size; 3]) -> Vec<String> {
        let figures = memory(sizes).figures().into_iter();
        figures.filter(|figure| figure.verdict() == Verdict::Missed).map(|figure| figure.name).collect()
    }

    const OBJECTS: [usize; 3] = [1_000, 10_000, 50_000];

    /// Sizes that cost so many MiB and seconds more than nothing.
    fn sizes(costs: [(u64, f64); 3]) -> [Size; 3] {
        let mut sizes = OBJECTS.map(|objects| size(objects, [0, 0], 0.0));
        for (place, (mebibytes, cpu)) in sizes.iter_mut().zip(costs) {
            *place = size(place.objects, [10 + mebibytes; 2], 0.1 + cpu);
        }
        sizes
    }

    const GROWN: [&str; 2] =
        ["bytes a further object, 50000 ÷ up to 10000", "CPU a further object, 50000 ÷ up to 10000"];

    #[test]
    fn a_cost_that_does_not_grow_is_good() {
        assert_eq!(missed(sizes([(3, 1.0), (30, 10.0), (150, 50.0)])), [""; 0]);
    }

    #[test]
    fn what_the_process_costs_without_objects_is_nobodys() {
        let cost = size(10, [20, 20], 1.1).cost(usage(10));
        assert!((cost.bytes - f64::from(1 << 20)).abs() < 1.0);
        assert!((cost.cpu - 0.1).abs() < 1e-9);
    }

    #[test]
    fn what_the_first_objects_pay_for_all_hides_no_growth() {
        // An object at 50 000 costs less than one at 1 000, though each further one costs more than those before.
        assert_eq!(missed(sizes([(6, 2.0), (33, 11.0), (173, 59.0)])), GROWN);
    }

    #[test]
    fn a_cost_that_grows_by_more_than_fifteen_hundredths_is_missed_either_way() {
        let each = ["bytes an object, 50000 ÷ 1000", "CPU an object, 50000 ÷ 1000"];
        assert_eq!(missed(sizes([(3, 1.0), (30, 10.0), (175, 58.0)])), [GROWN, each].concat());
    }

    #[test]
    fn cpu_time_is_held_against_what_the_smaller_sizes_took_beside_the_largest() {
        let measured = memory(sizes([(3, 0.7), (30, 7.0), (150, 50.0)]));
        for (again, missed) in [
            ([[0.9, 9.5], [1.1, 10.5]], [false, false]),
            ([[0.7, 10.0], [0.7, 10.0]], [false, true]),
            ([[1.0, 9.0], [1.0, 9.0]], [true, false]),
        ] {
            let again =
                again.map(|sizes| sizes.map(|cpu| Duration::from_secs_f64(0.1 + cpu)).map(|cpu| (cpu, cpu)));
            let figures = Memory { again, ..measured }.figures();
            let is_missed = |name: &str| {
                let figure = figures.iter().find(|figure| figure.name == name).unwrap();
                figure.verdict() == Verdict::Missed
            };
            let names = ["CPU a further object, 50000 ÷ up to 10000", "CPU an object, 50000 ÷ 1000"];
            assert_eq!(names.map(is_missed), missed, "{again:?}");
        }
    }

    #[test]
    fn what_was_counted_stands_in_every_row_beside_what_it_is_told_as() {
        let mut measured = memory(sizes([(3, 1.0), (30, 10.0), (150, 50.0)]));
        measured.sizes[0].counted *= 2;
        measured.again[1][1].1 *= 2;
        let told = measured.costs().rows.into_iter().map(|row| [row[3].clone(), row[4].clone()]);
        let expected = [
            ["1.00", "2.10"],
            ["10.00", "10.00"],
            ["50.00", "50.00"],
            ["1.00", "1.00"],
            ["10.00", "10.00"],
            ["1.00", "1.00"],
            ["10.00", "20.10"],
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_was_too_little_to_be_measured_meets_no_goal() {
        let names = missed(sizes([(0, 0.0), (0, 0.0), (0, 0.0)]));
        assert_eq!(names.len(), 4, "{names:?}");
    }

    #[test]
    fn a_further_object_may_have_its_share_of_the_room() {
        let names = missed(sizes([(4, 1.0), (45, 10.0), (225, 50.0)]));
        assert_eq!(names, ["bytes a further object, 10000 to 50000"]);
    }

    #[test]
    fn ten_thousand_objects_may_have_sixty_mebibytes_and_fewer_no_less() {
        let peak = |objects: usize, mebibytes: u64| {
            let mut sizes = sizes([(3, 1.0), (30, 10.0), (150, 50.0)]);
            sizes[1] =
                Size { objects, settled: Usage { peak: mebibytes << 20, ..sizes[1].settled }, ..sizes[1] };
            missed(sizes).iter().any(|name| name.starts_with("peak"))
        };
        assert!(!peak(10_000, 60) && peak(10_000, 61));
        assert!(!peak(100, 60) && !peak(20_000, 120));
    }

    #[test]
    fn a_relist_may_leave_two_mebibytes_and_a_twentieth() {
        let sizes = |after: u64| {
            let mut sizes = sizes([(3, 1.0), (30, 10.0), (150, 50.0)]);
            sizes[1].relisted = usage(after);
            sizes
        };
        assert_eq!(missed(sizes(44)), [""; 0]);
        assert_eq!(missed(sizes(45)), ["resident after 5 relists, 10000 objects (limit ours)"]);
    }
}
