//! The ids of a table's rows, and the tree that its folders are, in 8 and in 28 bytes a row.

use crate::archive::tables::{Fingerprint, fingerprint};

/// The ids of a table.
pub(super) struct Ids {
    sorted: Vec<Fingerprint>,
}

impl Ids {
    /// One of each row.
    pub(super) fn new(mut ids: Vec<Fingerprint>) -> Self {
        ids.sort_unstable();
        Self { sorted: ids }
    }

    /// Whether there is a row of that id.
    pub(super) fn has(&self, id: Fingerprint) -> bool {
        self.sorted.binary_search(&id).is_ok()
    }

    /// How many rows there are.
    pub(super) fn count(&self) -> u64 {
        self.sorted.len() as u64
    }

    /// How many rows have that id, which is a key.
    pub(super) fn rows_of(&self, id: Fingerprint) -> usize {
        // SQLite lets a primary key be NULL, and that in any number of rows: these have the empty id.
        if id == fingerprint(b"") {
            return 1;
        }
        let first = self.sorted.partition_point(|&other| other < id);
        self.sorted[first..].partition_point(|&other| other == id)
    }

    /// How many ids have more than one row.
    pub(super) fn repeated(&self) -> u64 {
        self.sorted.chunk_by(|one, next| one == next).filter(|rows| rows.len() > 1 && self.rows_of(rows[0]) > 1).count()
            as u64
    }
}

/// Which folder lies in which.
#[derive(Default)]
pub(super) struct Parents {
    /// Folder and parent; of those that have one.
    pairs: Vec<(Fingerprint, Fingerprint)>,
}

impl Parents {
    /// `folder` lies in `parent`.
    pub(super) fn note(&mut self, folder: Fingerprint, parent: Fingerprint) {
        self.pairs.push((folder, parent));
    }

    /// Whether some folder lies in one that is not there.
    pub(super) fn lead_nowhere(&self, folders: &Ids) -> bool {
        self.pairs.iter().any(|&(_, parent)| !folders.has(parent))
    }

    /// The folders that lie within themselves, sorted: from them no way leads to the root.
    pub(super) fn circles(mut self) -> Vec<Fingerprint> {
        self.pairs.sort_unstable();
        let pairs = self.pairs;
        let index_of = |folder| {
            let index = pairs.partition_point(|&(other, _)| other < folder);
            pairs.get(index).is_some_and(|&(found, _)| found == folder).then_some(index)
        };
        // By which way upwards each folder was met first; a way that meets itself has gone round.
        let mut met_on = vec![0_u32; pairs.len()];
        let mut circles = Vec::new();
        for (way, start) in (1_u32..).zip(0..pairs.len()) {
            let mut next = Some(start);
            while let Some(index) = next.filter(|&index| met_on[index] == 0) {
                met_on[index] = way;
                next = index_of(pairs[index].1);
            }
            let Some(first) = next.filter(|&index| met_on[index] == way) else { continue };
            let mut index = first;
            loop {
                circles.push(pairs[index].0);
                match index_of(pairs[index].1) {
                    Some(parent) if parent != first => index = parent,
                    _ => break,
                }
            }
        }
        circles.sort_unstable();
        circles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(pairs: &[(u64, u64)]) -> Vec<u64> {
        let mut parents = Parents::default();
        pairs.iter().for_each(|&(folder, parent)| parents.note(folder, parent));
        parents.circles()
    }

    #[test]
    fn only_folders_that_lie_within_themselves_are_on_a_circle() {
        assert_eq!(circles(&[(1, 2), (2, 3), (4, 2)]), [0; 0]);
        assert_eq!(circles(&[(7, 7)]), [7]);
        // 1 hangs below the circle and is not on it; 9 is met after it was gone round.
        assert_eq!(circles(&[(1, 5), (5, 6), (6, 8), (8, 5), (9, 8)]), [5, 6, 8]);
        assert_eq!(circles(&[(2, 1), (1, 2), (3, 4), (4, 3), (5, 3)]), [1, 2, 3, 4]);
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_folders_is_walked_once() {
        let chain: Vec<_> = (1..100_000).map(|folder| (folder, folder + 1)).collect();
        assert_eq!(circles(&chain), [0; 0]);
        let round: Vec<_> = chain.iter().copied().chain([(100_000, 1)]).collect();
        assert_eq!(circles(&round).len(), 100_000);
    }

    #[test]
    fn an_id_is_repeated_unless_it_is_none() {
        let ids = Ids::new([&b"a"[..], b"", b"b", b"a", b"", b"a"].map(fingerprint).into());
        assert_eq!((ids.count(), ids.repeated()), (6, 1));
        assert_eq!([&b"a"[..], b"b", b"", b"c"].map(|id| ids.rows_of(fingerprint(id))), [3, 1, 1, 0]);
    }
}
