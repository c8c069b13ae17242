//! Commands against an API that is not there: told within seconds, with the reason, and exit code 1.
#![allow(clippy::unwrap_used, reason = "a test ends this way")]

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

fn run(arguments: &[&str]) -> (Option<i32>, String, Duration) {
    let began = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_eventpipeline")).args(arguments).output().unwrap();
    let text =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    (output.status.code(), text, began.elapsed())
}

/// An address where nobody listens.
fn nobody() -> String {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    format!("http://{address}")
}

#[test]
fn load_says_within_seconds_that_nobody_listens() {
    let (code, text, took) = run(&["load", "--api", &nobody(), "--key", "k", "--seconds", "1"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("does not answer: Connection refused"), "{text}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn load_says_within_seconds_that_one_who_listens_does_not_answer() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let api = format!("http://{}", silent.local_addr().unwrap());
    let (code, text, took) = run(&["load", "--api", &api, "--key", "k", "--seconds", "1"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("does not answer"), "{text}");
    assert!(took < Duration::from_secs(8), "{took:?}");
}

#[test]
fn status_says_that_nobody_listens() {
    let api = nobody();
    let (code, text, _) = run(&["status", "--api", &api, "--console", &api, "--key", "k"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("/api/health does not answer: Connection refused"), "{text}");
}

#[test]
fn a_check_has_its_own_folder_and_ports_and_refuses_others() {
    for flag in ["--data", "--api-port", "--console-port"] {
        let (code, text, _) = run(&["dev", "--check", flag, "4000"]);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("cannot be used with"), "{text}");
    }
}

#[test]
fn a_manifest_that_is_not_there_is_named_with_a_hint() {
    let (code, text, _) = run(&["dev", "no/such.yaml"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("no/such.yaml") && text.contains("examples/"), "{text}");
}
