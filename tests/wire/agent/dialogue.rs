//! Requests and answers as servers have them.

use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::served::{Ground, Served, request};

#[tokio::test]
async fn server_info_says_that_it_is_an_agent_and_what_it_does() {
    let served = Served::new();
    let answer = served.connect().await.ask("server_info", json!({})).await;
    assert_eq!((&answer["code"], &answer["message"]), (&json!(200), &json!("success")));
    assert!(answer["timestamp"].as_f64().is_some_and(|time| time > 1.7e9));
    let info = &answer["data"];
    assert!(info["server_name"].as_str().unwrap().ends_with(" (CFMS Backup agent)"), "{info}");
    assert_eq!((&info["protocol_version"], &info["lockdown"]), (&json!(3), &json!(false)));
    assert_eq!((&info["agent"], &info["whole_server"]), (&info["version"], &json!(false)));
    for action in ["server_info", "login", "refresh_token", "generate_backup", "download_backup", "delete_backup"] {
        assert!(info["actions"].as_array().unwrap().contains(&json!(action)), "{action}");
    }
    let whole = Ground::new().serve(&["--whole-server"]);
    let answer = whole.connect().await.ask("server_info", json!({})).await;
    assert_eq!(answer["data"]["whole_server"], true, "the operator's decision is shown");
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_as_servers_do_it() {
    let served = Served::new();
    let (mut client, user) = served.sign_in("admin").await;
    let validator = |name: &str, value: Value| json!({ "validator": name, "validator_value": value });
    let as_admin = |action: &str, data: Value| request(&user, action, data);
    let table = [
        (json!({ "action": "fly", "data": {} }).to_string(), 400, Some("Unknown action: fly"), json!({})),
        (json!({ "data": {} }).to_string(), 400, None, json!({})),
        (json!({ "action": 5 }).to_string(), 400, None, json!({})),
        (json!([1, 2]).to_string(), 400, None, json!({})),
        // JSON all the same: so Python writes what it read of a name that is no Unicode.
        (r#"{"action": "server_info", "data": {"x": "\ud800"}}"#.to_owned(), 400, None, json!({})),
        (r#"{"action": "\udfff"}"#.to_owned(), 400, None, json!({})),
        (r#"{"action": "server_info", "data": 1e999}"#.to_owned(), 400, None, json!({})),
        ("[".repeat(200) + &"]".repeat(200), 400, None, json!({})),
        (json!({ "action": "generate_backup", "data": {} }).to_string(), 401, None, json!({})),
        (json!({ "action": "generate_backup", "username": "admin" }).to_string(), 401, None, json!({})),
        (json!({ "action": "generate_backup", "token": "x" }).to_string(), 401, None, json!({})),
        (json!({ "action": "delete_backup", "username": 1, "token": 2 }).to_string(), 401, None, json!({})),
        (
            json!({ "action": "server_info", "data": { "x": 1 } }).to_string(),
            400,
            None,
            validator("additionalProperties", json!(false)),
        ),
        (json!({ "action": "server_info", "data": [] }).to_string(), 400, None, validator("type", json!("object"))),
        (
            json!({ "action": "login", "data": {} }).to_string(),
            400,
            None,
            validator("required", json!(["username", "password"])),
        ),
        (as_admin("generate_backup", json!({ "backup_name": "" })), 400, None, validator("minLength", json!(1))),
        (
            as_admin("generate_backup", json!({ "backup_name": "x".repeat(256) })),
            400,
            None,
            validator("maxLength", json!(255)),
        ),
        (as_admin("generate_backup", json!({ "backup_name": 5 })), 400, None, validator("type", json!("string"))),
        (
            as_admin("generate_backup", json!({ "name": "x" })),
            400,
            None,
            validator("additionalProperties", json!(false)),
        ),
        (
            as_admin("download_backup", json!({ "backup_name": "x", "part": "all" })),
            400,
            None,
            validator("enum", json!(["archive", "key"])),
        ),
    ];
    for (text, code, message, data) in table {
        client.say(&text).await;
        let answer = client.answer().await;
        assert_eq!((&answer["code"], &answer["data"]), (&json!(code), &data), "{text}: {answer}");
        assert!(message.is_none_or(|message| answer["message"] == message), "{text}: {answer}");
    }
    assert_eq!(client.ask("server_info", json!({})).await["code"], 200, "and the conversation goes on");
    assert!(served.backups().is_empty());
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_requests() {
    let served = Served::new();
    let (mut client, user) = served.sign_in("admin").await;
    // The first takes longest.
    client.say(&request(&user, "generate_backup", json!({ "backup_name": "first" }))).await;
    for n in 0..20 {
        client.say(&json!({ "action": format!("request-{n}"), "data": {} }).to_string()).await;
    }
    assert_eq!(client.answer().await["data"]["archive_path"], "./content/backups/first.cfms.enc");
    for n in 0..20 {
        assert_eq!(client.answer().await["message"], format!("Unknown action: request-{n}"));
    }
}

#[tokio::test]
async fn what_is_no_message_ends_the_conversation_as_servers_end_it() {
    let served = Served::new();
    let deep = "[".repeat(200);
    for (text, code) in [
        ("ready".to_owned(), CloseCode::Normal),
        (String::new(), CloseCode::Normal),
        (r#"{"action": "\ud80"}"#.to_owned(), CloseCode::Normal),
        (r#"{"action": "\ud800"} x"#.to_owned(), CloseCode::Normal),
        (deep, CloseCode::Normal),
        (format!("{{\"action\": \"{}\"}}", "x".repeat(1024 * 1024)), CloseCode::Size),
    ] {
        let mut client = served.connect().await;
        client.say(&text).await;
        assert_eq!(client.closed().await.map(|frame| frame.code), Some(code), "{}", text.len());
    }
}

#[tokio::test]
async fn a_client_of_the_later_framing_learns_whom_it_talks_to() {
    let served = Served::new();
    let mut client = served.connect().await;
    for (stream, action, code) in [(1_u32, "server_info", 200), (3, "login", 400), (5, "server_info", 200)] {
        let request =
            json!({ "action": action, "data": {}, "nonce": "0123456789abcdef", "timestamp": 1.5 }).to_string();
        let mut frame = stream.to_be_bytes().to_vec();
        frame.push(0);
        frame.extend(request.as_bytes());
        client.socket.send(Message::binary(frame)).await.unwrap();
        let Message::Binary(bytes) = client.hear().await else { panic!("a framed answer is binary") };
        assert_eq!((&bytes[..4], bytes[4]), (&stream.to_be_bytes()[..], 1), "the same stream, concluded");
        let answer: Value = serde_json::from_slice(&bytes[5..]).unwrap();
        assert_eq!(answer["code"], code, "{answer}");
        match code {
            200 => assert!(answer["data"]["agent"].is_string(), "{answer}"),
            _ => assert!(answer["message"].as_str().unwrap().contains("protocol version 3"), "{answer}"),
        }
    }
}

#[tokio::test]
async fn passwords_are_not_changed_here_and_the_reason_is_given() {
    let served = Served::new();
    let data = json!({ "username": "admin", "old_passwd": super::served::PASSWORD, "new_passwd": "Another-2026" });
    let answer = served.connect().await.ask("set_passwd", data).await;
    assert_eq!(answer["code"], 403);
    assert!(answer["message"].as_str().unwrap().contains("on the server itself"), "{answer}");
}
