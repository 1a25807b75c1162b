//! How much of the audit log somebody may take up in a minute. What is not noted is counted, and told in one line when the
//! minute is over. What happens to backups is always noted: of this so much is done in a minute, and no more.

use std::collections::HashMap;
use std::net::IpAddr;

use super::audit::{Entry, of_the_log};
use super::throttle::network_of;
use crate::protocol::code;

/// Refusals of an address with a user.
const REFUSALS_OF_USER: u32 = 20;
/// Refusals of an address.
const REFUSALS_OF_ADDRESS: u32 = 60;
/// Refusals of all.
const REFUSALS: u32 = 600;
/// What else a user may do, and does: nobody else can use this up.
const DEEDS_OF_USER: u32 = 60;
/// Backups that a user has made, fetched and removed.
const BACKUP_DEEDS_OF_USER: u32 = 60;

/// What is counted in a minute.
#[derive(Default)]
pub(super) struct Quotas {
    minute: u64,
    counts: HashMap<Whose, Count>,
    /// By user.
    backup_deeds: HashMap<String, u32>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Whose {
    Refusals,
    RefusalsOfAddress(String),
    RefusalsOfUser(String, String),
    DeedsOfUser(String, String),
}

#[derive(Default, Clone, Copy)]
struct Count {
    noted: u32,
    more: u64,
}

impl Quotas {
    /// Whether an entry is noted. If not it is counted.
    pub(super) fn take(&mut self, entry: &Entry) -> bool {
        let quotas = quotas_of(entry);
        // The narrowest first: who has used up an own quota takes nothing from others.
        for (whose, most) in &quotas {
            let used_up = self.counts.get(whose).is_some_and(|count| count.noted >= *most);
            if used_up {
                self.counts.entry(whose.clone()).or_default().more += 1;
                return false;
            }
        }
        for (whose, _) in quotas {
            self.counts.entry(whose).or_default().noted += 1;
        }
        true
    }

    /// Whether a user may do one thing more to backups, which takes a place for its entries.
    pub(super) fn take_backup_deed(&mut self, username: &str) -> bool {
        let done = self.backup_deeds.entry(username.to_owned()).or_default();
        let is_one_more = *done < BACKUP_DEEDS_OF_USER;
        *done += u32::from(is_one_more);
        is_one_more
    }

    /// What is to be told of a minute that is over at `time`, in Unix seconds. Another begins.
    pub(super) fn sums_before(&mut self, time: f64) -> Vec<Entry> {
        let minute = (time / 60.0) as u64;
        if minute == self.minute {
            return Vec::new();
        }
        let end = (self.minute + 1) as f64 * 60.0;
        self.backup_deeds.clear();
        let counts = std::mem::take(&mut self.counts).into_iter();
        let mut sums: Vec<_> =
            counts.filter(|(_, count)| count.more > 0).map(|(whose, count)| sum(whose, count.more, end)).collect();
        sums.sort_by(|a, b| (&a.address, &a.username).cmp(&(&b.address, &b.username)));
        self.minute = minute;
        sums
    }
}

fn quotas_of(entry: &Entry) -> Vec<(Whose, u32)> {
    let address =
        entry.address.parse::<IpAddr>().map_or_else(|_| entry.address.clone(), |ip| network_of(ip).to_string());
    let user = entry.username.clone();
    if entry.code == code::OK || entry.code == 0 {
        return vec![(Whose::DeedsOfUser(address, user), DEEDS_OF_USER)];
    }
    vec![
        (Whose::RefusalsOfUser(address.clone(), user), REFUSALS_OF_USER),
        (Whose::RefusalsOfAddress(address), REFUSALS_OF_ADDRESS),
        (Whose::Refusals, REFUSALS),
    ]
}

fn sum(whose: Whose, more: u64, time: f64) -> Entry {
    let (address, username, what) = match whose {
        Whose::Refusals => (String::new(), String::new(), "refusals"),
        Whose::RefusalsOfAddress(address) => (address, String::new(), "refusals"),
        Whose::RefusalsOfUser(address, user) => (address, user, "refusals"),
        Whose::DeedsOfUser(address, user) => (address, user, "requests"),
    };
    let result = format!("{more} more {what} in the minute before, which are not noted");
    Entry { address, username, ..of_the_log(time, result) }
}
