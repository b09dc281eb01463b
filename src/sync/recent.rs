//! What was used last, within a bound of bytes.

use std::{collections::HashMap, hash::Hash};

/// Values by key, in two rounds of at most so many bytes: when one is full, it becomes the one before, and what nobody asked for since
/// the last time is forgotten.
#[derive(Debug)]
pub struct Recent<K, V> {
    round: HashMap<K, (usize, V)>,
    before: HashMap<K, (usize, V)>,
    bytes: usize,
    most: usize,
}

impl<K: Hash + Eq, V: Clone> Recent<K, V> {
    /// Nothing yet; a round takes `most` bytes.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { round: HashMap::new(), before: HashMap::new(), bytes: 0, most }
    }

    /// The value under a key; using it keeps it.
    pub fn get(&mut self, key: &K) -> Option<V> {
        if let Some((_, value)) = self.round.get(key) {
            return Some(value.clone());
        }
        let (key, (bytes, value)) = self.before.remove_entry(key)?;
        self.put(key, bytes, value.clone());
        Some(value)
    }

    /// Keeps a value of so many bytes, which must not be none: what counts nothing is not bounded. It takes the place of the one that was
    /// under this key. One that is larger than a round is not kept.
    pub fn put(&mut self, key: K, bytes: usize, value: V) {
        self.remove(&key);
        if bytes > self.most {
            return;
        }
        if self.bytes.saturating_add(bytes) > self.most {
            self.before = std::mem::take(&mut self.round);
            self.bytes = 0;
        }
        self.bytes += bytes;
        self.round.insert(key, (bytes, value));
    }

    fn remove(&mut self, key: &K) {
        if let Some((bytes, _)) = self.round.remove(key) {
            self.bytes -= bytes;
        }
        self.before.remove(key);
    }

    /// How many values are kept, and their bytes.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let all = self.round.values().chain(self.before.values());
        all.fold((0, 0), |(count, sum), (bytes, _)| (count + 1, sum + bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_what_is_not_goes() {
        let mut recent = Recent::new(10);
        recent.put("used", 2, 'u');
        for i in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            recent.put(i, 3, 'x');
            assert_eq!(recent.get(&"used"), Some('u'), "{i}");
            assert!(recent.size().1 <= 20, "{:?}", recent.size());
        }
        assert_eq!((recent.get(&"a"), recent.get(&"h")), (None, Some('x')));
    }

    #[test]
    fn a_new_value_takes_the_place_of_the_old_one_even_if_it_is_not_kept() {
        let mut recent = Recent::new(10);
        for bytes in [4, 6, 5] {
            recent.put("a", bytes, 'a');
            assert_eq!(recent.size(), (1, bytes));
        }
        recent.put("b", 5, 'b');
        assert_eq!(recent.size(), (2, 10), "what was replaced takes no room");
        recent.put("c", 5, 'c');
        recent.put("a", 11, 'a');
        assert_eq!((recent.get(&"a"), recent.size()), (None, (2, 10)));
    }

    #[test]
    fn what_is_larger_than_all_is_not_kept() {
        let mut recent = Recent::new(10);
        recent.put("a", 11, 'x');
        assert_eq!((recent.get(&"a"), recent.size()), (None, (0, 0)));
    }
}
