//! A session bus of the test's own, with as much of a desktop on it as the program speaks to: what it is told, a test sees.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use zbus::blocking::connection::Builder;
use zbus::blocking::{Connection, MessageIterator};
use zbus::zvariant::{OwnedValue, Value};
use zbus::{MatchRule, interface};

use crate::screen::Group;

/// A bus that lets everybody talk to everybody, and starts nothing by itself.
const CONFIGURATION: &str = "\
<!DOCTYPE busconfig PUBLIC '-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN' \
'http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd'>
<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><policy context='default'>\
<allow send_destination='*'/><allow receive_type='*'/>\
<allow own='*'/></policy></busconfig>";

/// What the desktop was told.
#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    /// A notification: its title and its text.
    Notification(String, String),
    /// Files to be shown in the file manager, as URLs.
    Shown(Vec<String>),
    /// The progress at the program's icon, from 0 to 1; `None` once it has gone.
    Progress(Option<f64>),
}

/// The bus; it goes with the value.
pub(crate) struct Bus {
    /// As in `DBUS_SESSION_BUS_ADDRESS`.
    pub(crate) address: String,
    told: Receiver<Told>,
    _desktop: Connection,
    _daemon: Group,
}

struct Notifications(Sender<Told>);
struct FileManager(Sender<Told>);

#[interface(name = "org.freedesktop.Notifications")]
impl Notifications {
    #[allow(clippy::too_many_arguments)] // the specification's
    fn notify(
        &self,
        _program: String,
        _replaces: u32,
        _icon: String,
        summary: String,
        body: String,
        _actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _expires: i32,
    ) -> u32 {
        let _ = self.0.send(Told::Notification(summary, body));
        1
    }

    fn get_capabilities(&self) -> Vec<String> {
        vec!["body".to_owned()]
    }

    fn get_server_information(&self) -> (String, String, String, String) {
        let [name, vendor, version, specification] = ["test", "test", "1", "1.2"].map(str::to_owned);
        (name, vendor, version, specification)
    }
}

#[interface(name = "org.freedesktop.FileManager1")]
impl FileManager {
    fn show_items(&self, uris: Vec<String>, _startup_id: String) {
        let _ = self.0.send(Told::Shown(uris));
    }
}

impl Bus {
    /// Starts one; its configuration lies in `folder`.
    pub(crate) fn new(folder: &Path) -> Self {
        let configuration = folder.join("bus.conf");
        std::fs::write(&configuration, CONFIGURATION).unwrap();
        let mut command = Command::new("dbus-daemon");
        command.args(["--nofork", "--print-address=1", "--config-file"]).arg(&configuration).stdout(Stdio::piped());
        let mut daemon = Group::start(&mut command);
        let mut address = String::new();
        BufReader::new(daemon.stdout()).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();

        let (sender, told) = mpsc::channel();
        let desktop = Builder::address(address.as_str())
            .and_then(|bus| bus.serve_at("/org/freedesktop/Notifications", Notifications(sender.clone())))
            .and_then(|bus| bus.serve_at("/org/freedesktop/FileManager1", FileManager(sender.clone())))
            .and_then(|bus| bus.name("org.freedesktop.Notifications"))
            .and_then(|bus| bus.name("org.freedesktop.FileManager1"))
            .and_then(Builder::build)
            .unwrap();
        listen_for_progress(&desktop, sender);
        Self { address, told, _desktop: desktop, _daemon: daemon }
    }

    /// The next thing that the desktop is told.
    pub(crate) fn next(&self) -> Told {
        self.told.recv_timeout(Duration::from_secs(60)).expect("the desktop is told something")
    }
}

fn listen_for_progress(desktop: &Connection, told: Sender<Told>) {
    let rule = MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .interface("com.canonical.Unity.LauncherEntry")
        .and_then(|rule| rule.member("Update"))
        .unwrap()
        .build();
    let signals = MessageIterator::for_match_rule(rule, desktop, Some(1000)).unwrap();
    std::thread::spawn(move || {
        for signal in signals.map_while(Result::ok) {
            let body = signal.body();
            let (entry, facts): (String, HashMap<String, Value<'_>>) = body.deserialize().unwrap();
            assert_eq!(entry, "application://CFMS Backup.desktop");
            let visible = matches!(facts["progress-visible"], Value::Bool(true));
            let Value::F64(progress) = facts["progress"] else { panic!("no progress: {facts:?}") };
            let _ = told.send(Told::Progress(visible.then_some(progress)));
        }
    });
}
