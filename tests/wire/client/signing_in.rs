//! Signing in, and all that a server may want or say instead of letting somebody in.

use std::time::Duration;

use cfms_backup::protocol::Secret;
use cfms_backup::remote::SignIn;
use cfms_backup::{BackupName, Code, RemoteError};
use serde_json::json;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::scripted::{Scripted, agent_info, credentials, sign_in, signed_in, silent};

#[tokio::test(start_paused = true)]
async fn each_refusal_of_a_login_is_its_own_error() {
    for (code, message, expected) in [
        (401, "Invalid credentials", Code::CredentialsRefused),
        (202, "", Code::SecondFactorWanted),
        (403, "Password should be changed because it's expired", Code::PasswordExpired),
        (403, "Password must be changed before you can log in", Code::PasswordExpired),
        (4001, "", Code::PasswordExpired),
        (4002, "", Code::PasswordExpired),
        (4003, "", Code::UserInactive),
        (403, "Your subnet is banned", Code::EntryDenied),
        (403, "Access denied", Code::EntryDenied),
        (429, "Too many attempts", Code::TooManyAttempts),
        (999, "lockdown", Code::Lockdown),
        (1001, "replayed", Code::ServerRefused),
        (500, "database is locked", Code::ServerRefused),
    ] {
        let server = Scripted::real(move |mut wire| async move {
            wire.expect("login").await;
            // A failed login takes that long.
            sleep(Duration::from_secs(3)).await;
            wire.answer_in_words(code, json!({"method": "totp"}), message).await;
            wire.expect_end().await;
        });
        let job = silent();
        let mut remote = server.called(&job).await.unwrap();
        let error = sign_in(&mut remote, &job).await.unwrap_err();
        assert_eq!(error.code(), expected, "{code} {message}: {error}");
        assert!(!format!("{error:?} {error}").contains("right"), "{error:?}");
        drop(remote);
        server.is_over().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_second_factor_goes_with_the_login_once_it_is_asked_for() {
    let server = Scripted::real(|mut wire| async move {
        assert_eq!(wire.expect("login").await["data"], json!({"username": "admin", "password": "right"}));
        wire.answer_in_words(202, json!({"method": "totp"}), "").await;
        let expected = json!({"username": "admin", "password": "right", "2fa_token": "123456"});
        assert_eq!(wire.expect("login").await["data"], expected);
        wire.answer(200, signed_in("t1")).await;
    });
    let job = silent();
    let mut remote = server.called(&job).await.unwrap();
    let mut who = credentials("right");
    assert_eq!(remote.sign_in(&who, &job).await.unwrap_err().code(), Code::SecondFactorWanted);
    who.second_factor = Some(Secret::from("123456"));
    let user = remote.sign_in(&who, &job).await.unwrap();
    assert!(user.may_back_up);
    drop(remote);
    server.is_over().await;
}

#[tokio::test(start_paused = true)]
async fn an_expired_password_is_changed_in_place_and_the_login_goes_on() {
    let server = Scripted::real(|mut wire| async move {
        wire.expect("login").await;
        wire.answer_in_words(403, json!({}), "Password should be changed because it's expired").await;
        let change = wire.expect("set_passwd").await;
        assert_eq!(change["data"], json!({"username": "admin", "old_passwd": "old", "new_passwd": "right"}));
        assert_eq!(change.get("token"), None);
        wire.answer(200, json!({})).await;
        wire.let_in("t1").await;
    });
    let job = silent();
    let mut remote = server.called(&job).await.unwrap();
    assert_eq!(remote.sign_in(&credentials("old"), &job).await.unwrap_err().code(), Code::PasswordExpired);
    remote.set_password("admin", &Secret::from("old"), &Secret::from("right"), &job).await.unwrap();
    sign_in(&mut remote, &job).await.unwrap();
    drop(remote);
    server.is_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_password_is_never_changed_twice() {
    let server = Scripted::real(|mut wire| async move {
        wire.expect("set_passwd").await;
        wire.close(1011).await;
    });
    let job = silent();
    let mut remote = server.called(&job).await.unwrap();
    let error = remote.set_password("admin", &Secret::from("old"), &Secret::from("new"), &job).await.unwrap_err();
    assert_eq!(error.code(), Code::OutcomeUnknown);
    server.is_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_not_answered_is_not_waited_for_without_end() {
    let server = Scripted::real(|mut wire| async move {
        wire.expect("login").await;
        wire.expect_end().await;
    });
    let job = silent();
    let mut remote = server.called(&job).await.unwrap();
    let begun = Instant::now();
    assert_eq!(sign_in(&mut remote, &job).await.unwrap_err().code(), Code::ServerSilent);
    assert_eq!(begun.elapsed().as_secs(), 60);
    drop(remote);
    server.is_over().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_a_login_of_another_shape_shows_nothing_of_a_token() {
    for data in [json!({"token": 5}), json!({"exp": 1.5}), json!(null), json!({"token": "hunter2", "exp": "soon"})] {
        let server = Scripted::real(move |mut wire| async move {
            wire.expect("login").await;
            wire.answer(200, data).await;
        });
        let job = silent();
        let mut remote = server.called(&job).await.unwrap();
        let error = sign_in(&mut remote, &job).await.unwrap_err();
        assert!(matches!(&error, cfms_backup::Error::Remote(error) if matches!(**error, RemoteError::Protocol { .. })));
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        drop(remote);
        server.is_over().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_server_was_told_in_confidence_is_in_no_error_when_it_repeats_it() {
    const PASSWORD: &str = "Hafen\"2026/ü";
    // As it is, as JSON within JSON, as Python's JSON, and where a quotation would be cut.
    let forms = [
        PASSWORD.to_owned(),
        r#"Hafen\"2026/ü"#.to_owned(),
        r#"Hafen\"2026\/\u00fc"#.to_owned(),
        format!("{}{PASSWORD}", "x".repeat(50)),
        format!("{}{PASSWORD}", "x".repeat(295)),
    ];
    for form in forms {
        let told = format!("no: {form} 654321 t0ken");
        let login = |code, told: &str| json!({"code": code, "message": told, "data": {"error": told}}).to_string();
        let answers = [
            Message::text(login(401, &told)),
            Message::text(login(500, &told)),
            Message::text(login(403, &told)),
            Message::text(told.clone()),
            Message::text(json!([told]).to_string()),
            Message::Close(Some(CloseFrame {
                code: 1011.into(),
                reason: told[..told.len().min(120)].to_owned().into(),
            })),
        ];
        for answer in answers {
            let server = Scripted::real(|mut wire| async move {
                wire.let_in("t0ken").await;
                wire.expect("set_passwd").await;
                wire.send(answer).await;
                wire.expect_end().await;
            });
            let job = silent();
            let mut remote = server.entered(&job).await;
            let (old, new) = (Secret::from("654321"), Secret::from(PASSWORD));
            let error = remote.set_password("admin", &old, &new, &job).await.unwrap_err();
            let shown = format!("{error} {error:?} {:?}", error.params());
            assert!(!shown.contains("Hafen") && !shown.contains("654321") && !shown.contains("t0ken"), "{shown}");
            drop(remote);
            server.is_over().await;
        }
    }
    // The factor of a login, in the refusal of something else.
    let server = Scripted::real(|mut wire| async move {
        wire.expect("login").await;
        wire.answer(200, signed_in("t0ken")).await;
        wire.expect("generate_backup").await;
        wire.answer_in_words(500, json!({"error": "654321"}), "right t0ken").await;
    });
    let job = silent();
    let mut remote = server.called(&job).await.unwrap();
    let who = SignIn { second_factor: Some(Secret::from("654321")), ..credentials("right") };
    remote.sign_in(&who, &job).await.unwrap();
    let error = remote.back_up(Some(&BackupName::parse("monday").unwrap()), false, &job).await.unwrap_err();
    assert_eq!(error.params()["message"], "••• •••: •••");
    drop(remote);
    server.is_over().await;
}

/// Backwards, which no filter knows.
#[tokio::test(start_paused = true)]
async fn a_server_that_was_just_told_a_secret_is_not_quoted_at_all() {
    let told = |error: cfms_backup::Error| {
        let told = format!("{error} {error:?} {:?}", error.params());
        assert!(!told.contains("thgir") && !told.contains("nek0t"), "{told}");
        told
    };
    for code in [400, 403, 409, 418, 500] {
        let server = Scripted::real(move |mut wire| async move {
            let (data, words) = (json!({"error": "thgir"}), "not thgir nor nek0t");
            for action in ["login", "set_passwd"] {
                wire.expect(action).await;
                wire.answer_in_words(code, data.clone(), words).await;
            }
            wire.let_in("t0ken").await;
            wire.expect("refresh_token").await;
            wire.answer_in_words(code, data, words).await;
            wire.expect_end().await;
        });
        let job = silent();
        let mut remote = server.called(&job).await.unwrap();
        let refusal = told(sign_in(&mut remote, &job).await.unwrap_err());
        assert!(refusal.contains("its words are not shown"), "{refusal}");
        let (old, new) = (Secret::from("old"), Secret::from("right"));
        let refusal = told(remote.set_password("admin", &old, &new, &job).await.unwrap_err());
        assert!(refusal.contains("its words are not shown"), "{refusal}");
        sign_in(&mut remote, &job).await.unwrap();
        sleep(Duration::from_secs(3500)).await;
        told(remote.back_up(None, false, &job).await.unwrap_err());
        drop(remote);
        server.is_over().await;
    }
}

#[tokio::test(start_paused = true)]
async fn that_a_servers_database_is_locked_is_told_and_nothing_beside() {
    let server = Scripted::real(|mut wire| async move {
        wire.expect("login").await;
        wire.answer_in_words(500, json!({"error": "database is locked", "thgir": "thgir"}), "thgir").await;
        wire.expect_end().await;
    });
    let job = silent();
    let mut remote = server.called(&job).await.unwrap();
    let refusal = sign_in(&mut remote, &job).await.unwrap_err().to_string();
    assert!(refusal.contains("database is locked") && !refusal.contains("thgir"), "{refusal}");
    drop(remote);
    server.is_over().await;
}

/// A person who is refused a new password without a reason cannot choose a better one.
#[tokio::test(start_paused = true)]
async fn why_a_new_password_is_refused_is_told_where_no_secret_can_be_in_the_words() {
    let length = "Password does not meet the length requirement";
    let words_and_told = [
        (format!("{length} (8 ~ 32)"), format!("{length} (8 ~ 32)")),
        ("New password should not be the same".to_owned(), "New password should not be the same".to_owned()),
        (
            "Password does not meet the rule requirements: 1 rules passed, thgir".to_owned(),
            "Password does not meet the rule requirements".to_owned(),
        ),
        (format!("{length} (thgir ~ 1)"), "its words are not shown".to_owned()),
        (format!("{length} (1234567 ~ 1)"), "its words are not shown".to_owned()),
        (format!("{length} thgir"), "its words are not shown".to_owned()),
    ];
    for (words, expected) in words_and_told {
        let server = Scripted::real(move |mut wire| async move {
            wire.expect("set_passwd").await;
            wire.answer_in_words(400, json!({}), &words).await;
            wire.expect_end().await;
        });
        let job = silent();
        let mut remote = server.called(&job).await.unwrap();
        let (old, new) = (Secret::from("old"), Secret::from("right"));
        let refusal = remote.set_password("admin", &old, &new, &job).await.unwrap_err().to_string();
        assert!(refusal.contains(&expected), "{refusal}");
        assert!(!refusal.contains("thgir") && !refusal.contains("1234567"), "{refusal}");
        drop(remote);
        server.is_over().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_second_factor_is_no_wrong_password() {
    for code in [401, 202] {
        let server = Scripted::real(move |mut wire| async move {
            wire.expect("login").await;
            wire.answer(202, json!({"method": "totp"})).await;
            wire.expect("login").await;
            wire.answer_in_words(code, json!({"method": "totp"}), "Invalid").await;
            wire.expect("login").await;
            wire.answer(200, signed_in("t1")).await;
        });
        let job = silent();
        let mut remote = server.called(&job).await.unwrap();
        let mut who = credentials("right");
        assert_eq!(remote.sign_in(&who, &job).await.unwrap_err().code(), Code::SecondFactorWanted);
        who.second_factor = Some(Secret::from("000000"));
        assert_eq!(remote.sign_in(&who, &job).await.unwrap_err().code(), Code::SecondFactorRefused);
        who.second_factor = Some(Secret::from("123456"));
        remote.sign_in(&who, &job).await.unwrap();
        drop(remote);
        server.is_over().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_is_never_asked_to_change_a_password() {
    let server = Scripted::that_is(agent_info(), |mut wire| async move {
        wire.expect("login").await;
        wire.answer_in_words(403, json!({}), "Password should be changed because it's expired").await;
        wire.expect_end().await;
    });
    let job = silent();
    let mut remote = server.called(&job).await.unwrap();
    let error = sign_in(&mut remote, &job).await.unwrap_err();
    assert_eq!(error.code(), Code::PasswordExpiredAtAgent);
    assert!(error.advice().unwrap().contains("CFMS client"));
    let error = remote.set_password("admin", &Secret::from("old"), &Secret::from("new"), &job).await.unwrap_err();
    assert_eq!(error.code(), Code::PasswordExpiredAtAgent);
    drop(remote);
    server.is_over().await;
}
