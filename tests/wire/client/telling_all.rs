//! A server that tells of its work what it should not, and without end.

use cfms_backup::Event;
use serde_json::{Value, json};

use super::scripted::{Scripted, Wire, agent_info, generated, watched};

const TOLD: usize = 1000;

fn agent_that_tells() -> Value {
    let mut info = agent_info();
    info["actions"].as_array_mut().unwrap().push(json!("register_listener"));
    info
}

async fn begin(wire: &mut Wire) {
    wire.let_in("t0ken").await;
    wire.expect("register_listener").await;
    wire.answer(200, json!({})).await;
    wire.expect("generate_backup").await;
}

async fn tell(wire: &mut Wire, event: Value) {
    wire.broadcast(json!({"action": "backup_progress", "data": event})).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_server_tells_of_its_work_repeats_no_secret() {
    let server = Scripted::that_is(agent_that_tells(), |mut wire| async move {
        begin(&mut wire).await;
        let secrets = "<right> \u{1b} T0KEN cmlnaHQ";
        tell(&mut wire, json!({"event": "plan", "snapshot_at": 1.5, "phases": [{"phase": "encrypt", "total": 9}]}))
            .await;
        tell(&mut wire, json!({"event": "phase", "phase": "encrypt", "total": 9})).await;
        tell(&mut wire, json!({"event": "done", "bytes": 5, "item": secrets, "items": 0, "items_total": null})).await;
        let warning = json!({"code": "missing", "file_id": secrets, "document_id": secrets, "title": secrets,
            "path": secrets, "reason": secrets});
        tell(&mut wire, json!({"event": "warning", "warning": warning})).await;
        let mut made = generated();
        made["metadata"]["version"] = json!(secrets);
        wire.answer(200, made).await;
    });
    let (job, told) = watched();
    let mut remote = server.entered(&job).await;
    let made = remote.back_up(None, false, &job).await.unwrap();
    drop(remote);
    server.is_over().await;
    let clean = "<•••> \\u{1b} ••• •••";
    assert_eq!(made.metadata.version, clean);
    let warning = &made.warnings[0];
    assert_eq!((warning.title.as_deref(), warning.reason.as_str()), (Some(clean), clean));
    let told = told.lock().unwrap();
    assert!(
        told.iter().any(|event| matches!(event, Event::Done { item: Some(item), .. } if item == clean)),
        "{told:?}"
    );
    let all = format!("{made:?} {told:?}");
    assert!(["right", "T0KEN", "t0ken", "cmlnaHQ"].iter().all(|secret| !all.contains(secret)), "{all}");
}

#[tokio::test(start_paused = true)]
async fn warnings_and_plans_without_end_are_counted_and_not_kept() {
    let server = Scripted::that_is(agent_that_tells(), |mut wire| async move {
        begin(&mut wire).await;
        let long = "x".repeat(10_000);
        let warning = json!({"code": "missing", "title": long, "path": long, "reason": long});
        for _ in 0..TOLD + 200 {
            tell(&mut wire, json!({"event": "warning", "warning": warning})).await;
        }
        for total in 0..1000 {
            tell(
                &mut wire,
                json!({"event": "plan", "snapshot_at": 1.5, "phases": [{"phase": "encrypt", "total": total}]}),
            )
            .await;
        }
        wire.answer(200, generated()).await;
    });
    let (job, told) = watched();
    let mut remote = server.entered(&job).await;
    let made = remote.back_up(None, false, &job).await.unwrap();
    drop(remote);
    server.is_over().await;
    assert_eq!((made.warnings.len(), made.warnings_total), (TOLD, TOLD as u64 + 200));
    let texts = made.warnings.iter().flat_map(|warning| [&warning.title, &warning.path].into_iter().flatten());
    let longest =
        texts.chain(made.warnings.iter().map(|warning| &warning.reason)).map(|text| text.chars().count()).max();
    assert_eq!(longest, Some(301));
    let told = told.lock().unwrap();
    assert_eq!(told.iter().filter(|event| matches!(event, Event::Warning { .. })).count(), TOLD);
    assert!(told.iter().filter(|event| matches!(event, Event::Plan { .. })).count() <= 100);
}
