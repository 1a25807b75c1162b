//! A limit on attempts to sign in: of an address with a user, and of an address with anybody.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::limits;

/// Failures of an address with a user.
const WITH_USER: u32 = 5;
/// Failures of an address.
const OF_ADDRESS: u32 = 20;
/// How long a failure counts.
const MEMORY: Duration = Duration::from_secs(15 * 60);
/// Addresses and users that are remembered. Of more, those that have been quiet longest are forgotten.
const MAX_KEYS: usize = 20_000;

/// Counts attempts.
#[derive(Default)]
pub(super) struct Throttle {
    counts: Mutex<HashMap<Key, Count>>,
    /// Tells those who wait that an attempt has ended.
    ended: Notify,
}

/// An attempt that was let through. It has failed unless it is said to have ended otherwise.
pub(super) struct Attempt<'a> {
    throttle: &'a Throttle,
    keys: [Key; 2],
    begun: Instant,
    end: End,
}

/// How an attempt ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Right,
    Wrong,
    Undecided,
}

/// Why an attempt may not begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotNow {
    TooManyFailures,
    /// Others were under way for too long.
    Overloaded,
}

/// Whether an attempt may begin.
enum Gate<'a> {
    Open(Attempt<'a>),
    /// So many are under way that it would be one too many if they failed.
    Waiting,
    Closed,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Address(IpAddr),
    /// The user by digest, as names may be as long as a message.
    User(IpAddr, [u8; 32]),
}

struct Count {
    failures: u32,
    under_way: u32,
    last: Instant,
}

impl Throttle {
    /// Lets an attempt through, or not; those that are not do not count. While others are under way that may fail, it waits
    /// for them.
    pub(super) async fn begin(&self, address: IpAddr, username: &str) -> Result<Attempt<'_>, NotNow> {
        let attempt = async {
            loop {
                let mut ended = pin!(self.ended.notified());
                // From here on no end is missed.
                ended.as_mut().enable();
                match self.gate(address, username, Instant::now()) {
                    Gate::Open(attempt) => return Ok(attempt),
                    Gate::Closed => return Err(NotNow::TooManyFailures),
                    Gate::Waiting => ended.await,
                }
            }
        };
        timeout(limits::HASH_WAIT, attempt).await.unwrap_or(Err(NotNow::Overloaded))
    }

    fn gate(&self, address: IpAddr, username: &str, now: Instant) -> Gate<'_> {
        let address = network_of(address);
        let keys = [Key::Address(address), Key::User(address, Sha256::digest(username).into())];
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut counts, now);
        let limits = [OF_ADDRESS, WITH_USER];
        let mut of = keys.iter().map(|key| Count::now(&counts, key, now)).zip(limits);
        if of.clone().any(|((failures, _), limit)| failures >= limit) {
            return Gate::Closed;
        }
        if of.any(|((failures, under_way), limit)| failures + under_way >= limit) {
            return Gate::Waiting;
        }
        for key in keys {
            let (failures, under_way) = Count::now(&counts, &key, now);
            let last = counts.get(&key).map_or(now, |count| count.last);
            counts.insert(key, Count { failures, under_way: under_way + 1, last });
        }
        Gate::Open(Attempt { throttle: self, keys, begun: now, end: End::Wrong })
    }
}

impl Attempt<'_> {
    /// Says how it ended. Success makes the user's earlier failures forgotten; the address keeps those that it had with
    /// others.
    pub(super) fn ends(mut self, end: End) {
        self.end = end;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut counts = self.throttle.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for key in self.keys {
            let Some(count) = counts.get_mut(&key) else { continue };
            count.under_way = count.under_way.saturating_sub(1);
            match (self.end, key) {
                (End::Wrong, _) => (count.failures, count.last) = (count.failures + 1, self.begun.max(count.last)),
                (End::Right, Key::User(..)) => count.failures = 0,
                _ => {}
            }
            if count.failures == 0 && count.under_way == 0 {
                counts.remove(&key);
            }
        }
        drop(counts);
        self.throttle.ended.notify_waiters();
    }
}

impl Count {
    /// Failures that count still, and attempts under way.
    fn now(counts: &HashMap<Key, Count>, key: &Key, now: Instant) -> (u32, u32) {
        counts.get(key).map_or((0, 0), |count| {
            let is_over = now.saturating_duration_since(count.last) >= MEMORY;
            (if is_over { 0 } else { count.failures }, count.under_way)
        })
    }
}

fn make_room(counts: &mut HashMap<Key, Count>, now: Instant) {
    if counts.len() < MAX_KEYS {
        return;
    }
    counts.retain(|_, count| count.under_way > 0 || now.saturating_duration_since(count.last) < MEMORY);
    if counts.len() >= MAX_KEYS {
        let mut times: Vec<_> = counts.values().map(|count| count.last).collect();
        let (_, middle, _) = times.select_nth_unstable(MAX_KEYS / 2);
        let middle = *middle;
        counts.retain(|_, count| count.under_way > 0 || count.last > middle);
    }
}

/// An address, or the /64 that one IPv6 client has all of.
pub(super) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn fail(throttle: &Throttle, address: IpAddr, user: &str, now: Instant) -> bool {
        matches!(throttle.gate(address, user, now), Gate::Open(_))
    }

    #[test]
    fn five_failures_with_a_user_are_enough_and_slow_nobody_else() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        assert_eq!((0..7).filter(|_| fail(&throttle, HERE, "admin", now)).count(), 5);
        assert!(fail(&throttle, HERE, "another", now) && fail(&throttle, THERE, "admin", now));
        assert!(!fail(&throttle, HERE, "admin", now + MEMORY - Duration::from_secs(1)));
        assert!(fail(&throttle, HERE, "admin", now + MEMORY), "a quarter of an hour later it is forgotten");
    }

    #[test]
    fn twenty_failures_of_an_address_are_enough() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        assert_eq!((0..40).filter(|n| fail(&throttle, HERE, &format!("user{n}"), now)).count(), 20);
        assert!(fail(&throttle, THERE, "user1", now));
        let six = |n: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, n, 0, 0, 1));
        assert_eq!((0..40).filter(|&n| fail(&throttle, six(n), &format!("user{n}"), now)).count(), 20);
    }

    #[tokio::test]
    async fn success_clears_the_user_and_takes_nothing_from_the_address() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..100 {
            let attempt = throttle.begin(HERE, "admin").await;
            attempt.expect("a client that signs in again and again may").ends(End::Right);
        }
        for _ in 0..19 {
            for n in 0..2 {
                let _ = fail(&throttle, HERE, &format!("user{n}"), now);
            }
        }
        throttle.begin(HERE, "admin").await.expect("it is one of ten failures so far").ends(End::Right);
        let _ = (0..20).filter(|n| fail(&throttle, HERE, &format!("more{n}"), now)).count();
        assert!(throttle.begin(HERE, "admin").await.is_err_and(|reason| reason == NotNow::TooManyFailures));
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_under_way_are_waited_for_and_count_only_when_they_have_failed() {
        for (end, let_in) in [(End::Right, 95), (End::Undecided, 95), (End::Wrong, 0)] {
            let throttle = Throttle::default();
            let mut running = Vec::new();
            for _ in 0..5 {
                running.push(throttle.begin(HERE, "admin").await.unwrap());
            }
            let others = futures_util::future::join_all((0..95).map(|_| async {
                let attempt = throttle.begin(HERE, "admin").await;
                tokio::task::yield_now().await;
                attempt.map(|attempt| attempt.ends(end)).is_ok()
            }));
            let ending = async {
                tokio::task::yield_now().await;
                running.into_iter().for_each(|attempt| attempt.ends(end));
            };
            let (others, ()) = tokio::join!(others, ending);
            assert_eq!(others.into_iter().filter(|is_let_in| *is_let_in).count(), let_in);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for n in 0..40_000_u32 {
            let later = now + Duration::from_millis(n.into());
            assert!(fail(&throttle, IpAddr::V4((0x0a00_0000 + n).into()), "admin", later));
        }
        assert!(throttle.counts.lock().unwrap().len() <= MAX_KEYS);
    }
}
