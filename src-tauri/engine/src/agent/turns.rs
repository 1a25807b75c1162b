//! Turns at something that few may do at once. Of those who wait the address that has asked least is served first, and equals
//! in turn, so that nobody who asks often keeps others waiting.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::throttle::network_of;

/// Gives turns.
#[derive(Clone)]
pub(super) struct Turns(Arc<Mutex<Queue>>);

/// A turn, until it is dropped.
pub(super) struct Turn(Turns);

struct Queue {
    free: usize,
    /// Who waits, by address. One that was served goes to the end.
    waiting: VecDeque<Line>,
}

/// Those of an address who wait.
struct Line {
    address: IpAddr,
    /// How often it has asked since nobody of it waited.
    asked: usize,
    senders: VecDeque<oneshot::Sender<Turn>>,
}

impl Turns {
    /// Gives `at_once` of them at once.
    pub(super) fn new(at_once: usize) -> Self {
        Self(Arc::new(Mutex::new(Queue { free: at_once, waiting: VecDeque::new() })))
    }

    /// Waits for a turn. Who stops waiting is passed over.
    pub(super) async fn take(&self, address: IpAddr) -> Option<Turn> {
        let turn = {
            let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.free > 0 {
                queue.free -= 1;
                return Some(Turn(self.clone()));
            }
            queue.wait(network_of(address))
        };
        turn.await.ok()
    }
}

impl Queue {
    fn wait(&mut self, address: IpAddr) -> oneshot::Receiver<Turn> {
        let (sender, turn) = oneshot::channel();
        match self.waiting.iter_mut().find(|line| line.address == address) {
            Some(line) => {
                line.asked += 1;
                line.senders.push_back(sender);
            }
            None => self.waiting.push_back(Line { address, asked: 1, senders: VecDeque::from([sender]) }),
        }
        turn
    }

    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        for line in &mut self.waiting {
            line.senders.retain(|sender| !sender.is_closed());
        }
        self.waiting.retain(|line| !line.senders.is_empty());
        // The first of equals.
        let (at, _) = self.waiting.iter().enumerate().min_by_key(|(_, line)| line.asked)?;
        let mut line = self.waiting.remove(at)?;
        let next = line.senders.pop_front();
        if !line.senders.is_empty() {
            self.waiting.push_back(line);
        }
        next
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = {
            let mut queue = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
            let next = queue.next();
            queue.free += usize::from(next.is_none());
            next
        };
        // Where nobody is there any more it comes back, is dropped, and so passed on.
        if let Some(next) = next {
            let _ = next.send(Turn(self.0.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u8) -> IpAddr {
        [192, 0, 2, n].into()
    }

    #[tokio::test]
    async fn who_asks_once_does_not_wait_for_those_who_ask_again_and_again() {
        let turns = Turns::new(1);
        let mut held = turns.take(address(0)).await;
        let mut waiting = VecDeque::new();
        for n in 0..400 {
            let n = (n % 4) as u8;
            waiting.push_back((n, turns.0.lock().unwrap().wait(address(n))));
        }
        waiting.push_back((9, turns.0.lock().unwrap().wait(address(9))));
        let mut order = Vec::new();
        while !waiting.is_empty() {
            drop(held.take());
            let at = waiting.iter_mut().position(|(_, turn)| turn.try_recv().map(|turn| held = Some(turn)).is_ok());
            order.push(waiting.remove(at.expect("a turn that is given back is somebody's")).unwrap().0);
        }
        assert_eq!(order[..10], [9, 0, 1, 2, 3, 0, 1, 2, 3, 0]);
        drop(held);
        assert_eq!((turns.0.lock().unwrap().free, order.len()), (1, 401));
    }

    #[tokio::test]
    async fn who_has_stopped_waiting_is_passed_over() {
        let turns = Turns::new(1);
        let held = turns.take(address(0)).await;
        let gone = turns.0.lock().unwrap().wait(address(1));
        let mut there = turns.0.lock().unwrap().wait(address(1));
        drop(gone);
        drop(held);
        let turn = there.try_recv().expect("the turn");
        drop(there);
        drop(turn);
        assert!(turns.take(address(2)).await.is_some());
    }
}
