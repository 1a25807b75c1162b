//! Pictures of the real window: those of the README into `docs/pictures`, and the other pages, to be looked at, into
//! `target/pictures`.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::bench::{Bench, Start, Window, until};
use crate::browsing;
use crate::dialog::choose_in_dialog;
use crate::remote::{self, Agent, PASSWORD};
use crate::webdriver::key as keys;

/// Where the server of the pictures lies: its path is in them.
const FOLDER: &str = "/tmp/harbour";

/// The pages that the README shows.
const SHOWN: [&str; 9] = ["ready", "progress", "done", "failed", "trust", "connected", "stop", "contents", "compared"];

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
        let Some(bench) = Bench::at(FOLDER, "64M") else { return };
        let settings = json!({ "theme": theme, "language": language });
        let server = bench.server.to_str().unwrap().to_owned();
        let start = || Start { arguments: vec![&server], settings: Some(settings.clone()), ..Start::default() };

        let window = bench.start(Start { arguments: vec![], ..start() });
        window.wait_for("nav-backup");
        take(&window, "empty", ending);
        drop(window);

        let window = bench.start(start());
        window.wait_for("source-card");
        take(&window, "ready", ending);
        window.fill("backup-name", "first");
        window.click("start");
        window.wait_for("result-title");
        take(&window, "done", ending);

        window.click("done");
        window.wait_until_ready();
        let (database, away) = (bench.server.join("app.db"), bench.server.join("away.db"));
        fs::rename(&database, &away).unwrap();
        window.click("start");
        window.wait_for("error-title");
        fs::rename(&away, &database).unwrap();
        take(&window, "failed", ending);
        window.click("nav-settings");
        window.wait_for("theme-select");
        take(&window, "settings", ending);
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
        take(&window, "progress", ending);
        window.click("cancel");
        window.wait_for("result-title");
        take(&window, "cancelled", ending);
    }
}

#[test]
#[ignore = "takes pictures: make screenshots"]
fn pictures_of_a_server() {
    for (theme, language, ending) in LOOKS {
        let Some(bench) = Bench::at(FOLDER, "64M") else { return };
        let agent = Agent::start(&bench);
        let window = remote::open(&bench, json!({ "theme": theme, "language": language }));
        window.wait_for("server-form");
        take(&window, "server", ending);
        remote::connect(&window, &agent, "admin", PASSWORD);
        window.wait_for("trust-sheet");
        take(&window, "trust", ending);
        window.click("trust");
        window.wait_until_ready();
        take(&window, "connected", ending);
        window.fill("backup-name", "first");
        window.click("start");
        window.wait_for("result-archive");
        take(&window, "fetched", ending);
        window.click("nav-settings");
        window.wait_for("known-server");
        window.asks("document.querySelector('[data-testid=known-servers]').scrollIntoView()");
        take(&window, "known", ending);
        window.click("nav-backup");
        window.click("done");
        window.click("leave-server");
        let agent = agent.restarted_with_another_pair(&bench);
        remote::connect(&window, &agent, "admin", PASSWORD);
        window.wait_for("certificate-stop");
        take(&window, "stop", ending);
    }
}

#[test]
#[ignore = "takes pictures: make screenshots"]
fn pictures_of_backups() {
    for (theme, language, ending) in LOOKS {
        let Some(bench) = Bench::at(FOLDER, "64M") else { return };
        let (archive, key) = bench.back_up("first");
        let window = browsing::open(&bench, json!({ "theme": theme, "language": language }), "first");
        window.fill("search", "预算");
        until("something is found", || browsing::row(&window, 1));
        take(&window, "searched", ending);
        let budget =
            (0..).find(|&index| browsing::row(&window, index).is_some_and(|row| row.contains(".csv"))).unwrap();
        browsing::click_row(&window, budget);
        window.wait_for("access");
        window.click("show-in-tree");
        until("the tree is there", || {
            (window.text("found").is_empty() && window.value("search").is_empty()).then_some(())
        });
        window.asks("document.querySelector('aside').scrollTop = 0");
        take(&window, "contents", ending);
        window.asks("document.querySelector('[data-testid=tree]').focus()");
        window.press(&[keys::ENTER]);
        window.wait_for("preview-frame");
        take(&window, "preview", ending);
        window.click("close-preview");
        let saved = bench.folder().join("saved");
        fs::create_dir(&saved).unwrap();
        window.click("save");
        choose_in_dialog(&window, &saved);
        window.wait_for("saved");
        take(&window, "saved", ending);
        window.click("tab-overview");
        window.wait_for("metadata-table");
        take(&window, "overview", ending);
        browsing::change_server(&bench);
        window.click("tab-compare");
        window.click("compare-with-server");
        window.fill("compare-server", bench.server.to_str().unwrap());
        take(&window, "comparing", ending);
        window.click("compare");
        window.wait_for("rank-all");
        browsing::click_row(&window, 0);
        window.wait_for("change-detail");
        take(&window, "compared", ending);
        window.click("shape-tree");
        take(&window, "compared-tree", ending);
        window.click("tab-checks");
        window.click("verify");
        window.wait_for("verdict");
        take(&window, "checked", ending);
        window.click("close-backup");
        window.wait_for("backup-opener");
        take(&window, "opener", ending);
        let bytes = fs::read(&archive).unwrap();
        fs::write(&archive, &bytes[..bytes.len() / 2]).unwrap();
        browsing::open_archive(&window, &archive, Some(&key));
        window.click("check-damaged");
        window.wait_for("verdict");
        take(&window, "damaged", ending);
    }
}

/// Takes a page in the window's usual size, and in its smallest to be looked at.
fn take(window: &Window, page: &str, ending: &str) {
    let below = if SHOWN.contains(&page) { "docs/pictures" } else { "target/pictures" };
    save(window, below, page, ending);
    window.resize(880, 600);
    save(window, "target/pictures/small", page, ending);
    window.resize(1120, 760);
}

fn save(window: &Window, below: &str, page: &str, ending: &str) {
    settle(window);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(below);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{page}-{ending}.png")), window.session.picture().unwrap()).unwrap();
}

/// A picture can lag behind the page: wait for two frames, and for the end of what moves.
fn settle(window: &Window) {
    window.asks(
        "window.drawn = false; \
         requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => { window.drawn = true; }, 300)))",
    );
    until("the page is drawn", || (window.asks("return window.drawn") == json!(true)).then_some(()));
}
