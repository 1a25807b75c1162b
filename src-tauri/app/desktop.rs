//! What is asked of the desktop around the window.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use cfms_backup::{Error, Result};
use tauri::Url;
use zbus::blocking::Connection;

/// How long a program that opens a folder is listened to. One that runs longer has opened it and stays with it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Shows a file, selected in its folder, in the desktop's file manager.
///
/// # Errors
/// A file that is not there any more; a desktop without a file manager.
pub(crate) fn show_in_folder(path: &Path) -> Result<()> {
    path.symlink_metadata().map_err(|error| Error::io("show", path, error))?;
    if path.is_dir() {
        return open_folder(path);
    }
    match (selected_by_file_manager(path), path.parent()) {
        (Ok(()), _) => Ok(()),
        (Err(_), Some(folder)) => open_folder(folder),
        (Err(error), None) => Err(Error::io("show", path, io::Error::other(error))),
    }
}

/// Opens a folder in whatever the desktop opens folders with.
///
/// # Errors
/// A desktop that has nothing for it.
pub(crate) fn open_folder(folder: &Path) -> Result<()> {
    let refused = |error| Error::Io { action: "open", path: folder.to_path_buf(), source: error };
    let mut opener = Command::new("xdg-open")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(refused)?;
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = ended.send(opener.wait());
    });
    match end.recv_timeout(PATIENCE) {
        Ok(Ok(status)) if !status.success() => Err(refused(io::Error::other("no program opens folders here"))),
        Ok(Err(error)) => Err(refused(error)),
        _ => Ok(()),
    }
}

fn selected_by_file_manager(path: &Path) -> zbus::Result<()> {
    const MANAGER: &str = "org.freedesktop.FileManager1";
    let place = Url::from_file_path(path).map_err(|()| zbus::Error::InvalidField)?;
    Connection::session()?.call_method(
        Some(MANAGER),
        "/org/freedesktop/FileManager1",
        Some(MANAGER),
        "ShowItems",
        &(vec![place.as_str()], ""),
    )?;
    Ok(())
}
