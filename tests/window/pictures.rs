//! The pictures of the README, taken of the real window.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::bench::{Bench, Start, Window, until};

/// A look of the window and how its pictures' names end.
const LOOKS: [(&str, &str, &str); 4] = [
    ("dark", "en", "dark-en"),
    ("light", "en", "light-en"),
    ("dark", "zh-CN", "dark-zh"),
    ("light", "zh-CN", "light-zh"),
];

#[test]
#[ignore = "takes pictures: make screenshots"]
fn pictures() {
    for (theme, language, ending) in LOOKS {
        let Some(bench) = Bench::new("64M") else { return };
        let settings = json!({ "theme": theme, "language": language });
        let server = bench.server.to_str().unwrap().to_owned();
        let start = || Start { arguments: vec![&server], settings: Some(settings.clone()), language: None };

        let window = bench.start(Start { arguments: vec![], ..start() });
        window.wait_for("nav-backup");
        take(&window, &format!("empty-{ending}"));
        drop(window);

        let window = bench.start(start());
        window.wait_for("source-card");
        take(&window, &format!("ready-{ending}"));
        window.fill("backup-name", "first");
        window.click("start");
        window.wait_for("result-title");
        take(&window, &format!("done-{ending}"));

        window.click("done");
        window.fill("backup-name", "first");
        window.click("start");
        window.wait_for("error-title");
        take(&window, &format!("failed-{ending}"));
        window.click("nav-settings");
        window.wait_for("theme-select");
        take(&window, &format!("settings-{ending}"));
        drop(window);

        bench.swell(3 << 30);
        let window = bench.start(start());
        window.click("start");
        window.wait_for("progress-percent");
        until("a third is done", || {
            let percent: f64 =
                window.text("progress-percent").trim_matches(|c: char| !c.is_ascii_digit()).parse().ok()?;
            (percent >= 33.0).then_some(())
        });
        take(&window, &format!("progress-{ending}"));
        window.click("cancel");
        window.wait_for("result-title");
        take(&window, &format!("cancelled-{ending}"));
    }
}

fn take(window: &Window, name: &str) {
    settle(window);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
    fs::create_dir_all(&folder).unwrap();
    let picture: PathBuf = folder.join(format!("{name}.png"));
    fs::write(picture, window.session.picture().unwrap()).unwrap();
}

/// A picture can lag behind the page: wait for two frames, and for the end of what moves.
fn settle(window: &Window) {
    window.asks(
        "window.drawn = false; \
         requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => { window.drawn = true; }, 300)))",
    );
    until("the page is drawn", || (window.asks("return window.drawn") == json!(true)).then_some(()));
}
