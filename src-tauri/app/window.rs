//! The one window: its place on the screen, its colours, its title, and what closing it means.

use std::path::PathBuf;

use gtk::prelude::GtkSettingsExt as _;
use serde::{Deserialize, Serialize};
use tauri::utils::config::Color;
use tauri::webview::{NewWindowResponse, PageLoadEvent};
use tauri::{
    AppHandle, Emitter as _, LogicalPosition, LogicalSize, Manager as _, Url, WebviewUrl, WebviewWindow,
    WebviewWindowBuilder, WindowEvent,
};

use crate::places;
use crate::settings::Theme;
use crate::state::Application;

const LABEL: &str = "main";
const TITLE: &str = "CFMS Backup";
const SIZE: LogicalSize<f64> = LogicalSize { width: 1120.0, height: 760.0 };
const SMALLEST: LogicalSize<f64> = LogicalSize { width: 880.0, height: 600.0 };

/// The page's own backgrounds: the window has them before the page has drawn anything.
const DARK: Color = Color(0x12, 0x15, 0x18, 0xff);
const LIGHT: Color = Color(0xf4, 0xf6, 0xf8, 0xff);

/// Where the window was when it was closed, in logical pixels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Geometry {
    width: f64,
    height: f64,
    x: f64,
    y: f64,
    maximized: bool,
}

/// Opens the window; it is shown once the page has loaded, so that nothing white is ever seen.
pub(crate) fn open(app: &AppHandle) -> tauri::Result<()> {
    let remembered = remembered(app);
    let size = remembered.map_or(SIZE, |geometry| LogicalSize::new(geometry.width, geometry.height));
    let theme = app.state::<Application>().settings().theme;
    let mut builder = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default())
        .title(TITLE)
        .visible(false)
        .inner_size(size.width.max(SMALLEST.width), size.height.max(SMALLEST.height))
        .min_inner_size(SMALLEST.width, SMALLEST.height)
        .devtools(cfg!(debug_assertions))
        .on_navigation(is_our_page)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_page_load(|window, load| {
            if load.event() == PageLoadEvent::Finished {
                // A window that cannot be shown cannot say so either.
                let _ = window.show();
            }
        });
    builder = match remembered.filter(|geometry| is_on_a_screen(app, geometry)) {
        Some(geometry) => builder.position(geometry.x, geometry.y).maximized(geometry.maximized),
        None => builder.center(),
    };
    let window = builder.build()?;
    let changed = window.clone();
    window.on_window_event(move |event| match event {
        WindowEvent::CloseRequested { api, .. } => {
            if changed.state::<Application>().running.is_running() {
                api.prevent_close();
                let _ = changed.emit("close-requested", ());
            } else {
                remember(&changed);
            }
        }
        WindowEvent::ThemeChanged(_) => paint(&changed),
        _ => {}
    });
    wear(&window, theme)
}

/// Gives the window the theme that was chosen; [`paint`] follows by the event that this makes.
pub(crate) fn wear(window: &WebviewWindow, theme: Theme) -> tauri::Result<()> {
    window.set_theme(forced(theme))
}

/// Shows the percentage in title and task bar; `None` takes it away.
pub(crate) fn show_progress(window: &WebviewWindow, percent: Option<u8>) -> tauri::Result<()> {
    window.state::<Application>().dock.show(percent);
    match percent {
        Some(percent) => window.set_title(&format!("{percent} % – {TITLE}")),
        None => window.set_title(TITLE),
    }
}

/// Shows the window that is open already to the person who started the program again.
pub(crate) fn bring_to_front(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(LABEL) {
        let _ = window.unminimize();
        let _ = window.show();
        let _ = window.set_focus();
    }
}

/// Closes the window, whatever runs; the program ends with it.
pub(crate) fn close(window: &WebviewWindow) -> tauri::Result<()> {
    remember(window);
    window.destroy()
}

/// Only the program's own page is ever shown in the window, and in its frames what it writes itself.
fn is_our_page(url: &Url) -> bool {
    url.as_str() == "about:srcdoc"
        || url.scheme() == "tauri"
        || (url.scheme() == "http" && url.host_str() == Some("tauri.localhost"))
}

fn forced(theme: Theme) -> Option<tauri::Theme> {
    match theme {
        Theme::System => None,
        Theme::Light => Some(tauri::Theme::Light),
        Theme::Dark => Some(tauri::Theme::Dark),
    }
}

/// Makes the window look as its theme says.
///
/// The event that says so names the desktop's theme even where the person forced another, and the light one where no
/// theme is forced: so the window is asked, and what the page sees (`prefers-color-scheme`) is set by hand.
fn paint(window: &WebviewWindow) {
    let dark = window.theme().is_ok_and(|theme| theme == tauri::Theme::Dark);
    let _ = window.set_background_color(Some(if dark { DARK } else { LIGHT }));
    let _ = window.run_on_main_thread(move || {
        if let Some(toolkit) = gtk::Settings::default() {
            toolkit.set_gtk_application_prefer_dark_theme(dark);
        }
    });
}

fn geometry_file(app: &AppHandle) -> PathBuf {
    app.state::<Application>().config.join("window.json")
}

fn remembered(app: &AppHandle) -> Option<Geometry> {
    let bytes = std::fs::read(geometry_file(app)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Remembers where the window is. To lose that is no reason to trouble anybody.
fn remember(window: &WebviewWindow) {
    let app = window.app_handle();
    let measured = || -> tauri::Result<Geometry> {
        let scale = window.scale_factor()?;
        let maximized = window.is_maximized()?;
        let size: LogicalSize<f64> = window.inner_size()?.to_logical(scale);
        let place: LogicalPosition<f64> = window.outer_position()?.to_logical(scale);
        Ok(Geometry { width: size.width, height: size.height, x: place.x, y: place.y, maximized })
    };
    let Ok(mut geometry) = measured() else { return };
    if geometry.maximized {
        // What it goes back to is what it was before.
        let before = remembered(app).unwrap_or(Geometry { width: SIZE.width, height: SIZE.height, ..geometry });
        geometry = Geometry { maximized: true, ..before };
    }
    if let Ok(bytes) = serde_json::to_vec(&geometry) {
        let _ = places::write_private(&geometry_file(app), &bytes);
    }
}

/// Whether the title bar would be where a person can take hold of it: screens come and go.
fn is_on_a_screen(app: &AppHandle, geometry: &Geometry) -> bool {
    let (left, right, top) = (geometry.x + 80.0, geometry.x + geometry.width - 80.0, geometry.y + 10.0);
    app.available_monitors().unwrap_or_default().iter().any(|monitor| {
        let place: LogicalPosition<f64> = monitor.position().to_logical(monitor.scale_factor());
        let size: LogicalSize<f64> = monitor.size().to_logical(monitor.scale_factor());
        (place.y..place.y + size.height).contains(&top) && right > place.x && left < place.x + size.width
    })
}
