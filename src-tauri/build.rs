//! Builds the Tauri context and gathers the licences of what the program is made of.

#[path = "build/licences.rs"]
mod licences;

/// The commands that the page may call; Tauri makes an `allow-…` permission of each. The same names stand in
/// `app/main.rs`, which serves them, and in `capabilities/main.json`, which grants them to the one window.
const COMMANDS: &[&str] = &[
    "app_state",
    "save_settings",
    "survey",
    "destination_outlook",
    "start_backup",
    "cancel_backup",
    "backup_command",
    "connect_server",
    "leave_server",
    "password_kept",
    "forget_password",
    "sign_in",
    "second_factor",
    "change_password",
    "back_up_server",
    "remove_from_server",
    "server_command",
    "find_pair",
    "open_backup",
    "close_backup",
    "verify_backup",
    "verify_command",
    "stop_looking",
    "list_rows",
    "list_keys",
    "open_row",
    "search_titles",
    "find_title",
    "describe_row",
    "sum_rows",
    "preview_content",
    "save_rows",
    "save_command",
    "compare_backup",
    "compare_command",
    "shape_changes",
    "change_rows",
    "open_change",
    "find_change",
    "describe_change",
    "leave_comparison",
    "known_servers",
    "forget_server",
    "pick_folder",
    "pick_source",
    "pick_backup",
    "show_in_folder",
    "open_logs_folder",
    "copy_text",
    "set_progress",
    "notify",
    "close_window",
    "licences",
];

fn main() {
    // With a pattern Tauri watches no capability file, and it never watches the page's folder as a whole.
    for watched in ["src-tauri/build.rs", "src-tauri/build", "src-tauri/capabilities", "ui/dist"] {
        println!("cargo:rerun-if-changed={watched}");
    }
    if let Err(problem) = build() {
        println!("cargo:error={problem:#}");
        std::process::exit(1);
    }
}

fn build() -> Result<(), Box<dyn std::error::Error>> {
    if !std::path::Path::new("ui/dist/index.html").is_file() {
        return Err("ui/dist is missing: build the page first, with `make ui`".into());
    }
    let manifest = tauri_build::AppManifest::new().commands(COMMANDS);
    let attributes = tauri_build::Attributes::new()
        .capabilities_path_pattern("./src-tauri/capabilities/**/*")
        .app_manifest(manifest);
    tauri_build::try_build(attributes)?;
    licences::gather()
}
