//! Which archives may be on their way at once: so many, and of one user fewer, so that one cannot keep the others out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::limits;

/// The downloads that run, by user.
#[derive(Default, Clone)]
pub(super) struct DownloadTurns(Arc<Mutex<HashMap<String, usize>>>);

/// One of them, until it is dropped.
pub(super) struct DownloadTurn {
    turns: DownloadTurns,
    username: String,
}

impl DownloadTurns {
    /// One more for that user; `None` where there are too many.
    pub(super) fn take(&self, username: &str) -> Option<DownloadTurn> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_user = running.get(username).copied().unwrap_or_default();
        if of_user >= limits::DOWNLOADS_OF_USER || running.values().sum::<usize>() >= limits::DOWNLOADS {
            return None;
        }
        running.insert(username.to_owned(), of_user + 1);
        Some(DownloadTurn { turns: self.clone(), username: username.to_owned() })
    }
}

impl Drop for DownloadTurn {
    fn drop(&mut self) {
        let mut running = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_user) = running.get_mut(&self.username) {
            *of_user -= 1;
        }
        running.retain(|_, of_user| *of_user > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_cannot_take_all_turns() {
        let turns = DownloadTurns::default();
        let mut held: Vec<_> = (0..8).filter_map(|_| turns.take("one")).collect();
        assert_eq!(held.len(), 4);
        held.extend((0..8).filter_map(|_| turns.take("another")));
        assert!(held.len() == 8 && turns.take("third").is_none());
        held.pop();
        assert!(turns.take("one").is_none() && turns.take("third").is_some());
        drop(held);
        assert!(turns.0.lock().unwrap().is_empty());
    }
}
