//! Languages, colours, and what the page may not do.

use serde_json::json;

use crate::bench::{Bench, Start, until};

#[test]
fn a_chinese_system_is_answered_in_chinese() {
    let Some(bench) = Bench::new("1M") else { return };
    let server = bench.server.to_str().unwrap();
    let window = bench.start(Start { arguments: vec![server], language: Some("zh_CN.UTF-8"), ..Start::default() });
    assert!(window.text("nav-backup").contains("备份"));
    window.click("start");
    window.wait_for("result-title");
    assert!(window.page().contains("密钥"), "{}", window.page());
    assert_eq!(window.asks("return document.documentElement.lang"), "zh-CN");
}

#[test]
fn the_dark_theme_is_dark_and_the_light_one_light() {
    for (theme, is_dark) in [("dark", true), ("light", false)] {
        let Some(bench) = Bench::new("1M") else { return };
        let window = bench.start(Start { settings: Some(json!({ "theme": theme })), ..Start::default() });
        window.wait_for("nav-backup");
        let brightness = "const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number); \
                          return r + g + b";
        assert_eq!(window.asks(brightness).as_u64().unwrap() < 384, is_dark);
        let preferred = "return matchMedia('(prefers-color-scheme: dark)').matches";
        assert_eq!(window.asks(preferred), is_dark, "scroll bars and menus of the system follow");
    }
}

#[test]
fn a_change_of_the_language_is_seen_at_once() {
    let Some(bench) = Bench::new("1M") else { return };
    let window = bench.start(Start::default());
    window.click("nav-settings");
    window.choose("lang-select", "zh-CN");
    until("the window speaks Chinese", || window.text("nav-backup").contains("备份").then_some(()));
}

#[test]
fn the_page_can_reach_neither_files_nor_programs_nor_the_network() {
    let Some(bench) = Bench::new("1M") else { return };
    let window = bench.start(Start::default());
    window.wait_for("nav-backup");
    window.asks(
        "window.outcome = {}; \
         const tried = { \
            files: () => window.__TAURI_INTERNALS__.invoke('plugin:fs|read_text_file', { path: '/etc/passwd' }), \
            programs: () => window.__TAURI_INTERNALS__.invoke('plugin:shell|execute', { program: 'id', args: [] }), \
            window: () => window.__TAURI_INTERNALS__.invoke('plugin:webview|create_webview_window', { options: { label: 'x' } }), \
            network: () => fetch('http://127.0.0.1:9/'), \
            script: () => new Promise((good, bad) => { \
                const script = document.createElement('script'); script.textContent = 'window.injected = true'; \
                document.head.append(script); window.injected ? good() : bad('refused'); }), \
            eval: async () => (0, eval)('1'), \
         }; \
         for (const [name, attempt] of Object.entries(tried)) \
            Promise.resolve().then(attempt).then(() => outcome[name] = 'done', () => outcome[name] = 'refused')",
    );
    let outcome = until("all was tried", || {
        let outcome = window.asks("return window.outcome");
        (outcome.as_object().unwrap().len() == 6).then_some(outcome)
    });
    for (attempt, ended) in outcome.as_object().unwrap() {
        assert_eq!(ended, "refused", "{attempt}");
    }
    assert_eq!(window.asks("return typeof window.__TAURI__"), "undefined");
}
