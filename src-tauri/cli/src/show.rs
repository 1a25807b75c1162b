//! Text of unknown origin made fit for a terminal, and numbers made fit for people.
//!
//! A title, an id or a path may hold anything: escape sequences that repaint the screen, line breaks that fake a line
//! of ours, characters that turn the direction of what follows. Nothing of the kind is printed raw.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

use cfms_backup::Metadata;
use cfms_backup::names::is_bidirectional;

/// `text` on one line, with everything that is not plainly visible written as an escape: `\n`, `\u{202e}`.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => shown.extend(c.escape_default()),
            c if is_unsafe(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// What an archive holds, as its metadata count it.
pub(crate) fn counts(metadata: &Metadata) -> String {
    format!(
        "{}, {}, {}",
        count(metadata.documents_count, "document", "documents"),
        count(metadata.folders_count, "folder", "folders"),
        count(metadata.files_count, "file", "files"),
    )
}

/// `path` as [`line`] shows it.
pub(crate) fn path(path: &Path) -> String {
    line(&path.to_string_lossy()).into_owned()
}

/// `text` as one word of a POSIX shell.
pub(crate) fn shell_word(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,@%:=".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(format!("'{}'", text.replace('\'', r"'\''"))),
    }
}

/// JSON text in which what [`line`] would escape is written as JSON's own escapes. Outside strings JSON has none of it.
pub(crate) fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || !is_unsafe(c) {
            shown.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing into a String cannot fail.
            let _ = write!(shown, "\\u{unit:04x}");
        }
    }
    shown
}

/// A size: `812 bytes`, `3.4 MiB (3,565,158 bytes)`.
pub(crate) fn size(bytes: u64) -> String {
    if bytes < 1024 { exact(bytes) } else { format!("{} ({})", short_size(bytes), exact(bytes)) }
}

/// A size in few characters: `812 B`, `3.4 MiB`, `1.2 GiB`.
pub(crate) fn short_size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would be shown as 1024.0.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

fn exact(bytes: u64) -> String {
    count(bytes, "byte", "bytes")
}

/// `1 document`, `1,234 documents`.
pub(crate) fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A duration: `less than 0.1 s`, `0.4 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        _ if seconds < 0.05 => "less than 0.1 s".to_owned(),
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Unix seconds as `2026-11-24 08:40:05 UTC`; what is no time of this era is shown as the number.
pub(crate) fn time(unix_seconds: f64) -> String {
    if !(0.0..=253_402_300_799.0).contains(&unix_seconds) {
        return format!("{unix_seconds} s after 1970");
    }
    let seconds = unix_seconds as u64;
    let (year, month, day) = civil(seconds / 86_400);
    let of_day = seconds % 86_400;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", of_day / 3600, of_day % 3600 / 60, of_day % 60)
}

/// Year, month and day of the `days`th day after 1970-01-01, in the Gregorian calendar (Howard Hinnant's algorithm).
pub(crate) fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

fn is_unsafe(c: char) -> bool {
    let is_invisible = matches!(c, '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}');
    let breaks_lines = matches!(c, '\u{2028}' | '\u{2029}');
    let is_tag = ('\u{e0000}'..='\u{e007f}').contains(&c);
    c.is_control() || is_bidirectional(c) || breaks_lines || is_invisible || is_tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_the_cursor_or_turns_the_text_is_shown_raw() {
        assert_eq!(line("a\x1b[2Jb\u{9b}c\x07\u{202e}gpj\n\r\t"), "a\\u{1b}[2Jb\\u{9b}c\\u{7}\\u{202e}gpj\\n\\r\\t");
        assert_eq!(line("预算 “2026” 👩‍💻"), "预算 “2026” 👩‍💻");
    }

    #[test]
    fn json_stays_the_same_value_and_shows_nothing_raw() {
        let value = serde_json::json!({"title": "a\u{202e}b\u{9b}\u{e0041}\n\"预算"});
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let shown = json(&pretty);
        assert!(shown.contains("a\\u202eb\\u009b\\udb40\\udc41\\n\\\"预算"), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn sizes_are_short_and_exact() {
        assert_eq!(size(1), "1 byte");
        assert_eq!(size(20_512), "20.0 KiB (20,512 bytes)");
        assert_eq!(short_size(1_073_741_823), "1.0 GiB");
        assert_eq!(short_size(u64::MAX), "16777216.0 TiB");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(time(0.0), "1970-01-01 00:00:00 UTC");
        assert_eq!(time(951_782_400.5), "2000-02-29 00:00:00 UTC");
        assert_eq!(time(1_795_423_070.51), "2026-11-23 08:37:50 UTC");
        assert_eq!(time(253_402_300_799.0), "9999-12-31 23:59:59 UTC");
        assert_eq!(time(f64::INFINITY), "inf s after 1970");
        assert_eq!(duration(59.96), "1 min 0 s");
    }
}
