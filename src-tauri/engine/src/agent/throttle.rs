//! A limit on attempts to sign in: of an address with a user, and of an address with anybody.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

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
}

/// An attempt that was let through. It counts as failed until it is known to be none.
pub(super) struct Attempt {
    keys: [Key; 2],
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Address(IpAddr),
    /// The user by digest, as names may be as long as a message.
    User(IpAddr, [u8; 32]),
}

struct Count {
    failures: u32,
    last: Instant,
}

impl Throttle {
    /// Lets an attempt through, or not. Attempts that are not let through do not count.
    pub(super) fn begin(&self, address: IpAddr, username: &str, now: Instant) -> Option<Attempt> {
        let address = network_of(address);
        let keys = [Key::Address(address), Key::User(address, Sha256::digest(username).into())];
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut counts, now);
        let failures = |key: &Key| match counts.get(key) {
            Some(count) if now.duration_since(count.last) < MEMORY => count.failures,
            _ => 0,
        };
        if failures(&keys[0]) >= OF_ADDRESS || failures(&keys[1]) >= WITH_USER {
            return None;
        }
        for key in keys {
            let failures = failures_of(&counts, &key, now) + 1;
            counts.insert(key, Count { failures, last: now });
        }
        Some(Attempt { keys })
    }

    /// Takes an attempt back that succeeded. The user's earlier failures are forgotten; the address keeps those that it had
    /// with others.
    pub(super) fn succeeded(&self, attempt: Attempt) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let [address, user] = attempt.keys;
        counts.remove(&user);
        take_one(&mut counts, &address);
    }

    /// Takes an attempt back that was neither right nor wrong.
    pub(super) fn undecided(&self, attempt: Attempt) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        attempt.keys.iter().for_each(|key| take_one(&mut counts, key));
    }
}

fn failures_of(counts: &HashMap<Key, Count>, key: &Key, now: Instant) -> u32 {
    counts.get(key).filter(|count| now.duration_since(count.last) < MEMORY).map_or(0, |count| count.failures)
}

fn take_one(counts: &mut HashMap<Key, Count>, key: &Key) {
    if let Some(count) = counts.get_mut(key) {
        count.failures = count.failures.saturating_sub(1);
    }
}

fn make_room(counts: &mut HashMap<Key, Count>, now: Instant) {
    if counts.len() < MAX_KEYS {
        return;
    }
    counts.retain(|_, count| count.failures > 0 && now.duration_since(count.last) < MEMORY);
    if counts.len() >= MAX_KEYS {
        let mut times: Vec<_> = counts.values().map(|count| count.last).collect();
        let (_, middle, _) = times.select_nth_unstable(MAX_KEYS / 2);
        let middle = *middle;
        counts.retain(|_, count| count.last > middle);
    }
}

/// An address, or the /64 that one IPv6 client has all of.
fn network_of(address: IpAddr) -> IpAddr {
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
        throttle.begin(address, user, now).is_some()
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

    #[test]
    fn success_clears_the_user_and_takes_nothing_from_the_address() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..100 {
            let attempt = throttle.begin(HERE, "admin", now).expect("a client that signs in again and again may");
            throttle.succeeded(attempt);
        }
        for _ in 0..19 {
            for n in 0..2 {
                let _ = fail(&throttle, HERE, &format!("user{n}"), now);
            }
        }
        assert!(throttle.begin(HERE, "admin", now).is_some());
        let _ = (0..20).filter(|n| fail(&throttle, HERE, &format!("more{n}"), now)).count();
        assert!(throttle.begin(HERE, "admin", now).is_none());
    }

    #[test]
    fn attempts_that_are_still_computed_count() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        let running: Vec<_> = (0..100).filter_map(|_| throttle.begin(HERE, "admin", now)).collect();
        assert_eq!(running.len(), 5);
        running.into_iter().for_each(|attempt| throttle.undecided(attempt));
        assert!(throttle.begin(HERE, "admin", now).is_some(), "undecided ones do not");
    }

    #[test]
    fn memory_is_bounded() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for n in 0..40_000_u32 {
            let _ =
                throttle.begin(IpAddr::V4((0x0a00_0000 + n).into()), "admin", now + Duration::from_millis(n.into()));
        }
        assert!(throttle.counts.lock().unwrap().len() <= MAX_KEYS);
    }
}
