//! The work bench: a demonstration server, and the program's window open on it.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::screen::{Group, Screen};
use crate::webdriver::{Session, is_ready};

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_cfms-backup-app");

/// How long anything may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// One window at a time: the driver holds no two.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A demonstration server, and folders for its backups.
pub(crate) struct Bench {
    folder: TempDir,
    /// The server's folder.
    pub(crate) server: PathBuf,
    /// Where archives go.
    pub(crate) archives: PathBuf,
    /// Where keys go.
    pub(crate) keys: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

/// How the program is started.
#[derive(Default)]
pub(crate) struct Start<'a> {
    /// What follows its name.
    pub(crate) arguments: Vec<&'a str>,
    /// The system's language, as in `LANG`.
    pub(crate) language: Option<&'a str>,
    /// What it is made to remember; the folders of the bench come on top. `None`: what it wrote itself the last time.
    pub(crate) settings: Option<Value>,
    /// The session bus; `None`: there is none.
    pub(crate) bus: Option<&'a str>,
}

/// The program's window.
pub(crate) struct Window {
    pub(crate) session: Session,
    pub(crate) display: String,
    _driver: Group,
    _screen: Screen,
}

impl Bench {
    /// Sets one up, with a server of about `size` (as `--size` takes it). `None`, said aloud, where this machine lacks what
    /// a window needs.
    pub(crate) fn new(size: &str) -> Option<Self> {
        Self::below(&std::env::temp_dir(), None, size)
    }

    /// The same in a folder of that path, which must not be there yet.
    pub(crate) fn at(folder: &str, size: &str) -> Option<Self> {
        let folder = Path::new(folder);
        Self::below(folder.parent().unwrap(), folder.file_name(), size)
    }

    fn below(parent: &Path, name: Option<&OsStr>, size: &str) -> Option<Self> {
        for program in ["Xvfb", "openbox", "WebKitWebDriver", "xdotool", "dbus-daemon"] {
            if !is_installed(program) {
                // Past the test's own output, which is shown for failures alone.
                let _ = writeln!(std::io::stderr(), "skipped: a test of the window, as {program} is not installed");
                return None;
            }
        }
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let mut builder = tempfile::Builder::new();
        if let Some(name) = name {
            builder.prefix(name).rand_bytes(0);
        }
        let folder = builder.tempdir_in(parent).unwrap();
        let below = |name: &str| folder.path().join(name);
        let (server, archives, keys) = (below("server"), below("backups"), below("keys"));
        let demo = Command::new(command_line()).arg("demo").arg(&server).args(["--size", size, "--quiet"]).output();
        let demo = demo.expect("build the command line first: cargo build --workspace");
        assert!(demo.status.success(), "{}", String::from_utf8_lossy(&demo.stderr));
        Some(Self { server, archives, keys, folder, _turn: turn })
    }

    /// The folder that all of it lies in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Opens the window on the server, with the bench's folders as the usual ones.
    pub(crate) fn open(&self) -> Window {
        self.start(Start { arguments: vec![self.server.to_str().unwrap()], ..Start::default() })
    }

    /// Starts the program.
    pub(crate) fn start(&self, start: Start<'_>) -> Window {
        let home = self.folder.path().join("home");
        let config = home.join("config/org.cfms.backup");
        fs::create_dir_all(&config).unwrap();
        let file = config.join("settings.json");
        if start.settings.is_some() || !file.exists() {
            let mut settings = start.settings.unwrap_or_else(|| json!({}));
            settings["archive_dir"] = json!(self.archives);
            settings["key_dir"] = json!(self.keys);
            fs::write(file, settings.to_string()).unwrap();
        }

        let screen = Screen::new();
        let port = free_port();
        let driver = Group::start(
            Command::new("WebKitWebDriver")
                .arg(format!("--port={port}"))
                .env("DISPLAY", &screen.display)
                .env("TAURI_WEBVIEW_AUTOMATION", "true")
                .env("HOME", &home)
                .env("XDG_CONFIG_HOME", home.join("config"))
                .env("XDG_DATA_HOME", home.join("data"))
                .env("XDG_CACHE_HOME", home.join("cache"))
                .env("XDG_RUNTIME_DIR", &home)
                // Neither the bus of the person who runs the tests nor a new one may be found.
                .env("DBUS_SESSION_BUS_ADDRESS", start.bus.unwrap_or("unix:path=/nonexistent"))
                .env("NO_AT_BRIDGE", "1")
                .env_remove("WAYLAND_DISPLAY")
                .env_remove("LC_ALL")
                .env_remove("LC_MESSAGES")
                .env("LANG", start.language.unwrap_or("C.UTF-8"))
                .stdout(Stdio::null()),
        );
        until("the driver answers", || is_ready(port).then_some(()));
        let session = Session::begin(port, PROGRAM, &start.arguments).expect("the program starts");
        Window { session, display: screen.display.clone(), _driver: driver, _screen: screen }
    }

    /// A backup of the server, made with the command line: its archive and its key.
    pub(crate) fn back_up(&self, name: &str) -> (PathBuf, PathBuf) {
        self.back_up_of(&self.server, name)
    }

    /// The same of a server that one of the scripts in `tests/support` makes.
    pub(crate) fn back_up_made(&self, script: &str, arguments: &[&str], name: &str) -> (PathBuf, PathBuf) {
        let server = self.folder.path().join(format!("server of {name}"));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(script);
        let (kind, more) = arguments.split_first().unwrap();
        let made = Command::new("python3").arg(script).arg(kind).arg(&server).args(more).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        self.back_up_of(&server, name)
    }

    fn back_up_of(&self, server: &Path, name: &str) -> (PathBuf, PathBuf) {
        let mut create = Command::new(command_line());
        create.args(["create", "--quiet", "--name", name, "--data-dir"]).arg(server);
        create.arg("--output").arg(&self.archives).arg("--key-dir").arg(&self.keys);
        let made = create.output().unwrap();
        let (archive, key) = (self.archives.join(format!("{name}.cfms.enc")), self.keys.join(format!("{name}.key")));
        assert!(archive.exists() && key.exists(), "{}", String::from_utf8_lossy(&made.stderr));
        (archive, key)
    }

    /// The diary that the program wrote.
    pub(crate) fn diary(&self) -> String {
        fs::read_to_string(self.folder.path().join("home/data/org.cfms.backup/logs/cfms-backup.log")).unwrap()
    }

    /// What lies in the folders of the backups, by name.
    pub(crate) fn written(&self) -> Vec<String> {
        let names = |folder: &Path| {
            let entries = fs::read_dir(folder).into_iter().flatten();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
        };
        let mut all = [names(&self.archives), names(&self.keys)].concat();
        all.sort();
        all
    }

    /// Keeps the server's database locked, as a program does that writes it, until what is returned is dropped. A backup
    /// waits meanwhile.
    pub(crate) fn lock_database(&self) -> fs::File {
        let database = fs::OpenOptions::new().read(true).write(true).open(self.server.join("app.db")).unwrap();
        fcntl_lock(&database, FlockOperation::NonBlockingLockExclusive).unwrap();
        database
    }

    /// Makes the server's largest content `bytes` long, without writing them.
    pub(crate) fn swell(&self, bytes: u64) {
        let mut files = Vec::new();
        collect_files(&self.server.join("content/files"), &mut files);
        let largest = files.into_iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
        fs::OpenOptions::new().write(true).open(largest).unwrap().set_len(bytes).unwrap();
    }
}

impl Window {
    /// The element of that test id, once it is there.
    pub(crate) fn wait_for(&self, id: &str) -> String {
        until(&format!("{id} is there"), || self.find(id))
    }

    /// The element of that test id, if it is there now.
    pub(crate) fn find(&self, id: &str) -> Option<String> {
        self.session.find(&selector(id))
    }

    /// Clicks the element of that test id, once that can be clicked.
    pub(crate) fn click(&self, id: &str) {
        until(&format!("{id} can be clicked"), || {
            let element = self.find(id)?;
            // A button that says why it waits is not disabled, but waits.
            let state = "const { disabled, ariaDisabled } = document.querySelector";
            let ready = self.asks(&format!("{state}({:?}); return !disabled && ariaDisabled !== 'true'", selector(id)));
            (ready == json!(true)).then(|| self.session.click(&element).ok())?
        });
    }

    /// Waits until a backup can be begun.
    pub(crate) fn wait_until_ready(&self) {
        let state = format!("return document.querySelector({:?})?.ariaDisabled", selector("start"));
        until("a backup can be begun", || (self.asks(&state) == json!("false")).then_some(()));
    }

    /// Puts `text` into a field in the place of what is in it.
    pub(crate) fn fill(&self, id: &str, text: &str) {
        let element = self.wait_for(id);
        self.asks(&format!("document.querySelector({:?}).select()", selector(id)));
        self.session.type_into(&element, text).unwrap();
        assert_eq!(self.value(id), text);
    }

    /// Takes an option of a list. WebKit draws the open list outside of the page, where no driver can click.
    pub(crate) fn choose(&self, id: &str, option: &str) {
        self.wait_for(id);
        let list = format!("const list = document.querySelector({:?})", selector(id));
        self.asks(&format!(
            "{list}; list.value = {option:?}; list.dispatchEvent(new Event('change', {{ bubbles: true }}))"
        ));
        assert_eq!(self.value(id), option);
    }

    /// What stands in a field.
    pub(crate) fn value(&self, id: &str) -> String {
        self.wait_for(id);
        self.asks(&format!("return document.querySelector({:?}).value", selector(id))).as_str().unwrap().to_owned()
    }

    /// What an element says, as it is seen.
    pub(crate) fn text(&self, id: &str) -> String {
        self.wait_for(id);
        self.asks(&format!("return document.querySelector({:?}).innerText", selector(id))).as_str().unwrap().to_owned()
    }

    /// All that the page says.
    pub(crate) fn page(&self) -> String {
        self.asks("return document.body.innerText").as_str().unwrap().to_owned()
    }

    /// The test id of what the keyboard is at.
    pub(crate) fn focus(&self) -> Option<String> {
        let id = self.asks("return document.activeElement.closest('[data-testid]')?.dataset.testid ?? null");
        id.as_str().map(str::to_owned)
    }

    /// Goes on with Tab until the keyboard is at the element of that test id.
    pub(crate) fn tab_to(&self, id: &str) {
        for _ in 0..60 {
            if self.focus().as_deref() == Some(id) {
                return;
            }
            self.press(&[crate::webdriver::key::TAB]);
        }
        panic!("Tab does not reach {id}; it is at {:?}", self.focus());
    }

    /// Presses keys together.
    pub(crate) fn press(&self, keys: &[&str]) {
        self.session.press(keys).unwrap();
    }

    /// What JavaScript returns in the page.
    pub(crate) fn asks(&self, script: &str) -> Value {
        self.session.run(script, &[]).unwrap()
    }

    /// The program's process.
    pub(crate) fn process(&self) -> Pid {
        let display = format!("DISPLAY={}", self.display);
        let program = fs::canonicalize(PROGRAM).unwrap();
        let is_it = |folder: &Path| {
            let runs = fs::read_link(folder.join("exe")).is_ok_and(|path| path == program);
            let environment = fs::read(folder.join("environ")).unwrap_or_default();
            runs && environment.split(|byte| *byte == 0).any(|variable| variable == display.as_bytes())
        };
        let mut processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        let found = processes.find(|folder| is_it(folder)).expect("the program runs");
        Pid::from_raw(found.file_name().unwrap().to_str().unwrap().parse().unwrap()).unwrap()
    }

    /// Makes the window so large, in pixels.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        let resize = format!("xdotool search --onlyvisible --name 'CFMS Backup' windowsize {width} {height}");
        assert!(Command::new("sh").args(["-c", &resize]).env("DISPLAY", &self.display).status().unwrap().success());
        let size = json!([width, height]);
        until("the page is so large", || (self.asks("return [innerWidth, innerHeight]") == size).then_some(()));
    }

    /// Asks the desktop to close the window, as a person does: again, where a busy desktop swallowed the keys.
    pub(crate) fn ask_to_close(&self, mut answered: impl FnMut() -> bool) {
        let close = "xdotool search --onlyvisible --name 'CFMS Backup' windowactivate --sync && \
                     xdotool key --clearmodifiers alt+F4";
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            // A window that has closed meanwhile is not found: the answer says so, not this.
            Command::new("sh").args(["-c", close]).env("DISPLAY", &self.display).output().unwrap();
            let pressed = Instant::now();
            while pressed.elapsed() < PATIENCE / 12 {
                if answered() {
                    return;
                }
                thread::sleep(Duration::from_millis(40));
            }
        }
        panic!("waited in vain: the window does not react to the wish to close it");
    }

    /// The title that the window bears on the screen.
    pub(crate) fn title(&self) -> String {
        let found = Command::new("xdotool")
            .args(["search", "--onlyvisible", "--name", "CFMS Backup", "getwindowname"])
            .env("DISPLAY", &self.display)
            .output()
            .unwrap();
        String::from_utf8_lossy(&found.stdout).trim().to_owned()
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.session.end();
    }
}

/// The command line, built beside the program.
pub(crate) fn command_line() -> PathBuf {
    Path::new(PROGRAM).with_file_name("cfms-backup")
}

/// Whether a process has not ended; one that waits to be buried has.
pub(crate) fn runs(process: Pid) -> bool {
    Path::new(&format!("/proc/{}/exe", process.as_raw_nonzero())).exists()
}

/// What `tar` says of an archive that openssl decrypts: the tools that every system has.
pub(crate) fn by_tar(archive: &Path, key: &Path, arguments: &[&str]) -> Vec<u8> {
    let script = r#"
        set -euo pipefail
        key=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["key"])' "$2")
        iv=$(head -c 16 "$1" | od -An -tx1 | tr -d ' \n')
        tail -c +17 "$1" | openssl enc -d -aes-256-cbc -K "$key" -iv "$iv" | tar "${@:3}"
    "#;
    let mut command = Command::new("bash");
    let run = command.args(["-c", script, "open"]).args([archive, key]).args(arguments).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    run.stdout
}

/// Asks again and again until there is an answer.
pub(crate) fn until<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(40));
    }
}

/// Whether a program can be started by its name.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn selector(id: &str) -> String {
    format!("[data-testid=\"{id}\"]")
}

/// A port that was free a moment ago; the driver cannot choose one itself.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn collect_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect_files(&path, files) } else { files.push(path) }
    }
}
