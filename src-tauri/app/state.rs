//! What the program holds while it runs.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use tauri::path::PathResolver;

use crate::dock::Dock;
use crate::log::Log;
use crate::opened::Opened;
use crate::places;
use crate::running::Running;
use crate::server::Server;
use crate::settings::{Settings, SettingsFile};

/// What the program holds while it runs.
#[derive(Debug)]
pub(crate) struct Application {
    /// The person's home folder.
    pub(crate) home: PathBuf,
    /// The program's folder for logs.
    pub(crate) logs: PathBuf,
    /// The program's folder for what it remembers.
    pub(crate) config: PathBuf,
    /// The source that was named on the command line.
    pub(crate) given_source: Option<PathBuf>,
    /// The diary.
    pub(crate) log: Log,
    /// The program's icon in the task bar.
    pub(crate) dock: Dock,
    /// The backup that runs.
    pub(crate) running: Running,
    /// The server that the window is connected to.
    pub(crate) server: Server,
    /// The backup that is looked into.
    pub(crate) opened: Opened,
    settings_file: SettingsFile,
    settings: Mutex<Settings>,
}

impl Application {
    /// Reads what is remembered.
    pub(crate) fn start(paths: &PathResolver<tauri::Wry>, given_source: Option<PathBuf>) -> tauri::Result<Self> {
        let (config, logs) = (paths.app_config_dir()?, paths.app_log_dir()?);
        let settings_file = SettingsFile::below(&config);
        Ok(Self {
            home: paths.home_dir()?,
            log: Log::below(&logs),
            logs,
            given_source,
            dock: Dock::start(),
            running: Running::default(),
            server: Server::default(),
            opened: Opened::default(),
            settings: Mutex::new(settings_file.load()),
            settings_file,
            config,
        })
    }

    /// The settings as they are now.
    pub(crate) fn settings(&self) -> Settings {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the settings, on disk first.
    pub(crate) fn change_settings(&self, settings: Settings) -> Result<(), (PathBuf, io::Error)> {
        let mut current = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        self.settings_file.save(&settings).map_err(|error| (self.settings_file.path().to_path_buf(), error))?;
        *current = settings;
        Ok(())
    }

    /// The path that a person means by what they typed.
    pub(crate) fn typed(&self, text: &str) -> PathBuf {
        places::typed(text, &self.home)
    }
}
