//! Help, manual pages and completions are complete.

use std::fs;
use std::process::Command;

use crate::program::{names, run, skipped};

const VERBS: [&str; 21] = [
    "create",
    "verify",
    "inspect",
    "serve",
    "list",
    "show",
    "cat",
    "remote",
    "remote info",
    "remote backup",
    "remote download",
    "servers",
    "servers list",
    "servers forget",
    "extract",
    "diff",
    "restore",
    "demo",
    "selftest",
    "completions",
    "man",
];
const CODES: [u8; 13] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 129, 130, 131, 143];

#[test]
fn the_help_of_every_verb_has_examples_and_every_exit_code() {
    for verb in VERBS.iter().map(|verb| verb.split(' ').chain(["--help"]).collect()).chain([vec!["--help"]]) {
        let help = run(&verb).out;
        assert!(help.contains("\nExamples:\n  # "), "{verb:?}: {help}");
        let (_, codes) = help.split_once("\nExit codes:\n").unwrap_or_else(|| panic!("{verb:?}: {help}"));
        let listed: Vec<u8> =
            codes.lines().map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect();
        assert_eq!(listed, CODES, "{verb:?}");
        for flag in ["--json", "--progress", "--quiet", "--strict", "--color"] {
            assert!(help.contains(flag), "{verb:?} lacks {flag}");
        }
    }
}

#[test]
fn every_example_in_the_help_is_understood() {
    for verb in VERBS {
        let help = run(verb.split(' ').chain(["--help"])).out;
        let commands = help.lines().filter_map(|line| line.strip_prefix("  cfms-backup "));
        for example in commands {
            let words = example.split_whitespace().take_while(|word| !matches!(*word, "|" | ">"));
            // With a flag that does not exist at the end, only that flag is complained about, and nothing is done.
            let run = run(words.chain(["--no-such-flag"]));
            assert_eq!(run.code, Some(2), "{example}");
            assert!(format!("{}{}", run.out, run.err).contains("'--no-such-flag'"), "{example}: {run:?}");
        }
    }
}

#[test]
fn the_manual_has_a_page_for_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("new/man1");
    assert_eq!(run(["man".as_ref(), dir.as_os_str()]).code, Some(0));
    let mut expected: Vec<_> = VERBS.iter().map(|verb| format!("cfms-backup-{}.1", verb.replace(' ', "-"))).collect();
    expected.push("cfms-backup.1".into());
    expected.sort();
    assert_eq!(names(&dir), expected);
    for name in expected {
        let page = fs::read_to_string(dir.join(&name)).unwrap();
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "\"EXIT STATUS\"", "EXAMPLES"] {
            assert!(page.contains(&format!(".SH {section}\n")), "{name} lacks {section}");
        }
    }
    let printed = run(["man"]).out;
    assert_eq!(printed.matches("\n.TH ").count() + usize::from(printed.starts_with(".TH ")), VERBS.len() + 1);
}

#[test]
fn completions_know_every_verb_and_are_what_the_shell_reads() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(["completions", shell]);
        assert_eq!(script.code, Some(0), "{script:?}");
        for verb in VERBS.iter().flat_map(|verb| verb.split(' ')) {
            assert!(script.out.contains(verb), "{shell} lacks {verb}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("completions.bash");
    fs::write(&path, run(["completions", "bash"]).out).unwrap();
    match Command::new("bash").arg("-n").arg(&path).output() {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(_) => skipped("there is no bash"),
    }
}
