//! Who may be connected: so many at once, of one address fewer, and fewer still who have not signed in as somebody who may
//! make backups. Those do not hold their places: when a newcomer finds none, the stranger who has been there longest leaves.
//! Of one user there are few, so that one cannot keep the others out: with one more, the user's oldest leaves.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::limits;
use super::throttle::network_of;

/// The places.
#[derive(Default, Clone)]
pub(super) struct Places(Arc<Mutex<Taken>>);

/// One of them, until it is dropped.
pub(super) struct Place {
    places: Places,
    number: u64,
    asked_to_leave: Arc<Notify>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    /// By number, so the one that was taken longest ago is the first.
    seats: BTreeMap<u64, Seat>,
}

struct Seat {
    address: IpAddr,
    /// Who holds it; `None` of a stranger's.
    user: Option<String>,
    asked_to_leave: Arc<Notify>,
}

impl Places {
    /// A place for somebody from `address`; `None` where all are held by users who have signed in.
    pub(super) fn take(&self, address: IpAddr) -> Option<Place> {
        let address = network_of(address);
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.make_room(address)?;
        let (number, asked_to_leave) = (taken.next, Arc::new(Notify::new()));
        taken.next += 1;
        let seat = Seat { address, user: None, asked_to_leave: Arc::clone(&asked_to_leave) };
        taken.seats.insert(number, seat);
        Some(Place { places: self.clone(), number, asked_to_leave })
    }
}

impl Place {
    /// Whose it is from now on: that user holds it. Without one it is a stranger's.
    pub(super) fn belongs_to(&self, user: Option<&str>) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seat) = taken.seats.get_mut(&self.number) else { return };
        seat.user = user.map(str::to_owned);
        if let Some(user) = user {
            taken.limit(user, self.number);
        }
    }

    /// Waits until the place is another's.
    pub(super) async fn is_lost(&self) {
        self.asked_to_leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.0.lock().unwrap_or_else(PoisonError::into_inner).seats.remove(&self.number);
    }
}

impl Taken {
    fn make_room(&mut self, address: IpAddr) -> Option<()> {
        let of_address = self.seats.values().filter(|seat| seat.address == address);
        let strangers = of_address.clone().filter(|seat| seat.user.is_none()).count();
        if of_address.count() >= limits::CONNECTIONS_OF_ADDRESS || strangers >= limits::STRANGERS_OF_ADDRESS {
            self.dismiss(address)
        } else if self.seats.len() >= limits::CONNECTIONS {
            self.dismiss(self.most_strangers()?)
        } else {
            Some(())
        }
    }

    /// Asks the stranger of `address` to leave who has been there longest.
    fn dismiss(&mut self, address: IpAddr) -> Option<()> {
        let mut strangers = self.seats.iter().filter(|(_, seat)| seat.user.is_none() && seat.address == address);
        let number = *strangers.next()?.0;
        self.empty(number)
    }

    /// Asks the oldest of a user's to leave where there are too many, but not the place `but`.
    fn limit(&mut self, user: &str, but: u64) {
        let held = self.seats.iter().filter(|(_, seat)| seat.user.as_deref() == Some(user));
        let others: Vec<_> = held.map(|(number, _)| *number).filter(|number| *number != but).collect();
        let too_many = (others.len() + 1).saturating_sub(limits::CONNECTIONS_OF_USER);
        for number in &others[..too_many] {
            self.empty(*number);
        }
    }

    fn empty(&mut self, number: u64) -> Option<()> {
        self.seats.remove(&number)?.asked_to_leave.notify_one();
        Some(())
    }

    /// The address that has most strangers here.
    fn most_strangers(&self) -> Option<IpAddr> {
        let mut counts = HashMap::new();
        for seat in self.seats.values().filter(|seat| seat.user.is_none()) {
            *counts.entry(seat.address).or_insert(0_usize) += 1;
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(address, _)| address)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn address(n: usize) -> IpAddr {
        [192, 0, 2, n as u8].into()
    }

    fn is_lost(place: &Place) -> bool {
        place.is_lost().now_or_never().is_some()
    }

    #[test]
    fn strangers_of_two_addresses_cannot_hold_what_a_third_needs() {
        let places = Places::default();
        let held: Vec<_> = (0..1000).map(|n| places.take(address(n % 2)).expect("a place")).collect();
        let there = places.0.lock().unwrap().seats.len();
        assert_eq!(there, 2 * limits::STRANGERS_OF_ADDRESS);
        let third = places.take(address(2)).expect("a place");
        assert!(!is_lost(&third));
        let lost = held.iter().filter(|place| is_lost(place)).count();
        assert_eq!(lost, 1000 - there, "the others have been asked to leave");
        drop(held);
        assert_eq!(places.0.lock().unwrap().seats.len(), 1);
    }

    #[test]
    fn when_all_is_full_the_address_with_most_strangers_loses_its_oldest() {
        let places = Places::default();
        let mut held = vec![places.take(address(200)).unwrap()];
        for n in 0..limits::CONNECTIONS - 1 {
            held.push(places.take(address(n / limits::STRANGERS_OF_ADDRESS)).unwrap());
        }
        let newcomer = places.take(address(201)).expect("a place");
        assert!(!is_lost(&newcomer) && !is_lost(&held[0]), "whoever has one place keeps it");
        assert_eq!(held.iter().filter(|place| is_lost(place)).count(), 1);
    }

    #[test]
    fn who_has_signed_in_keeps_the_place() {
        let places = Places::default();
        let users: Vec<_> = (0..limits::CONNECTIONS_OF_ADDRESS)
            .map(|n| {
                let place = places.take(address(0)).unwrap();
                place.belongs_to(Some(&format!("user-{n}")));
                place
            })
            .collect();
        assert!(places.take(address(0)).is_none(), "an address has no more places than that");
        let strangers: Vec<_> = (0..1000).filter_map(|n| places.take(address(1 + n % 200))).collect();
        assert_eq!(strangers.len(), 1000);
        assert!(!users.iter().any(is_lost));
        assert_eq!(places.0.lock().unwrap().seats.len(), limits::CONNECTIONS);
    }

    #[test]
    fn a_user_with_more_connections_than_eight_loses_the_oldest() {
        let places = Places::default();
        let first = places.take(address(0)).unwrap();
        let of_user = |name: &str, n: usize| {
            let place = places.take(address(n)).unwrap();
            place.belongs_to(Some(name));
            place
        };
        let other = of_user("other", 1);
        let held: Vec<_> = (0..500).map(|n| of_user("one", n % 100)).collect();
        let lost: Vec<_> = held.iter().map(is_lost).collect();
        assert!(lost[..492].iter().all(|lost| *lost) && !lost[492..].contains(&true));
        // Who came before them all signs in last, and again with every request.
        for _ in 0..3 {
            first.belongs_to(Some("one"));
        }
        assert!(is_lost(&held[492]) && !is_lost(&held[493]) && !is_lost(&first) && !is_lost(&other));
        assert_eq!(places.0.lock().unwrap().seats.len(), limits::CONNECTIONS_OF_USER + 1);
    }

    #[test]
    fn whoever_may_not_back_up_any_more_is_a_stranger_again() {
        let places = Places::default();
        let place = places.take(address(0)).unwrap();
        place.belongs_to(Some("admin"));
        place.belongs_to(None);
        let others: Vec<_> = (0..limits::STRANGERS_OF_ADDRESS).map(|_| places.take(address(0)).unwrap()).collect();
        assert!(is_lost(&place) && !others.iter().any(is_lost));
    }
}
