//! Who may work now. Pure.
//!
//! Templates may take their time ([`limits::TEMPLATE_TIME`]), and who waits for the place where long work is done holds a worker. So that a
//! crowd of such objects holds up nobody else, objects with templates have half of the workers, and those of one namespace half of that.
//!
//! [`limits::TEMPLATE_TIME`]: keyferry_stores::base::limits::TEMPLATE_TIME

use crate::cluster::ObjectKey;

/// The jobs under way.
#[derive(Debug)]
pub(super) struct Workers {
    most: usize,
    working: usize,
    /// The objects among them whose jobs render templates.
    rendering: Vec<ObjectKey>,
}

impl Workers {
    /// So many at once, at least one.
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), working: 0, rendering: Vec::new() }
    }

    /// True if some worker is free.
    pub(super) fn is_free(&self) -> bool {
        self.working < self.most
    }

    /// True if a job of this namespace may begin.
    pub(super) fn has_room(&self, namespace: &str, renders: bool) -> bool {
        self.is_free() && !(renders && self.is_crowded(namespace))
    }

    fn is_crowded(&self, namespace: &str) -> bool {
        let of_it = self.rendering.iter().filter(|key| key.namespace() == namespace).count();
        self.rendering.len() >= (self.most / 2).max(1) || of_it >= (self.most / 4).max(1)
    }

    /// A job begins.
    pub(super) fn begin(&mut self, key: &ObjectKey, renders: bool) {
        self.working += 1;
        if renders {
            self.rendering.push(key.clone());
        }
    }

    /// A job of this object ended.
    pub(super) fn end(&mut self, key: &ObjectKey) {
        self.working = self.working.saturating_sub(1);
        if let Some(place) = self.rendering.iter().position(|rendering| rendering == key) {
            self.rendering.swap_remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many jobs of this namespace begin, one after the other, until none may.
    fn fill(workers: &mut Workers, namespace: &str, renders: bool) -> usize {
        let begins = |n: &usize| {
            let begins = workers.has_room(namespace, renders);
            if begins {
                workers.begin(&ObjectKey::new(namespace, format!("es-{n}")), renders);
            }
            begins
        };
        (0..1_000).take_while(begins).count()
    }

    #[test]
    fn objects_with_templates_have_half_of_the_workers_and_those_of_one_namespace_half_of_that() {
        let mut workers = Workers::new(32);
        assert_eq!(["a", "b", "c"].map(|namespace| fill(&mut workers, namespace, true)), [8, 8, 0]);
        assert_eq!(fill(&mut workers, "a", false), 16, "the others are for whoever needs no template");
        assert!(!workers.is_free());
        workers.end(&ObjectKey::new("b", "es-3"));
        assert_eq!(["a", "c"].map(|namespace| fill(&mut workers, namespace, true)), [0, 1]);
    }

    #[test]
    fn without_templates_one_namespace_may_use_every_worker() {
        assert_eq!(fill(&mut Workers::new(32), "a", false), 32);
    }

    #[test]
    fn one_worker_serves_everybody() {
        for renders in [false, true] {
            let mut workers = Workers::new(1);
            assert_eq!(fill(&mut workers, "a", renders), 1);
            workers.end(&ObjectKey::new("a", "es-0"));
            assert_eq!(fill(&mut workers, "b", renders), 1);
        }
    }
}
