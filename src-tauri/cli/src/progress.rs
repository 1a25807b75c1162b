//! Progress on standard error: a bar for people at a terminal, plain lines for logs, JSON lines for programs.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cfms_backup::job::Line;
use cfms_backup::{Event, Job, Phase};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle as BarStyle};

use crate::args::ProgressStyle;
use crate::output::Output;
use crate::show;
use crate::signals::Signals;

/// Time between two plain lines of one phase.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);
/// How often a bar is drawn anew while nothing happens, so that its clock goes on.
const TICK: Duration = Duration::from_millis(250);
/// How long a phase must run before its rate says anything.
const SETTLING: Duration = Duration::from_secs(1);

/// The progress of one job, shown until it is dropped.
pub(crate) struct Progress(Arc<Mutex<Shown>>);

enum Shown {
    Nothing,
    Bar(Bar),
    Plain(Plain),
    Json,
}

struct Bar {
    bar: ProgressBar,
    colors: bool,
    /// The archive's path, where there are several.
    archive: String,
}

struct Plain {
    phase: Option<Phase>,
    total: Option<u64>,
    bytes: u64,
    begun: Instant,
    told: Instant,
}

impl Progress {
    /// The same as [`start`](Self::start) for one of several archives, which the progress names.
    pub(crate) fn start_for(archive: &Path, output: &Output, signals: &Signals) -> (Self, Job) {
        let (progress, job) = Self::start(output, signals);
        progress.0.lock().unwrap_or_else(PoisonError::into_inner).name(archive);
        (progress, job)
    }

    /// A job whose progress is shown as `output` wants it, stopped by `signals`.
    pub(crate) fn start(output: &Output, signals: &Signals) -> (Self, Job) {
        let shown = Arc::new(Mutex::new(Shown::new(output)));
        let (listener, pause) = (Arc::clone(&shown), signals.pause());
        let job = Job::new(move |event| {
            pause.heed(&event);
            listener.lock().unwrap_or_else(PoisonError::into_inner).hear(&event);
        });
        (Self(shown), job.with_canceller(signals.canceller()))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).end();
    }
}

impl Shown {
    fn new(output: &Output) -> Self {
        let telling = output.telling();
        let terminal = io::stderr().is_terminal();
        match telling.progress {
            ProgressStyle::Auto if telling.quiet => Self::Nothing,
            ProgressStyle::Auto if terminal => Self::Bar(Bar::new(output)),
            ProgressStyle::Auto if telling.json => Self::Nothing,
            ProgressStyle::Auto | ProgressStyle::Plain => Self::Plain(Plain::new()),
            ProgressStyle::Json => Self::Json,
            ProgressStyle::None => Self::Nothing,
        }
    }

    fn hear(&mut self, event: &Event) {
        match self {
            Self::Nothing => {}
            Self::Bar(bar) => bar.hear(event),
            Self::Plain(plain) => plain.hear(event),
            Self::Json => {
                if let Ok(text) = serde_json::to_string(event) {
                    tell(&show::json(&text));
                }
            }
        }
    }

    fn name(&mut self, archive: &Path) {
        match self {
            Self::Nothing => {}
            Self::Bar(bar) => bar.archive = show::path(archive),
            Self::Plain(_) => tell(&show::path(archive)),
            Self::Json => {
                let line = serde_json::json!({ "event": "archive", "archive_path": archive.to_string_lossy() });
                tell(&show::json(&line.to_string()));
            }
        }
    }

    fn end(&mut self) {
        match self {
            Self::Bar(bar) => bar.bar.finish_and_clear(),
            Self::Plain(plain) => plain.end_phase(),
            Self::Nothing | Self::Json => {}
        }
    }
}

impl Bar {
    fn new(output: &Output) -> Self {
        // Drawn from the first phase on: before, there is nothing to show.
        let bar = ProgressBar::hidden();
        Self { bar, colors: output.paint_warnings().is_on(), archive: String::new() }
    }

    fn hear(&mut self, event: &Event) {
        match event {
            Event::Phase { phase, total } => {
                self.begin(*phase, total.filter(|&total| total > 0), ProgressDrawTarget::stderr());
                self.bar.enable_steady_tick(TICK);
            }
            Event::Done { bytes, item, .. } => {
                if let Some(item) = item {
                    self.bar.set_message(show::line(item).into_owned());
                }
                self.bar.set_position(*bytes);
            }
            Event::Connection { state, server, problem } => {
                self.bar.set_message(line_words(*state, server, problem.as_deref()));
            }
            Event::Plan { .. } | Event::Warning { .. } => {}
        }
    }

    /// A bar of its own for every phase: rate and time left are of this phase alone.
    fn begin(&mut self, phase: Phase, total: Option<u64>, target: ProgressDrawTarget) {
        self.bar.finish_and_clear();
        self.bar = ProgressBar::with_draw_target(total, target)
            .with_style(style(total.is_some(), self.colors))
            .with_prefix(words(phase))
            .with_message(self.archive.clone());
    }
}

/// A measured bar, or a spinner where there is no measure; below, what is worked on.
fn style(measured: bool, colors: bool) -> BarStyle {
    let template = match (measured, colors) {
        (true, true) => "{prefix:20} {percent:>3} % {wide_bar:.cyan/dim} {sizes}{rate}{left}\n  {wide_msg:.dim}",
        (true, false) => "{prefix:20} {percent:>3} % {wide_bar} {sizes}{rate}{left}\n  {wide_msg}",
        (false, true) => "{prefix:20} {spinner:.cyan}\n  {wide_msg:.dim}",
        (false, false) => "{prefix:20} {spinner}\n  {wide_msg}",
    };
    // The templates are good, as a test shows.
    let style = BarStyle::with_template(template).unwrap_or_else(|_| BarStyle::default_bar());
    let sizes = |state: &ProgressState, out: &mut dyn fmt::Write| {
        let (done, total) = (show::short_size(state.pos()), show::short_size(state.len().unwrap_or_default()));
        let _ = match (done.split_once(' '), total.split_once(' ')) {
            (Some((number, unit)), Some((_, same))) if unit == same => write!(out, "{number} of {total}"),
            _ => write!(out, "{done} of {total}"),
        };
    };
    // Rate and time left mean nothing at first.
    let is_early = |state: &ProgressState| state.elapsed() < SETTLING;
    let rate = move |state: &ProgressState, out: &mut dyn fmt::Write| {
        if !is_early(state) && state.per_sec() >= 1.0 {
            let _ = write!(out, ", {}/s", show::short_size(state.per_sec() as u64));
        }
    };
    let left = move |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _ = match state.eta().as_secs() {
            0 => Ok(()),
            _ if is_early(state) => Ok(()),
            seconds @ 1..60 => write!(out, ", {seconds} s left"),
            seconds @ 60..3600 => write!(out, ", {} min left", seconds / 60),
            seconds => write!(out, ", {} h {} min left", seconds / 3600, seconds % 3600 / 60),
        };
    };
    style.progress_chars("━╸─").with_key("sizes", sizes).with_key("rate", rate).with_key("left", left)
}

impl Plain {
    fn new() -> Self {
        let now = Instant::now();
        Self { phase: None, total: None, bytes: 0, begun: now, told: now }
    }

    fn hear(&mut self, event: &Event) {
        match event {
            Event::Phase { phase, total } => {
                self.end_phase();
                let now = Instant::now();
                *self = Self { phase: Some(*phase), total: *total, bytes: 0, begun: now, told: now };
                match total {
                    Some(total) if *total > 0 => tell(&format!("{}: {}", words(*phase), show::short_size(*total))),
                    _ => tell(words(*phase)),
                }
            }
            Event::Done { bytes, .. } => {
                self.bytes = *bytes;
                if self.told.elapsed() >= PLAIN_INTERVAL {
                    self.told = Instant::now();
                    self.tell_progress();
                }
            }
            Event::Connection { state, server, problem } => tell(&line_words(*state, server, problem.as_deref())),
            Event::Plan { .. } | Event::Warning { .. } => {}
        }
    }

    fn tell_progress(&self) {
        let Some(phase) = self.phase else { return };
        let rate = show::short_size((self.bytes as f64 / self.seconds().max(0.001)) as u64);
        let done = show::short_size(self.bytes);
        match self.total {
            Some(total) if total > 0 => {
                // A file may grow while it is read; nobody wants to see 101 %.
                let percent = (self.bytes.min(total) as f64 * 100.0 / total as f64) as u64;
                tell(&format!("{}: {percent} %, {done} of {}, {rate}/s", words(phase), show::short_size(total)));
            }
            _ => tell(&format!("{}: {done}, {rate}/s", words(phase))),
        }
    }

    fn end_phase(&mut self) {
        if let Some(phase) = self.phase.take().filter(|_| self.bytes > 0) {
            let (done, took) = (show::short_size(self.bytes), show::duration(self.seconds()));
            tell(&format!("{}: {done} in {took}", words(phase)));
        }
    }

    fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }
}

fn words(phase: Phase) -> &'static str {
    match phase {
        Phase::Connect => "Connecting",
        Phase::ServerWork => "The server at work",
        Phase::Download => "Fetching the backup",
        Phase::Snapshot => "Copying the database",
        Phase::Survey => "Looking at contents",
        Phase::Encrypt => "Writing the archive",
        Phase::Verify => "Checking the archive",
        Phase::Publish => "Finishing",
        Phase::Extract => "Taking out contents",
        Phase::ReadBack => "Reading back what was written",
        Phase::Compare => "Comparing",
    }
}

fn line_words(state: Line, server: &str, problem: Option<&str>) -> String {
    let (server, problem) = (show::line(server), show::line(problem.unwrap_or_default()));
    match state {
        Line::Lost if problem.is_empty() => format!("Connection to {server} lost, trying again"),
        Line::Lost => format!("Connection to {server} lost ({problem}), trying again"),
        Line::Found => format!("Connection to {server} found again"),
    }
}

fn tell(line: &str) {
    // Progress that nobody can read is no reason to stop a backup.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_how_far_it_is_and_titles_escaped() {
        for measured in [true, false] {
            let terminal = indicatif::InMemoryTerm::new(4, 80);
            let mut bar = Bar { bar: ProgressBar::hidden(), colors: false, archive: "a.cfms.enc".to_owned() };
            let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
            bar.begin(Phase::Encrypt, measured.then_some(4 << 20), target);
            bar.bar.tick();
            assert!(terminal.contents().ends_with("\n  a.cfms.enc"), "{}", terminal.contents());

            let item = Some("Finance / \u{202e}gpj\n".to_owned());
            bar.hear(&Event::Done { bytes: 1 << 20, item, items: 1, items_total: None });
            bar.bar.tick();
            let shown = terminal.contents();
            assert!(shown.starts_with("Writing the archive "), "{shown}");
            assert!(shown.ends_with(r"Finance / \u{202e}gpj\n"), "{shown}");
            assert_eq!(shown.contains(" 25 % ━") && shown.contains("─ 1.0 of 4.0 MiB"), measured, "{shown}");
        }
    }
}
