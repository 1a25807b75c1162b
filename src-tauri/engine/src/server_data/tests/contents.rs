use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::warning::WarningCode;

pub(super) fn read(contents: &Contents, path: &str) -> Result<String, WarningCode> {
    let row = row(path);
    let outcome = contents.open(&row).map(|mut content| {
        let mut text = String::new();
        content.file.read_to_string(&mut text).expect("the content");
        assert_eq!(text.len() as u64, content.size);
        text
    });
    let size = contents.size_of(&row);
    assert_eq!(
        size.map_err(|refusal| refusal.code),
        outcome.as_ref().map(|text| text.len() as u64).map_err(|refusal| refusal.code),
        "{path}: looking and opening agree"
    );
    outcome.map_err(|refusal| refusal.code)
}

#[test]
fn a_path_is_found_however_servers_write_it() {
    let server = Server::with("SELECT 1");
    server.put("content/files/2026/11/a", "A");
    server.put("content/hello", "H");
    server.put("elsewhere", "E");
    let contents = server.open().contents(&[]).expect("contents");
    for path in [
        "./content/files/2026/11/a",
        "content/files/2026/11/a",
        ".\\content\\files\\2026\\11\\a",
        "content//files/./2026/11/a",
    ] {
        assert_eq!(read(&contents, path).as_deref(), Ok("A"), "{path}");
    }
    assert_eq!(read(&contents, "content/hello").as_deref(), Ok("H"));
    assert_eq!(read(&contents, "elsewhere").as_deref(), Ok("E"));
    let absolute = server.path("content/files/2026/11/a");
    assert_eq!(read(&contents, absolute.to_str().expect("UTF-8")).as_deref(), Ok("A"));
}

#[test]
fn the_data_directory_may_be_named_through_a_link_and_so_may_rows() {
    let server = Server::with("SELECT 1");
    server.put("content/a", "A");
    let link = server.root.parent().expect("a folder").join("link");
    symlink(&server.root, &link).expect("a link");
    let contents = ServerData::open(&link).expect("data").contents(&[]).expect("contents");
    for base in [&link, &server.root] {
        assert_eq!(read(&contents, base.join("content/a").to_str().expect("UTF-8")).as_deref(), Ok("A"));
    }
}

#[test]
fn what_leads_out_is_outside_and_never_opened() {
    let server = Server::with("SELECT 1");
    server.put("content/a", "A");
    let secret = server.root.parent().expect("a folder").join("secret");
    fs::write(&secret, "S").expect("a secret");
    symlink(&secret, server.path("content/link")).expect("a link");
    symlink(server.root.parent().expect("a folder"), server.path("content/up")).expect("a link");
    symlink("a", server.path("content/inner")).expect("a link");
    let contents = server.open().contents(&[]).expect("contents");
    let absolute = secret.to_str().expect("UTF-8").to_owned();
    for path in [
        "/etc/shadow",
        "/etc/passwd",
        "../secret",
        "content/../../secret",
        "content/../content/a",
        "..\\secret",
        "C:\\Users\\x",
        "c:/x",
        "\\\\server\\share\\x",
        &absolute,
        "content/link",
        "content/up/secret",
        "content/inner",
    ] {
        assert_eq!(read(&contents, path), Err(WarningCode::Outside), "{path}");
    }
}

#[test]
fn a_folder_outside_is_read_where_it_was_allowed_but_no_link_in_it() {
    let server = Server::with("SELECT 1");
    let other = server.root.parent().expect("a folder").join("other");
    fs::create_dir_all(other.join("deep")).expect("a folder");
    fs::write(other.join("deep/x"), "X").expect("a file");
    symlink("/etc/passwd", other.join("deep/link")).expect("a link");
    fs::create_dir(server.path("content")).expect("a folder");
    symlink(&other, server.path("content/files")).expect("a link");
    let contents = server.open().contents(std::slice::from_ref(&other)).expect("contents");
    let absolute = |below: &str| other.join(below).to_str().expect("UTF-8").to_owned();
    assert_eq!(read(&contents, &absolute("deep/x")).as_deref(), Ok("X"));
    assert_eq!(read(&contents, "../other/deep/x").as_deref(), Ok("X"));
    assert_eq!(read(&contents, "content/files/deep/x").as_deref(), Ok("X"), "a link that leads there");
    assert_eq!(read(&contents, &absolute("deep/link")), Err(WarningCode::Outside));
    assert_eq!(read(&contents, "content/files/deep/link"), Err(WarningCode::Outside));
    assert_eq!(read(&contents, &absolute("../secret")), Err(WarningCode::Outside));
    assert_eq!(read(&contents, "/etc/passwd"), Err(WarningCode::Outside));

    let strict = server.open().contents(&[]).expect("contents");
    assert_eq!(read(&strict, "content/files/deep/x"), Err(WarningCode::Outside));
    assert_eq!(strict.folder_to_allow(&row("content/files/deep/x")), Some(other.clone()));
    assert_eq!(strict.folder_to_allow(&row(&absolute("deep/x"))), Some(other.join("deep")));
    assert_eq!(strict.folder_to_allow(&row(&absolute("deep/nothing"))), None);
}

#[test]
fn content_itself_may_be_a_link_to_a_larger_disk() {
    let server = Server::with("SELECT 1");
    let disk = server.root.parent().expect("a folder").join("disk");
    fs::create_dir_all(disk.join("files")).expect("a folder");
    fs::write(disk.join("files/a"), "A").expect("a file");
    symlink("/etc/passwd", disk.join("files/out")).expect("a link");
    symlink(&disk, server.path("content")).expect("a link");
    let contents = server.open().contents(&[]).expect("contents");
    for path in ["content/files/a", server.path("content/files/a").to_str().expect("UTF-8")] {
        assert_eq!(read(&contents, path).as_deref(), Ok("A"), "{path}");
        assert_eq!(contents.shown_path(&row(path)), server.path("content/files/a"));
    }
    assert_eq!(read(&contents, disk.join("files/a").to_str().expect("UTF-8")).as_deref(), Ok("A"));
    assert_eq!(read(&contents, "content/files/out"), Err(WarningCode::Outside));
    assert_eq!(read(&contents, "content"), Err(WarningCode::NotAFile));
}

#[test]
fn a_link_that_leads_nowhere_is_a_missing_folder() {
    let server = Server::with("SELECT 1");
    symlink("/no/such/disk", server.path("content")).expect("a link");
    let contents = server.open().contents(&[]).expect("contents");
    assert_eq!(read(&contents, "content/files/a"), Err(WarningCode::Missing));
}

#[test]
fn only_regular_files_are_opened_and_nothing_waits_for_a_pipe() {
    let server = Server::with("SELECT 1");
    server.put("content/file", "");
    fs::create_dir(server.path("content/folder")).expect("a folder");
    nix::unistd::mkfifo(&server.path("content/pipe"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let _socket = std::os::unix::net::UnixListener::bind(server.path("content/socket")).expect("a socket");
    let contents = server.open().contents(&[]).expect("contents");
    assert_eq!(read(&contents, "content/file").as_deref(), Ok(""));
    for path in ["content/folder", "content/pipe", "content/socket", "", ".", "/", "content"] {
        let refused = read(&contents, path).expect_err(path);
        assert!(matches!(refused, WarningCode::NotAFile | WarningCode::Outside), "{path}: {refused:?}");
    }
}

#[test]
fn what_is_not_there_is_missing() {
    let server = Server::with("SELECT 1");
    server.put("content/file", "");
    let contents = server.open().contents(&[]).expect("contents");
    let long = "x".repeat(5000);
    for path in ["content/nothing", "content/no/folder", "content/file/below", "con\0tent", "content/\0", &long] {
        assert_eq!(read(&contents, path), Err(WarningCode::Missing), "{path:?}");
    }
    assert_eq!(contents.shown_path(&row("./content\\files/x")), server.path("content/files/x"));
}

#[test]
fn what_may_not_be_read_is_unreadable() {
    if rustix::process::geteuid().is_root() {
        return skipped("root may read everything");
    }
    let server = Server::with("SELECT 1");
    let file = server.put("content/file", "x");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).expect("permissions");
    let contents = server.open().contents(&[]).expect("contents");
    assert_eq!(read(&contents, "content/file"), Err(WarningCode::Unreadable));
}

#[test]
fn a_content_that_is_written_to_or_replaced_has_changed() {
    let server = Server::with("SELECT 1");
    let file = server.put("content/file", "before");
    let contents = server.open().contents(&[]).expect("contents");
    let open = || contents.open(&row("content/file")).expect("the content");

    assert!(!open().has_changed());
    let opened = open();
    fs::File::options().append(true).open(&file).and_then(|mut file| file.write_all(b"more")).expect("a write");
    assert!(opened.has_changed());
    let opened = open();
    fs::rename(server.put("content/new", "new"), &file).expect("a rename");
    assert!(opened.has_changed());
}

#[test]
fn more_folders_than_are_held_open_are_no_trouble() {
    let server = Server::with("SELECT 1");
    for folder in 0..200 {
        server.put(&format!("content/{folder}/x"), folder.to_string());
    }
    let contents = server.open().contents(&[]).expect("contents");
    for folder in (0..200).chain(0..200) {
        assert_eq!(read(&contents, &format!("content/{folder}/x")), Ok(folder.to_string()));
    }
}

#[test]
fn the_servers_own_files_are_those_that_its_configuration_names() {
    let server = Server::with("SELECT 1");
    let away = server.root.parent().expect("a folder").join("cert.pem");
    fs::write(&away, "CERT").expect("a certificate");
    let config = format!("[server]\nssl_certfile = \"{}\"\nssl_keyfile = 'content/tls/key.pem'\n", away.display());
    server.put("config.toml", &config);
    server.put("init", "");
    let data = server.open();
    let mut found = Vec::new();
    for file in data.server_files() {
        match data.open_server_file(&file, &[]) {
            Ok(content) => found.push((file.member, content.map(|content| content.size))),
            Err(refusal) => {
                assert_eq!((file.member, refusal.code), ("server/ssl/key.pem", WarningCode::Missing));
            }
        }
    }
    let config = config.len() as u64;
    assert_eq!(
        found,
        [("server/config.toml", Some(config)), ("server/ssl/cert.pem", Some(4)), ("server/init", Some(0))]
    );
    // In content/, where the server writes on behalf of others, a link is not followed.
    fs::create_dir_all(server.path("content/tls")).expect("a folder");
    symlink("/etc/passwd", server.path("content/tls/key.pem")).expect("a link");
    let key = &data.server_files()[2];
    assert_eq!(data.open_server_file(key, &[]).map(|_| ()).map_err(|refusal| refusal.code), Err(WarningCode::Outside));
}
