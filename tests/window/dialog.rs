//! The system's own dialog for files and folders, worked by its keyboard.

use std::path::Path;
use std::process::Command;

use crate::bench::Window;

/// Chooses `path` in the dialog that is opening.
pub(crate) fn choose_in_dialog(window: &Window, path: &Path) {
    let script = r#"
        set -e
        for attempt in $(seq 100); do
            # The dialog is the one window of the program that is not named after it.
            dialog=$(comm -23 <(xdotool search --onlyvisible --class 'cfms-backup-app' | sort -u) \
                <(xdotool search --onlyvisible --name 'CFMS Backup' | sort -u) | tail -n 1)
            [ -n "$dialog" ] && break
            sleep 0.1
        done
        xdotool windowactivate --sync "$dialog"
        xdotool key --window "$dialog" --clearmodifiers ctrl+l
        sleep 0.4
        xdotool key --clearmodifiers ctrl+a
        xdotool type --delay 30 "$1"
        sleep 0.5
        # The dialog has completed the path by a slash, which would mean a folder in it.
        xdotool key Delete
        sleep 0.2
        xdotool key Return
    "#;
    let typed = Command::new("bash").args(["-c", script, "dialog"]).arg(path).env("DISPLAY", &window.display).output();
    let typed = typed.unwrap();
    assert!(typed.status.success(), "{}", String::from_utf8_lossy(&typed.stderr));
}
