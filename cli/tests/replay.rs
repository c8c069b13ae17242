//! `eventpipeline scale replay` from outside: lines in, lines out, exit codes, the state file.
#![allow(clippy::unwrap_used, reason = "a test ends this way")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const MANIFEST: &str = "apiVersion: eventpipeline.dev/v1alpha1
kind: EventPipeline
metadata: {name: replayed}
spec: {workers: {maxReplicas: 20, scaleUp: {minStep: 2}}}
";

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let manifest = folder.join("pipeline.yaml");
    if !manifest.exists() {
        std::fs::write(&manifest, MANIFEST).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_eventpipeline"));
    command.args(["scale", "replay", "--pipeline", "pipeline.yaml"]).args(arguments).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn replay(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = command(folder, arguments).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// A fleet of `n` that keeps up with 50 events/s a worker.
fn line(at: u32, n: u32, lag: &Value) -> String {
    let done = at * 50 * n;
    let line = json!({
        "at": at, "lagEvents": lag, "pendingEvents": 0, "orphanedEvents": 0, "oldestSeconds": 1.5,
        "arrivedEvents": done, "processedEvents": done, "busySeconds": at * n, "sinkErrors": 0,
        "workers": {"desired": n, "ready": n, "starting": 0, "terminating": 0},
    });
    format!("{line}\n")
}

fn decisions(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_line_is_answered_before_the_next_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = command(folder.path(), &[]).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut n = 4;
    for at in (0..100).step_by(5) {
        input.write_all(line(at, n, &json!(20_000)).as_bytes()).unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        let decision: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(decision["current"], n);
        n = u32::try_from(decision["desired"].as_u64().unwrap()).unwrap();
    }
    assert_eq!(n, 20, "a long queue and maxReplicas 20");
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_bad_line_is_named_with_its_number_and_fault_and_ends_with_one() {
    let folder = tempfile::tempdir().unwrap();
    for (bad, words) in [
        ("{\"at\": 10}", "missing field `workers`"),
        ("not json", "expected ident, column 2"),
        ("{\"at\": NaN, \"workers\": {\"desired\": 1}}", "expected"),
        ("{\"at\": 10, \"lagEvents\": \"many\", \"workers\": {\"desired\": 1}}", "many"),
    ] {
        let input = format!("{}\n{bad}\n{}", line(5, 4, &json!(0)), line(10, 4, &json!(0)));
        let output = replay(folder.path(), &[], &input);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{bad}");
        assert!(!stderr.contains("line 1"), "{stderr}");
        assert!(stderr.contains("line 3") && stderr.contains(words), "{bad}: {stderr}");
        assert_eq!(decisions(&output).len(), 1, "the lines before it are answered, none after");
    }
}

#[test]
fn what_was_learned_comes_back_and_a_file_that_holds_none_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("learned.json");
    let arguments = ["--state", "learned.json"];
    let first = format!("{}{}", line(0, 4, &json!(0)), line(5, 4, &json!(0)));
    assert!(replay(folder.path(), &arguments, &first).status.success());
    let saved = std::fs::read_to_string(&state).unwrap();
    let learned: Value = serde_json::from_str(&saved).unwrap();
    assert_eq!((&learned["mu"], &learned["t0"]), (&json!(50.0), &json!(0.0)));

    let second = replay(folder.path(), &arguments, &line(10, 4, &json!(0)));
    assert_eq!(decisions(&second)[0]["mu"], 50.0);

    std::fs::write(&state, "{half").unwrap();
    let third = replay(folder.path(), &arguments, &line(15, 4, &json!(0)));
    assert!(third.status.success());
    assert!(String::from_utf8_lossy(&third.stderr).contains("learned.json holds no state"));
    assert_eq!(decisions(&third)[0]["mu"], Value::Null);
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "no temporary file is left: {names:?}");
}

#[test]
fn an_unknown_lag_holds_and_is_said_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let line = "{\"at\": 0, \"lagEvents\": null, \"workers\": {\"desired\": 3, \"ready\": 3}}\n";
    let output = replay(folder.path(), &["--output", "text"], line);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("stays at 3 workers: how many events wait is unknown"), "{text}");
}

#[test]
fn a_manifest_that_is_wrong_is_refused_with_the_field() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pipeline.yaml"), MANIFEST.replace("20", "0")).unwrap();
    let output = replay(folder.path(), &[], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("spec.workers.maxReplicas"));
}

#[test]
fn the_example_trace_rises_with_its_load_falls_after_it_and_is_what_the_help_says() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let trace = std::fs::read_to_string(project.join("examples/scale-trace.jsonl")).unwrap();
    let minimal = project.join("examples/minimal.yaml").display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_eventpipeline"));
    command.args(["scale", "replay", "--pipeline", &minimal]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines = trace.clone();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let decisions = decisions(&output);
    assert_eq!(decisions.len(), trace.lines().count());
    let desired: Vec<u64> = decisions.iter().map(|decision| decision["desired"].as_u64().unwrap()).collect();
    assert_eq!((desired[0], desired.iter().max(), desired.last()), (1, Some(&5), Some(&1)), "{desired:?}");
    // The trace was recorded with these decisions obeyed: each line has what the one before answered.
    for (line, before) in trace.lines().skip(1).zip(&desired) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["workers"]["desired"].as_u64(), Some(*before), "at {}", line["at"]);
    }

    let help = Command::new(env!("CARGO_BIN_EXE_eventpipeline"))
        .args(["scale", "replay", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let first: Value = serde_json::from_str(trace.lines().next().unwrap()).unwrap();
    for field in first.as_object().unwrap().keys() {
        assert!(help.contains(&format!("\"{field}\"")), "--help does not show {field}: {help}");
    }
    assert!(help.contains("examples/scale-trace.jsonl"), "{help}");
}

#[test]
fn time_that_goes_back_is_warned_of_once_and_answered() {
    let folder = tempfile::tempdir().unwrap();
    let input: String = [5, 10, 7, 6, 15].map(|at| line(at, 2, &json!(0))).concat();
    let output = replay(folder.path(), &[], &input);
    assert_eq!(decisions(&output).len(), 5);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.matches("warning").count(), 1, "{said}");
    assert!(said.contains("line 3 is at 7 s, and one before it at 10 s"), "{said}");
}
