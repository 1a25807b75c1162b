//! Rows that name what is not the server's own, and contents that are away: nothing foreign gets into an archive, and
//! nothing that is lacking is silent.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use rusqlite::Connection;

use crate::harness::{Ground, Run, python};

/// What must not be in any archive.
const FOREIGN: &str = "foreign-7f3a9c";

/// Adds a document whose content is said to lie at `path`.
fn row(ground: &Ground, id: &str, path: &str) {
    let db = Connection::open(ground.server().join("app.db")).unwrap();
    db.execute("INSERT INTO files VALUES (?1, NULL, ?2, 1.0, 1)", [id, path]).unwrap();
    db.execute("INSERT INTO documents VALUES ('d ' || ?1, 'at ' || ?1, 1.0, NULL)", [id]).unwrap();
    db.execute(
        "INSERT INTO document_revisions (document_id, file_id, created_time) VALUES ('d ' || ?1, ?1, 1.0)",
        [id],
    )
    .unwrap();
}

/// The plain tar of an archive, by openssl.
fn plain(ground: &Ground, name: &str) -> Vec<u8> {
    let line = r#"key=$(sed -n 's/.*"key": *"\([0-9a-f]*\)".*/\1/p' "out/$1.key")
        iv=$(head -c 16 "out/$1.cfms.enc" | od -An -tx1 | tr -d ' \n')
        tail -c +17 "out/$1.cfms.enc" | openssl enc -d -aes-256-cbc -K "$key" -iv "$iv""#;
    let output = ground.command("bash").args(["-c", line, "plain", name]).output().unwrap();
    assert!(output.status.success() && !output.stdout.is_empty(), "{output:?}");
    output.stdout
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[test]
fn what_a_row_names_outside_of_the_server_is_named_and_not_read() {
    let ground = Ground::with("small");
    let outside = ground.path("elsewhere");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), FOREIGN).unwrap();
    fs::write(ground.path("secret"), FOREIGN).unwrap();
    let content = ground.server().join("content");
    symlink(outside.join("secret"), content.join("link")).unwrap();
    symlink(&outside, content.join("linked")).unwrap();
    symlink("../../elsewhere/secret", content.join("files/relative link")).unwrap();
    symlink(content.join("files"), content.join("link within")).unwrap();
    pipe(&content.join("pipe"));
    symlink("/dev/zero", content.join("zero")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(content.join("socket")).unwrap();
    let secret = outside.join("secret");
    let cases = [
        ("shadow", "/etc/shadow", "outside"),
        ("shadow by dots", "./content/../../../../../../../../etc/shadow", "outside"),
        ("absolute", secret.to_str().unwrap(), "outside"),
        ("dots", "../secret", "outside"),
        ("dots within", "./content/files/../../../secret", "outside"),
        ("backslash dots", ".\\content\\..\\..\\secret", "outside"),
        ("drive", "C:\\secret", "outside"),
        ("link", "./content/link", "outside"),
        ("relative link", "./content/files/relative link", "outside"),
        ("linked folder", "./content/linked/secret", "outside"),
        ("link within", "./content/link within/x", "outside"),
        ("link to a device", "./content/zero", "outside"),
        ("process", "/proc/self/environ", "outside"),
        ("standard input", "/dev/stdin", "outside"),
        ("pipe", "./content/pipe", "not_a_file"),
        ("socket", "./content/socket", "not_a_file"),
        ("folder", "./content/files", "not_a_file"),
        ("nothing", "", "not_a_file|missing|outside"),
        ("the folder itself", ".", "not_a_file|missing|outside"),
    ];
    for (id, path, _) in cases {
        row(&ground, id, path);
    }
    let run = ground.create("a", &["--allow-missing"]).ended(0);
    let warned = run.warnings();
    for (id, _, codes) in cases {
        assert!(codes.split('|').any(|code| warned.contains(&(code.to_owned(), id.to_owned()))), "{id}: {warned:?}");
    }
    let tar = plain(&ground, "a");
    assert!(!contains(&tar, FOREIGN) && !contains(&tar, "root:"), "something foreign is in the archive");
    python("read_archive.py", [ground.archive("a").as_os_str(), ground.server().as_os_str(), "whole".as_ref()]);
}

#[test]
fn a_folder_outside_is_read_where_that_is_allowed_and_no_further() {
    let ground = Ground::with("small");
    for folder in ["allowed", "forbidden"] {
        fs::create_dir(ground.path(folder)).unwrap();
    }
    fs::write(ground.path("allowed/content"), "it may be read").unwrap();
    fs::write(ground.path("forbidden/content"), FOREIGN).unwrap();
    symlink(ground.path("forbidden/content"), ground.path("allowed/link")).unwrap();
    let path = |name: &str| ground.path(name).to_str().unwrap().to_owned();
    row(&ground, "allowed", &path("allowed/content"));
    row(&ground, "by dots", &path("allowed/../forbidden/content"));
    row(&ground, "by link", &path("allowed/link"));
    row(&ground, "forbidden", &path("forbidden/content"));
    let run = ground.create("a", &["--allow-missing", "--allow-outside", &path("allowed")]).ended(0);
    let outside: Vec<_> =
        run.warnings().into_iter().filter(|(code, _)| code == "outside").map(|(_, file)| file).collect();
    assert_eq!(outside, ["by dots", "by link", "forbidden"], "{run:?}");
    assert_eq!(run.document()["contents_outside"], 3);
    let tar = plain(&ground, "a");
    assert!(contains(&tar, "it may be read") && !contains(&tar, FOREIGN));
}

#[test]
fn the_folder_content_may_be_a_link_of_its_administrator() {
    let ground = Ground::with("small");
    fs::rename(ground.server().join("content"), ground.path("moved")).unwrap();
    symlink(ground.path("moved"), ground.server().join("content")).unwrap();
    let run = ground.create("a", &[]).ended(0);
    assert_eq!(run.document()["contents_missing"], 0, "{run:?}");
}

#[test]
fn a_server_whose_contents_are_away_ends_incomplete_and_says_where_they_should_be() {
    let ground = Ground::with("small");
    fs::rename(ground.server().join("content/files"), ground.path("unmounted")).unwrap();
    let db = Connection::open(ground.server().join("app.db")).unwrap();
    db.execute("INSERT INTO files VALUES ('avatar', NULL, './content/avatars/a', 1.0, 1)", []).unwrap();
    let run = ground.create("a", &[]).ended(8);
    incomplete(&ground, &run);
    let allowed = ground.create("b", &["--allow-missing"]).ended(0);
    assert_eq!(allowed.document()["outcome"], "done_with_warnings");
    // What is there is proven all the same.
    ground.on_archive("verify", "a").ended(0);

    fs::create_dir(ground.server().join("content/files")).unwrap();
    incomplete(&ground, &ground.create("c", &[]).ended(8));
}

fn incomplete(ground: &Ground, run: &Run) {
    let document = run.document();
    assert_eq!(document["outcome"], "incomplete", "{run:?}");
    // An avatar is none of the documents' files, and does not make it seven of six.
    assert_eq!((&document["contents_missing"], &document["other_contents_missing"]), (&6.into(), &1.into()));
    assert!(document["error"]["message"].as_str().unwrap().contains("6 of 6 contents"), "{document:#}");
    let below = document["missing_below"].as_str().unwrap();
    assert!(Path::new(below).starts_with(ground.server().join("content").canonicalize().unwrap()), "{below}");
    assert_eq!(run.warnings().iter().filter(|(code, _)| code == "missing").count(), 7);
}

#[test]
fn what_a_server_itself_needs_and_has_not_is_told_and_what_went_along_is_listed() {
    let ground = Ground::with("small");
    let all = ["app.db", "config.toml", "ssl/cert.pem", "ssl/key.pem", "init"].map(|name| format!("server/{name}"));
    assert_eq!(ground.create("all", &[]).ended(0).document()["server_files"], serde_json::json!(all));
    for name in ["config.toml", "init"] {
        fs::remove_file(ground.server().join(name)).unwrap();
    }
    let run = ground.create("less", &[]).ended(0);
    let less = [&all[0], &all[2], &all[3]];
    assert_eq!(run.document()["server_files"], serde_json::json!(less));
    assert_eq!(run.warnings().iter().filter(|(code, _)| code == "server_file_missing").count(), 2);
    let none = ground.create("documents", &["--documents-only"]).ended(0);
    assert_eq!(none.document()["server_files"], serde_json::json!([]));
    assert_eq!(none.document()["outcome"], "done");
}

#[test]
fn ten_contents_and_a_twentieth_of_them_make_a_backup_incomplete_and_less_does_not() {
    let ground = Ground::with("small");
    for n in 0..194 {
        row(&ground, &format!("more{n}"), &format!("./content/files/more{n}"));
        fs::write(ground.server().join(format!("content/files/more{n}")), "x").unwrap();
    }
    let remove = |n: u32| fs::remove_file(ground.server().join(format!("content/files/more{n}"))).unwrap();
    (0..9).for_each(remove);
    ground.create("nine of two hundred", &[]).ended(0);
    remove(9);
    ground.create("ten of two hundred", &[]).ended(8);
    // Ten of 210 are less than a twentieth.
    for n in 300..310 {
        row(&ground, &format!("more{n}"), "./content/files/more20");
    }
    ground.create("ten of more", &[]).ended(0);
}

fn pipe(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}
