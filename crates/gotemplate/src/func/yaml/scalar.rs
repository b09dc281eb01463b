//! The four kinds of scalars in a YAML text: literal and folded, quoted, plain.

use super::scan::{Kind, Scan, Scanner};
use super::text::{END, is_blank, is_break, is_break_or_end};

/// White space between the words of a scalar, which is folded when the next word comes.
#[derive(Default)]
struct Gap {
    blanks: String,
    first_break: Option<char>,
    other_breaks: String,
    /// A line has ended, so blanks no longer count.
    broken: bool,
}

impl Gap {
    fn take_break(&mut self, line_break: char) {
        if self.broken {
            self.other_breaks.push(line_break);
        } else {
            self.blanks.clear();
            self.first_break = Some(line_break);
            self.broken = true;
        }
    }

    /// One line break is a space, more are all but the first.
    fn fold_into(&mut self, out: &mut String) {
        if !self.broken {
            out.push_str(&self.blanks);
        } else if self.first_break == Some('\n') {
            if self.other_breaks.is_empty() {
                out.push(' ');
            }
            out.push_str(&self.other_breaks);
        } else {
            out.extend(self.first_break);
            out.push_str(&self.other_breaks);
        }
        *self = Self::default();
    }
}

impl Scanner<'_> {
    /// Takes one blank or break of a gap.
    fn take_space(&mut self, gap: &mut Gap) -> Scan<()> {
        if is_blank(self.text.char()) {
            let blank = self.text.take();
            if !gap.broken {
                gap.blanks.push(blank);
            }
        } else if let Some(line_break) = self.text.take_break()? {
            gap.take_break(line_break);
        }
        self.text.need(1)
    }

    /// A scalar without quotes, which ends before `: `, ` #` and what has a meaning in flow.
    pub(super) fn plain_scalar(&mut self) -> Scan<Kind> {
        let mut out = String::new();
        let mut gap = Gap::default();
        let indent = self.indent + 1;
        loop {
            self.text.need(4)?;
            if self.text.at_document_mark() || self.text.char() == '#' {
                break;
            }
            while !self.text.is_gap(0) && !self.ends_plain() {
                gap.fold_into(&mut out);
                out.push(self.text.take());
                self.text.need(2)?;
            }
            if !self.at_space() {
                break;
            }
            self.text.need(1)?;
            while self.at_space() {
                self.check_tab(gap.broken, indent)?;
                self.take_space(&mut gap)?;
            }
            if !self.in_flow() && (self.text.mark.column as i64) < indent {
                break;
            }
        }
        if gap.broken {
            self.key_allowed = true;
        }
        Ok(Kind::Scalar(out, true))
    }

    /// A tab may not stand where a line is indented.
    fn check_tab(&self, at_line_start: bool, indent: i64) -> Scan<()> {
        if at_line_start && (self.text.mark.column as i64) < indent && self.text.char() == '\t' {
            return Err(self.fault("found a tab character that violates indentation"));
        }
        Ok(())
    }

    fn ends_plain(&self) -> bool {
        let char = self.text.char();
        char == ':' && self.text.is_gap(1) || self.in_flow() && ",?[]{}".contains(char)
    }

    pub(super) fn quoted_scalar(&mut self, quote: char) -> Scan<Kind> {
        self.text.skip(1);
        let mut out = String::new();
        loop {
            self.text.need(4)?;
            if self.text.at_document_mark() {
                return Err(self.fault("found unexpected document indicator"));
            }
            if self.text.char() == END {
                return Err(self.fault("found unexpected end of stream"));
            }
            let mut gap = Gap::default();
            self.quoted_words(quote, &mut out, &mut gap)?;
            self.text.need(1)?;
            if self.text.char() == quote {
                break;
            }
            while self.at_space() {
                self.take_space(&mut gap)?;
            }
            gap.fold_into(&mut out);
        }
        self.text.skip(1);
        Ok(Kind::Scalar(out, false))
    }

    /// All up to the next gap or the closing quote. An escaped line break is a gap of which nothing remains.
    fn quoted_words(&mut self, quote: char, out: &mut String, gap: &mut Gap) -> Scan<()> {
        while !self.text.is_gap(0) {
            match (quote, self.text.char(), self.text.peek(1)) {
                ('\'', '\'', '\'') => {
                    out.push('\'');
                    self.text.skip(2);
                }
                (quote, char, _) if char == quote => return Ok(()),
                ('"', '\\', next) if is_break(next) => {
                    self.text.need(3)?;
                    self.text.skip(1);
                    self.text.take_break()?;
                    gap.broken = true;
                    return Ok(());
                }
                ('"', '\\', _) => self.escape(out)?,
                _ => out.push(self.text.take()),
            }
            self.text.need(2)?;
        }
        Ok(())
    }

    fn escape(&mut self, out: &mut String) -> Scan<()> {
        let char = match self.text.peek(1) {
            '0' => '\0',
            'a' => '\x07',
            'b' => '\x08',
            't' | '\t' => '\t',
            'n' => '\n',
            'v' => '\x0b',
            'f' => '\x0c',
            'r' => '\r',
            'e' => '\x1b',
            'N' => '\u{85}',
            '_' => '\u{a0}',
            'L' => '\u{2028}',
            'P' => '\u{2029}',
            char @ (' ' | '"' | '\'' | '\\') => char,
            'x' => return self.numbered(out, 2),
            'u' => return self.numbered(out, 4),
            'U' => return self.numbered(out, 8),
            _ => return Err(self.fault("found unknown escape character")),
        };
        out.push(char);
        self.text.skip(2);
        Ok(())
    }

    /// A character by its number in so many digits.
    fn numbered(&mut self, out: &mut String, digits: usize) -> Scan<()> {
        self.text.skip(2);
        self.text.need(digits)?;
        let mut code: u32 = 0;
        for on in 0..digits {
            let digit = self.text.peek(on).to_digit(16);
            let digit = digit.ok_or_else(|| self.fault("did not find expected hexdecimal number"))?;
            code = code << 4 | digit;
        }
        let char = char::from_u32(code);
        out.push(char.ok_or_else(|| self.fault("found invalid Unicode character escape code"))?);
        self.text.skip(digits);
        Ok(())
    }

    /// A scalar after `|`, which keeps its lines, or after `>`, which folds them.
    pub(super) fn block_scalar(&mut self, literal: bool) -> Scan<Kind> {
        self.text.skip(1);
        let (chomping, increment) = self.block_header()?;
        self.text.skip_blanks()?;
        self.text.skip_comment()?;
        if !is_break_or_end(self.text.char()) {
            return Err(self.fault("did not find expected comment or line break"));
        }
        self.text.take_break()?;
        let mut indent = increment.map_or(0, |increment| self.indent.max(0) + increment);
        let mut out = String::new();
        let mut line_break: Option<char> = None;
        let mut breaks = self.block_breaks(&mut indent)?;
        let mut began_blank = false;
        self.text.need(1)?;
        while self.text.mark.column as i64 == indent && self.text.char() != END {
            let begins_blank = is_blank(self.text.char());
            let folds = !literal && !began_blank && !begins_blank && line_break == Some('\n');
            match line_break.take() {
                Some(_) if folds && breaks.is_empty() => out.push(' '),
                Some(_) if folds => {}
                line_break => out.extend(line_break),
            }
            out.push_str(&breaks);
            began_blank = begins_blank;
            while !is_break_or_end(self.text.char()) {
                out.push(self.text.take());
                self.text.need(1)?;
            }
            self.text.need(2)?;
            line_break = self.text.take_break()?;
            breaks = self.block_breaks(&mut indent)?;
        }
        if chomping != Some('-') {
            out.extend(line_break);
        }
        if chomping == Some('+') {
            out.push_str(&breaks);
        }
        Ok(Kind::Scalar(out, false))
    }

    /// What happens to the breaks at the end, and how far the text is indented, in any order.
    fn block_header(&mut self) -> Scan<(Option<char>, Option<i64>)> {
        let mut chomping = self.chomping()?;
        let increment = self.increment()?;
        if chomping.is_none() && increment.is_some() {
            chomping = self.chomping()?;
        }
        Ok((chomping, increment))
    }

    fn chomping(&mut self) -> Scan<Option<char>> {
        self.text.need(1)?;
        let found = matches!(self.text.char(), '+' | '-');
        Ok(found.then(|| self.text.take()))
    }

    fn increment(&mut self) -> Scan<Option<i64>> {
        self.text.need(1)?;
        match self.text.char().to_digit(10) {
            None => Ok(None),
            Some(0) => Err(self.fault("found an indentation indicator equal to 0")),
            Some(digit) => {
                self.text.skip(1);
                Ok(Some(digit.into()))
            }
        }
    }

    /// Empty lines and the indentation of the first one that is not. That tells the indentation of the block, if
    /// nothing has.
    fn block_breaks(&mut self, indent: &mut i64) -> Scan<String> {
        let mut breaks = String::new();
        let mut deepest = 0;
        loop {
            let within = |column: usize, indent: i64| indent == 0 || (column as i64) < indent;
            self.text.need(1)?;
            while within(self.text.mark.column, *indent) && self.text.char() == ' ' {
                self.text.skip(1);
                self.text.need(1)?;
            }
            deepest = deepest.max(self.text.mark.column as i64);
            if within(self.text.mark.column, *indent) && self.text.char() == '\t' {
                return Err(self.fault("found a tab character where an indentation space is expected"));
            }
            match self.text.take_break()? {
                Some(line_break) => breaks.push(line_break),
                None => break,
            }
        }
        if *indent == 0 {
            *indent = deepest.max(self.indent + 1).max(1);
        }
        Ok(breaks)
    }
}
