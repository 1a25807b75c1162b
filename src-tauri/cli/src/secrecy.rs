//! No copy of this process's memory, which holds keys, is left on a disk or shown to another process.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Forbids core dumps, and the reading of this process's memory by others of the same user.
///
/// A system that refuses is left as it is: a backup without this protection is better than none, and both refusals are
/// unknown of outside sandboxes.
pub(crate) fn keep() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // Where core_pattern is a program, the kernel starts it whatever the limit says, but not for who is not dumpable.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
