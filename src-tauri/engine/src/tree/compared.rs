//! Who may do what on either side. Thousands of objects share what protects them, so each pair is evaluated once.

use std::collections::HashMap;

use super::{Protection, Tree};
use crate::rights::{Access, RightChange};

/// What protects an object then and now.
type Pair = (Protection, Protection);

/// The changed rights of every pair that was met.
pub(crate) struct ComparedRights<'a> {
    old: &'a Tree,
    new: &'a Tree,
    known: HashMap<Pair, Compared>,
    sets: Vec<Vec<RightChange>>,
}

/// How the rights of an object compare.
#[derive(Clone, Copy)]
pub(crate) struct Compared {
    /// Which of the sets; none where nothing differs.
    pub(crate) index: Option<u32>,
    /// Whether anyone is let in who was not.
    pub(crate) is_wider: bool,
    /// Whether nothing that counts as the same is the same only in that nobody understands it.
    pub(crate) is_understood: bool,
}

impl<'a> ComparedRights<'a> {
    pub(crate) fn new(old: &'a Tree, new: &'a Tree) -> Self {
        Self { old, new, known: HashMap::new(), sets: Vec::new() }
    }

    pub(crate) fn between(&mut self, old: Protection, new: Protection) -> Compared {
        if let Some(known) = self.known.get(&(old, new)) {
            return *known;
        }
        let mut is_understood = true;
        let mut changes = Vec::new();
        for access in Access::ALL {
            let (then, now) = (self.old.access(old, access), self.new.access(new, access));
            let change = RightChange::of(access, then, now.clone());
            is_understood &= change.is_some() || now.is_understood();
            changes.extend(change);
        }
        let is_wider = changes.iter().any(|change| change.lets_in_more);
        let index = (!changes.is_empty()).then_some(self.sets.len() as u32);
        if index.is_some() {
            self.sets.push(changes);
        }
        let compared = Compared { index, is_wider, is_understood };
        self.known.insert((old, new), compared);
        compared
    }

    pub(crate) fn into_sets(self) -> Vec<Vec<RightChange>> {
        self.sets
    }
}
