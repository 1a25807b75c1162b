//! As much of the W3C WebDriver protocol as the tests need: JSON over HTTP to a driver on this machine.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// How the protocol names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys that are no characters.
pub(crate) mod key {
    pub(crate) const TAB: &str = "\u{e004}";
    pub(crate) const ENTER: &str = "\u{e007}";
    pub(crate) const CONTROL: &str = "\u{e009}";
    pub(crate) const SHIFT: &str = "\u{e008}";
    pub(crate) const ESCAPE: &str = "\u{e00c}";
    pub(crate) const LEFT: &str = "\u{e012}";
    pub(crate) const UP: &str = "\u{e013}";
    pub(crate) const RIGHT: &str = "\u{e014}";
    pub(crate) const DOWN: &str = "\u{e015}";
    pub(crate) const HOME: &str = "\u{e011}";
    pub(crate) const END: &str = "\u{e010}";
}

/// A driven window.
#[derive(Debug)]
pub(crate) struct Session {
    port: u16,
    id: String,
}

/// An answer of the driver, or its words where it refuses.
type Answer<T> = Result<T, String>;

impl Session {
    /// Has the driver at `port` start `program` and take hold of its window.
    pub(crate) fn begin(port: u16, program: &str, arguments: &[&str]) -> Answer<Self> {
        let options = json!({ "binary": program, "args": arguments });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "webkitgtk:browserOptions": options } } });
        let answer = send(port, "POST", "/session", Some(&wanted))?;
        let id = answer["sessionId"].as_str().ok_or_else(|| answer.to_string())?.to_owned();
        Ok(Self { port, id })
    }

    /// The first element that `selector` (CSS) fits, if there is one.
    pub(crate) fn find(&self, selector: &str) -> Option<String> {
        let found = self.post("/element", &json!({ "using": "css selector", "value": selector })).ok()?;
        Some(found[ELEMENT].as_str()?.to_owned())
    }

    /// Clicks an element.
    pub(crate) fn click(&self, element: &str) -> Answer<()> {
        self.post(&format!("/element/{element}/click"), &json!({})).map(drop)
    }

    /// Types into an element.
    pub(crate) fn type_into(&self, element: &str, text: &str) -> Answer<()> {
        self.post(&format!("/element/{element}/value"), &json!({ "text": text })).map(drop)
    }

    /// Presses keys one after the other and releases them in reverse: `[CONTROL, "b"]` is Ctrl+B.
    pub(crate) fn press(&self, keys: &[&str]) -> Answer<()> {
        let down = keys.iter().map(|key| json!({ "type": "keyDown", "value": key }));
        let up = keys.iter().rev().map(|key| json!({ "type": "keyUp", "value": key }));
        let actions: Vec<Value> = down.chain(up).collect();
        self.post("/actions", &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }))
            .map(drop)
    }

    /// What a function body of JavaScript returns in the page.
    pub(crate) fn run(&self, script: &str, arguments: &[Value]) -> Answer<Value> {
        self.post("/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// The page as a PNG.
    pub(crate) fn picture(&self) -> Answer<Vec<u8>> {
        let answer = send(self.port, "GET", &format!("/session/{}/screenshot", self.id), None)?;
        let text = answer.as_str().ok_or_else(|| "a screenshot that is no text".to_owned())?;
        Ok(from_base64(text))
    }

    /// Closes the window.
    pub(crate) fn end(&self) {
        // A window that is closed already has nothing to end.
        let _ = send(self.port, "DELETE", &format!("/session/{}", self.id), None);
    }

    fn post(&self, path: &str, body: &Value) -> Answer<Value> {
        send(self.port, "POST", &format!("/session/{}{path}", self.id), Some(body))
    }
}

/// Whether a driver answers at `port`.
pub(crate) fn is_ready(port: u16) -> bool {
    send(port, "GET", "/status", None).is_ok()
}

fn send(port: u16, method: &str, path: &str, body: Option<&Value>) -> Answer<Value> {
    let (status, text) = exchange(port, method, path, body).map_err(|error| error.to_string())?;
    let mut answer: Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
    let value = answer["value"].take();
    if status == 200 { Ok(value) } else { Err(format!("{method} {path}: {value}")) }
}

fn exchange(port: u16, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<(u16, String)> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    Ok((status, body.to_owned()))
}

fn from_base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for digit in text.bytes() {
        let six = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    bytes
}
