//! The desktop application.
fn main() {
    if let Err(error) = tauri::Builder::default().run(tauri::generate_context!()) {
        let _ = error;
    }
}
