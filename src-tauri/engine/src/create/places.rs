//! Where a backup goes: the folders must be the ones that are meant, and have room.

use std::path::Path;

use super::{Destination, Options};
use crate::archive::destination::{Claim, Place};
use crate::clock::unix_now;
use crate::error::{Error, Result};
use crate::server_data::ServerData;
use crate::volume;

/// Free space that a backup leaves on the disk of the server's own data, in bytes.
pub(crate) const SPARED_ON_SERVER_DISK: u64 = 1 << 30;

/// The key's folder.
pub(crate) fn key_dir(destination: &Destination) -> &Path {
    destination.key_dir.as_deref().unwrap_or(&destination.archive_dir)
}

pub(super) fn outputs(destination: &Destination) -> [&Path; 2] {
    [&destination.archive_dir, key_dir(destination)]
}

/// Refuses folders below unmounted mount points.
pub(crate) fn refuse_unmounted(destination: &Destination) -> Result<()> {
    for dir in outputs(destination) {
        if let Some(mount_point) = volume::unmounted_mount_point(dir) {
            return Err(Error::NotMounted { path: dir.to_path_buf(), mount_point });
        }
    }
    Ok(())
}

/// Refuses folders below unmounted mount points, and says whether the archive would lie on the server's own disk.
pub(super) fn check_disks(source: &ServerData, destination: &Destination, options: &Options) -> Result<bool> {
    refuse_unmounted(destination)?;
    outputs(destination).into_iter().try_for_each(|dir| source.refuse_led_astray(dir))?;
    let archive_dir = destination.archive_dir.as_path();
    let same_disk = volume::same_disk(archive_dir, source.root());
    if same_disk && options.require_other_disk {
        return Err(Error::SameDisk { path: archive_dir.to_path_buf() });
    }
    Ok(same_disk)
}

/// Tries whether a backup could be written, and leaves nothing there.
pub(crate) fn check_destination(source: &ServerData, destination: &Destination, options: &Options) -> Result<()> {
    check_disks(source, destination, options)?;
    claim_names(source, destination, options, unix_now()).map(drop)
}

/// Claims the two names. What root writes into the server's own `content/backups` is given to that folder's owner, so
/// that the server can read and remove it.
pub(super) fn claim_names(
    source: &ServerData,
    destination: &Destination,
    options: &Options,
    created_at: f64,
) -> Result<Claim> {
    let servers_own = source.root().join("content/backups");
    let is_root = rustix::process::geteuid().is_root();
    let may_give = is_root && options.allow_outside.is_empty() && lies_in_one_folder(source);
    let place = Place {
        archive_dir: &destination.archive_dir,
        key_dir: key_dir(destination),
        give_away_in: may_give.then_some(&servers_own),
    };
    // Truncation to whole seconds is what a server does for its default name.
    Claim::new(place, destination.name.as_ref(), created_at as u64)
}

/// Whether all that is read lies in the server's folder. If not, root may have read what the folder's owner may not, and
/// must not hand it over.
fn lies_in_one_folder(source: &ServerData) -> bool {
    let Ok(root) = source.root().canonicalize() else { return false };
    let files = source.server_files().into_iter().map(|file| file.path);
    let all = files.chain([source.database().to_path_buf(), source.root().join("content")]);
    // What is not there is not read.
    all.filter_map(|path| path.canonicalize().ok()).all(|path| path.starts_with(&root))
}

/// Compares the disk's free space and limits with what will be written, before anything is.
pub(crate) fn check_space(destination: &Destination, needed: u64, same_disk: bool) -> Result<()> {
    let path = || destination.archive_dir.clone();
    if volume::max_file_size(&destination.archive_dir).is_some_and(|most| most < needed) {
        return Err(Error::FileTooLarge { path: path(), needed: Some(needed) });
    }
    // A file system that does not tell is tried.
    let Some(available) = volume::free_bytes(&destination.archive_dir) else { return Ok(()) };
    if available < needed {
        return Err(Error::NoSpace { path: path(), needed: Some(needed), available: Some(available) });
    }
    if same_disk && available - needed < SPARED_ON_SERVER_DISK {
        return Err(Error::WouldFillServerDisk { path: path(), needed, available });
    }
    Ok(())
}
