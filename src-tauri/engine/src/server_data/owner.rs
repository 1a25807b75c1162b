//! Reading with the rights of the data folder's owner.
//!
//! Whoever owns a server's folder, usually the account that the server runs as, says by links and in `config.toml` what is
//! read outside of it. A backup that runs as root must not fetch for him what he could not read himself. So the system is
//! asked, by opening as he would: then modes, access lists, groups and links count as they do for him, and nothing can be
//! put in a file's place between a check and the opening.

use std::io;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, MetadataExt};

/// The owner of a data folder, where this process may read more than he.
#[derive(Debug)]
pub(super) struct Owner {
    user: u32,
    group: u32,
    groups: Vec<u32>,
}

impl Owner {
    /// The owner of `folder`; `None` where this process is not root, or he is.
    pub(super) fn to_ask(folder: &Dir) -> io::Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let found = folder.dir_metadata()?;
        Ok((found.uid() != 0).then(|| Self::of(found.uid())))
    }

    /// Whether `path` may be used for the owner of `folder`: it really lies in that folder, links followed, or `is_his` says
    /// that he could use it himself, or this process may do no more than he.
    pub(super) fn may_have(folder: &Path, path: &Path, is_his: impl FnOnce(&Self) -> bool) -> io::Result<bool> {
        let Some(owner) = Self::to_ask(&Dir::open_ambient_dir(folder, ambient_authority())?)? else { return Ok(true) };
        Ok(path.canonicalize()?.starts_with(folder.canonicalize()?) || is_his(&owner))
    }

    /// His number.
    pub(super) fn user(&self) -> u32 {
        self.user
    }

    /// Does `act`, in this thread, with the owner's rights to files and no others.
    ///
    /// # Errors
    /// Where the system does not let this process take his rights; `act` was not called then.
    pub(super) fn acting<T>(&self, act: impl FnOnce() -> T) -> io::Result<T> {
        let _taken = system::Rights::take(self)?;
        Ok(act())
    }

    /// A user whom the system does not know has no groups, whatever group the folder has.
    fn of(user: u32) -> Self {
        let (group, groups) = system::groups_of(user).unwrap_or((NOBODYS_GROUP, Vec::new()));
        Self { user, group, groups }
    }
}

/// `nogroup`, as Linux has it where it must name one.
const NOBODYS_GROUP: u32 = 65534;

#[cfg(target_os = "linux")]
mod system {
    use std::ffi::CString;
    use std::io;

    use nix::unistd::{Gid, Uid, User, getgrouplist, setfsgid, setfsuid};
    use rustix::thread::set_thread_groups;

    use super::Owner;

    /// The first group of a user, and all of them.
    pub(super) fn groups_of(user: u32) -> Option<(u32, Vec<u32>)> {
        let user = User::from_uid(Uid::from_raw(user)).ok()??;
        let name = CString::new(user.name).ok()?;
        let groups = getgrouplist(&name, user.gid).ok()?;
        Some((user.gid.as_raw(), groups.into_iter().map(Gid::as_raw).collect()))
    }

    /// Another user's rights to files, for this thread, until it is dropped.
    pub(super) struct Rights {
        user: Uid,
        group: Gid,
        groups: Vec<rustix::process::Gid>,
    }

    impl Rights {
        pub(super) fn take(owner: &Owner) -> io::Result<Self> {
            let groups = rustix::process::getgroups()?;
            let owners: Vec<_> = owner.groups.iter().map(|group| rustix::process::Gid::from_raw(*group)).collect();
            set_thread_groups(&owners)?;
            let (user, group) = (Uid::from_raw(owner.user), Gid::from_raw(owner.group));
            // From here on dropping it gives all of them back.
            let taken = Self { group: setfsgid(group), user: setfsuid(user), groups };
            // These calls tell only what was in force before.
            if setfsgid(group) == group && setfsuid(user) == user {
                Ok(taken)
            } else {
                Err(io::ErrorKind::PermissionDenied.into())
            }
        }
    }

    impl Drop for Rights {
        fn drop(&mut self) {
            setfsuid(self.user);
            setfsgid(self.group);
            // What was allowed a moment ago, with more rights on files, is allowed.
            let _ = set_thread_groups(&self.groups);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    use super::Owner;

    pub(super) fn groups_of(_: u32) -> Option<(u32, Vec<u32>)> {
        None
    }

    pub(super) struct Rights;

    impl Rights {
        pub(super) fn take(_: &Owner) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown};

    use super::*;
    use crate::skipped::is_root;

    #[test]
    fn the_owners_rights_are_taken_for_the_act_alone() {
        if !is_root("taking another's rights") {
            return;
        }
        let scratch = tempfile::tempdir().unwrap();
        fs::set_permissions(scratch.path(), Permissions::from_mode(0o711)).unwrap();
        let put = |name: &str, mode: u32, user: u32, group: u32| {
            let path = scratch.path().join(name);
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            chown(&path, Some(user), Some(group)).unwrap();
            path
        };
        let (his, roots) = (put("his", 0o600, 12345, 0), put("root's", 0o600, 0, 0));
        let (grouped, all) = (put("grouped", 0o640, 0, 4242), put("all", 0o644, 0, 0));
        let (of_root, of_others) = (put("of root's group", 0o640, 0, 0), put("of others", 0o640, 0, 4243));

        let owner = Owner { user: 12345, group: NOBODYS_GROUP, groups: vec![4242] };
        let may_read = |path| owner.acting(|| File::open(path).is_ok()).unwrap();
        for path in [&his, &grouped, &all] {
            assert!(may_read(path), "{}", path.display());
        }
        for path in [&roots, &of_root, &of_others] {
            assert!(!may_read(path), "{}", path.display());
            assert!(File::open(path).is_ok(), "afterwards root is root again: {}", path.display());
        }
        assert!(fs::write(scratch.path().join("new"), "").is_ok());
    }

    #[test]
    fn a_user_unknown_to_the_system_gets_no_group() {
        let unknown = (3_000_000_000..).find(|user| system::groups_of(*user).is_none()).unwrap();
        let owner = Owner::of(unknown);
        assert_eq!((owner.group, owner.groups), (NOBODYS_GROUP, vec![]));
    }
}
