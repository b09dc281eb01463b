//! What a written path leads to.

use super::{tree::Tree, written::Written};

/// Everything that a path leads through and to.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// Paths from the package's root. The last is where it ends; the others are names on the way that stand for something else.
    pub(super) local: Vec<Vec<String>>,
    /// Paths into other packages; their first name is the package's. A lone name that nothing explains (a variable, a prelude type)
    /// is not among them.
    pub(super) foreign: Vec<Vec<String>>,
}

/// Names that are followed for one path; names that lead in a circle end here.
const STEPS: usize = 200;

impl Tree {
    /// Follows a path that is written in a module.
    pub(super) fn reached(&self, module: &[String], written: &Written) -> Reached {
        let mut walk = Walk { tree: self, reached: Reached::default(), steps: 0 };
        walk.follow(module, written);
        walk.reached
    }
}

struct Walk<'a> {
    tree: &'a Tree,
    reached: Reached,
    steps: usize,
}

impl Walk<'_> {
    /// Where a written path ends, if that is in this package.
    fn follow(&mut self, module: &[String], written: &Written) -> Option<Vec<String>> {
        self.steps += 1;
        let (first, rest) = written.segments.split_first().filter(|_| self.steps < STEPS)?;
        match first.as_str() {
            _ if written.global => self.leave(&written.segments),
            "crate" => self.descend(Vec::new(), rest),
            "self" | "super" => self.descend(module.to_vec(), &written.segments),
            name if self.knows(module, name) => self.descend(module.to_vec(), &written.segments),
            _ => self.leave(&written.segments),
        }
    }

    fn leave(&mut self, segments: &[String]) -> Option<Vec<String>> {
        self.reached.foreign.push(segments.to_vec());
        None
    }

    /// Goes from a module down through names, and wherever a name stands for something else, on from there.
    fn descend(&mut self, mut at: Vec<String>, names: &[String]) -> Option<Vec<String>> {
        for (place, name) in names.iter().enumerate() {
            let inner = [&*at, std::slice::from_ref(name)].concat();
            if name == "self" {
                continue;
            }
            if name == "super" {
                at.pop();
                continue;
            }
            if self.tree.module(&inner).is_some() {
                at = inner;
                continue;
            }
            let ends = self.stand_ins(&at, name);
            self.reached.local.push(inner);
            let rest = &names[place + 1..];
            return ends.into_iter().filter_map(|end| self.descend(end, rest)).last();
        }
        self.reached.local.push(at.clone());
        Some(at)
    }

    /// What a name in a module stands for: where its imports lead. Nothing if it is an item of the module.
    fn stand_ins(&mut self, module: &[String], name: &str) -> Vec<Vec<String>> {
        let Some(known) = self.tree.module(module) else { return Vec::new() };
        let imports = known.names.get(name).cloned().unwrap_or_default();
        if !imports.is_empty() {
            return imports.iter().filter_map(|import| self.follow(module, import)).collect();
        }
        let globs = self.globs(module);
        let holds = globs.into_iter().filter(|target| self.knows(target, name));
        let named: Vec<Vec<String>> = holds.collect();
        named.into_iter().filter_map(|target| self.descend(target, &[name.to_string()])).collect()
    }

    /// The modules whose names a module brings in. What is passed on the way there is judged where the glob stands.
    fn globs(&mut self, module: &[String]) -> Vec<Vec<String>> {
        let Some(known) = self.tree.module(module) else { return Vec::new() };
        let mut aside = Walk { tree: self.tree, reached: Reached::default(), steps: self.steps };
        let targets = known.globs.iter().filter_map(|glob| aside.follow(module, glob)).collect();
        self.steps = aside.steps;
        targets
    }

    /// True if a name in a module is a module below it or is brought in.
    fn knows(&mut self, module: &[String], name: &str) -> bool {
        self.steps += 1;
        let Some(known) = self.tree.module(module).filter(|_| self.steps < STEPS) else { return false };
        let inner = [module, &[name.to_string()]].concat();
        if self.tree.module(&inner).is_some() || known.names.contains_key(name) {
            return true;
        }
        self.globs(module).iter().any(|target| self.knows(target, name))
    }
}
