//! What differs, as a flat list with what matters most first, and as the tree of the folders that it lies in.

use std::cmp::Ordering;

use cfms_backup::Differences;
use cfms_backup::diff::{ChangedKind, ObjectChange};

use super::told::{ChangeRank, ChangeRow, ChangeRows, RankCount};
use crate::browsing::ListState;
use crate::outline::Outline;

/// Rows that are given at once at the most.
const MAX_ROWS: usize = 1000;

/// What differs, in the shape that the page shows.
pub(crate) struct Changes<'d> {
    differences: &'d Differences<'d>,
    ranks: Vec<ChangeRank>,
    /// The flat list: the changes that are shown.
    shown: Vec<u32>,
    /// The tree, where that is shown.
    tree: Option<Tree>,
    epoch: u32,
}

struct Tree {
    nodes: Vec<Node>,
    outline: Outline,
}

struct Node {
    name: String,
    change: Option<u32>,
}

impl<'d> Changes<'d> {
    /// All that differs, as a flat list.
    pub(super) fn of(differences: &'d Differences<'d>) -> Self {
        let ranks: Vec<_> = differences.ranks().map(ChangeRank::from).collect();
        let shown = (0..ranks.len() as u32).collect();
        Self { differences, ranks, shown, tree: None, epoch: 0 }
    }

    /// How many changes there are of each rank.
    pub(super) fn ranks(&self) -> Vec<RankCount> {
        let mut counts: Vec<RankCount> = Vec::new();
        for &rank in &self.ranks {
            match counts.last_mut().filter(|last| last.rank == rank) {
                Some(last) => last.count += 1,
                None => counts.push(RankCount { rank, count: 1 }),
            }
        }
        counts
    }

    /// The list as it is.
    pub(super) fn state(&self) -> ListState {
        ListState::new(self.epoch, self.len(), None)
    }

    /// Shows only changes of `rank`, or all, as a tree or flat.
    pub(crate) fn shape(&mut self, rank: Option<ChangeRank>, as_tree: bool) -> ListState {
        let all = 0..self.ranks.len() as u32;
        self.shown = all.filter(|&number| rank.is_none_or(|rank| self.ranks[number as usize] == rank)).collect();
        self.tree = as_tree.then(|| Tree::of(self.shown.iter().map(|&number| (self.path(number), number)).collect()));
        self.epoch += 1;
        self.state()
    }

    /// Opens or closes a folder of the tree.
    pub(crate) fn set_open(&mut self, key: u32, open: bool) -> ListState {
        let Some(tree) = &mut self.tree else { return self.state() };
        tree.outline.set_open(key, open);
        let at = tree.outline.position(key);
        self.epoch += 1;
        ListState::new(self.epoch, self.len(), at)
    }

    /// Rows of the list.
    pub(crate) fn rows(&self, from: usize, count: usize) -> ChangeRows {
        let keys = self.keys().iter().skip(from).take(count.min(MAX_ROWS));
        ChangeRows { epoch: self.epoch, rows: keys.map(|&key| self.row(key)).collect() }
    }

    /// The first row after `after`, from the top again at the end, whose title begins with `text`.
    pub(crate) fn find(&self, text: &str, after: usize) -> Option<u32> {
        let wanted = text.to_lowercase();
        let keys = self.keys();
        let begins = |at: &usize| self.title(keys[*at]).to_lowercase().starts_with(&wanted);
        (0..keys.len()).map(|step| (after + step) % keys.len()).find(begins).map(|at| at as u32)
    }

    /// The change of that number.
    pub(crate) fn change(&self, number: u32) -> Option<ObjectChange> {
        self.differences.change(number as usize)
    }

    fn row(&self, key: u32) -> ChangeRow {
        let Some(tree) = &self.tree else {
            let change = self.change(key);
            let path = change.as_ref().map(path_of).unwrap_or_default();
            let name = names(path).last().unwrap_or_default();
            let place = &path[..path.len() - name.len()];
            return ChangeRow {
                key,
                depth: 0,
                open: false,
                has_below: false,
                above: None,
                title: unescaped(name),
                place: Some(place.to_owned()),
                change: Some(key),
                rank: self.ranks.get(key as usize).copied(),
                kind: change.as_ref().map_or(ChangedKind::Folder, |change| change.kind),
                rights_from_above: change.is_some_and(|change| change.rights_from_above),
            };
        };
        let node = &tree.nodes[key as usize];
        let change = node.change.and_then(|number| self.change(number));
        ChangeRow {
            key,
            depth: tree.outline.depth(key),
            open: tree.outline.is_open(key),
            has_below: tree.outline.has_below(key),
            above: tree.outline.above(key).and_then(|above| tree.outline.position(above)).map(|at| at as u32),
            title: node.name.clone(),
            place: None,
            change: node.change,
            rank: node.change.and_then(|number| self.ranks.get(number as usize).copied()),
            kind: change.as_ref().map_or(ChangedKind::Folder, |change| change.kind),
            rights_from_above: change.is_some_and(|change| change.rights_from_above),
        }
    }

    fn title(&self, key: u32) -> String {
        match &self.tree {
            Some(tree) => tree.nodes[key as usize].name.clone(),
            None => unescaped(names(&self.path(key)).last().unwrap_or_default()),
        }
    }

    fn path(&self, number: u32) -> String {
        self.change(number).as_ref().map(path_of).unwrap_or_default().to_owned()
    }

    fn keys(&self) -> &[u32] {
        self.tree.as_ref().map_or(&self.shown, |tree| tree.outline.visible())
    }

    fn len(&self) -> usize {
        self.keys().len()
    }
}

impl Tree {
    /// Of changes by their paths; all folders are open.
    fn of(mut changes: Vec<(String, u32)>) -> Self {
        changes.sort_by(|(one, _), (other, _)| by_path(one, other));
        let (mut nodes, mut depths): (Vec<Node>, Vec<u32>) = (Vec::new(), Vec::new());
        let mut before: Vec<&str> = Vec::new();
        for (path, number) in &changes {
            let names: Vec<_> = names(path).collect();
            let same = names.iter().zip(&before).take_while(|(one, other)| one == other).count();
            // What has the path of the one before it is another one of that name.
            let same = same.min(names.len().saturating_sub(1));
            for (depth, name) in names.iter().enumerate().skip(same) {
                let change = (depth + 1 == names.len()).then_some(*number);
                nodes.push(Node { name: unescaped(name), change });
                depths.push(depth as u32);
            }
            before = names;
        }
        let mut outline = Outline::new(depths.into_iter());
        outline.open_all();
        Self { nodes, outline }
    }
}

/// Where it lies, or did.
fn path_of(change: &ObjectChange) -> &str {
    change.new.as_ref().or(change.old.as_ref()).map(|state| state.path.as_str()).unwrap_or_default()
}

/// Titles of one folder stand together, whatever characters they begin with.
fn by_path(one: &str, other: &str) -> Ordering {
    names(one).cmp(names(other))
}

/// The titles of a path, as they stand in it: a `/` within a title has a `\` before it.
fn names(path: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(path);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut is_escaped = false;
        let end = text.find(|character| {
            let is_end = character == '/' && !is_escaped;
            is_escaped = character == '\\' && !is_escaped;
            is_end
        });
        rest = end.map(|end| &text[end + 1..]);
        Some(&text[..end.unwrap_or(text.len())])
    })
}

/// A title of a path as it is.
fn unescaped(name: &str) -> String {
    name.replace("\\/", "/").replace("\\\\", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_has_each_folder_once_and_every_change() {
        let paths = ["b/x", "a", "a/z", "a!", "a/deep/er/y", "a/z", r"a\/b"];
        let tree = Tree::of(paths.iter().zip(0..).map(|(path, number)| ((*path).to_owned(), number)).collect());
        let told = tree.outline.visible().iter().map(|&key| {
            let node = &tree.nodes[key as usize];
            let change = node.change.map_or_else(String::new, |number| number.to_string());
            format!("{}{}{change}", " ".repeat(tree.outline.depth(key) as usize), node.name)
        });
        let expected = ["a1", " deep", "  er", "   y4", " z2", " z5", "a!3", "a/b6", "b", " x0"];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_path_is_cut_at_slashes_that_are_not_escaped() {
        assert!(names(r"a\/b/c\\/d").eq([r"a\/b", r"c\\", "d"]));
        assert!(names("").eq([""]));
        assert_eq!(unescaped(r"a\/b\\"), r"a/b\");
    }
}
