//! Whatever fails, whenever a run dies: never a bad archive under its name, never success without one, never a lost key,
//! never an overwritten file.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::{Ground, Run, Seeded, is_root, program, python, rounds, skipped};

/// Whether processes can be traced here; says so if not.
pub(crate) fn strace_works() -> bool {
    let works = std::process::Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !works {
        skipped("strace is not here, or processes may not be traced");
    }
    works
}

/// What lay in the output folder before, and must lie there ever after.
struct Bystanders(BTreeMap<PathBuf, Vec<u8>>);

impl Bystanders {
    fn of(ground: &Ground) -> Self {
        ground.create("older", &[]).ended(0);
        fs::write(ground.path("out/notes.txt"), "somebody's").unwrap();
        fs::write(ground.path("out/lonely.key"), "a key without an archive").unwrap();
        Self(
            ["older.cfms.enc", "older.key", "notes.txt", "lonely.key"]
                .map(|name| ground.path("out").join(name))
                .map(|path| (path.clone(), fs::read(&path).unwrap()))
                .into(),
        )
    }

    #[track_caller]
    fn are_untouched(&self) {
        for (path, bytes) in &self.0 {
            assert!(fs::read(path).is_ok_and(|now| now == *bytes), "{} was touched", path.display());
        }
    }
}

/// What must hold after any run at all, however it ended.
#[track_caller]
fn nothing_bad_under_a_name(ground: &Ground, name: &str, run: &Run, what: &str) {
    let (archive, key) = (ground.archive(name).exists(), ground.key(name).exists());
    if archive {
        let verified = ground.on_archive("verify", name);
        assert_eq!(verified.code, Some(0), "{what}: {run:?}: {verified:?}");
        assert_eq!(verified.document()["verdict"], "verified", "{what}");
    }
    if run.code == Some(0) {
        assert!(archive && key, "{what}: success without a backup: {run:?}");
    }
}

/// What must hold besides after a run that could still clean up.
#[track_caller]
fn cleaned_up(ground: &Ground, name: &str, run: &Run, what: &str) {
    nothing_bad_under_a_name(ground, name, run, what);
    assert_eq!(run.signal, None, "{what}: it died: {run:?}");
    // The standard library itself panics where a folder that was only read cannot be closed.
    assert!(!run.err.contains("panicked") || run.err.contains("during closedir"), "{what}: {run:?}");
    assert_eq!(ground.archive(name).exists(), ground.key(name).exists(), "{what}: a key without an archive: {run:?}");
    assert_eq!(ground.names("tmp"), [""; 0], "{what}");
}

fn take_away(ground: &Ground, name: &str) {
    for path in [ground.archive(name), ground.key(name)] {
        if path.exists() {
            fs::remove_file(path).unwrap();
        }
    }
}

// Death

#[test]
fn a_run_that_is_killed_leaves_nothing_bad_and_the_next_one_cleans_up() {
    let ground = Ground::with("bulk");
    let bystanders = Bystanders::of(&ground);
    let begun = Instant::now();
    ground.create("timed", &[]).ended(0);
    take_away(&ground, "timed");
    let whole = begun.elapsed();
    let mut seeded = Seeded(9);
    let mut outcomes = BTreeMap::new();
    for round in 0..rounds(10, 60) {
        let moment = whole.mul_f64(seeded.below(1100) as f64 / 1000.0);
        let name = format!("killed{round}");
        let mut child = ground
            .command(program())
            .args(ground.create_arguments(&name, &[]))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The moment is what is tried, so it is waited for; no result depends on its exactness.
        std::thread::sleep(moment);
        child.kill().unwrap();
        let run = child.wait_with_output().unwrap().into();
        *outcomes.entry(after_a_death(&ground, &name, &run, &format!("killed after {moment:?}"))).or_insert(0) += 1;
        bystanders.are_untouched();
    }
    assert!(outcomes.contains_key("nothing"), "at least one run was killed in its midst: {outcomes:?}");
}

#[test]
fn a_run_that_is_killed_at_any_step_of_publishing_leaves_nothing_bad() {
    if !strace_works() {
        return;
    }
    let ground = Ground::with("small");
    let bystanders = Bystanders::of(&ground);
    let mut seeded = Seeded(27);
    let mut steps = steps_of(&ground, &["renameat2", "fsync", "unlinkat", "write", "pwrite64", "fchown", "close"]);
    // The last ones are where names change hands.
    let last = |call: &str| ["renameat2", "fsync", "unlinkat"].contains(&call);
    let keep = rounds(14, 60) as usize;
    while steps.len() > keep {
        let victim = seeded.below(steps.len() as u64) as usize;
        if !last(&steps[victim].0) || steps.iter().all(|(call, _)| last(call)) {
            steps.swap_remove(victim);
        }
    }
    let mut outcomes = BTreeMap::new();
    for (round, (call, when)) in steps.iter().enumerate() {
        let name = format!("killed{round}");
        let (run, log) = traced(&ground, &name, &format!("{call}:signal=SIGKILL:when={when}"), call);
        assert!(
            log.contains("(INJECTED)") || log.contains("killed by SIGKILL"),
            "{call} {when}: nothing was injected: {log}"
        );
        *outcomes.entry(after_a_death(&ground, &name, &run, &format!("killed at {call} {when}"))).or_insert(0) += 1;
        bystanders.are_untouched();
    }
    assert!(outcomes.contains_key("nothing"), "{outcomes:?}");
}

/// Says what the death left, and that the next run puts it in order.
fn after_a_death(ground: &Ground, name: &str, run: &Run, what: &str) -> &'static str {
    nothing_bad_under_a_name(ground, name, run, what);
    let left = match (ground.archive(name).exists(), ground.key(name).exists()) {
        (true, true) => "a backup",
        (true, false) => panic!("{what}: an archive without its key"),
        (false, true) => "a key alone",
        (false, false) => "nothing",
    };
    let key = fs::read(ground.key(name)).ok();
    let next = ground.create("next", &[]).ended(0);
    assert!(ground.names("out").iter().all(|name| !name.contains("cfms-partial")), "{what}: {:?}", ground.names("out"));
    assert_eq!(ground.names("tmp"), [""; 0], "{what}: a private copy is left");
    if left == "a key alone" {
        let warnings = next.document()["warnings"].to_string();
        assert!(
            warnings.contains("key_without_archive") && warnings.contains(&format!("{name}.key")),
            "{what}: {warnings}"
        );
    }
    assert_eq!(fs::read(ground.key(name)).ok(), key, "{what}: the key was taken away or changed by another run");
    take_away(ground, "next");
    take_away(ground, name);
    left
}

// Failing calls

#[test]
fn a_call_that_fails_never_makes_a_bad_backup() {
    if !strace_works() {
        return;
    }
    let ground = Ground::with("small");
    let bystanders = Bystanders::of(&ground);
    let faults = [
        ("write", "EIO"),
        ("write", "ENOSPC"),
        ("pwrite64", "EIO"),
        ("pwrite64", "ENOSPC"),
        ("fsync", "EIO"),
        ("fsync", "ENOSPC"),
        ("fdatasync", "EIO"),
        ("renameat2", "EIO"),
        ("renameat2", "EACCES"),
        ("rename", "EIO"),
        ("renameat", "EIO"),
        ("close", "EIO"),
        ("close", "ENOSPC"),
        ("ftruncate", "EIO"),
        ("unlinkat", "EIO"),
        ("unlink", "EIO"),
        ("getrandom", "EIO"),
        ("flock", "EIO"),
        ("fchmod", "EPERM"),
        ("fallocate", "ENOSPC"),
        ("mkdirat", "EACCES"),
        ("mkdir", "EACCES"),
    ];
    let calls: Vec<_> = faults.iter().map(|(call, _)| *call).collect();
    let steps = steps_of(&ground, &calls);
    let mut tries: Vec<_> = faults
        .iter()
        .flat_map(|(call, error)| {
            steps.iter().filter(move |step| step.0 == *call).map(move |(_, when)| (*call, *error, *when))
        })
        .collect();
    // What is rare and decisive is always tried; of the many writes and closes a sample.
    let decisive = |call: &str| ["fsync", "fdatasync", "renameat2", "rename", "renameat"].contains(&call);
    let mut seeded = Seeded(81);
    let keep = rounds(40, u64::MAX) as usize;
    while tries.len() > keep && tries.iter().any(|(call, ..)| !decisive(call)) {
        let victim = seeded.below(tries.len() as u64) as usize;
        if !decisive(tries[victim].0) {
            tries.swap_remove(victim);
        }
    }
    let mut failed = 0;
    for (round, (call, error, when)) in tries.iter().enumerate() {
        let (name, what) = (format!("f{round}"), format!("{call} {when} fails with {error}"));
        let (run, log) = traced(&ground, &name, &format!("{call}:error={error}:when={when}"), call);
        assert!(log.contains("(INJECTED)"), "{what}: nothing was injected");
        if ["unlinkat", "unlink"].contains(call) {
            // What could not be removed is left, but the next run removes it: above all a copy of the database.
            nothing_bad_under_a_name(&ground, &name, &run, &what);
            ground.create("next", &[]).ended(0);
            take_away(&ground, "next");
            assert_eq!(ground.names("tmp"), [""; 0], "{what}, and what is left then stays");
        } else {
            cleaned_up(&ground, &name, &run, &what);
        }
        if decisive(call) {
            assert_ne!(run.code, Some(0), "{what}, and the run calls it a success");
        }
        failed += u64::from(run.code != Some(0));
        bystanders.are_untouched();
        take_away(&ground, &name);
    }
    assert!(failed > 5, "{failed} of {} runs failed", tries.len());
}

/// FAT and some network shares know neither a rename that does not replace nor locks.
#[test]
fn a_file_system_that_cannot_do_much_still_gets_a_backup_and_nothing_is_overwritten() {
    if !strace_works() {
        return;
    }
    let ground = Ground::with("small");
    let bystanders = Bystanders::of(&ground);
    for (round, (call, errors)) in
        [("renameat2", &["EINVAL", "ENOSYS"][..]), ("flock", &["EOPNOTSUPP", "ENOLCK"])].into_iter().enumerate()
    {
        for error in errors {
            let name = format!("poor{round}{error}");
            let (run, log) = traced(&ground, &name, &format!("{call}:error={error}"), call);
            assert!(log.contains("(INJECTED)"), "{call} {error}");
            assert!(run.code == Some(0) || call == "flock", "{call} fails with {error}: {run:?}");
            cleaned_up(&ground, &name, &run, error);
            let (again, _) = traced(&ground, "older", &format!("{call}:error={error}"), call);
            assert_eq!(again.code, Some(1), "{again:?}");
            bystanders.are_untouched();
        }
    }
}

/// Every call of those names that a run makes, as (name, how manieth in its thread).
fn steps_of(ground: &Ground, calls: &[&str]) -> Vec<(String, u32)> {
    let log = ground.path("steps.log");
    let known: Vec<_> = calls.iter().filter(|call| knows(call)).copied().collect();
    let output = ground
        .command("strace")
        .args(["-f", "-qq", "-o"])
        .arg(&log)
        .args(["-e", &format!("trace={}", known.join(","))])
        .arg(program())
        .args(ground.create_arguments("steps", &[]))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    take_away(ground, "steps");
    let mut counts: BTreeMap<(String, String), u32> = BTreeMap::new();
    for line in fs::read_to_string(log).unwrap().lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((call, _)) = rest.trim_start().split_once('(') else { continue };
        if known.contains(&call) {
            *counts.entry((call.to_owned(), thread.to_owned())).or_default() += 1;
        }
    }
    let mut most: BTreeMap<String, u32> = BTreeMap::new();
    for ((call, _), count) in counts {
        let entry = most.entry(call).or_default();
        *entry = count.max(*entry);
    }
    most.into_iter().flat_map(|(call, count)| (1..=count).map(move |when| (call.clone(), when))).collect()
}

/// Whether this machine has a call of that name: not every architecture has each.
fn knows(call: &str) -> bool {
    let tried = std::process::Command::new("strace")
        .args(["-o", "/dev/null", "-e", &format!("trace={call}"), "true"])
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}

/// Makes a backup under strace with a fault put in, and gives the log of the calls that it met.
fn traced(ground: &Ground, name: &str, injection: &str, call: &str) -> (Run, String) {
    let log = ground.path("strace.log");
    let mut command = ground.command("strace");
    command.args(["-f", "-qq", "-o"]).arg(&log).args([
        "-e",
        &format!("trace={call}"),
        "-e",
        &format!("inject={injection}"),
    ]);
    command.arg(program()).args(ground.create_arguments(name, &[]));
    let run = command.output().unwrap().into();
    (run, fs::read_to_string(log).unwrap())
}

// Limits

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

// Others

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
