//! What `diff` prints for people: what matters most first, each thing once.

use cfms_backup::diff::{
    ChangeCounts, ChangedKind, ContentChange, Differences, NotCompared, ObjectChange, Rank, RightChange, Side,
};

use crate::opened;
use crate::output::{Output, Paint};
use crate::show;
use crate::show_document;

/// Bytes of text that are printed at once.
const MAX_TEXT: usize = 64 * 1024;
/// What could not be compared is named so often at the most.
const MAX_NOT_COMPARED: usize = 20;

/// Prints everything.
pub(crate) fn tell(old: Side<'_>, new: Side<'_>, differences: &Differences<'_>, output: &Output) {
    for not_compared in differences.not_compared().iter().take(MAX_NOT_COMPARED) {
        output.warn(&format!("{} {}", output.paint_warnings().yellow("warning:"), not_compared_line(not_compared)));
    }
    let more = differences.not_compared_total().saturating_sub(MAX_NOT_COMPARED as u64);
    if more > 0 {
        let more = show::count(more, "thing more", "things more");
        output.warn(&format!("{} {more} could not be compared", output.paint_warnings().yellow("warning:")));
    }
    if output.telling().json || output.telling().quiet {
        return;
    }
    output.say(&format!("then  {}\nnow   {}", side(old), side(new)));
    tell_changes(differences, output);
    output.say(&format!("\n{}", summary(differences)));
}

fn tell_changes(differences: &Differences<'_>, output: &Output) {
    let paint = output.paint();
    let mut text = String::new();
    let mut under = None;
    let mut unsaid = 0;
    for change in differences.changes() {
        if under != Some(change.rank) {
            push_unsaid(&mut text, &mut unsaid);
            text.push_str(&format!("\n{}\n", paint.bold(heading(change.rank))));
            under = Some(change.rank);
        }
        if change.rights_from_above && is_about_rights_alone(&change) {
            unsaid += 1;
            continue;
        }
        push(&mut text, &change, paint);
        if text.len() > MAX_TEXT {
            output.say(text.trim_end_matches('\n'));
            text.clear();
        }
    }
    push_unsaid(&mut text, &mut unsaid);
    if !text.is_empty() {
        output.say(text.trim_end_matches('\n'));
    }
}

/// What a folder's rules do to everything in it is not said for each.
fn push_unsaid(text: &mut String, unsaid: &mut u64) {
    let count = std::mem::take(unsaid);
    if count > 0 {
        let count = show::count(count, "folder or document", "folders and documents");
        text.push_str(&format!("  and by the rules of folders above: {count} (all with --json)\n"));
    }
}

/// What changes of that rank are listed under.
fn heading(rank: Rank) -> &'static str {
    match rank {
        Rank::WiderRights => "Open to more people than before",
        Rank::Rights => "Open to fewer people",
        Rank::Removed => "Removed",
        Rank::Content => "Other contents",
        Rank::Moved => "Moved",
        Rank::Renamed => "Renamed",
        Rank::Status => "Deleted but kept, locked or taken back",
        Rank::Added => "Added",
    }
}

fn push(text: &mut String, change: &ObjectChange, paint: Paint) {
    let path = |state: &Option<cfms_backup::diff::ObjectState>| {
        let path = state.as_ref().map(|state| state.path.as_str()).unwrap_or_default();
        let ending = if change.kind == ChangedKind::Folder { "/" } else { "" };
        format!("{}{ending}", show::line(path))
    };
    let shown = if change.new.is_some() { path(&change.new) } else { path(&change.old) };
    let shown = if change.rank == Rank::WiderRights { paint.yellow(&shown) } else { shown };
    text.push_str(&format!("  {shown}\n"));
    if change.old.is_none() || change.new.is_none() {
        return;
    }
    for right in &change.rights {
        text.push_str(&right_lines(right));
    }
    let mut facts = Vec::new();
    facts.extend(content_words(change));
    if change.moved || change.renamed {
        facts.push(format!("was {}", path(&change.old)));
    }
    facts.extend(status_words(change));
    for fact in facts {
        text.push_str(&format!("    {fact}\n"));
    }
}

fn right_lines(right: &RightChange) -> String {
    let (name, old, new) =
        (show_document::name(right.access), show::line(&right.old_words), show::line(&right.new_words));
    format!("    {name:<7} then: {old}\n{:12}now:  {new}\n", "")
}

fn content_words(change: &ObjectChange) -> Option<String> {
    let size = |state: &Option<cfms_backup::diff::ObjectState>| state.as_ref().and_then(|state| state.size);
    let content = match change.content {
        ContentChange::Same => None,
        ContentChange::Changed => Some(match (size(&change.old), size(&change.new)) {
            (Some(old), Some(new)) if old != new => {
                format!("{} -> {}", show::short_size(old), show::short_size(new))
            }
            (_, Some(new)) => format!("another content of the same size, {}", show::short_size(new)),
            _ => "another content".to_owned(),
        }),
        ContentChange::Gone => Some("its content was there and is not".to_owned()),
        ContentChange::Found => Some("its content was not there and is".to_owned()),
        ContentChange::Unknown => Some("its content could not be compared".to_owned()),
    };
    let revisions = [
        (change.revisions_added, "more"),
        (change.revisions_removed, "gone"),
        (change.revisions_changed, "with another content"),
    ];
    let revisions = revisions.into_iter().filter(|(count, _)| *count > 0);
    let revisions =
        revisions.map(|(count, how)| format!("{} {how}", show::count(u64::from(count), "revision", "revisions")));
    let facts: Vec<_> = content.into_iter().chain(revisions).collect();
    (!facts.is_empty()).then(|| facts.join(", "))
}

fn status_words(change: &ObjectChange) -> Option<String> {
    let status = |state: &Option<cfms_backup::diff::ObjectState>| state.as_ref().map(|state| state.status);
    let (old, new) = (status(&change.old)?, status(&change.new)?);
    let words = |status| opened::mark(status).unwrap_or("as ever");
    (old != new).then(|| format!("was {}, is {}", words(old), words(new)))
}

fn has_other_contents(change: &ObjectChange) -> bool {
    change.content.differs() || change.revisions_added + change.revisions_removed + change.revisions_changed > 0
}

fn is_about_rights_alone(change: &ObjectChange) -> bool {
    !has_other_contents(change) && !change.moved && !change.renamed && status_words(change).is_none()
}

fn side(side: Side<'_>) -> String {
    let what = match side {
        Side::Archive(archive) => show::path(archive.path()),
        Side::Server(server) => show::path(server.root()),
    };
    format!("{}  {what}", opened::time(side.state_of()))
}

fn not_compared_line(not_compared: &NotCompared) -> String {
    let NotCompared { id, title, file_id, reason } = not_compared;
    let file = file_id.as_ref().map(|file| format!(", content {}", show::line(file))).unwrap_or_default();
    format!("{} ({}{file}) could not be compared: {}", show::line(title), show::line(id), show::line(reason))
}

/// `documents: 3 added, 1 moved; 41 as they were`, and the same for folders.
fn summary(differences: &Differences<'_>) -> String {
    let totals = differences.totals();
    if differences.is_empty() {
        let all = totals.folders.same + totals.documents.same;
        return format!("nothing differs in {}", show::count(all, "folder or document", "folders and documents"));
    }
    let lines: Vec<_> = [("documents", &totals.documents), ("folders", &totals.folders)]
        .into_iter()
        .map(|(name, counts)| format!("{name}: {}", counted(counts)))
        .collect();
    lines.join("\n")
}

fn counted(counts: &ChangeCounts) -> String {
    let kinds = [
        (counts.rights_wider, "open to more people"),
        (counts.rights_changed - counts.rights_wider, "open to fewer"),
        (counts.removed, "removed"),
        (counts.contents_changed, "with other contents"),
        (counts.moved, "moved"),
        (counts.renamed, "renamed"),
        (counts.status_changed, "of another status"),
        (counts.added, "added"),
        (counts.same, "as they were"),
    ];
    let told: Vec<_> = kinds
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{} {words}", show::grouped(count)))
        .collect();
    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
}
