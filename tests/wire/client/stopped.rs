//! The command line, stopped while a backup comes home.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use futures_util::StreamExt;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::accept_async;

use super::scripted::{Wire, agent_info, generated};

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_a_signal_stops_ends_with_that_signals_code() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = format!("ws://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(serve(listener));
        let run = tokio::task::spawn_blocking(move || stopped(&address, signal));
        let (exit, document) = run.await.unwrap();
        server.await.unwrap();
        assert_eq!((exit, &document["error"]["code"]), (Some(code), &json!("cancelled")), "{document}");
        assert_eq!((&document["backup_name"], &document["copy"]), (&json!("monday"), &Value::Null), "{document}");
    }
}

/// An agent that makes a backup, and sends nothing of it.
async fn serve(listener: TcpListener) {
    let mut wire = accepted(&listener).await;
    // The later framing is not its own.
    wire.0.next().await.unwrap().unwrap();
    wire.close(1000).await;
    drop(wire);
    let mut wire = accepted(&listener).await;
    wire.expect("server_info").await;
    wire.answer(200, agent_info()).await;
    wire.let_in("t1").await;
    wire.expect("generate_backup").await;
    wire.answer(200, generated()).await;
    wire.expect("download_backup").await;
    wire.answer(200, json!({"size": 100, "offset": 0})).await;
    wire.expect_end().await;
}

async fn accepted(listener: &TcpListener) -> Wire {
    let (mut tcp, _) = listener.accept().await.unwrap();
    let (mut near, far) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move { tokio::io::copy_bidirectional(&mut tcp, &mut near).await });
    Wire(accept_async(far).await.unwrap())
}

fn stopped(address: &str, signal: Signal) -> (Option<i32>, Value) {
    let scratch = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cfms-backup"));
    command.args(["remote", "backup", "--name=monday", "--json", "--progress=json", "--username=admin"]);
    command.args(["--password-env=CFMS_TEST_PASSWORD", "--server", address, "--output"]);
    command.arg(scratch.path().join("out")).env("CFMS_TEST_PASSWORD", "right");
    command.env("XDG_CONFIG_HOME", scratch.path()).env_remove("DBUS_SESSION_BUS_ADDRESS");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut events = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("\"download\"") {
        assert!(events.read_line(&mut said).unwrap() > 0, "{said}");
    }
    kill_process(Pid::from_child(&child), signal).unwrap();
    events.read_to_string(&mut said).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(std::fs::read_dir(scratch.path().join("out")).into_iter().flatten().next().is_none(), "nothing is left");
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}")))
}
