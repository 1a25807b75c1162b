//! Titles, ids, paths and arguments that want to repaint the screen or to pass for lines of the program's own.

use std::fs;

use crate::program::{Run, Server, run, skipped};

const TITLE: &str = "nice\x1b[31m\n✓ verified\r\u{202e}gpj.exe\u{9b}2J\u{2066}\x07";

/// A server of one lost document with a hostile title and one that is there.
fn server() -> Server {
    let server = Server::new();
    server.execute(&format!("UPDATE documents SET title = '{TITLE}'"));
    server
}

fn assert_harmless(run: &Run) {
    for text in [&run.out, &run.err] {
        let raw: Vec<char> = text
            .chars()
            .filter(|&c| {
                c != '\n' && (c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
            })
            .collect();
        assert!(raw.is_empty(), "{raw:?} in {text:?}");
        assert!(!text.lines().any(|line| line.starts_with("✓ verified\\r")), "{text}");
    }
}

#[test]
fn titles_are_shown_with_their_control_characters_escaped() {
    let server = server();
    let create = server.create(&["--name=a"]);
    assert_harmless(&create);
    assert!(create.err.contains(r"“nice\u{1b}[31m\n✓ verified\r\u{202e}gpj.exe\u{9b}2J\u{2066}\u{7}”"), "{create:?}");

    let archive = server.out().join("a.cfms.enc");
    let inspect = run(["inspect".as_ref(), archive.as_os_str()]);
    assert_harmless(&inspect);
    assert!(inspect.out.contains(r"nice\u{1b}[31m\n"), "{inspect:?}");
    assert_harmless(&run(["verify".as_ref(), archive.as_os_str()]));
    let list = run(["list".as_ref(), archive.as_os_str(), "--tree".as_ref()]);
    assert_harmless(&list);
    assert!(list.out.contains(r"nice\u{1b}[31m\n"), "{list:?}");
}

#[test]
fn json_escapes_them_and_keeps_the_value() {
    let server = server();
    for arguments in [&["--name=a", "--json"][..], &["--name=b", "--json", "--progress=json"]] {
        let run = server.create(arguments);
        assert_harmless(&run);
        assert_eq!(run.document()["warnings"][0]["title"], TITLE);
    }
}

#[test]
fn arguments_and_paths_in_errors_are_escaped_too() {
    let folder = tempfile::tempdir().unwrap();
    let hostile = folder.path().join("a\x1b[2J\u{202e}b\nc");
    fs::create_dir(&hostile).unwrap();
    let path = hostile.to_str().unwrap();
    let cases: [&[&str]; 9] = [
        &["create", "--data-dir", path],
        &["create", "--database", path],
        &["create", "--data-dir", "/nonexistent", "--name", "x\x1b[2J\u{202e}"],
        &["verify", path],
        &["inspect", "/nonexistent/\x1b[2J\u{202e}"],
        &["create", "--wr\x1b[2J\u{202e}ong"],
        &["\x1b[2J\u{202e}"],
        &["man", "/proc/\x1b[2J\u{202e}"],
        &["demo", "/proc/\x1b[2J\u{202e}"],
    ];
    for arguments in cases {
        let plain = run(arguments);
        assert!(plain.code.is_some_and(|code| code != 0), "{plain:?}");
        assert_harmless(&plain);
        assert!(plain.err.contains("\\u{202e}"), "{plain:?}");
        let json = run(arguments.iter().copied().chain(["--json"]));
        assert_harmless(&json);
        json.document();
    }
}

#[test]
fn a_bar_on_a_terminal_shows_titles_escaped() {
    let server = server();
    let line: Vec<_> = server.create_arguments(&["--name=a"]).into_iter().map(|a| a.into_string().unwrap()).collect();
    let program = env!("CARGO_BIN_EXE_cfms-backup");
    let output = std::process::Command::new("script")
        .args(["-qec", &format!("{program} {}", line.join(" ")), "/dev/null"])
        .env("TERM", "xterm")
        .output();
    let Ok(output) = output else {
        return skipped("there is no program script, which makes terminals");
    };
    let shown = Run::from(output);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.out.contains("Writing the archive"), "{shown:?}");
    assert!(!shown.out.contains("\x1b[31m") && !shown.out.contains('\u{202e}') && !shown.out.contains('\u{9b}'));
}
