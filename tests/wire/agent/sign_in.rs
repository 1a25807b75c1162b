//! Who is let in, and who is not.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::served::{Ground, PASSWORD, Served, User};

#[tokio::test]
async fn a_user_signs_in_with_what_the_server_says_of_that_user() {
    let served = Served::new();
    let answer = served.connect().await.login("admin", PASSWORD).await;
    assert_eq!((&answer["code"], &answer["message"]), (&json!(200), &json!("Login successful")), "{answer}");
    let data = &answer["data"];
    assert_eq!(data["nickname"], "管理员");
    assert_eq!(data["groups"], json!(["sysop", "user"]));
    assert!(data["permissions"].as_array().unwrap().contains(&json!("manage_system")), "{data}");
    let left = data["exp"].as_f64().unwrap() - answer["timestamp"].as_f64().unwrap();
    assert!((3590.0..=3600.0).contains(&left), "a token lives an hour: {left}");
}

/// What is wrong: what the database and the configuration say (from, to), and the code and message of the answer.
type Case = (&'static str, &'static str, (&'static str, &'static str), i64, &'static str);

#[tokio::test]
async fn nobody_enters_whom_the_server_would_refuse() {
    const EXPIRED: &str = "Password should be changed because it's expired";
    const MUST_CHANGE: &str = "Password must be changed before you can log in";
    let table: [Case; 9] = [
        ("an account that was never signed in to", "UPDATE users SET passwd_last_modified = 0", ("", ""), 403, EXPIRED),
        (
            "a password of last year",
            "UPDATE users SET passwd_last_modified = unixepoch() - 366 * 86400",
            ("", ""),
            403,
            EXPIRED,
        ),
        ("a password that is too short now", "", ("passwd_min_length = 8", "passwd_min_length = 13"), 403, MUST_CHANGE),
        (
            "one that lacks a character",
            "",
            ("passwd_must_contain = []", "passwd_must_contain = ['?']"),
            403,
            MUST_CHANGE,
        ),
        (
            "one that breaks a later server's rules",
            "",
            ("passwd_must_contain = []", "passwd_rules = ['[a-z]', '_']\npasswd_min_passed_count = 2"),
            403,
            MUST_CHANGE,
        ),
        (
            "a disabled account",
            "ALTER TABLE users ADD COLUMN status INTEGER NOT NULL DEFAULT 1",
            ("", ""),
            4003,
            "User account is not active",
        ),
        (
            "a banned subnet",
            "CREATE TABLE banned_subnets (subnet VARCHAR(128)); INSERT INTO banned_subnets VALUES ('127.0.0.0/8')",
            ("", ""),
            403,
            "Access denied",
        ),
        ("a wrong hash", "UPDATE users SET pass_hash = upper(pass_hash) || 'x'", ("", ""), 401, "Invalid credentials"),
        ("no account at all", "DELETE FROM users", ("", ""), 401, "Invalid credentials"),
    ];
    for (what, sql, (from, to), code, message) in table {
        let ground = Ground::new();
        ground.change(sql).configure(from, to);
        let answer = ground.serve(&[]).connect().await.login("admin", PASSWORD).await;
        assert_eq!((&answer["code"], &answer["message"]), (&json!(code), &json!(message)), "{what}: {answer}");
        assert_eq!(answer["data"], json!({}), "{what}");
    }
    let ground = Ground::new();
    ground.change("UPDATE users SET passwd_last_modified = 0");
    ground.configure("enable_passwd_force_expiration = true", "enable_passwd_force_expiration = false");
    ground.serve(&[]).sign_in("admin").await;
}

#[tokio::test]
async fn only_who_may_back_up_may_back_up() {
    let grant = "INSERT INTO user_permissions (username, permission, granted, start_time, end_time) VALUES ('guest', 'export_backup', 1, ";
    let revoke = "INSERT INTO group_permissions (group_name, permission, granted, start_time) VALUES ('sysop', 'manage_system', 0, 0)";
    let table = [
        ("admin", String::new(), 200),
        ("guest", String::new(), 403),
        ("guest", format!("{grant}0, NULL)"), 200),
        ("guest", format!("{grant}0, unixepoch() - 60)"), 403),
        ("guest", format!("{grant}unixepoch() + 3600, NULL)"), 403),
        ("admin", revoke.to_owned(), 403),
        ("admin", "UPDATE user_memberships SET end_time = unixepoch() - 60".to_owned(), 403),
        ("admin", "DELETE FROM user_groups WHERE group_name = 'sysop'".to_owned(), 403),
    ];
    for (username, sql, code) in table {
        let ground = Ground::new();
        ground.change(&sql);
        let served = ground.serve(&[]);
        let (mut client, user) = served.sign_in(username).await;
        let answer = client.ask_as(&user, "generate_backup", json!({ "backup_name": "b" })).await;
        assert_eq!(answer["code"], code, "{username}: {sql}: {answer}");
        assert!(code == 200 || answer["message"] == "Access denied", "{answer}");
        assert_eq!(served.backups().is_empty(), code != 200);
        if code != 200 {
            for action in ["download_backup", "delete_backup"] {
                let mut data = json!({ "backup_name": "b" });
                if action == "download_backup" {
                    data["part"] = "key".into();
                }
                assert_eq!(client.ask_as(&user, action, data).await["code"], 403, "{action}");
            }
        }
    }
}

#[tokio::test]
async fn a_failed_login_takes_three_seconds_whoever_it_is() {
    let served = Served::new();
    let (mut one, mut other) = (served.connect().await, served.connect().await);
    let begun = Instant::now();
    let timed = async |client: &mut super::served::Client, user: &str| {
        let answer = client.login(user, "wrong").await;
        (answer["code"].clone(), answer["message"].clone(), begun.elapsed())
    };
    let (wrong, unknown) = tokio::join!(timed(&mut one, "admin"), timed(&mut other, "nobody"));
    assert_eq!((&wrong.0, &wrong.1), (&json!(401), &json!("Invalid credentials")));
    assert_eq!((&wrong.0, &wrong.1), (&unknown.0, &unknown.1));
    let three = Duration::from_secs(3);
    assert!(wrong.2 >= three && unknown.2 >= three, "{wrong:?} {unknown:?}");
    assert!(wrong.2.abs_diff(unknown.2) < Duration::from_millis(300), "{wrong:?} {unknown:?}");
}

#[tokio::test]
async fn after_five_failures_an_address_waits_with_that_user_alone() {
    let served = Served::new();
    let attempts = (0..12).map(|_| async {
        let mut client = served.connect().await;
        client.login("admin", "wrong").await["code"].as_i64().unwrap()
    });
    let mut codes = futures_util::future::join_all(attempts).await;
    codes.sort_unstable();
    assert_eq!(codes, [[401; 5].as_slice(), &[429; 7]].concat(), "also all at once");
    let mut client = served.connect().await;
    assert_eq!(client.login("admin", PASSWORD).await["code"], 429, "the right password, too");
    client.sign_in("lin.wei").await;
}

#[tokio::test]
async fn right_logins_all_at_once_are_no_failures() {
    let served = Served::new();
    let logins = (0..30).map(|_| async { served.connect().await.login("admin", PASSWORD).await["code"].clone() });
    let codes = futures_util::future::join_all(logins).await;
    assert!(codes.iter().all(|code| *code == 200), "{codes:?}");
}

#[tokio::test]
async fn a_stranger_learns_no_path_of_the_server() {
    let served = Served::new();
    let (mut client, user) = served.sign_in("admin").await;
    let database = rusqlite::Connection::open(served.root.join("app.db")).unwrap();
    database.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for answer in
        [served.connect().await.login("admin", "wrong").await, client.ask_as(&user, "generate_backup", json!({})).await]
    {
        assert_eq!((&answer["code"], &answer["data"]["code"]), (&json!(500), &json!("database_locked")), "{answer}");
        assert!(!answer.to_string().contains("app.db") && !answer.to_string().contains(served.root.to_str().unwrap()));
    }
    let log = std::fs::read_to_string(served.state().join("audit.log")).unwrap();
    assert!(log.contains(served.root.to_str().unwrap()), "the operator does: {log}");
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_checked() {
    let ground = Ground::new();
    ground.change(
        "ALTER TABLE users ADD COLUMN totp_enabled BOOLEAN NOT NULL DEFAULT 0;
         ALTER TABLE users ADD COLUMN totp_secret VARCHAR(32);
         UPDATE users SET totp_enabled = 1, totp_secret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP' WHERE username = 'admin';",
    );
    let served = ground.serve(&[]);
    let mut client = served.connect().await;
    let answer = client.login("admin", PASSWORD).await;
    assert_eq!((&answer["code"], &answer["data"]), (&json!(202), &json!({ "method": "totp" })), "{answer}");
    let with = |code: String| json!({ "username": "admin", "password": PASSWORD, "2fa_token": code });
    let right = totp("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP");
    let wrong = format!("{:06}", (right.parse::<u32>().unwrap() + 1) % 1_000_000);
    assert_eq!(client.ask("login", with(wrong)).await["code"], 401);
    assert_eq!(client.ask("login", with(right)).await["code"], 200);
    client.sign_in("lin.wei").await;
}

/// RFC 6238 by Python's standard library.
fn totp(secret: &str) -> String {
    let program = "import base64, hmac, struct, sys, time\n\
        mac = hmac.new(base64.b32decode(sys.argv[1]), struct.pack('>Q', int(time.time()) // 30), 'sha1').digest()\n\
        at = mac[-1] & 15\n\
        print('%06d' % ((struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1000000))";
    let output = Command::new("python3").args(["-c", program, secret]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn the_hashes_of_later_servers_are_understood() {
    let ground = Ground::new();
    ground.with_argon2();
    let served = ground.serve(&[]);
    let (mut client, user) = served.sign_in("admin").await;
    assert_eq!(client.login("admin", "Harbour-2027").await["code"], 401);
    client.back_up(&user, "later").await;
}

#[tokio::test]
async fn a_token_is_good_for_whom_and_as_long_as_it_was_given() {
    let ground = Ground::new();
    let root = ground.root.clone();
    let served = ground.serve(&[]);
    let (mut client, admin) = served.sign_in("admin").await;
    let guest = client.sign_in("guest").await;
    let refreshed = client.ask_as(&admin, "refresh_token", json!({})).await;
    assert_eq!((&refreshed["code"], &refreshed["message"]), (&json!(200), &json!("Token refreshed successfully")));
    let token = refreshed["data"]["token"].as_str().unwrap().to_owned();
    let fresh = User { token, ..admin.clone() };
    assert_eq!(client.ask_as(&fresh, "register_listener", json!({})).await["code"], 200);

    let parts: Vec<&str> = admin.token.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    // {"alg":"none","typ":"JWT"} and {"alg":"HS512","typ":"JWT"}
    let (none, hs512) = ("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0", "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9");
    let forged = [
        String::new(),
        "x".to_owned(),
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        format!("{hs512}.{claims}.{signature}"),
        format!("{header}.{}.{signature}", guest.token.split('.').nth(1).unwrap()),
        format!("{header}.{claims}.{}", guest.token.split('.').nth(2).unwrap()),
        guest.token.clone(),
    ];
    for token in forged {
        let answer = client.ask_as(&User { token: token.clone(), ..admin.clone() }, "generate_backup", json!({})).await;
        assert_eq!((&answer["code"], &answer["data"]), (&json!(401), &json!({})), "{token}: {answer}");
    }

    let database = rusqlite::Connection::open(root.join("app.db")).unwrap();
    database.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    database.execute("UPDATE users SET secret_key = 'new' WHERE username = 'admin'", []).unwrap();
    let answer = client.ask_as(&fresh, "generate_backup", json!({})).await;
    assert_eq!(answer["code"], 401, "a changed password ends it: {answer}");
    database.execute("DELETE FROM users WHERE username = 'guest'", []).unwrap();
    assert_eq!(client.ask_as(&guest, "refresh_token", json!({})).await["code"], 401);
    assert!(served.backups().is_empty());
}

#[tokio::test]
async fn a_token_of_an_earlier_run_is_worth_nothing() {
    let mut served = Served::new();
    let (_, user) = served.sign_in("admin").await;
    served.end("TERM");
    served.restart();
    let answer: Value = served.connect().await.ask_as(&user, "generate_backup", json!({})).await;
    assert_eq!(answer["code"], 401);
}
