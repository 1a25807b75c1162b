//! What the agent shows to clients that compare.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::served::{Ground, program};

/// As openssl has it: `97:B2:…`.
fn fingerprint(certificate: &Path) -> String {
    let mut command = Command::new("openssl");
    let output = command.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(certificate).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().rsplit_once('=').unwrap().1.to_owned()
}

/// A pair made by openssl.
fn make_pair(folder: &Path, name: &str) -> (String, String) {
    let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    command.args(["-subj", "/CN=given", "-out"]).arg(&certificate).arg("-keyout").arg(&key);
    assert!(command.output().unwrap().status.success());
    (certificate.display().to_string(), key.display().to_string())
}

#[tokio::test]
async fn the_servers_own_pair_is_shown() {
    let ground = Ground::new();
    let expected = fingerprint(&ground.root.join("content/ssl/cert.pem"));
    let served = ground.serve(&[]);
    assert_eq!(served.fingerprint, expected);
    served.sign_in("admin").await;
}

#[tokio::test]
async fn a_pair_that_is_given_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = make_pair(folder.path(), "given");
    let served = Ground::new().serve(&["--tls-cert", &certificate, "--tls-key", &key]);
    assert_eq!(served.fingerprint, fingerprint(Path::new(&certificate)));
    served.sign_in("admin").await;
}

#[tokio::test]
async fn where_there_is_none_one_is_made_and_kept() {
    let ground = Ground::new();
    fs::remove_file(ground.root.join("content/ssl/key.pem")).unwrap();
    let mut served = ground.serve(&[]);
    let (first, key) = (served.fingerprint.clone(), served.state().join("key.pem"));
    assert_eq!(first, fingerprint(&served.state().join("cert.pem")));
    assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(served.state()).unwrap().mode() & 0o777, 0o700);
    served.sign_in("admin").await;
    served.end("TERM");
    served.restart();
    assert_eq!(served.fingerprint, first, "who trusted it need not be asked again");
}

#[test]
fn what_keeps_an_agent_from_starting_is_said() {
    let ground = Ground::new();
    let folder = tempfile::tempdir().unwrap();
    let ((one, key_of_one), (_, key_of_other)) = (make_pair(folder.path(), "one"), make_pair(folder.path(), "other"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let root = ground.root.display().to_string();
    let (missing, empty) = (folder.path().join("no"), folder.path().join("empty"));
    fs::create_dir(&empty).unwrap();
    let open_to_all = folder.path().join("open");
    fs::create_dir(&open_to_all).unwrap();
    fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o777)).unwrap();
    let open_to_all = open_to_all.display().to_string();
    let (missing, empty) = (missing.display().to_string(), empty.display().to_string());
    let table: [(&[&str], i32, &str); 9] = [
        (&["-D", &root, "--tls-cert", &one, "--tls-key", &key_of_other], 1, "tls_pair"),
        (&["-D", &root, "--tls-cert", &key_of_one, "--tls-key", &key_of_one], 1, "tls_pair"),
        (&["-D", &root, "--tls-cert", &missing, "--tls-key", &key_of_one], 1, "not_found"),
        (&["-D", &root, "--tls-cert", &one], 2, "usage"),
        (&["-D", &root, "--listen", "nowhere"], 2, "usage"),
        (&["-D", &root, "--listen", &address], 1, "io"),
        (&["-D", &empty], 1, "not_cfms"),
        (&["-D", &missing], 1, "not_found"),
        (&["-D", &root, "--state-dir", &open_to_all], 1, "state_not_private"),
    ];
    for (arguments, code, name) in table {
        let mut command = Command::new(program());
        command.args(["serve", "--json"]).args(arguments);
        if !arguments.contains(&"--state-dir") {
            command.arg("--state-dir").arg(folder.path().join("state"));
        }
        let output = command.output().unwrap();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {document}");
        assert_eq!(document["error"]["code"], name, "{document}");
    }
}

#[test]
fn one_agent_at_a_time_uses_a_state_folder() {
    let served = Ground::new().serve(&[]);
    let mut command = Command::new(program());
    command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--state-dir"]).arg(served.state());
    let output = command.arg("-D").arg(&served.root).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("another agent uses it"));
}
