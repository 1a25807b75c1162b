//! The language that the system speaks.

use serde::Serialize;
use ts_rs::TS;

/// A language that the window speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub(crate) enum Locale {
    /// English, also for every language that the window does not speak.
    #[serde(rename = "en")]
    English,
    /// Simplified Chinese, also for the other kinds of Chinese: nearer to them than English.
    #[serde(rename = "zh-CN")]
    Chinese,
}

/// The language of this process's environment.
pub(crate) fn of_system() -> Locale {
    of_environment(|name| std::env::var(name).ok())
}

/// POSIX: `LC_ALL` beats `LC_MESSAGES` beats `LANG`; an empty one counts as absent.
fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Locale {
    let named = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable).find(|value| !value.is_empty());
    match named {
        Some(value) if value.to_ascii_lowercase().starts_with("zh") => Locale::Chinese,
        _ => Locale::English,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Locale {
        of_environment(|wanted| {
            variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_stronger_variable_decides() {
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8")]), Locale::Chinese);
        assert_eq!(of(&[("LC_ALL", "en_GB.UTF-8"), ("LANG", "zh_CN.UTF-8")]), Locale::English);
        assert_eq!(of(&[("LC_ALL", ""), ("LANG", "zh_TW.UTF-8")]), Locale::Chinese);
    }

    #[test]
    fn a_language_that_is_not_spoken_is_answered_in_english() {
        assert_eq!(of(&[]), Locale::English);
        assert_eq!(of(&[("LANG", "de_DE.UTF-8")]), Locale::English);
    }
}
