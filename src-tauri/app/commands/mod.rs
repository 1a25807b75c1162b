//! What the page can ask for. A command takes what was typed or clicked, calls the engine on another thread, and hands
//! back its answer; an error crosses as an [`ErrorReport`].

pub(crate) mod account;
pub(crate) mod backup;
pub(crate) mod browse;
pub(crate) mod compare;
pub(crate) mod dialogs;
pub(crate) mod known;
pub(crate) mod opened;
pub(crate) mod remote;
pub(crate) mod source;

use std::io;

use cfms_backup::{Error, ErrorReport, Result};
use serde::Serialize;
use tauri::{AppHandle, Manager as _, State, WebviewWindow};
use tauri_plugin_notification::NotificationExt as _;
use ts_rs::TS;

use crate::desktop;
use crate::locale::{self, Locale};
use crate::settings::Settings;
use crate::state::Application;
use crate::window;

/// What a command answers.
pub(crate) type Answer<T> = std::result::Result<T, ErrorReport>;

/// What the page needs to know when it starts.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub(crate) struct AppState {
    /// The program's version.
    version: &'static str,
    /// The system's language.
    locale: Locale,
    /// The settings.
    settings: Settings,
    /// The source to show: the one that the program was started with, or the last one used.
    data_dir_last: Option<String>,
    /// The source that the program was started with.
    demo: Option<String>,
    /// The operating system: `linux`, `macos`, `windows`.
    platform: &'static str,
    /// The person's home folder.
    home: String,
}

#[tauri::command]
pub(crate) fn app_state(application: State<'_, Application>) -> AppState {
    let settings = application.settings();
    let given = application.given_source.as_ref().map(|path| path.display().to_string());
    AppState {
        version: env!("CARGO_PKG_VERSION"),
        locale: locale::of_system(),
        data_dir_last: given.clone().or_else(|| settings.last_source.clone()),
        demo: given,
        settings,
        platform: std::env::consts::OS,
        home: application.home.display().to_string(),
    }
}

#[tauri::command]
pub(crate) async fn save_settings(app: AppHandle, window: WebviewWindow, settings: Settings) -> Answer<()> {
    let theme = settings.theme;
    blocking(move || {
        let saved = app.state::<Application>().change_settings(settings);
        saved.map_err(|(path, error)| Error::io("write", path, error))
    })
    .await?;
    window::wear(&window, theme).map_err(of_window)
}

#[tauri::command]
pub(crate) async fn show_in_folder(application: State<'_, Application>, path: String) -> Answer<()> {
    let path = application.typed(&path);
    blocking(move || desktop::show_in_folder(&path)).await
}

#[tauri::command]
pub(crate) async fn open_logs_folder(application: State<'_, Application>) -> Answer<()> {
    let folder = application.logs.clone();
    blocking(move || desktop::open_folder(&folder)).await
}

/// The page's own clipboard needs a click just before; this one does not.
#[tauri::command]
pub(crate) fn copy_text(app: AppHandle, text: String) -> Answer<()> {
    app.run_on_main_thread(move || gtk::Clipboard::get(&gtk::gdk::SELECTION_CLIPBOARD).set_text(&text))
        .map_err(of_window)
}

#[tauri::command]
pub(crate) fn set_progress(window: WebviewWindow, percent: Option<f64>) -> Answer<()> {
    let whole = percent.map(|percent| percent.clamp(0.0, 100.0) as u8);
    window::show_progress(&window, whole).map_err(of_window)
}

/// Tells something to a person who looks elsewhere; one who looks at the window sees it there.
#[tauri::command]
pub(crate) async fn notify(app: AppHandle, window: WebviewWindow, title: String, body: String) -> Answer<()> {
    if !app.state::<Application>().settings().notifications || window.is_focused().unwrap_or(false) {
        return Ok(());
    }
    blocking(move || {
        // A desktop that shows no notifications is no failure of a backup.
        let _ = app.notification().builder().title(title).body(body).show();
        Ok(())
    })
    .await
}

/// Really closes the window. A backup that runs is stopped, and has cleaned up, before.
#[tauri::command]
pub(crate) async fn close_window(application: State<'_, Application>, window: WebviewWindow) -> Answer<()> {
    let (running, opened) = (application.running.clone(), application.opened.clone());
    blocking(move || {
        running.stop_and_wait();
        opened.close();
        Ok(())
    })
    .await?;
    window::close(&window).map_err(of_window)
}

#[tauri::command]
pub(crate) fn licences() -> &'static str {
    include_str!(concat!(env!("OUT_DIR"), "/licences.txt"))
}

/// Does `work` on a thread that may wait, so that the window never does.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Answer<T> {
    match tauri::async_runtime::spawn_blocking(work).await {
        Ok(answer) => answer.map_err(|error| error.report()),
        Err(_) => Err(failed_internally("finish", "an internal error; its place is in the log").report()),
    }
}

fn of_window(error: tauri::Error) -> ErrorReport {
    failed_internally("change the window of", &error.to_string()).report()
}

fn failed_internally(action: &'static str, problem: &str) -> Error {
    Error::Io { action, path: env!("CARGO_PKG_NAME").into(), source: io::Error::other(problem.to_owned()) }
}
