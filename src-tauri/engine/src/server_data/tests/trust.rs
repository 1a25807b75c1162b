//! What is the server's own stays no row's content, and root reads nothing for a folder's owner that he may not read.

use std::os::unix::fs::{PermissionsExt, chown, symlink};

use super::contents::read;
use super::*;
use crate::skipped::is_root;
use crate::warning::WarningCode;

const OWNER: u32 = 12345;

/// A server whose folder belongs to somebody who may not read what root keeps to itself; `None` without root.
fn owned_server() -> Option<Server> {
    if !is_root("giving a folder to somebody") {
        return None;
    }
    let server = Server::with("SELECT 1");
    mode(server.outside(""), 0o711);
    chown(&server.root, Some(OWNER), Some(OWNER)).expect("an owner");
    Some(server)
}

impl Server {
    /// A place beside the data directory.
    fn outside(&self, name: &str) -> PathBuf {
        self.root.parent().expect("a folder").join(name)
    }

    /// Writes a file of root's own below [`outside`](Self::outside).
    fn put_outside(&self, name: &str, of_mode: u32) -> PathBuf {
        let path = self.outside(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
        fs::write(&path, "S").expect("the file");
        mode(&path, of_mode);
        path
    }

    /// What becomes of the member `member`.
    fn server_file(&self, member: &str, allow_outside: &[PathBuf]) -> Result<Option<u64>, Refusal> {
        let data = self.open();
        let file = data.server_files().into_iter().find(|file| file.member == member).expect("a file of the server");
        data.open_server_file(&file, allow_outside).map(|content| content.map(|content| content.size))
    }
}

fn mode(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
}

#[test]
fn root_takes_no_database_that_the_folders_owner_may_not_read_and_writes_nowhere_that_his_links_lead() {
    let Some(server) = owned_server() else { return };
    let secret = server.put_outside("roots/app.db", 0o600);
    fs::copy(server.path("app.db"), &secret).expect("a database of root's");
    mode(server.outside("roots"), 0o700);
    fs::remove_file(server.path("app.db")).expect("his own");
    symlink(&secret, server.path("app.db")).expect("a link");
    let refused = ServerData::open(&server.root).expect_err("a refusal");
    assert!(refused.to_string().contains("whose owner may not read it"), "{refused}");
    ServerData::open(&secret).expect("named by root it is root's wish");

    let Some(server) = owned_server() else { return };
    let data = server.open();
    let elsewhere = server.outside("elsewhere");
    fs::create_dir(&elsewhere).expect("a folder of root's");
    symlink(&elsewhere, server.path("content")).expect("a link");
    let backups = server.path("content/backups");
    let refused = data.refuse_led_astray(&backups).expect_err("a refusal");
    assert!(refused.to_string().contains("not its owner's"), "{refused}");
    data.refuse_led_astray(&elsewhere).expect("chosen by root");
    chown(&elsewhere, Some(OWNER), Some(OWNER)).expect("his own disk");
    data.refuse_led_astray(&backups).expect("his own");
}

#[test]
fn no_content_is_a_file_of_the_servers_own_by_whatever_path() {
    let server = Server::with("SELECT 1");
    server.put("config.toml", "[server]\nssl_keyfile = 'tls/key.pem'\n");
    for own in ["init", "tls/key.pem", "content/ssl/key.pem", "content/backups/old.key", "content/backups/deep/x"] {
        server.put(own, "OWN");
    }
    server.put("content/a", "A");
    for (number, own) in
        ["app.db", "init", "tls/key.pem", "content/ssl/key.pem", "content/backups/old.key"].iter().enumerate()
    {
        fs::hard_link(server.path(own), server.path(&format!("content/link{number}"))).expect("a hard link");
    }
    let absolute = server.path("content/backups/old.key");
    let contents = server.open().contents(&[server.root.clone(), server.path("content/backups")]).expect("contents");
    for path in [
        "config.toml",
        "./app.db",
        "app.db-wal",
        "app.db-shm",
        "APP.DB-journal",
        "init",
        "tls/key.pem",
        "content/ssl/key.pem",
        "content/ssl/not there",
        ".\\content\\backups\\old.key",
        "content/backups/deep/x",
        "content/../config.toml",
        absolute.to_str().expect("UTF-8"),
        "content/link0",
        "content/link1",
        "content/link2",
        "content/link3",
        "content/link4",
    ] {
        let refused = contents.open(&row(path)).map(|_| ()).expect_err(path);
        assert_eq!(refused.code, WarningCode::Outside, "{path}");
        assert!(refused.reason.contains("server's own"), "{path}: {}", refused.reason);
        assert_eq!(contents.size_of(&row(path)).map_err(|refusal| refusal.code), Err(WarningCode::Outside), "{path}");
        assert_eq!(contents.folder_to_allow(&row(path)), None, "{path}: allowing a folder would not help");
    }
    assert_eq!(read(&contents, "content/a").as_deref(), Ok("A"));
    assert_eq!(server.server_file("server/ssl/key.pem", &[]), Ok(Some(3)), "the server itself still has them");
}

#[test]
fn what_is_the_servers_own_is_so_behind_a_content_that_is_a_link() {
    let server = Server::with("SELECT 1");
    let disk = server.outside("disk");
    fs::create_dir_all(disk.join("backups")).expect("a folder");
    fs::write(disk.join("backups/old.key"), "KEY").expect("a key");
    fs::write(disk.join("a"), "A").expect("a content");
    symlink(&disk, server.path("content")).expect("a link");
    let contents = server.open().contents(&[]).expect("contents");
    assert_eq!(read(&contents, "content/a").as_deref(), Ok("A"));
    let absolute = disk.join("backups/old.key");
    for path in ["content/backups/old.key", absolute.to_str().expect("UTF-8")] {
        assert_eq!(read(&contents, path), Err(WarningCode::Outside), "{path}");
    }
}

#[test]
fn the_configuration_and_the_marker_are_never_links() {
    let server = Server::with("SELECT 1");
    for file in ["config.toml", "init"] {
        fs::remove_file(server.path(file)).expect("it is removed");
    }
    let secret = server.put_outside("secret", 0o644);
    symlink(&secret, server.path("init")).expect("a link");
    assert_eq!(server.server_file("server/init", &[]).map_err(|refusal| refusal.code), Err(WarningCode::Outside));
    symlink(&secret, server.path("config.toml")).expect("a link");
    let refused = ServerData::open(&server.root).map(|_| ()).expect_err("a refusal");
    assert!(matches!(&refused, Error::Config { problem, .. } if problem.contains("link")), "{refused}");
}

#[test]
fn root_reads_a_tls_file_outside_only_if_the_folders_owner_could() {
    let Some(server) = owned_server() else { return };
    let open = server.put_outside("open/key.pem", 0o644);
    let secret = server.put_outside("secret/key.pem", 0o600);
    let hidden = server.put_outside("hidden/key.pem", 0o644);
    mode(server.outside("hidden"), 0o700);
    let key_is = |named: &Path, allow: &[PathBuf]| {
        server.put("config.toml", format!("[server]\nssl_keyfile = '{}'\n", named.display()));
        server.server_file("server/ssl/key.pem", allow)
    };
    let link = server.path("tls");
    assert_eq!(key_is(&open, &[]), Ok(Some(1)));
    for place in [&secret, &hidden] {
        let _ = fs::remove_file(&link);
        symlink(place.parent().expect("a folder"), &link).expect("a link");
        for named in [
            place.clone(),
            "tls/key.pem".into(),
            format!("../{}", place.strip_prefix(server.outside("")).expect("below").display()).into(),
        ] {
            let refused = key_is(&named, &[]).expect_err("a refusal");
            assert_eq!(refused.code, WarningCode::Outside, "{named:?}");
            assert!(refused.reason.contains("--allow-outside"), "{}", refused.reason);
            let allowed = [place.parent().expect("a folder").to_path_buf()];
            assert_eq!(key_is(&named, &allowed), Ok(Some(1)), "{named:?}");
        }
    }
    // What lies in the folder itself is the backup's to read, whosever it is.
    server.put("key.pem", "S");
    mode(server.path("key.pem"), 0o600);
    assert_eq!(key_is(Path::new("key.pem"), &[]), Ok(Some(1)));
    let warnings = {
        key_is(&secret, &[]).expect_err("a refusal");
        server.survey().warnings
    };
    assert!(
        warnings.iter().any(|warning| warning.code == WarningCode::Outside && warning.file_id.is_none()),
        "{warnings:?}"
    );
}

#[test]
fn root_reads_behind_a_content_that_is_a_link_only_what_the_folders_owner_could() {
    let Some(server) = owned_server() else { return };
    let his = server.put_outside("disk/his", 0o600);
    chown(&his, Some(OWNER), Some(OWNER)).expect("an owner");
    server.put_outside("disk/open", 0o644);
    server.put_outside("disk/secret", 0o600);
    server.put_outside("disk/hidden/file", 0o644);
    mode(server.outside("disk/hidden"), 0o700);
    symlink(server.outside("disk"), server.path("content")).expect("a link");

    let contents = server.open().contents(&[]).expect("contents");
    for path in ["content/his", "content/open"] {
        assert_eq!(read(&contents, path).as_deref(), Ok("S"), "{path}");
    }
    for path in ["content/secret", "content/hidden/file"] {
        assert_eq!(read(&contents, path), Err(WarningCode::Outside), "{path}");
        let refused = contents.open(&row(path)).map(|_| ()).expect_err(path);
        assert!(refused.reason.contains("--allow-outside"), "{}", refused.reason);
    }
    let everything = [Path::new("disk"), Path::new("")].map(|name| server.outside("").join(name));
    for allowed in everything {
        let contents = server.open().contents(&[allowed]).expect("contents");
        for path in ["content/his", "content/secret", "content/hidden/file"] {
            assert_eq!(read(&contents, path).as_deref(), Ok("S"), "{path}");
        }
    }

    fs::remove_file(server.path("content")).expect("the link");
    symlink(server.outside("disk/hidden"), server.path("content")).expect("a link");
    let contents = server.open().contents(&[]).expect("contents");
    let refused = contents.open(&row("content/file")).map(|_| ()).expect_err("a refusal");
    assert_eq!(refused.code, WarningCode::Outside);
    assert!(refused.reason.contains("--allow-outside"), "{}", refused.reason);
    assert_eq!(contents.folder_to_allow(&row("content/file")), Some(server.outside("disk/hidden")));
}
