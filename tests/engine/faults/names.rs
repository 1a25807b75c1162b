//! Names that are taken, and runs that want the same at the same time.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{nothing_bad_under_a_name, take_away};
use crate::harness::{Ground, Run, program, python, rounds};

#[test]
fn of_backups_that_race_for_a_name_one_gets_it() {
    let ground = Ground::bare();
    let servers: Vec<_> = (0..5).map(|n| ground.path(&format!("server{n}"))).collect();
    for server in &servers {
        python("make_server.py", ["small".as_ref(), server.as_os_str()]);
    }
    for round in 0..rounds(6, 100) {
        let name = format!("race{round}");
        let children: Vec<_> = servers
            .iter()
            .map(|server| {
                let mut command = ground.command(program());
                command
                    .args(["create", "--json", "--name", &name, "--data-dir"])
                    .arg(server)
                    .arg("--output")
                    .arg(ground.path("out"));
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        let runs: Vec<Run> = children.into_iter().map(|child| child.wait_with_output().unwrap().into()).collect();
        let (won, lost): (Vec<_>, Vec<_>) = runs.iter().partition(|run| run.code == Some(0));
        assert_eq!(won.len(), 1, "{runs:?}");
        assert!(
            lost.iter().all(|run| ["already_exists", "name_busy"].contains(&run.error_code().as_str())),
            "{lost:?}"
        );
        assert_eq!(ground.names("out"), [format!("{name}.cfms.enc"), format!("{name}.key")]);
        nothing_bad_under_a_name(&ground, &name, won[0], "race");
        take_away(&ground, &name);
    }
}

#[test]
fn names_that_were_not_given_are_made_unique() {
    let ground = Ground::with("small");
    for _ in 0..4 {
        let mut command = ground.command(program());
        command
            .args(["create", "--json", "--no-verify", "--data-dir"])
            .arg(ground.server())
            .arg("--output")
            .arg(ground.path("out"));
        let run: Run = command.output().unwrap().into();
        run.ended(0);
    }
    assert_eq!(ground.names("out").len(), 8, "{:?}", ground.names("out"));
}

#[test]
fn what_is_there_is_never_overwritten() {
    let ground = Ground::with("small");
    for (name, taken) in [
        ("archive", "out/archive.cfms.enc"),
        ("key", "out/key.key"),
        ("link", "out/link.cfms.enc"),
        ("folder", "out/folder.key"),
    ] {
        let taken = ground.path(taken);
        match name {
            "link" => std::os::unix::fs::symlink(ground.path("elsewhere"), &taken).unwrap(),
            "folder" => fs::create_dir(&taken).unwrap(),
            _ => fs::write(&taken, "somebody's").unwrap(),
        }
        let before = ground.names("out");
        let run = ground.create(name, &[]).ended(1);
        assert_eq!(run.error_code(), "already_exists", "{run:?}");
        assert_eq!(ground.names("out"), before);
        if ["archive", "key"].contains(&name) {
            assert_eq!(fs::read(&taken).unwrap(), b"somebody's");
        }
    }
    assert!(!ground.path("elsewhere").exists(), "nothing is written through a link");
}

#[test]
fn a_source_is_backed_up_by_one_run_at_a_time() {
    let ground = Ground::with("bulk");
    let begun = Instant::now();
    let mut refused = 0;
    for round in 0..50 {
        let mut first = ground
            .command(program())
            .args(ground.create_arguments(&format!("first{round}"), &[]))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let second = ground.create(&format!("second{round}"), &[]);
        let first = first.wait().unwrap();
        // Whichever came first: never do both fail, and who is refused is told why.
        assert!(first.success() || second.code == Some(0), "{second:?}");
        if second.code != Some(0) {
            assert_eq!(second.error_code(), "source_busy", "{second:?}");
            refused += 1;
        }
        if refused > 0 || begun.elapsed() > Duration::from_secs(60) {
            break;
        }
    }
    assert!(refused > 0, "two runs never met");
}
