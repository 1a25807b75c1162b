//! Previews of contents that somebody made to harm who looks at them.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use serde_json::json;

use crate::bench::{Bench, until};
use crate::browsing;
use crate::webdriver::key;

#[test]
fn of_hostile_contents_no_preview_runs_anything_or_asks_anybody() {
    let Some(bench) = Bench::new("1M") else { return };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    bench.back_up_made("make_browsable.py", &["previews", &port.to_string()], "hostile");
    let window = browsing::open(&bench, json!({}), "hostile");
    let address = window.asks("return location.href");
    let title = window.title();

    drop(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap());
    until("the listener hears", || listener.accept().ok());

    let mut kinds = Vec::new();
    for document in 0..24 {
        window.fill("search", &format!("preview {document:02}"));
        until("it is found", || (window.text("found") == "1 found").then_some(()));
        browsing::click_row(&window, 0);
        window.asks("document.querySelector('[data-testid=tree]').focus()");
        window.press(&[key::ENTER]);
        let kind = until("it was read", || {
            let kind = window.asks("return document.querySelector('[data-testid=preview]')?.dataset.kind ?? 'none'");
            (!["none", "reading"].contains(&kind.as_str().unwrap())).then(|| kind.as_str().unwrap().to_owned())
        });
        assert_ne!(kind, "failed", "{document}");
        if window.find("preview-frame").is_some() {
            let frame = "document.querySelector('[data-testid=preview-frame]')";
            let loaded = format!("return {frame}.dataset.loaded ?? null");
            until("its frame is there", || (window.asks(&loaded) == json!("yes")).then_some(()));
            assert_eq!(window.asks(&format!("return {frame}.getAttribute('sandbox')")), "");
            assert_eq!(
                window.asks(&format!("return {frame}.contentDocument")),
                json!(null),
                "it has no origin of ours"
            );
        }
        // Whatever was going to run has run after two frames and a third of a second.
        window.asks(
            "window.drawn = false; \
             requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => { window.drawn = true; }, 300)))",
        );
        until("the page is drawn", || (window.asks("return window.drawn") == json!(true)).then_some(()));
        assert_eq!(window.asks("return typeof window.ran"), "undefined", "{document}");
        assert_eq!(window.asks("return location.href"), address, "{document}");
        match listener.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            heard => panic!("preview {document:02} asked the network: {heard:?}"),
        }
        kinds.push(kind);
        window.press(&[key::ESCAPE]);
        until("the preview is closed", || window.find("preview").is_none().then_some(()));
    }
    assert_eq!(window.title(), title);
    let count = |wanted: &str| kinds.iter().filter(|kind| *kind == wanted).count();
    assert!(count("text") >= 14 && count("picture") >= 2 && count("too_large") >= 1, "{kinds:?}");
}
