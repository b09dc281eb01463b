//! The order in which the library writes keys: letters by themselves, numbers in texts by their value.

use super::emit::{Item, float_text};
use crate::quote::{is_digit, is_letter};
use crate::value::Value;

/// What is written for a value.
pub(super) fn item(value: &Value) -> Item {
    match value {
        Value::Bool(b) => Item::Plain(b.to_string()),
        Value::Int(_, int) => Item::Plain(int.to_string()),
        Value::Uint(_, uint) => Item::Plain(uint.to_string()),
        Value::Float(_, float) => Item::Plain(float_text(*float, 64)),
        Value::Str(text) => Item::Text(text.to_text().into_owned()),
        Value::List(list) => Item::List(list.to_vec().iter().map(item).collect()),
        Value::Map(map) => {
            let entries = map.entries().into_iter();
            let entries: Vec<_> =
                entries.map(|(key, value)| (key.to_text().chars().collect(), item(&value))).collect();
            in_order(entries)
        }
        _ => Item::Plain("null".into()),
    }
}

/// A key and what stands under it.
pub(super) type Entry = (Vec<char>, Item);

/// The entries in order.
pub(super) fn in_order(entries: Vec<Entry>) -> Item {
    let text = |(key, value): Entry| (Item::Text(key.into_iter().collect()), value);
    Item::Map(sorted(entries).into_iter().map(text).collect())
}

/// Merged from sorted halves: the standard sort may panic, as the order is not one of all keys.
fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    if entries.len() < 2 {
        return entries;
    }
    let second = entries.split_off(entries.len() / 2);
    let mut out = Vec::with_capacity(entries.len() + second.len());
    let mut first = sorted(entries).into_iter().peekable();
    let mut second = sorted(second).into_iter().peekable();
    while let (Some(a), Some(b)) = (first.peek(), second.peek()) {
        let next = if less(&b.0, &a.0) { second.next() } else { first.next() };
        out.extend(next);
    }
    out.extend(first);
    out.extend(second);
    out
}

fn less(a: &[char], b: &[char]) -> bool {
    let Some(at) = a.iter().zip(b).position(|(a, b)| a != b) else { return a.len() < b.len() };
    let (letter_a, letter_b) = (is_letter(a[at]), is_letter(b[at]));
    if letter_a && letter_b {
        return a[at] < b[at];
    }
    if letter_a || letter_b {
        return letter_b;
    }
    // A zero within a number is worth as much as any digit.
    let digits_before = a[..at].iter().rev().take_while(|char| is_digit(**char));
    let inside = (a[at] == '0' || b[at] == '0') && digits_before.into_iter().any(|char| *char != '0');
    let start = i64::from(inside);
    let ((number_a, end_a), (number_b, end_b)) = (number(a, at, start), number(b, at, start));
    if number_a != number_b {
        return number_a < number_b;
    }
    if end_a != end_b { end_a < end_b } else { a[at] < b[at] }
}

/// The number at a place, and where it ends.
fn number(text: &[char], at: usize, start: i64) -> (i64, usize) {
    let digits = text[at..].iter().take_while(|char| is_digit(**char));
    digits.fold((start, at), |(number, end), digit| {
        let digit = i64::from(u32::from(*digit)) - i64::from(u32::from('0'));
        (number.wrapping_mul(10).wrapping_add(digit), end + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_keys_count_by_their_value() {
        let less = |a: &str, b: &str| less(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert!(less("a9", "a10") && !less("a10", "a9"));
        assert!(less("A1", "a1") && less("_", "a") && less("1", "a"));
        assert!(less("a", "ab"));
    }
}
