//! What people see: quiet, strict, colours, plain progress.

use crate::program::{Run, Server, command, golden, run, skipped};

#[test]
fn create_says_all_that_matters() {
    let server = Server::whole();
    let run = server.create(&["--name=a"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let out = &run.out;
    for part in [
        "Backup of the whole server: done and verified",
        "a.cfms.enc",
        "a.key",
        "SHA-256",
        "read back from disk",
        "configuration and TLS pair",
        "Keep the key safe: without it nobody can open this backup, not even we.",
        "The key lies beside the archive",
        "on the disk of the server's data",
    ] {
        assert!(out.contains(part), "no “{part}” in {out}");
    }
}

#[test]
fn a_backup_of_the_documents_says_that_it_is_one() {
    let out = Server::whole().create(&["--documents-only", "--no-verify"]).out;
    assert!(out.contains("Backup of the documents: done"), "{out}");
    assert!(out.contains("no users, groups or configuration"), "{out}");
    assert!(out.contains("not read back (--no-verify)"), "{out}");
}

#[test]
fn quiet_says_nothing_but_what_is_wrong() {
    let run = Server::whole().create(&["--quiet"]);
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (Some(0), "", ""));

    let server = Server::new();
    let run = server.create(&["--quiet", "--name=a"]);
    assert_eq!((run.code, run.out.as_str()), (Some(0), ""));
    assert!(run.err.starts_with("1 warning:\n  missing: “Fire safety plan 2019.pdf”: "), "{run:?}");

    let run = server.create(&["--quiet", "--name=a"]);
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    assert!(run.err.starts_with("error: ") && run.err.contains("exists already"), "{run:?}");
}

#[test]
fn progress_elsewhere_than_on_a_terminal_is_plain_lines() {
    let run = Server::whole().create(&[]);
    assert!(run.err.lines().any(|line| line.starts_with("Writing the archive: ")), "{run:?}");
    assert!(run.err.lines().any(|line| line.starts_with("Checking the archive: ")), "{run:?}");
    assert!(!run.err.contains(['\x1b', '\r']), "{run:?}");
    assert_eq!(Server::whole().create(&["--progress=none"]).err, "");
}

#[test]
fn colours_are_used_where_they_are_wanted_and_nowhere_else() {
    let server = Server::whole();
    let has_colours = |run: Run| run.out.contains("\x1b[");
    assert!(!has_colours(server.create(&[])));
    assert!(has_colours(server.create(&["--color=always"])));
    assert!(!has_colours(server.create(&["--color=never"])));
    let terminal = |variable: Option<&str>| {
        let arguments = server.create_arguments(&["--progress=none"]);
        let line = arguments.iter().map(|a| a.to_str().unwrap()).collect::<Vec<_>>().join(" ");
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &format!("{} {line}", env!("CARGO_BIN_EXE_cfms-backup")), "/dev/null"]);
        match variable {
            Some(value) => script.env("NO_COLOR", value),
            None => script.env_remove("NO_COLOR"),
        };
        script.env("TERM", "xterm").output().ok().map(Run::from)
    };
    match (terminal(None), terminal(Some("1"))) {
        (Some(with), Some(without)) => {
            assert!(has_colours(with));
            assert!(!has_colours(without));
        }
        _ => skipped("there is no program script, which makes terminals"),
    }
}

#[test]
fn verify_says_what_it_checked() {
    let server = Server::new();
    let backup = server.backup("a");
    let verify = || run(["verify".as_ref(), backup.archive.as_os_str(), "--progress=none".as_ref()]);
    let sound = verify();
    assert!(sound.out.starts_with("✓ verified: "), "{sound:?}");
    assert!(sound.err.contains("warning: "), "{sound:?}");

    backup.damage();
    let damaged = verify();
    assert!(damaged.out.starts_with("✗ damaged: "), "{damaged:?}");
    assert!(damaged.err.contains("damage: ") && damaged.err.contains("error: "), "{damaged:?}");
}

#[test]
fn inspect_shows_counts_and_the_largest_documents() {
    let server = Server::new();
    let backup = server.backup("a");
    let run = run(["inspect".as_ref(), backup.archive.as_os_str()]);
    assert!(run.out.contains("Backup of “Harbour Works 海港工程” (whole server)"), "{run:?}");
    assert!(run.out.contains("Largest documents\n"), "{run:?}");
    assert!(run.err.contains("1 warning:"), "{run:?}");
}

#[test]
fn an_archive_of_a_real_server_is_readable_and_not_called_verified() {
    let Some(golden) = golden() else { return };
    // Its one content that contradicts the server's own SHA-256 is damage, as there is no manifest to say otherwise.
    let run = run(["verify".as_ref(), golden.join("golden.cfms.enc").as_os_str()]);
    assert_eq!(run.code, Some(5), "{run:?}");
    assert!(run.out.contains("the key file records no digest"), "{run:?}");
    assert!(!run.out.contains("✓ verified"), "{run:?}");
}

#[test]
fn more_warnings_than_are_listed_are_counted_and_nobody_is_promised_all_of_them() {
    let server = Server::new();
    server.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10501)
         INSERT INTO files SELECT 'gone' || i, NULL, './content/gone' || i, 1.0, 1 FROM n;
         INSERT INTO documents SELECT id, 'Lost ' || id, 1.0, NULL FROM files WHERE id LIKE 'gone%';
         INSERT INTO document_revisions SELECT 90000 + row_number() OVER (), id, id, 1.0 FROM documents WHERE id LIKE 'gone%';",
    );
    let total = 10_502;
    let rest = "… and 10,452 more; --json lists the first 10,000";
    let created = server.create(&["--json", "--allow-missing"]);
    let report = created.document();
    assert_eq!((report["warnings"].as_array().unwrap().len(), &report["warnings_total"]), (10_000, &total.into()));
    let archive = report["archive_path"].as_str().unwrap();
    for (verb, list, count) in [("verify", "findings", "findings_total"), ("inspect", "warnings", "warnings_total")] {
        let document = run([verb, archive, "--json"]).document();
        assert_eq!((document[list].as_array().unwrap().len(), &document[count]), (10_000, &total.into()), "{verb}");
        let told = run([verb, archive, "--progress=none"]);
        assert!(told.err.contains("10,502 ") && told.err.contains(rest), "{verb}: {}", told.err);
    }

    let few = Server::new();
    few.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
         INSERT INTO files SELECT 'gone' || i, NULL, './content/gone' || i, 1.0, 1 FROM n;
         INSERT INTO document_revisions SELECT 90000 + row_number() OVER (), (SELECT min(id) FROM documents), id, 1.0
         FROM files WHERE id LIKE 'gone%';",
    );
    let told = few.create(&["--allow-missing", "--progress=none"]);
    assert!(told.err.contains("… and 11 more; --json lists them"), "{}", told.err);
}

#[test]
fn the_version_is_told() {
    let run = run(["--version"]);
    assert_eq!(run.out.trim_end(), concat!("cfms-backup ", env!("CARGO_PKG_VERSION")));
    let output = command(["--help"]).output().unwrap();
    assert!(output.stderr.is_empty());
}
