//! The program's icon in the desktop's task bar or dock.

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use zbus::blocking::Connection;
use zbus::zvariant::Value;

/// The menu entry that the package installs, as desktops name it.
const ENTRY: &str = "application://CFMS Backup.desktop";
/// Unity's interface, which the task bars and docks of KDE, GNOME and others listen to as well.
const INTERFACE: &str = "com.canonical.Unity.LauncherEntry";
const PATH: &str = "/org/cfms/backup";

/// Shows at the icon how far a backup is.
#[derive(Debug)]
pub(crate) struct Dock(Sender<Option<u8>>);

impl Dock {
    /// Begins. The bus is waited for on a thread of its own, and a desktop without one shows nothing.
    pub(crate) fn start() -> Self {
        let (sender, percents) = mpsc::channel();
        // Without the thread nobody hears, which is what a desktop without a bus does, too.
        let _ = thread::Builder::new().name("dock".into()).spawn(move || show_all(&percents));
        Self(sender)
    }

    /// Shows the percentage; `None` takes it away.
    pub(crate) fn show(&self, percent: Option<u8>) {
        let _ = self.0.send(percent);
    }
}

/// One connection for all: desktops forget the progress of a program that has left the bus.
fn show_all(percents: &Receiver<Option<u8>>) {
    let mut bus = None;
    while let Ok(mut percent) = percents.recv() {
        while let Ok(newer) = percents.try_recv() {
            percent = newer;
        }
        if bus.is_none() {
            bus = Connection::session().ok();
        }
        if let Some(connection) = &bus
            && tell(connection, percent).is_err()
        {
            bus = None;
        }
    }
}

fn tell(bus: &Connection, percent: Option<u8>) -> zbus::Result<()> {
    let facts = HashMap::from([
        ("progress", Value::from(f64::from(percent.unwrap_or(0)) / 100.0)),
        ("progress-visible", Value::from(percent.is_some())),
    ]);
    bus.emit_signal(None::<&str>, PATH, INTERFACE, "Update", &(ENTRY, facts))
}
