//! Tables of what was measured, figures against goals, verdicts.

use std::{
    fmt::{self, Display, Formatter},
    io::{self, Write},
    process::ExitCode,
};

/// Rows of text under a title, printed with aligned columns.
#[derive(Debug, Clone)]
pub struct Table {
    /// What the rows are about.
    pub title: String,
    /// The heads of the columns.
    pub columns: Vec<String>,
    /// A cell a column; cells that are missing are empty.
    pub rows: Vec<Vec<String>>,
}

/// What a figure is held against. Two numbers of the same unit: the goal, and the limit beyond which a benchmark fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What was measured, in words.
    pub name: String,
    /// What came out.
    pub value: f64,
    /// The unit of all three numbers: `s`, `MiB`, `×`; empty for counts.
    pub unit: String,
    /// What we hold ourselves to.
    pub goal: f64,
    /// What must not be passed.
    pub limit: f64,
    /// How the figure is compared with both.
    pub relation: Relation,
}

/// How a figure is compared with its goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Less is better: good up to the goal, missed above the limit.
    AtMost,
    /// More is better: good from the goal on, missed below the limit.
    AtLeast,
    /// Good if it is the goal itself, missed if it is further away than the limit is.
    Exactly,
}

/// What the comparison says. The worst is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The goal is met.
    Good,
    /// The goal is missed, the limit is kept.
    WithinLimit,
    /// The limit is passed: the benchmark fails.
    Missed,
}

/// What a benchmark has found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What was measured, to be read.
    pub tables: Vec<Table>,
    /// What is held against a goal. The most important one first.
    pub figures: Vec<Figure>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(title: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&name| name.to_owned()).collect();
        Self { title: title.to_owned(), columns, rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [impl ToString; N]) {
        self.rows.push(cells.iter().map(ToString::to_string).collect());
    }

    fn layout(&self, column: usize) -> Layout {
        let cells = || self.rows.iter().filter_map(|row| row.get(column)).map(String::as_str);
        let head = self.columns.get(column).map(String::as_str);
        let width = cells().chain(head).map(|cell| cell.chars().count()).max().unwrap_or_default();
        Layout { width, right: self.rows.iter().any(|row| row.len() > column) && cells().all(is_number) }
    }
}

impl Display for Table {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).chain([self.columns.len()]).max().unwrap_or_default();
        let layouts: Vec<_> = (0..columns).map(|column| self.layout(column)).collect();
        writeln!(out, "{}", self.title)?;
        for row in [&self.columns].into_iter().chain(&self.rows) {
            let cells: Vec<_> = layouts.iter().zip(row).map(|(layout, cell)| layout.pad(cell)).collect();
            writeln!(out, "  {}", cells.join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// How the cells of a column are padded.
struct Layout {
    width: usize,
    right: bool,
}

impl Layout {
    fn pad(&self, cell: &str) -> String {
        let width = self.width;
        if self.right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
    }
}

/// Numbers stand at the right of their column, with or without a unit or a relation.
fn is_number(cell: &str) -> bool {
    cell.trim_start_matches(['≤', '≥', '=', '-', ' ']).starts_with(|first: char| first.is_ascii_digit())
}

impl Figure {
    /// A figure that should be at most `goal` and must be at most `limit`.
    #[must_use]
    pub fn at_most(name: &str, value: f64, unit: &str, goal: f64, limit: f64) -> Self {
        let (name, unit) = (name.to_owned(), unit.to_owned());
        Self { name, value, unit, goal, limit, relation: Relation::AtMost }
    }

    /// A count that must be `goal` or more.
    #[must_use]
    pub fn at_least(name: &str, value: f64, unit: &str, goal: f64) -> Self {
        let (name, unit) = (name.to_owned(), unit.to_owned());
        Self { name, value, unit, goal, limit: goal, relation: Relation::AtLeast }
    }

    /// A count that must be `goal`.
    #[must_use]
    pub fn exactly(name: &str, value: f64, unit: &str, goal: f64) -> Self {
        let (name, unit) = (name.to_owned(), unit.to_owned());
        Self { name, value, unit, goal, limit: goal, relation: Relation::Exactly }
    }

    /// What the comparison says. What is not a number is missed.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let (away, allowed) = match self.relation {
            Relation::AtMost => (self.value - self.goal, self.limit - self.goal),
            Relation::AtLeast => (self.goal - self.value, self.goal - self.limit),
            Relation::Exactly => ((self.value - self.goal).abs(), (self.limit - self.goal).abs()),
        };
        match away {
            away if away <= 0.0 => Verdict::Good,
            away if away <= allowed => Verdict::WithinLimit,
            _ => Verdict::Missed,
        }
    }

    fn told(&self, number: f64) -> String {
        format!("{} {}", rounded(number), self.unit).trim_end().to_owned()
    }

    fn goal(&self) -> String {
        format!("{} {}", self.relation, self.told(self.goal))
    }

    fn limit(&self) -> String {
        format!("{} {}", self.relation, self.told(self.limit))
    }
}

impl Display for Relation {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::AtMost => "≤",
            Self::AtLeast => "≥",
            Self::Exactly => "=",
        })
    }
}

impl Display for Verdict {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Good => "good",
            Self::WithinLimit => "within the limit",
            Self::Missed => "MISSED",
        })
    }
}

/// Three digits or so; whole numbers as they are.
fn rounded(number: f64) -> String {
    let decimals = match number.abs() {
        _ if number.fract() == 0.0 => 0,
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{number:.decimals$}")
}

impl Report {
    /// Prints all tables and figures, and as the last line the figure that decides: the first of the worst. A limit that is passed, or
    /// nothing measured at all, is a failure.
    #[must_use]
    pub fn finish(self, bench: &str) -> ExitCode {
        let mut out = io::stdout().lock();
        let written = out.write_all(self.text(bench).as_bytes()).and_then(|()| out.flush());
        if self.passes() && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn passes(&self) -> bool {
        self.deciding().is_some_and(|figure| figure.verdict() < Verdict::Missed)
    }

    fn text(&self, bench: &str) -> String {
        let tables: String =
            self.tables.iter().chain([&self.judged()]).map(|table| format!("{table}\n")).collect();
        let last = self.deciding().map_or_else(
            || "nothing was measured".to_owned(),
            |figure| {
                format!(
                    "{} {}  {}  {}",
                    figure.name,
                    figure.told(figure.value),
                    figure.goal(),
                    figure.verdict()
                )
            },
        );
        format!("{tables}{bench}  {last}\n")
    }

    fn judged(&self) -> Table {
        let mut table = Table::new("figures", &["name", "figure", "goal", "limit", "verdict"]);
        for figure in &self.figures {
            let (value, verdict) = (figure.told(figure.value), figure.verdict().to_string());
            table.row([figure.name.clone(), value, figure.goal(), figure.limit(), verdict]);
        }
        table
    }

    fn deciding(&self) -> Option<&Figure> {
        // Of equals `max_by_key` takes the last.
        self.figures.iter().rev().max_by_key(|figure| figure.verdict())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(value: f64) -> Figure {
        Figure::at_most("all Ready, by the floor", value, "×", 1.25, 1.5)
    }

    #[test]
    fn a_figure_is_good_up_to_its_goal_and_missed_beyond_its_limit() {
        let cases = [
            (ratio(1.25), Verdict::Good),
            (ratio(1.26), Verdict::WithinLimit),
            (ratio(1.5), Verdict::WithinLimit),
            (ratio(1.51), Verdict::Missed),
            (ratio(f64::NAN), Verdict::Missed),
            (Figure::at_least("reads", 1.0, "", 1.0), Verdict::Good),
            (Figure::at_least("reads", 2.0, "", 1.0), Verdict::Good),
            (Figure::at_least("reads", 0.0, "", 1.0), Verdict::Missed),
            (Figure::exactly("reads", 1000.0, "", 1000.0), Verdict::Good),
            (Figure::exactly("reads", 999.0, "", 1000.0), Verdict::Missed),
            (
                Figure {
                    relation: Relation::Exactly,
                    limit: 1010.0,
                    ..Figure::exactly("reads", 991.0, "", 1000.0)
                },
                Verdict::WithinLimit,
            ),
        ];
        for (figure, verdict) in cases {
            assert_eq!(figure.verdict(), verdict, "{figure:?}");
        }
    }

    #[test]
    fn the_last_line_is_the_first_of_the_worst_figures() {
        let reads = |value| Figure::exactly("reads", value, "", 1000.0);
        let last = |figures: &[Figure]| {
            let report = Report { tables: Vec::new(), figures: figures.to_vec() };
            report.text("cold").lines().last().unwrap().to_owned()
        };
        assert_eq!(
            last(&[ratio(1.1), reads(1000.0)]),
            "cold  all Ready, by the floor 1.10 ×  ≤ 1.25 ×  good"
        );
        assert_eq!(last(&[ratio(1.3), reads(1001.0)]), "cold  reads 1001  = 1000  MISSED");
        assert_eq!(last(&[]), "cold  nothing was measured");
    }

    #[test]
    fn only_a_passed_limit_or_nothing_measured_fails() {
        let passes = |figures: &[Figure]| Report { tables: Vec::new(), figures: figures.to_vec() }.passes();
        assert!(passes(&[ratio(1.4)]));
        assert!(!passes(&[ratio(1.0), ratio(1.6)]));
        assert!(!passes(&[]));
    }

    #[test]
    fn words_stand_at_the_left_and_numbers_at_the_right() {
        let mut table = Table::new("requests", &["verb", "count", "goal"]);
        table.row(["create", "10000", "≤ 5 ×"]);
        table.row(["get", "3", "= 10 ×"]);
        assert_eq!(
            table.to_string(),
            "requests\n  verb    count    goal\n  create  10000   ≤ 5 ×\n  get         3  = 10 ×\n"
        );
    }

    #[test]
    fn a_row_of_another_length_moves_nothing() {
        let mut table = Table::new("rows", &["a", "b"]);
        table.row(["word"]);
        table.row(["x", "more", "than asked"]);
        assert_eq!(table.to_string(), "rows\n  a     b\n  word\n  x     more  than asked\n");
    }

    #[test]
    fn numbers_are_told_with_three_digits_or_whole() {
        let told = [1.0, 10_000.0, 1.234, 12.34, 123.4, 0.1234, -0.5].map(rounded);
        assert_eq!(told, ["1", "10000", "1.23", "12.3", "123", "0.123", "-0.500"]);
    }
}
