//! What a user may do, by the rows of the database and the time: pure functions.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::server_data::{Account, Permission, Span};

/// What it takes to make backups: servers that also import ask the second, all others the first.
const MAY_BACK_UP: [&str; 2] = ["manage_system", "export_backup"];
/// What it takes to do anything while the server is locked down.
const MAY_BYPASS_LOCKDOWN: &str = "bypass_lockdown";

/// The permissions of a user at the moment `now`, in Unix seconds: own ones and those of groups, less what is taken away
/// from either.
pub(super) fn permissions(account: &Account, now: f64) -> BTreeSet<String> {
    let of_groups =
        account.memberships.iter().filter(|group| holds(group.span, now)).flat_map(|group| &group.permissions);
    let all: Vec<&Permission> = account.permissions.iter().chain(of_groups).collect();
    // What will be taken away only later is gone already: so servers have it.
    let is_over = |span: Span| span.end.is_some_and(|end| end < now);
    let taken: BTreeSet<_> =
        all.iter().filter(|entry| !entry.is_granted && !is_over(entry.span)).map(|entry| &entry.name).collect();
    all.iter()
        .filter(|entry| entry.is_granted && holds(entry.span, now) && !taken.contains(&entry.name))
        .map(|entry| entry.name.clone())
        .collect()
}

/// The groups that a user is in at the moment `now`.
pub(super) fn groups(account: &Account, now: f64) -> BTreeSet<String> {
    account.memberships.iter().filter(|group| holds(group.span, now)).map(|group| group.group.clone()).collect()
}

/// Whether a user may make and fetch backups.
pub(super) fn may_back_up(account: &Account, now: f64) -> bool {
    let permissions = permissions(account, now);
    MAY_BACK_UP.iter().any(|permission| permissions.contains(*permission))
}

/// Whether a user may act while the server is locked down.
pub(super) fn may_bypass_lockdown(account: &Account, now: f64) -> bool {
    permissions(account, now).contains(MAY_BYPASS_LOCKDOWN)
}

/// Whether `address` lies in one of `subnets`, in CIDR notation. What is no subnet bans nobody.
pub(super) fn is_banned(address: IpAddr, subnets: &[String]) -> bool {
    let address = address.to_canonical();
    subnets.iter().any(|subnet| match (subnet.trim().parse::<IpNet>(), subnet.trim().parse::<IpAddr>()) {
        (Ok(net), _) => net.contains(&address),
        (_, Ok(single)) => single.to_canonical() == address,
        _ => false,
    })
}

fn holds(span: Span, now: f64) -> bool {
    span.start.is_none_or(|start| start <= now) && span.end.is_none_or(|end| now <= end)
}

#[cfg(test)]
pub(super) mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::server_data::Membership;

    /// An account with a password of nothing, no permissions and no groups.
    pub(crate) fn nobody() -> Account {
        Account {
            username: "nobody".to_owned(),
            nickname: None,
            pass_hash: Zeroizing::new(String::new()),
            salt: None,
            password_changed: None,
            created: None,
            secret_key: Zeroizing::new(String::new()),
            is_disabled: false,
            totp_secret: None,
            permissions: Vec::new(),
            memberships: Vec::new(),
        }
    }

    /// An account that may make backups.
    pub(crate) fn administrator() -> Account {
        Account { permissions: vec![entry("manage_system", true, 0.0, None)], ..nobody() }
    }

    fn entry(name: &str, is_granted: bool, start: f64, end: Option<f64>) -> Permission {
        Permission { name: name.to_owned(), is_granted, span: Span { start: Some(start), end } }
    }

    fn group(start: f64, end: Option<f64>, permissions: Vec<Permission>) -> Membership {
        Membership { group: "sysop".to_owned(), span: Span { start: Some(start), end }, permissions }
    }

    #[test]
    fn a_permission_holds_from_its_start_to_its_end() {
        let mut account = nobody();
        account.permissions.push(entry("manage_system", true, 100.0, Some(200.0)));
        let may = |now| may_back_up(&account, now);
        assert_eq!([99.9, 100.0, 200.0, 200.1].map(may), [false, true, true, false]);
    }

    #[test]
    fn a_group_gives_its_permissions_while_one_is_in_it() {
        let mut account = nobody();
        account.memberships.push(group(100.0, Some(200.0), vec![entry("export_backup", true, 0.0, None)]));
        let may = |now| (may_back_up(&account, now), groups(&account, now).len());
        assert_eq!([99.9, 150.0, 200.1].map(may), [(false, 0), (true, 1), (false, 0)]);
    }

    #[test]
    fn what_is_taken_away_from_user_or_group_is_gone() {
        let mut account = nobody();
        account.memberships.push(group(0.0, None, vec![entry("manage_system", true, 0.0, None)]));
        assert!(may_back_up(&account, 1000.0));
        account.permissions.push(entry("manage_system", false, 0.0, Some(2000.0)));
        assert!(!may_back_up(&account, 1000.0) && may_back_up(&account, 2000.1), "only until its end");
        account.permissions = vec![entry("manage_system", true, 0.0, None)];
        account.memberships[0].permissions.push(entry("manage_system", false, 0.0, None));
        assert!(!may_back_up(&account, 1000.0), "a group's revocation counts against the user's own");
        account.memberships[0].span.end = Some(900.0);
        assert!(may_back_up(&account, 1000.0), "but only while one is in the group");
    }

    #[test]
    fn addresses_are_banned_by_subnet_in_either_notation() {
        let subnets = ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7", "not a subnet"].map(str::to_owned);
        let banned = |address: &str| is_banned(address.parse().unwrap(), &subnets);
        for address in ["192.0.2.9", "::ffff:192.0.2.9", "2001:db8:1::1", "198.51.100.7"] {
            assert!(banned(address), "{address}");
        }
        for address in ["192.0.3.1", "198.51.100.8", "::1", "127.0.0.1"] {
            assert!(!banned(address), "{address}");
        }
    }
}
