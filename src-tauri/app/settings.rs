//! What the person chose to be remembered.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::places;

/// What the window remembers from one start to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(export)]
pub(crate) struct Settings {
    /// The window's language.
    pub(crate) language: Language,
    /// The window's colours.
    pub(crate) theme: Theme,
    /// Where archives go; `None` is the server's own `content/backups`.
    pub(crate) archive_dir: Option<String>,
    /// Where keys go; `None` is beside the archive.
    pub(crate) key_dir: Option<String>,
    /// Read each archive back and check it.
    pub(crate) verify: bool,
    /// Tell the end of a backup by a notification while the window is in the background.
    pub(crate) notifications: bool,
    /// The kind of source that was used last.
    pub(crate) source: SourceKind,
    /// The source on this computer that was used last.
    pub(crate) last_source: Option<String>,
    /// Sources on this computer that were used, newest first.
    pub(crate) recent_sources: Vec<String>,
    /// Servers that somebody signed in to, newest first.
    pub(crate) recent_servers: Vec<RecentServer>,
}

/// Where a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
#[ts(export)]
pub(crate) enum SourceKind {
    /// Its folder is on this computer.
    #[default]
    Computer,
    /// At the other end of a line.
    Server,
}

/// A server that somebody signed in to. No secret is among it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub(crate) struct RecentServer {
    /// Its address.
    pub(crate) address: String,
    /// Who signed in.
    pub(crate) username: String,
}

/// The window's language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
pub(crate) enum Language {
    /// The system's, if the window speaks it.
    #[default]
    #[serde(rename = "system")]
    System,
    /// English.
    #[serde(rename = "en")]
    English,
    /// Simplified Chinese.
    #[serde(rename = "zh-CN")]
    Chinese,
}

/// The window's colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
#[ts(export)]
pub(crate) enum Theme {
    /// The system's.
    #[default]
    System,
    /// Quiet light.
    Light,
    /// Carbon dark.
    Dark,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            language: Language::System,
            theme: Theme::System,
            archive_dir: None,
            key_dir: None,
            verify: true,
            notifications: true,
            source: SourceKind::Computer,
            last_source: None,
            recent_sources: Vec::new(),
            recent_servers: Vec::new(),
        }
    }
}

/// The file that the settings lie in.
#[derive(Debug, Clone)]
pub(crate) struct SettingsFile(PathBuf);

impl SettingsFile {
    /// `settings.json` in the program's configuration folder.
    pub(crate) fn below(folder: &Path) -> Self {
        Self(folder.join("settings.json"))
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The settings. A file that cannot be understood is set aside under another name, and the defaults are used.
    pub(crate) fn load(&self) -> Settings {
        let Ok(bytes) = fs::read(&self.0) else { return Settings::default() };
        serde_json::from_slice(&bytes).unwrap_or_else(|_| {
            // The worst that can follow from failing here is that the damaged file is overwritten by the next change.
            let _ = fs::rename(&self.0, self.0.with_extension("json.damaged"));
            Settings::default()
        })
    }

    /// Writes the settings.
    pub(crate) fn save(&self, settings: &Settings) -> io::Result<()> {
        places::write_private(&self.0, &serde_json::to_vec_pretty(settings)?)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_was_saved_is_loaded_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = SettingsFile::below(&folder.path().join("config"));
        let settings = Settings { theme: Theme::Dark, last_source: Some("/srv/财务".into()), ..Settings::default() };
        file.save(&settings).unwrap();
        assert_eq!(file.load(), settings);
        assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(file.path().parent().unwrap()).unwrap().count(), 1, "nothing else is left there");
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_the_defaults_are_used() {
        let folder = tempfile::tempdir().unwrap();
        let file = SettingsFile::below(folder.path());
        fs::write(file.path(), r#"{"language": "en", "theme"#).unwrap();
        assert_eq!(file.load(), Settings::default());
        assert!(!file.path().exists());
        assert!(folder.path().join("settings.json.damaged").exists());
    }

    #[test]
    fn settings_of_another_release_keep_what_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let file = SettingsFile::below(folder.path());
        fs::write(file.path(), r#"{"language": "zh-CN", "something_newer": [1]}"#).unwrap();
        assert_eq!(file.load(), Settings { language: Language::Chinese, ..Settings::default() });
    }
}
