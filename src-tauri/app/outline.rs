//! A tree as the lines of a list: which of them are seen, as folders are opened and closed.

/// A tree in the order in which it is read: everything stands before what is below it. A line is its number in that order.
#[derive(Debug)]
pub(crate) struct Outline {
    lines: Vec<Line>,
    /// The lines that are seen, in their order.
    visible: Vec<u32>,
}

#[derive(Debug)]
struct Line {
    depth: u32,
    /// The line that it is below; its own number at the top.
    above: u32,
    /// The first line that is not below it.
    end: u32,
    is_open: bool,
}

impl Outline {
    /// Of the floors of all lines, 0 for the top; all are closed.
    pub(crate) fn new(depths: impl Iterator<Item = u32>) -> Self {
        let mut lines: Vec<Line> = Vec::new();
        let mut way: Vec<u32> = Vec::new();
        for (number, depth) in (0_u32..).zip(depths) {
            for ended in way.split_off(way.len().min(depth as usize)) {
                lines[ended as usize].end = number;
            }
            lines.push(Line { depth, above: way.last().copied().unwrap_or(number), end: number + 1, is_open: false });
            way.push(number);
        }
        let count = lines.len() as u32;
        way.into_iter().for_each(|open| lines[open as usize].end = count);
        let mut outline = Self { lines, visible: Vec::new() };
        outline.look();
        outline
    }

    /// The lines that are seen.
    pub(crate) fn visible(&self) -> &[u32] {
        &self.visible
    }

    /// On which floor a line is.
    pub(crate) fn depth(&self, line: u32) -> u32 {
        self.line(line).map_or(0, |found| found.depth)
    }

    /// The lines below a line, itself among them.
    pub(crate) fn all_of(&self, line: u32) -> std::ops::Range<u32> {
        line..self.line(line).map_or(line, |found| found.end)
    }

    /// Whether anything is below it.
    pub(crate) fn has_below(&self, line: u32) -> bool {
        self.all_of(line).len() > 1
    }

    /// Whether what is below it is seen where it is seen itself.
    pub(crate) fn is_open(&self, line: u32) -> bool {
        self.line(line).is_some_and(|found| found.is_open)
    }

    /// The line that it is below.
    pub(crate) fn above(&self, line: u32) -> Option<u32> {
        self.line(line).map(|found| found.above).filter(|&above| above != line)
    }

    /// Where among those that are seen a line is.
    pub(crate) fn position(&self, line: u32) -> Option<usize> {
        self.visible.binary_search(&line).ok()
    }

    /// Opens or closes a line.
    pub(crate) fn set_open(&mut self, line: u32, open: bool) {
        if !self.has_below(line) || self.is_open(line) == open {
            return;
        }
        self.lines[line as usize].is_open = open;
        let Some(at) = self.position(line) else { return };
        let end = self.all_of(line).end;
        let until = self.visible.partition_point(|&seen| seen < end);
        let below: Vec<_> = if open { self.seen(line + 1, end).collect() } else { Vec::new() };
        self.visible.splice(at + 1..until, below);
    }

    /// Opens all that is above a line, so that it is seen.
    pub(crate) fn reveal(&mut self, line: u32) {
        let mut at = line;
        while let Some(above) = self.above(at) {
            self.lines[above as usize].is_open = true;
            at = above;
        }
        self.look();
    }

    /// Opens every line.
    pub(crate) fn open_all(&mut self) {
        self.lines.iter_mut().for_each(|line| line.is_open = true);
        self.look();
    }

    fn look(&mut self) {
        self.visible = self.seen(0, self.lines.len() as u32).collect();
    }

    /// The lines from `from` to `end` that are seen where the first one is.
    fn seen(&self, from: u32, end: u32) -> impl Iterator<Item = u32> {
        let after = |line: u32| if self.is_open(line) { line + 1 } else { self.all_of(line).end };
        std::iter::successors(Some(from), move |&line| Some(after(line))).take_while(move |&line| line < end)
    }

    fn line(&self, line: u32) -> Option<&Line> {
        self.lines.get(line as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```text
    /// 0
    /// ├ 1
    /// │ └ 2
    /// └ 3
    /// 4
    /// ```
    fn outline() -> Outline {
        Outline::new([0, 1, 2, 1, 0].into_iter())
    }

    #[test]
    fn only_what_is_opened_is_seen_and_a_closed_folder_remembers_what_was_open_in_it() {
        let mut outline = outline();
        assert_eq!(outline.visible(), [0, 4]);
        outline.set_open(0, true);
        assert_eq!(outline.visible(), [0, 1, 3, 4]);
        outline.set_open(1, true);
        assert_eq!(outline.visible(), [0, 1, 2, 3, 4]);
        outline.set_open(0, false);
        assert_eq!(outline.visible(), [0, 4]);
        outline.set_open(0, true);
        assert_eq!(outline.visible(), [0, 1, 2, 3, 4]);
        outline.set_open(4, true);
        assert!(!outline.is_open(4), "there is nothing in it");
    }

    #[test]
    fn a_line_far_below_is_revealed_and_knows_what_is_above_it() {
        let mut outline = outline();
        outline.reveal(2);
        assert_eq!(outline.visible(), [0, 1, 2, 3, 4]);
        assert_eq!(outline.position(2), Some(2));
        assert_eq!((outline.above(2), outline.above(1), outline.above(0)), (Some(1), Some(0), None));
        assert_eq!(outline.all_of(0), 0..4);
        outline.set_open(1, false);
        assert_eq!(outline.position(2), None);
    }

    #[test]
    fn floors_that_are_jumped_over_and_numbers_that_do_not_exist_harm_nobody() {
        let mut outline = Outline::new([3, 7, 0].into_iter());
        outline.reveal(1);
        assert_eq!(outline.visible(), [0, 1, 2]);
        outline.set_open(99, true);
        outline.reveal(99);
        assert_eq!(outline.visible(), [0, 1, 2]);
        assert!(Outline::new(std::iter::empty()).visible().is_empty());
    }
}
