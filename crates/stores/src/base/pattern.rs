//! Regular expressions in the syntax of Go's `regexp` (RE2), run by the `regex` crate.
//!
//! Both are of one family (no back-references, linear time, leftmost-first), so a pattern is translated, not interpreted. What
//! differs and is translated here: `\d \w \s \b` are ASCII in Go; `\Q…\E`, octal escapes and `\p{^…}` exist in Go alone; a `{` that
//! starts no repetition and a `[` within a class are literals in Go, and `&&`, `--`, `~~`, `\<`, `\>` mean nothing there. What Go refuses
//! and `regex` takes (`a**`, the flag `x`) is let through: no pattern that ESO ran depends on it.

use regex::{Captures, Regex, RegexBuilder};

use super::{
    error::{Error, Kind, Result},
    limits::PATTERN_BYTES,
};

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern in Go's syntax.
    ///
    /// # Errors
    /// `Invalid` if it does not parse or is too large when compiled. The text names the reason; patterns are never secret.
    pub fn new(source: &str) -> Result<Self> {
        let compiled = RegexBuilder::new(&translate(source)).size_limit(PATTERN_BYTES).build();
        compiled.map(Self).map_err(|error| {
            let text = error.to_string();
            let reason =
                text.rsplit("error: ").next().unwrap_or_default().trim().trim_end_matches('.').to_string();
            Error::new(Kind::Invalid, format!("error parsing regexp: {reason}"))
                .with("regexp", source)
                .because(error)
        })
    }

    /// True if the pattern matches anywhere in `text` (Go's `MatchString`).
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// Replaces every match by `target`, in which `$1`, `$name`, `${name}` stand for groups and `$$` for `$` (Go's
    /// `ReplaceAllString`).
    #[must_use]
    pub fn replace_all(&self, text: &str, target: &str) -> String {
        self.0.replace_all(text, |captures: &Captures<'_>| expand(captures, target)).into_owned()
    }
}

/// Go's `Expand`: the name is the longest run of letters, digits and `_`, so `$1W` is the group `1W`; an unknown group is empty; a
/// `$` that starts no name stays.
fn expand(captures: &Captures<'_>, target: &str) -> String {
    let mut out = String::new();
    let mut rest = target;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = group_name(rest) {
            out.push_str(group(captures, name));
            rest = after;
        } else {
            out.push('$');
        }
    }
    out + rest
}

/// The name at the start of `text`, with or without braces, and what follows it.
fn group_name(text: &str) -> Option<(&str, &str)> {
    let (braced, text) = text.strip_prefix('{').map_or((false, text), |inner| (true, inner));
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    let after = if braced { after.strip_prefix('}')? } else { after };
    (!name.is_empty()).then_some((name, after))
}

fn group<'t>(captures: &Captures<'t>, name: &str) -> &'t str {
    let plain_number =
        name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    let found = match name.parse::<usize>() {
        Ok(number) if plain_number => captures.get(number),
        Ok(_) | Err(_) => captures.name(name),
    };
    found.map_or("", |found| found.as_str())
}

/// Rewrites Go's syntax into that of `regex`.
fn translate(source: &str) -> String {
    let mut cursor = Cursor { rest: source, out: String::with_capacity(source.len() + 16) };
    while let Some(c) = cursor.next() {
        match c {
            '\\' => cursor.escape(),
            '[' => cursor.class(),
            '{' if !starts_repetition(cursor.rest) => cursor.out.push_str("\\{"),
            other => cursor.out.push(other),
        }
    }
    cursor.out
}

/// True if `rest`, which follows a `{`, makes it a repetition: `n}`, `n,}` or `n,m}`.
fn starts_repetition(rest: &str) -> bool {
    let Some((inner, _)) = rest.split_once('}') else { return false };
    let (least, most) = inner.split_once(',').unwrap_or((inner, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !least.is_empty() && digits(least) && digits(most)
}

struct Cursor<'s> {
    rest: &'s str,
    out: String,
}

impl Cursor<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    /// What follows a backslash outside of a class.
    fn escape(&mut self) {
        match self.next() {
            Some('Q') => self.quoted(),
            Some(c @ ('b' | 'B')) => self.out.push_str(&format!("(?-u:\\{c})")),
            Some(c) => self.escaped(c),
            None => self.out.push('\\'),
        }
    }

    /// `\Q…\E`: literal text; without `\E` up to the end.
    fn quoted(&mut self) {
        let (text, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
        self.out.push_str(&regex::escape(text));
        self.rest = rest;
    }

    /// An escape that means the same inside and outside of a class.
    fn escaped(&mut self, c: char) {
        match c {
            'd' => self.out.push_str("[0-9]"),
            'D' => self.out.push_str("[^0-9]"),
            's' => self.out.push_str("[\\t\\n\\f\\r ]"),
            'S' => self.out.push_str("[^\\t\\n\\f\\r ]"),
            'w' => self.out.push_str("[0-9A-Za-z_]"),
            'W' => self.out.push_str("[^0-9A-Za-z_]"),
            'p' | 'P' => self.property(c),
            '0'..='7' => self.octal(c),
            'x' => self.hexadecimal(),
            '<' | '>' => self.out.push(c),
            other => self.out.extend(['\\', other]),
        }
    }

    /// `\p{Greek}`, `\pN`; Go also negates inside the braces.
    fn property(&mut self, letter: char) {
        let negated = self.rest.strip_prefix("{^");
        let letter = match (negated, letter) {
            (None, letter) => letter,
            (Some(_), 'p') => 'P',
            (Some(_), _) => 'p',
        };
        self.out.extend(['\\', letter]);
        if let Some(rest) = negated {
            self.out.push('{');
            self.rest = rest;
        }
        self.braced();
    }

    fn hexadecimal(&mut self) {
        self.out.push_str("\\x");
        self.braced();
    }

    /// Copies up to a closing brace, if a brace was opened: it is no repetition.
    fn braced(&mut self) {
        if self.rest.starts_with('{') || self.out.ends_with('{') {
            let end = self.rest.find('}').map_or(self.rest.len(), |at| at + 1);
            self.out.push_str(&self.rest[..end]);
            self.rest = &self.rest[end..];
        }
    }

    /// `\0`, `\012`; a lone `\1` would be a back-reference, which both refuse.
    fn octal(&mut self, first: char) {
        let digits = self.rest.bytes().take(2).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
        if first != '0' && digits == 0 {
            self.out.extend(['\\', first]);
            return;
        }
        let text = format!("{first}{}", &self.rest[..digits]);
        self.rest = &self.rest[digits..];
        self.out.push_str(&format!("\\x{{{:x}}}", u32::from_str_radix(&text, 8).unwrap_or_default()));
    }

    /// What follows a `[`.
    fn class(&mut self) {
        self.out.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.out.push('^');
            self.rest = rest;
        }
        let mut first = true;
        while let Some(c) = self.next() {
            if c == ']' && !first {
                self.out.push(']');
                return;
            }
            first = false;
            self.class_item(c);
        }
    }

    /// A named class, a perl class, a character or a range.
    fn class_item(&mut self, c: char) {
        if c == '[' && self.named_class() {
            return;
        }
        if c == '\\' && self.rest.starts_with(['d', 'D', 's', 'S', 'w', 'W', 'p', 'P']) {
            self.class_character(c);
            return;
        }
        self.class_character(c);
        let range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
        if let Some(end) = self.rest.strip_prefix('-').filter(|_| range) {
            self.rest = end;
            self.out.push('-');
            if let Some(c) = self.next() {
                self.class_character(c);
            }
        }
    }

    /// Copies `[:alpha:]`, whose `[` was taken.
    fn named_class(&mut self) -> bool {
        let Some(end) = self.rest.strip_prefix(':').and_then(|rest| rest.find(":]")) else { return false };
        let (name, rest) = self.rest.split_at(end + 3);
        self.out.push('[');
        self.out.push_str(name);
        self.rest = rest;
        true
    }

    fn class_character(&mut self, c: char) {
        match c {
            '\\' => match self.next() {
                Some(c) => self.escaped(c),
                None => self.out.push('\\'),
            },
            '[' | ']' | '^' | '-' | '&' | '~' => self.out.extend(['\\', c]),
            other => self.out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).unwrap().is_match(text)
    }

    #[test]
    fn perl_classes_are_ascii_as_in_go() {
        let cases = [
            (r"^\d$", "٣", false),
            (r"^\d$", "3", true),
            (r"^\D$", "٣", true),
            (r"^\w$", "é", false),
            (r"^[\w-]+$", "a-b_9", true),
            (r"^[\W]$", "é", true),
            (r"^[^\d]$", "7", false),
            (r"^\s$", "\u{a0}", false),
            (r"^\s$", "\t", true),
            (r"^\s$", "\u{b}", false),
            (r"é\b", "éa", true),
            (r"a\b", "aé", true),
            (r"a\Bb", "ab", true),
        ];
        for (pattern, text, matched) in cases {
            assert_eq!(matches(pattern, text), matched, "{pattern} on {text:?}");
        }
    }

    #[test]
    fn what_only_go_knows_is_translated() {
        let cases = [
            (r"^\Qa.b[\E+$", "a.b[[", true),
            (r"^\Qa.b", "axb", false),
            (r"^\101\060$", "A0", true),
            (r"^\x41\x{42}$", "AB", true),
            (r"^\p{^Greek}$", "a", true),
            (r"^\p{Greek}\pN$", "α7", true),
            (r"^\P{^Greek}$", "α", true),
            (r"^a{x}{,2}$", "a{x}{,2}", true),
            (r"^a{2}b{1,}c{0,2}$", "aabb", true),
            (r"^[[]$", "[", true),
            (r"^[]a]+$", "]a", true),
            (r"^[a&&b~~]+$", "&~", true),
            (r"^[+--]+$", "+,-", true),
            (r"^[a-c-]+$", "b-", true),
            (r"^[[:alpha:]_]+$", "a_", true),
            (r"^\<\>$", "<>", true),
            (r"^\b{start}$", "{start}", false),
            (r"(?i)^AB$", "ab", true),
            (r"^(?P<n>a)(?:b)(?s:.)$", "ab\n", true),
            (r"a$", "a\n", false),
        ];
        for (pattern, text, matched) in cases {
            assert_eq!(matches(pattern, text), matched, "{pattern} on {text:?}");
        }
    }

    #[test]
    fn replacement_follows_go_templates() {
        let cases = [
            ("a/b/(.*)", "a/b/c", "$1", "c"),
            ("^db-(.*)$", "db-user", "${1}_db", "user_db"),
            ("^db-(.*)$", "db-user", "$1_db", ""),
            ("(a)(?P<x>b)", "ab", "$x$2$$-$0", "bb$-ab"),
            ("a", "banana", "o", "bonono"),
            ("(a)", "a", "${1", "${1"),
            ("(a)", "a", "$-${a-b}", "$-${a-b}"),
            ("(a)", "a", "$9$01", ""),
            ("a*", "baac", "x", "xbxcx"),
            ("_", "user_db", ".", "user.db"),
        ];
        for (pattern, text, target, result) in cases {
            assert_eq!(
                Pattern::new(pattern).unwrap().replace_all(text, target),
                result,
                "{pattern} {target}"
            );
        }
    }

    #[test]
    fn a_pattern_that_go_refuses_is_invalid_and_says_why() {
        for pattern in ["([", r"\1", r"(a", "a)", "*a", r"\C", "(?<=a)b", r"[z-a]"] {
            assert_eq!(Pattern::new(pattern).unwrap_err().kind(), Kind::Invalid, "{pattern}");
        }
        let text = Pattern::new("([").unwrap_err().to_string();
        assert_eq!(text, "error parsing regexp: unclosed character class (regexp=([)");
    }

    #[test]
    fn a_pattern_that_compiles_to_megabytes_is_refused() {
        assert_eq!(Pattern::new(r"((\pL{500}){500}){500}").unwrap_err().kind(), Kind::Invalid);
    }
}
