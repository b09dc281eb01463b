//! Which known name an unknown one may have been meant to be.

/// The closest of the names, if one is close: equal but for case, or at most a third of its letters wrong. Of very many names the first ones
/// are looked at.
pub(crate) fn closest<'n>(unknown: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    if unknown.len() > MAX_NAME {
        return None;
    }
    let allowed = (unknown.chars().count() / 3).max(1);
    let lower = unknown.to_lowercase();
    let mut left = MAX_WORK;
    let scored = names.map_while(|name| {
        let more = name.len().abs_diff(unknown.len());
        let is_far =
            name.len() > MAX_NAME || name.chars().count().abs_diff(unknown.chars().count()) > allowed;
        left = left.checked_sub(if is_far { 1 } else { unknown.len() * name.len() })?;
        Some((!is_far).then(|| (distance(&lower, &name.to_lowercase()), more, name)))
    });
    let scored = scored.flatten();
    let (score, _, name) = scored.min()?;
    (score <= allowed).then(|| name.to_owned())
}

/// Longer names are not compared: the work grows with the square.
const MAX_NAME: usize = 64;

/// Letters compared with letters: some ten milliseconds.
const MAX_WORK: usize = 1_000_000;

/// How many letters must be put in, left out, replaced or swapped with the next to get from one to the other.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut two_back: Vec<usize> = Vec::new();
    let mut back: Vec<usize> = (0..=to.len()).collect();
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let replaced = back[j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut best = replaced.min(back[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                best = best.min(two_back[j - 2] + 1);
            }
            row.push(best);
        }
        two_back = std::mem::replace(&mut back, row);
    }
    back[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_name_is_found_and_a_far_one_is_not() {
        let names = ["b64enc", "b64dec", "toJson", "quote"];
        for (unknown, want) in
            [("tojson", Some("toJson")), ("b64encc", Some("b64enc")), ("qoute", Some("quote")), ("zzz", None)]
        {
            assert_eq!(closest(unknown, names.into_iter()).as_deref(), want, "{unknown}");
        }
    }

    #[test]
    fn of_very_many_names_the_first_are_looked_at() {
        let name = |n: usize| format!("{n:060}");
        let names: Vec<String> = (0..100_000).map(name).collect();
        let closest = |unknown: &str| closest(unknown, names.iter().map(String::as_str));
        assert_eq!(closest(&format!("{}x", name(7))), Some(name(7)));
        let last = name(99_999);
        assert_ne!(closest(&format!("{last}x")), Some(last));
    }
}
