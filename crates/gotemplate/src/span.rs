//! Where in a template's text something stands.

use std::fmt::Write;

/// A part of a template's text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The bytes from `start` up to and without `end`.
    #[must_use]
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The smallest span that holds both.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self::new(self.start.min(other.start), self.end.max(other.end))
    }
}

/// The line (from 1) and the column (from 0, in bytes) of a byte, as Go's template errors count them.
#[must_use]
pub fn line_and_column(text: &[u8], byte: usize) -> (usize, usize) {
    let before = &text[..byte.min(text.len())];
    let line = 1 + before.iter().filter(|b| **b == b'\n').count();
    let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
    (line, before.len() - start)
}

/// The line of the text in which the span starts, with carets under what the span covers of it.
///
/// ```
/// use gotemplate::{Span, excerpt};
/// assert_eq!(excerpt(b"a\nb {{ .c }}\n", Span::new(7, 9)), "2 | b {{ .c }}\n  |      ^^");
/// ```
#[must_use]
pub fn excerpt(text: &[u8], span: Span) -> String {
    let (line, column) = line_and_column(text, span.start);
    let shown = text.split(|b| *b == b'\n').nth(line - 1).unwrap_or_default();
    let shown = shown.strip_suffix(b"\r").unwrap_or(shown);
    let from = column.min(shown.len());
    let to = (from + span.end.saturating_sub(span.start)).min(shown.len());
    let blanks: String = lossy(shown, 0, from).chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let carets = lossy(shown, from, to).chars().count().max(1);
    let number = line.to_string();
    let mut out = format!("{number} | {}\n", String::from_utf8_lossy(shown));
    let _ = write!(out, "{:width$} | {blanks}{}", "", "^".repeat(carets), width = number.len());
    out
}

/// A part of a line that need not start and end between characters.
fn lossy(line: &[u8], from: usize, to: usize) -> String {
    String::from_utf8_lossy(&line[from..to]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_from_zero_and_lines_from_one() {
        assert_eq!(line_and_column(b"ab\ncd", 0), (1, 0));
        assert_eq!(line_and_column(b"ab\ncd", 4), (2, 1));
    }

    #[test]
    fn carets_stand_under_the_span_behind_tabs_and_wide_characters() {
        assert_eq!(excerpt("\té {{x}}".as_bytes(), Span::new(6, 7)), "1 | \té {{x}}\n  | \t    ^");
    }

    #[test]
    fn a_span_at_the_end_of_the_text_still_gets_a_caret() {
        assert_eq!(excerpt(b"ab", Span::new(2, 2)), "1 | ab\n  |   ^");
    }
}
