//! A run that is killed, at any moment and at any step.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::time::Instant;

use super::{Bystanders, nothing_bad_under_a_name, steps_of, strace_works, take_away, traced_backup};
use crate::harness::{Ground, Run, Seeded, program, rounds};

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
    for round in 0..rounds(10, 100) {
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
        let (run, log) = traced_backup(&ground, &name, &format!("{call}:signal=SIGKILL:when={when}"), call);
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
