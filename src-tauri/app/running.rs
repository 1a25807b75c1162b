//! The one backup that may run at a time in this window.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use cfms_backup::Canceller;

/// Knows whether a backup runs, stops it, and waits until it has cleaned up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Running(Arc<Place>);

#[derive(Debug, Default)]
struct Place {
    taken: Mutex<Option<Canceller>>,
    left: Condvar,
}

/// The place is taken while this lives: it belongs into the thread that does the work.
#[derive(Debug)]
pub(crate) struct Turn {
    running: Running,
    canceller: Canceller,
}

impl Running {
    /// Takes the place, if no backup has it.
    pub(crate) fn begin(&self) -> Option<Turn> {
        let mut taken = self.taken();
        if taken.is_some() {
            return None;
        }
        let canceller = Canceller::new();
        *taken = Some(canceller.clone());
        Some(Turn { running: self.clone(), canceller })
    }

    /// Whether a backup runs.
    pub(crate) fn is_running(&self) -> bool {
        self.taken().is_some()
    }

    /// Asks the backup that runs to stop.
    pub(crate) fn cancel(&self) {
        if let Some(canceller) = &*self.taken() {
            canceller.cancel();
        }
    }

    /// Asks the backup that runs to stop, and returns when it has cleaned up.
    pub(crate) fn stop_and_wait(&self) {
        self.cancel();
        let mut taken = self.taken();
        while taken.is_some() {
            taken = self.0.left.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn taken(&self) -> MutexGuard<'_, Option<Canceller>> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// What stops this backup.
    pub(crate) fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.running.taken() = None;
        self.running.0.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn a_second_backup_does_not_begin_while_one_runs() {
        let running = Running::default();
        let turn = running.begin().unwrap();
        assert!(running.is_running());
        assert!(running.begin().is_none());
        drop(turn);
        assert!(running.begin().is_some());
    }

    #[test]
    fn stopping_waits_until_the_work_has_cleaned_up() {
        let running = Running::default();
        let turn = running.begin().unwrap();
        let (cleaned, seen) = mpsc::channel();
        let work = thread::spawn(move || {
            while !turn.canceller().is_cancelled() {
                thread::yield_now();
            }
            cleaned.send("cleaned up").unwrap();
            drop(turn);
        });
        running.stop_and_wait();
        assert_eq!(seen.try_recv(), Ok("cleaned up"));
        work.join().unwrap();
    }
}
