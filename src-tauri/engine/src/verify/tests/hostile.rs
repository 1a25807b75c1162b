//! Archives that were made to do harm.

use std::time::{Duration, Instant};

use tempfile::tempdir;

use super::found;
use crate::archive::forge::{Forge, SmallServer};
use crate::verify::{FindingCode, Verdict};

/// An archive whose tar is hostile: it must be refused quickly and by name.
fn refused_quickly(what: &str, forge: &Forge, code: FindingCode) {
    let started = Instant::now();
    let verification = found(forge, false);
    assert!(verification.findings.iter().any(|finding| finding.code == code), "{what}: {:?}", verification.findings);
    assert_eq!(verification.verdict, Verdict::Damaged, "{what}");
    assert!(started.elapsed() < Duration::from_secs(2), "{what} took {:?}", started.elapsed());
    let folder = tempdir().unwrap();
    let inspected = crate::inspect(&forge.write(folder.path(), false), None);
    assert!(started.elapsed() < Duration::from_secs(2), "{what} inspected in {:?}", started.elapsed());
    drop(inspected);
}

#[test]
fn hostile_archives_end_quickly_and_typed() {
    let huge = 1_u64 << 40;
    for (what, size) in
        [("1 TiB", huge), ("the largest number", i64::MAX as u64), ("octal's largest", 0o77_777_777_777)]
    {
        for kind in [b'0', b'x', b'g', b'L', b'K', b'S', b'?'] {
            let mut forged = SmallServer::new().forge();
            forged.header("files/huge", kind, size, |_| {});
            refused_quickly(what, &forged.clone().manifest(|_| {}).end(), FindingCode::Header);
            refused_quickly(what, &forged, FindingCode::Truncated);
        }
    }
    let mut negative = SmallServer::new().forge();
    negative.header("files/x", b'0', 0, |header| header[124..136].fill(0xff));
    refused_quickly("a negative size", &negative.end(), FindingCode::Header);
    let pax_size = SmallServer::new().forge().pax(&[("size", "99999999999999999999999")]).unannounced("files/x", b"");
    refused_quickly("a size beyond numbers", &pax_size.end(), FindingCode::Header);
    let pax_negative = SmallServer::new().forge().pax(&[("size", "-1")]).unannounced("files/x", b"");
    refused_quickly("a negative size in records", &pax_negative.end(), FindingCode::Header);

    let mut long_name = SmallServer::new().forge();
    let name = vec![b'n'; 8 << 20];
    long_name.header("././@LongLink", b'L', name.len() as u64, |_| {});
    refused_quickly("a name of 8 MiB", &long_name.data(&name).unannounced("x", b"").end(), FindingCode::Header);
    let mut records = SmallServer::new().forge();
    for _ in 0..20_000 {
        records = records.pax(&[("comment", "x")]);
    }
    refused_quickly("20,000 records about one member", &records.unannounced("x", b"").end(), FindingCode::Header);
    for text in
        ["9999999 path=x\n", "0 a=b\n", "5 a=b\n", "x", "6 path\n", "18446744073709551616 a=b\n", "11 path=\0b\n"]
    {
        let mut garbled = SmallServer::new().forge();
        garbled.header("./PaxHeaders/x", b'x', text.len() as u64, |_| {});
        refused_quickly(text, &garbled.data(text.as_bytes()).unannounced("x", b"").end(), FindingCode::Header);
    }
    let mut global = SmallServer::new().forge();
    global.header("./PaxHeaders/g", b'g', 10, |_| {});
    refused_quickly("all members renamed", &global.data(b"10 path=x\n").end(), FindingCode::Header);
}

#[test]
fn hostile_json_ends_quickly_and_typed() {
    let deep = format!("[{}", "[".repeat(1 << 20));
    let deep_object = format!("[{}1{}]", "{\"a\":".repeat(5000), "}".repeat(5000));
    let long_string = format!("[{{\"id\":\"{}\"", "x".repeat(8 << 20));
    let not_utf8 = [&b"[{\"id\":\"a\",\"other\":\""[..], b"\xff\"}]"].concat();
    let cases: [(&str, &[u8]); 4] = [
        ("deep lists", deep.as_bytes()),
        ("deep objects", deep_object.as_bytes()),
        ("an endless string", long_string.as_bytes()),
        ("not UTF-8, where nobody looks", &not_utf8),
    ];
    for (what, text) in cases {
        for name in ["folders.json", "documents.json", "files.json", "orphans.json", "manifest.json", "metadata.json"] {
            let others = SmallServer::new().forge();
            // The first of two counts, so the table in question comes before the good ones.
            let forge = Forge::default().unannounced(name, text);
            let forge = others.tar.chunks(512).fold(forge, |forge, block| forge.data(block)).end();
            refused_quickly(what, &forge, FindingCode::Json);
        }
    }
}
