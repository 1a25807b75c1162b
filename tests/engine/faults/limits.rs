//! Disks that are full, small or not to be written, and limits on files.

use crate::harness::{Ground, Run, is_root, program, skipped};

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_not_a_death() {
    let ground = Ground::with("bulk");
    let line = "ulimit -f \"$1\"; shift; exec \"$@\"";
    // In blocks of 512 or 1024 bytes: far above the database, below the archive.
    for blocks in ["9000", "40000"] {
        let mut command = ground.command("sh");
        command.args(["-c", line, "sh", blocks, program()]).args(ground.create_arguments("limited", &[]));
        let run: Run = command.output().unwrap().into();
        let run = run.ended(1);
        assert_eq!(run.error_code(), "file_too_large", "{run:?}");
        assert!(run.document()["error"]["message"].as_str().unwrap().contains("/out"), "it names the path: {run:?}");
        assert_eq!(ground.names("out"), [""; 0]);
        assert_eq!(ground.names("tmp"), [""; 0]);
    }
}

#[test]
fn a_small_disk_is_an_error_that_names_it_and_nothing_is_left() {
    in_a_world_of_its_own(
        "mount -t tmpfs -o size=8m none out || exit 77
         \"$@\"; echo \" $?\"; ls -A out",
        |ground, said| {
            let (document, rest) = said.split_at(said.rfind('}').unwrap() + 1);
            assert_eq!(rest.trim(), "1", "{said}");
            assert!(document.contains("no_space") && document.contains(ground.path("out").to_str().unwrap()), "{said}");
        },
    );
}

/// The space is there when the work begins, and another takes it then.
#[test]
fn a_disk_that_fills_up_meanwhile_is_an_error_and_nothing_is_left() {
    in_a_world_of_its_own(
        "mount -t tmpfs -o size=200m none out || exit 77
         mkfifo events
         \"$@\" --progress json 2>events & run=$!
         exec 3<events
         while read -r line <&3; do case $line in *encrypt*) break ;; esac; done
         head -c 170M /dev/zero >out/filler 2>/dev/null
         cat <&3 >/dev/null
         wait $run; echo \" $?\"; ls -A out",
        |_, said| {
            let (document, rest) = said.split_at(said.rfind('}').unwrap() + 1);
            let rest: Vec<_> = rest.split_whitespace().collect();
            // The machine may have been quicker than the one who fills the disk; then the backup is whole.
            match rest[0] {
                "1" => assert!(document.contains("no_space") && rest == ["1", "filler"], "{said}"),
                _ => assert_eq!(rest, ["0", "a.cfms.enc", "a.key", "filler"], "{said}"),
            }
        },
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_that_names_it() {
    in_a_world_of_its_own(
        "mount -t tmpfs -o size=200m,ro none out || exit 77
         \"$@\"; echo \" $?\"; ls -A out",
        |ground, said| {
            let (document, rest) = said.split_at(said.rfind('}').unwrap() + 1);
            assert_eq!(rest.trim(), "1", "{said}");
            assert!(document.contains(ground.path("out").to_str().unwrap()), "{said}");
        },
    );
}

/// Runs a shell script whose mounts nobody else sees; its arguments are the command that makes the backup `a`.
fn in_a_world_of_its_own(line: &str, judge: impl FnOnce(&Ground, &str)) {
    if !is_root() {
        skipped("mounting needs root");
        return;
    }
    let ground = Ground::with("bulk");
    let output = ground
        .command("unshare")
        .args(["--mount", "--propagation", "private", "bash", "-c", line, "bash", program()])
        .args(ground.create_arguments("a", &[]))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.code() == Some(77) || said.is_empty() {
        skipped("this root may not mount");
        return;
    }
    judge(&ground, &said);
    assert_eq!(ground.names("tmp"), [""; 0]);
}
