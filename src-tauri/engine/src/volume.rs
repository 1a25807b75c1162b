//! Disks: what is mounted where, how much is free, and whether two paths die together.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// A file system in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Where it is mounted.
    pub(crate) mount_point: PathBuf,
    /// Its type, as the system names it: `ext4`, `vfat`, `cifs`.
    pub(crate) filesystem: String,
    /// What is mounted, as the system names it: `/dev/sda1`, `//server/share`.
    pub(crate) device: PathBuf,
}

/// Bytes that this user can still write into the folder `dir`.
pub(crate) fn free_bytes(dir: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(dir).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// What `path`, or the nearest folder above it that is there, lies on.
pub(crate) fn mount_of(path: &Path) -> Option<Mount> {
    mount_in(&fs::read("/proc/self/mountinfo").ok()?, &real(path)?)
}

/// Whether a file system of that type is another machine's, so that locks on it may not reach everybody.
pub(crate) fn is_network(filesystem: &str) -> bool {
    const NETWORK: [&str; 21] = [
        "9p",
        "acfs",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "fuse",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb2",
        "smb3",
        "smbfs",
        "virtiofs",
        "vboxsf",
    ];
    /// Programs that show a file system of this machine in another way. Of the others most reach over the network: those of
    /// desktops for shares above all.
    const LOCAL_PROGRAMS: [&str; 13] = [
        "bindfs",
        "cryfs",
        "dwarfs",
        "encfs",
        "exfat",
        "fuse-overlayfs",
        "gocryptfs",
        "mergerfs",
        "ntfs",
        "ntfs-3g",
        "squashfuse",
        "unionfs",
        "zfs",
    ];
    match filesystem.strip_prefix("fuse.") {
        Some(program) => !LOCAL_PROGRAMS.contains(&program),
        None => NETWORK.contains(&filesystem),
    }
}

/// The mount point of `/etc/fstab` below which `path` lies, if nothing is mounted there now.
pub(crate) fn unmounted_mount_point(path: &Path) -> Option<PathBuf> {
    let fstab = fs::read("/etc/fstab").ok()?;
    let mounted = fs::read("/proc/self/mountinfo").ok()?;
    unmounted_in(&fstab, &mounted, &real(path)?)
}

/// Whether `a` and `b`, or the nearest folders above them that are there, lie on one physical disk.
pub(crate) fn same_disk(a: &Path, b: &Path) -> bool {
    let (Some(a), Some(b)) = (nearest_existing(a), nearest_existing(b)) else { return false };
    let (Ok(found_a), Ok(found_b)) = (fs::metadata(&a), fs::metadata(&b)) else { return false };
    found_a.dev() == found_b.dev() || !disks_of(&a, found_a.dev()).is_disjoint(&disks_of(&b, found_b.dev()))
}

/// Whether two paths are one folder, by whatever names.
pub(crate) fn is_same_folder(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    a == b || real(a) == real(b)
}

/// Bytes that a file of this process in `dir` may have, where the file system is known to set a limit or the process has
/// one (`ulimit -f`).
pub(crate) fn max_file_size(dir: &Path) -> Option<u64> {
    let of_process = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
    let of_disk = mount_of(dir).and_then(|mount| match mount.filesystem.as_str() {
        "vfat" | "msdos" | "fat" | "umsdos" => Some(u64::from(u32::MAX)),
        _ => None,
    });
    of_process.into_iter().chain(of_disk).min()
}

/// `path`, or the nearest folder above it that is there.
pub(crate) fn nearest_existing(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    path.ancestors().find(|above| above.exists()).map(Path::to_path_buf)
}

/// `path` without links, as far as it is there.
fn real(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let existing = nearest_existing(&path)?;
    let rest = path.strip_prefix(&existing).ok()?;
    let mut real = existing.canonicalize().ok()?;
    for part in rest.components() {
        match part {
            Component::ParentDir => drop(real.pop()),
            part => real.push(part),
        }
    }
    Some(real)
}

/// A line of mountinfo: `36 35 98:0 /root /mount/point options … - type device options`. Later lines lie over earlier ones.
fn mount_in(mountinfo: &[u8], path: &Path) -> Option<Mount> {
    let mut best: Option<Mount> = None;
    for mount in mounts(mountinfo).filter(|mount| path.starts_with(&mount.mount_point)) {
        let depth = |mount: &Mount| mount.mount_point.components().count();
        if best.as_ref().is_none_or(|best| depth(&mount) >= depth(best)) {
            best = Some(mount);
        }
    }
    best
}

fn mounts(mountinfo: &[u8]) -> impl Iterator<Item = Mount> {
    mountinfo.split(|&byte| byte == b'\n').filter_map(|line| {
        let fields: Vec<_> = line.split(|&byte| byte == b' ').collect();
        let separator = fields.iter().position(|field| *field == b"-")?;
        Some(Mount {
            mount_point: unescape(fields.get(4)?),
            filesystem: String::from_utf8_lossy(fields.get(separator + 1)?).into_owned(),
            device: unescape(fields.get(separator + 2)?),
        })
    })
}

/// A line of fstab: `device /mount/point type options dump pass`.
fn unmounted_in(fstab: &[u8], mountinfo: &[u8], path: &Path) -> Option<PathBuf> {
    let mounted: BTreeSet<_> = mounts(mountinfo).map(|mount| mount.mount_point).collect();
    let lines = fstab.split(|&byte| byte == b'\n');
    let candidates = lines.filter_map(|line| {
        let line = line.trim_ascii();
        let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        let (device, mount_point, filesystem) = (fields.next()?, fields.next()?, fields.next()?);
        if device.starts_with(b"#") || filesystem == b"swap" || filesystem == b"ignore" {
            return None;
        }
        let mount_point = unescape(mount_point);
        // What is mounted is listed without links.
        let mount_point = mount_point.canonicalize().unwrap_or(mount_point);
        let is_above = mount_point.is_absolute() && mount_point.parent().is_some() && path.starts_with(&mount_point);
        (is_above && !mounted.contains(&mount_point)).then_some(mount_point)
    });
    candidates.max_by_key(|mount_point| mount_point.components().count())
}

/// `\040` is a space, and so on: three octal digits.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = match (byte, after) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[3..] } else { after };
    }
    OsString::from_vec(bytes).into()
}

/// The physical disks below a file system: those of a partition, of an encrypted or joined volume.
#[cfg(target_os = "linux")]
fn disks_of(path: &Path, device: u64) -> BTreeSet<PathBuf> {
    let (mut major, mut minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    if major == 0
        && let Some(mount) = mount_of(path)
        && let Ok(found) = fs::metadata(&mount.device)
    {
        // File systems that span devices, like btrfs, have a number of their own; the device that was mounted says more.
        (major, minor) = (rustix::fs::major(found.rdev()), rustix::fs::minor(found.rdev()));
    }
    let mut disks = BTreeSet::new();
    if major != 0
        && let Ok(block) = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}"))
    {
        collect_disks(&block, &mut disks, 0);
    }
    disks
}

#[cfg(target_os = "linux")]
fn collect_disks(block: &Path, disks: &mut BTreeSet<PathBuf>, depth: u32) {
    /// Encryption on a logical volume on a RAID on partitions is four deep.
    const MAX_DEPTH: u32 = 8;
    let lower: Vec<_> = fs::read_dir(block.join("slaves"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.path().canonicalize().ok())
        .collect();
    if !lower.is_empty() && depth < MAX_DEPTH {
        lower.iter().for_each(|block| collect_disks(block, disks, depth + 1));
    } else if block.join("partition").exists() {
        disks.extend(block.parent().map(Path::to_path_buf));
    } else {
        disks.insert(block.to_path_buf());
    }
}

#[cfg(not(target_os = "linux"))]
fn disks_of(_: &Path, _: u64) -> BTreeSet<PathBuf> {
    BTreeSet::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &[u8] = b"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
        30 22 0:25 / /mnt/backup\\040disk rw - vfat /dev/sdb1 rw\n\
        31 22 0:26 / /srv rw - ext4 /dev/sdc1 rw\n\
        32 31 0:27 / /srv/share rw master:2 shared:3 - nfs4 nas:/share rw\n\
        33 22 0:28 / /srv/share rw - cifs //nas/share rw\n\
        broken line\n";

    #[test]
    fn a_path_lies_on_the_deepest_and_latest_mount_above_it() {
        let of = |path: &str| mount_in(MOUNTINFO, Path::new(path)).map(|mount| mount.filesystem);
        assert_eq!(of("/mnt/backup disk/x").as_deref(), Some("vfat"));
        assert_eq!(of("/mnt/backup").as_deref(), Some("ext4"));
        assert_eq!(of("/srv/share/app.db").as_deref(), Some("cifs"));
        assert_eq!(of("/srv/sharepoint/app.db").as_deref(), Some("ext4"));
        assert_eq!(mount_in(b"", Path::new("/")), None);
    }

    #[test]
    fn what_fstab_mounts_and_nobody_mounted_is_told() {
        let fstab = b"# /dev/x /mnt/comment ext4 defaults 0 0\n\
            UUID=1 / ext4 defaults 0 1\n\
            UUID=2 none swap sw 0 0\n\
            UUID=3 /mnt/usb\\040disk vfat noauto 0 0\n\
            UUID=4\t/srv  ext4 defaults\n\
            UUID=5 /srv/deep ext4\n";
        let of = |path: &str| unmounted_in(fstab, MOUNTINFO, Path::new(path));
        assert_eq!(of("/mnt/usb disk/backups"), Some("/mnt/usb disk".into()));
        assert_eq!(of("/mnt/usb disk"), Some("/mnt/usb disk".into()));
        assert_eq!(of("/srv/deep/er"), Some("/srv/deep".into()));
        assert_eq!(of("/srv/other"), None);
        assert_eq!(of("/mnt/comment/x"), None);
        assert_eq!(of("/home"), None);
    }

    #[test]
    fn network_file_systems_are_known_by_their_types() {
        for filesystem in [
            "nfs",
            "nfs4",
            "cifs",
            "smb3",
            "smbfs",
            "fuse.sshfs",
            "9p",
            "afs",
            "ceph",
            "fuse.glusterfs",
            "fuse",
            "fuse.gvfsd-fuse",
            "fuse.kio-fuse",
            "fuse.smbnetfs",
            "fuse.vmhgfs-fuse",
            "fuse.tomorrows",
        ] {
            assert!(is_network(filesystem), "{filesystem}");
        }
        for filesystem in ["ext4", "xfs", "btrfs", "overlay", "tmpfs", "fuseblk", "fuse.mergerfs", "zfs", "vfat"] {
            assert!(!is_network(filesystem), "{filesystem}");
        }
    }

    #[test]
    fn the_same_folder_is_on_the_same_disk_also_below_what_does_not_exist() {
        let here = std::env::temp_dir();
        assert!(same_disk(&here, &here.join("no/such/folder")));
        assert!(free_bytes(&here).is_some_and(|bytes| bytes > 0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_disk_in_memory_is_another_disk() {
        assert!(!same_disk(Path::new("/proc"), Path::new("/sys")));
        assert_eq!(mount_of(Path::new("/proc/self")).map(|mount| mount.filesystem).as_deref(), Some("proc"));
    }
}
