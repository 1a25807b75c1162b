//! A list of what a person is told: bounded in number and bytes, whatever there is to tell, and all of it counted.

use crate::create::MAX_WARNINGS;

/// How many of them are listed.
pub(crate) const MOST: usize = MAX_WARNINGS;
/// Bytes of their texts that are enough.
const ENOUGH: usize = 3 * 1024 * 1024;

/// The first of many things that are told.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    list: Vec<T>,
    bytes: usize,
    total: u64,
}

/// What is told.
pub(crate) trait Told {
    /// Bytes of its texts.
    fn bytes(&self) -> usize;
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { list: Vec::new(), bytes: 0, total: 0 }
    }
}

impl<T: Told> Listed<T> {
    /// Notes one more, which is made only if it is listed.
    pub(crate) fn note(&mut self, make: impl FnOnce() -> T) {
        if self.has_room() {
            let told = make();
            self.bytes += told.bytes();
            self.list.push(told);
        }
        self.total += 1;
    }

    /// These, and then those of `others` within the same bounds.
    pub(crate) fn followed_by(mut self, others: Self) -> Self {
        self.count(others.unlisted());
        others.list.into_iter().for_each(|told| self.note(|| told));
        self
    }
}

impl<T> Listed<T> {
    /// Whether one more would be listed, and not only counted.
    pub(crate) fn has_room(&self) -> bool {
        self.list.len() < MOST && self.bytes < ENOUGH
    }

    /// Counts some that are not listed any more.
    pub(crate) fn count(&mut self, more: u64) {
        self.total += more;
    }

    /// How many there are in all.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Those that are not listed.
    pub(crate) fn unlisted(&self) -> u64 {
        self.total - self.list.len() as u64
    }

    /// Those that are listed.
    pub(crate) fn list(&self) -> &[T] {
        &self.list
    }

    /// Those that are listed, taken out.
    pub(crate) fn into_list(self) -> Vec<T> {
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Told for String {
        fn bytes(&self) -> usize {
            self.len()
        }
    }

    #[test]
    fn the_first_are_listed_as_far_as_memory_allows_and_all_are_counted() {
        for (length, expected) in [(300, MOST), (4096, 768), (ENOUGH * 2, 1)] {
            let mut listed = Listed::default();
            for _ in 0..MOST + 5 {
                listed.note(|| "x".repeat(length));
            }
            listed.count(7);
            assert_eq!((listed.list().len(), listed.total()), (expected, MOST as u64 + 12), "texts of {length} bytes");
            assert_eq!(listed.unlisted(), MOST as u64 + 12 - expected as u64);
            assert!(!listed.has_room());
        }
    }
}
