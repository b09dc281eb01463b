//! The wildcards of keys and of the `%` operator: `*` is any text, `?` is any character, `\` makes the next
//! character plain.
//!
//! The Go module tries all ways to spread a text over several stars, and stops when that takes too long. Only the last
//! star can be at fault when a match fails, so this one needs at most pattern times text steps, each of which is
//! counted as work of the lookup.

use crate::limits::Effort;

/// One term of a pattern and the index after it.
enum Term {
    Any(usize),
    One(usize),
    Plain(char, usize),
    /// A backslash at the end, which escapes nothing.
    Dangling,
}

/// True if the whole text matches the pattern.
pub(crate) fn matches(text: &[u8], pattern: &[u8], effort: Effort<'_>) -> bool {
    let (mut in_text, mut in_pattern) = (0, 0);
    // After the last star: where the pattern goes on, and where the text does in the next try.
    let mut retry: Option<(usize, usize)> = None;
    while effort.spend(1) {
        if in_pattern == pattern.len() && in_text == text.len() {
            return true;
        }
        match term(pattern, in_pattern) {
            Some(Term::Any(next)) => {
                in_pattern = next;
                retry = Some((next, in_text));
                continue;
            }
            Some(other) => {
                if let Some((text_end, pattern_end)) = take(text, in_text, &other, retry.is_some()) {
                    in_text = text_end;
                    in_pattern = pattern_end.unwrap_or(pattern.len());
                    continue;
                }
            }
            None => {}
        }
        let Some((pattern_start, text_start)) = retry else { return false };
        let Some((_, length)) = symbol(text, text_start) else { return false };
        (in_pattern, in_text) = (pattern_start, text_start + length);
        retry = Some((in_pattern, in_text));
    }
    false
}

/// Takes a term from the text: the index after it in the text, and in the pattern if it does not end there.
fn take(text: &[u8], at: usize, term: &Term, after_star: bool) -> Option<(usize, Option<usize>)> {
    let (found, length) = symbol(text, at)?;
    let (fits, next) = match *term {
        Term::One(next) => (true, Some(next)),
        Term::Plain(wanted, next) => (found == wanted, Some(next)),
        // The Go module compares the end of a pattern from behind once it has passed a star, and sees
        // a plain backslash there.
        Term::Dangling => (after_star && found == '\\', None),
        Term::Any(_) => (false, None),
    };
    fits.then_some((at + length, next))
}

fn term(pattern: &[u8], at: usize) -> Option<Term> {
    let (found, length) = symbol(pattern, at)?;
    Some(match found {
        '*' => Term::Any(at + 1),
        '?' => Term::One(at + 1),
        '\\' => match symbol(pattern, at + 1) {
            Some((escaped, length)) => Term::Plain(escaped, at + 1 + length),
            None => Term::Dangling,
        },
        plain => Term::Plain(plain, at + length),
    })
}

/// The character at an index and its length; a byte that is no UTF-8 counts as one U+FFFD.
fn symbol(text: &[u8], at: usize) -> Option<(char, usize)> {
    let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
    let chunk = rest[..rest.len().min(4)].utf8_chunks().next()?;
    Some(
        chunk
            .valid()
            .chars()
            .next()
            .map_or((char::REPLACEMENT_CHARACTER, 1), |found| (found, found.len_utf8())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(text: &str, pattern: &str) -> bool {
        let work = Effort::granted(0);
        matches(text.as_bytes(), pattern.as_bytes(), Effort::new(&work))
    }

    #[test]
    fn a_pattern_accepts_what_its_wildcards_stand_for() {
        let cases = [
            ("", ""),
            ("", "*"),
            ("abc", "abc"),
            ("abc", "a*"),
            ("abc", "*c"),
            ("abc", "a*b*c"),
            ("abc", "a?c"),
            ("aXbXc", "a*b?c"),
            ("aab", "*ab"),
            ("日本", "??"),
            ("a*", r"a\*"),
            ("a?b", r"*\?*"),
            (r"a\", r"a\\"),
        ];
        for (text, pattern) in cases {
            assert!(fits(text, pattern), "{text} {pattern}");
        }
    }

    #[test]
    fn a_pattern_refuses_the_rest() {
        let cases = [
            ("", "?"),
            ("abc", "ab"),
            ("ab", "abc"),
            ("abc", "a?"),
            ("abc", "*b"),
            ("日", "???"),
            ("ab", r"a\*"),
            ("ba", "a*b"),
        ];
        for (text, pattern) in cases {
            assert!(!fits(text, pattern), "{text} {pattern}");
        }
    }
}
