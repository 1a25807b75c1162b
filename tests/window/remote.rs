//! A server at the other end of a line, from the window: our agent over a demonstration server.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::bench::{Bench, Start, Window, by_tar, command_line, free_port, runs, until};
use crate::screen::Group;
use crate::webdriver::key;

/// The password of every account of the demonstration server.
pub(crate) const PASSWORD: &str = "Harbour-2026";

/// An agent; it goes with the value.
pub(crate) struct Agent {
    /// `HOST:PORT`.
    pub(crate) address: String,
    /// Of its certificate, with colons.
    pub(crate) fingerprint: String,
    _program: Group,
}

impl Agent {
    /// Starts one for the bench's server, with the pair of `content/ssl`, on a port that is free.
    pub(crate) fn start(bench: &Bench) -> Self {
        let config = bench.server.join("config.toml");
        let text = fs::read_to_string(&config).unwrap();
        // The server itself does not run: nobody may listen where the agent asks it.
        fs::write(config, text.replace("port = 5104", &format!("port = {}", free_port()))).unwrap();
        Self::listen(bench, "127.0.0.1:0")
    }

    /// The same server at the same place, but with another pair.
    pub(crate) fn restarted_with_another_pair(self, bench: &Bench) -> Self {
        let address = self.address.clone();
        drop(self);
        let make =
            "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -keyout key.pem -out cert.pem";
        let ssl = bench.server.join("content/ssl");
        let made = Command::new("sh").args(["-c", make]).current_dir(ssl).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self::listen(bench, &address)
    }

    fn listen(bench: &Bench, address: &str) -> Self {
        let mut command = Command::new(command_line());
        command.args(["serve", "--json", "--listen", address, "--data-dir"]).arg(&bench.server);
        command.arg("--state-dir").arg(bench.folder().join("agent")).stdout(Stdio::piped());
        let mut program = Group::start(&mut command);
        let mut line = String::new();
        BufReader::new(program.stdout()).read_line(&mut line).unwrap();
        let first: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let address = first["listening"].as_str().unwrap().strip_prefix("wss://").unwrap().to_owned();
        Self { address, fingerprint: first["fingerprint"].as_str().unwrap().to_owned(), _program: program }
    }
}

/// Opens the window on the servers at the other end of a line, in `more` (settings) besides.
pub(crate) fn open(bench: &Bench, more: Value) -> Window {
    let mut settings = json!({ "source": "server" });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    bench.start(Start { settings: Some(settings), ..Start::default() })
}

/// Fills the form, and connects.
pub(crate) fn connect(window: &Window, agent: &Agent, username: &str, password: &str) {
    window.fill("server-address", &agent.address);
    window.fill("server-user", username);
    window.fill("server-password", password);
    window.click("connect");
}

/// Opens the window on a new agent, as somebody who trusts its certificate.
fn trusting(bench: &Bench, username: &str, password: &str) -> (Agent, Window) {
    let agent = Agent::start(bench);
    let window = open(bench, json!({}));
    connect(&window, &agent, username, password);
    window.click("trust");
    (agent, window)
}

#[test]
fn a_backup_through_a_server_comes_home_and_opens_with_openssl() {
    let Some(bench) = Bench::new("4M") else { return };
    let agent = Agent::start(&bench);
    let window = open(&bench, json!({}));
    connect(&window, &agent, "admin", PASSWORD);

    // The window shows what openssl says of the certificate's file.
    assert_eq!(window.text("fingerprint").replace('\n', ""), printed_by_openssl(&bench));
    assert_eq!(agent.fingerprint, printed_by_openssl(&bench));
    window.fill("compare-fingerprint", &agent.fingerprint.replace(':', "").to_lowercase());
    until("they are the same", || (outcome(&window) == "equal").then_some(()));
    window.click("trust");
    assert!(window.text("server-name").contains("Harbour Works"), "{}", window.page());
    assert!(window.page().contains("管理员"), "who is signed in: {}", window.page());

    window.fill("backup-name", "far");
    window.click("start");
    window.wait_for("result-title");
    assert!(window.text("result-title").contains("fetched and verified"), "{}", window.page());
    assert_eq!(bench.written(), ["far.cfms.enc", "far.key"]);
    let (archive, key) = (bench.archives.join("far.cfms.enc"), bench.keys.join("far.key"));
    let members = String::from_utf8(by_tar(&archive, &key, &["t"])).unwrap();
    assert!(members.lines().any(|member| member == "documents.json"));
    let announced: Value = serde_json::from_slice(&fs::read(&key).unwrap()).unwrap();
    let sums = Command::new("sha256sum").arg(&archive).output().unwrap();
    let sum = String::from_utf8_lossy(&sums.stdout)[..64].to_owned();
    assert!(announced.to_string().contains(&sum), "the key names the digest {sum}");

    // Only a yes deletes what lies on the server.
    let there = bench.server.join("content/backups/far.cfms.enc");
    assert!(there.exists());
    window.click("delete-there");
    window.click("delete-there-now");
    window.wait_for("deleted-there");
    assert!(!there.exists());
    assert_eq!(bench.written(), ["far.cfms.enc", "far.key"]);

    // No secret is left anywhere.
    assert_eq!(files_with(&bench.folder().join("home"), PASSWORD), [""; 0]);
    assert!(!window.asks("return document.documentElement.outerHTML").as_str().unwrap().contains(PASSWORD));
}

#[test]
fn a_server_that_is_trusted_is_signed_in_to_at_once_and_asked_about_again_when_it_is_forgotten() {
    let Some(bench) = Bench::new("1M") else { return };
    let (agent, window) = trusting(&bench, "admin", PASSWORD);
    window.wait_for("server-card");
    let process = window.process();
    window.ask_to_close(|| !runs(process));
    drop(window);

    let window = bench.start(Start::default());
    assert_eq!(window.value("server-address"), agent.address);
    assert_eq!(window.value("server-user"), "admin");
    assert_eq!(window.value("server-password"), "");
    window.fill("server-password", PASSWORD);
    window.press(&[key::ENTER]);
    window.wait_for("server-card");

    window.click("nav-settings");
    assert!(window.text("known-server").contains(&agent.fingerprint));
    window.click("forget-server");
    window.wait_for("forgotten");
    window.click("nav-backup");
    window.fill("server-password", PASSWORD);
    window.click("connect");
    window.wait_for("trust-sheet");
}

#[test]
fn a_changed_certificate_stops_everything() {
    let Some(bench) = Bench::new("1M") else { return };
    let (agent, window) = trusting(&bench, "admin", PASSWORD);
    window.wait_for("server-card");
    window.click("leave-server");

    let trusted = agent.fingerprint.clone();
    let agent = agent.restarted_with_another_pair(&bench);
    connect(&window, &agent, "admin", PASSWORD);
    window.wait_for("certificate-stop");
    assert_eq!(window.text("expected-fingerprint").replace('\n', ""), trusted);
    assert_eq!(window.text("fingerprint").replace('\n', ""), printed_by_openssl(&bench));
    assert!(window.find("trust").is_none(), "there is no way past it");
    let audit = fs::read_to_string(bench.folder().join("agent/audit.log")).unwrap_or_default();
    assert_eq!(audit.matches("\"login\"").count(), 1, "nothing was sent to the other one: {audit}");
}

#[test]
fn a_wrong_password_is_told_and_the_form_is_kept() {
    let Some(bench) = Bench::new("1M") else { return };
    let (agent, window) = trusting(&bench, "admin", "harbour-2026");
    assert!(window.text("error-title").contains("admin"), "{}", window.page());
    assert_eq!(window.value("server-address"), agent.address);
    assert_eq!(window.value("server-password"), "");
    window.fill("server-password", PASSWORD);
    window.click("connect");
    window.wait_for("server-card");
}

#[test]
fn an_account_that_may_not_back_up_is_told_what_it_lacks() {
    let Some(bench) = Bench::new("1M") else { return };
    let (_agent, window) = trusting(&bench, "lin.wei", PASSWORD);
    assert!(window.text("may-not").contains("manage_system"), "{}", window.page());
}

#[test]
fn a_cancelled_download_leaves_nothing_here_and_can_be_fetched_later() {
    let Some(bench) = Bench::new("1M") else { return };
    bench.swell(1 << 30);
    let (_agent, window) = trusting(&bench, "admin", PASSWORD);
    window.fill("backup-name", "later");
    window.click("start");
    until("the first bytes have come", || (!bench.written().is_empty()).then_some(()));
    window.click("cancel");
    assert!(window.text("cancelled-text").contains("later"), "{}", window.page());
    assert_eq!(bench.written(), [""; 0]);
    window.click("try-again");
    window.wait_for("result-archive");
    assert_eq!(bench.written(), ["later.cfms.enc", "later.key"]);
}

/// What comes of comparing the fingerprint that was pasted.
fn outcome(window: &Window) -> String {
    let ask = "return document.querySelector('[data-testid=comparison]').dataset.outcome";
    window.asks(ask).as_str().unwrap().to_owned()
}

fn printed_by_openssl(bench: &Bench) -> String {
    let certificate = bench.server.join("content/ssl/cert.pem");
    let run =
        Command::new("openssl").args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(certificate).output();
    let text = String::from_utf8(run.unwrap().stdout).unwrap();
    text.trim().rsplit_once('=').unwrap().1.to_owned()
}

/// The files below a folder that hold a text.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let run = Command::new("grep").args(["-rlaF", text]).arg(folder).output().unwrap();
    String::from_utf8_lossy(&run.stdout).lines().map(str::to_owned).collect()
}
