//! Warnings in words.

use cfms_backup::{Warning, WarningCode};

use crate::output::Paint;
use crate::show;

/// Warnings, or findings, that are printed; the JSON document lists many more.
pub(crate) const PRINTED: usize = 50;

/// The warnings, a line each, under a headline that counts all `total` of them.
pub(crate) fn text(warnings: &[Warning], total: u64, paint: Paint) -> String {
    let mut text = paint.yellow(&format!("{}:", show::count(total, "warning", "warnings")));
    for warning in warnings.iter().take(PRINTED) {
        text.push_str("\n  ");
        text.push_str(&line(warning));
    }
    text.push_str(&more(warnings.len(), total));
    text
}

/// How many of `total` are not printed, and how many of them the JSON document lists: `listed` with those that are.
pub(crate) fn more(listed: usize, total: u64) -> String {
    let unprinted = total.saturating_sub(listed.min(PRINTED) as u64);
    let (more, listed) = (show::grouped(unprinted), listed as u64);
    match unprinted {
        0 => String::new(),
        _ if listed == total => format!("\n  … and {more} more; --json lists them"),
        _ => format!("\n  … and {more} more; --json lists the first {}", show::grouped(listed)),
    }
}

fn line(warning: &Warning) -> String {
    let subject = match (&warning.title, &warning.file_id, &warning.path) {
        (Some(title), _, _) => format!(" “{}”", show::line(title)),
        (None, Some(file), _) => format!(" file {}", show::line(file)),
        (None, None, Some(path)) => format!(" {}", show::line(path)),
        (None, None, None) => return format!("{}: {}", words(warning.code), show::line(&warning.reason)),
    };
    let path = match (&warning.path, warning.title.is_some() || warning.file_id.is_some()) {
        (Some(path), true) => format!(" ({})", show::line(&shortened(path))),
        _ => String::new(),
    };
    format!("{}:{subject}: {}{path}", words(warning.code), show::line(&warning.reason))
}

/// A path as far as it says anything on a line; the JSON document has it whole.
fn shortened(path: &str) -> std::borrow::Cow<'_, str> {
    const MOST: usize = 200;
    match path.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &path[..end]).into(),
        None => path.into(),
    }
}

fn words(code: WarningCode) -> &'static str {
    match code {
        WarningCode::Missing => "missing",
        WarningCode::Unreadable => "unreadable",
        WarningCode::NotAFile => "not a file",
        WarningCode::Outside => "outside",
        WarningCode::Changed => "changed while read",
        WarningCode::Sha256Mismatch => "not as recorded",
        WarningCode::NotUtf8 => "not UTF-8",
        WarningCode::RepeatedId => "repeated id",
        WarningCode::ServerFileMissing => "server file missing",
        WarningCode::DatabaseDamaged => "database damaged",
        WarningCode::CertificateExpired => "certificate expired",
        WarningCode::LeftOnServer => "left on the server",
        WarningCode::NotRemembered => "not remembered",
        WarningCode::KeyWithoutArchive => "key without archive",
        WarningCode::FolderMoved => "folder moved",
        _ => "warning",
    }
}
