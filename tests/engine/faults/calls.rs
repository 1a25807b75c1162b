//! Calls of the system that fail.

use super::{Bystanders, cleaned_up, nothing_bad_under_a_name, steps_of, strace_works, take_away, traced_backup};
use crate::harness::{Ground, Seeded, rounds};

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
        let (run, log) = traced_backup(&ground, &name, &format!("{call}:error={error}:when={when}"), call);
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
            let (run, log) = traced_backup(&ground, &name, &format!("{call}:error={error}"), call);
            assert!(log.contains("(INJECTED)"), "{call} {error}");
            assert!(run.code == Some(0) || call == "flock", "{call} fails with {error}: {run:?}");
            cleaned_up(&ground, &name, &run, error);
            let (again, _) = traced_backup(&ground, "older", &format!("{call}:error={error}"), call);
            assert_eq!(again.code, Some(1), "{again:?}");
            bystanders.are_untouched();
        }
    }
}
