//! What one would ask the cluster when a check fails: conditions, containers that are not well, Warnings, last words.
//! Bounded, since it goes into a log that people scroll through; never an error, since it follows one.

use std::fmt::Write;

use crd::EventPipeline;
use k8s_openapi::api::core::v1::{ContainerState, Pod};
use k8s_openapi::api::events::v1::Event;
use kube::ResourceExt;
use kube::api::LogParams;
use serde_json::Value;

use crate::cluster::{Cluster, is_ready};
use crate::operator;
use crate::world;

/// Longer lines are cut: a log line with a whole object in it says enough in its beginning.
const LINE_CHARS_MAX: usize = 400;
/// Pods that are not well beyond that many mostly wait for the first.
const PODS_MAX: usize = 6;
/// Last words of a pod.
const POD_LOG_LINES: i64 = 8;
/// Last words of the operator, which says what it waits for.
const OPERATOR_LOG_LINES: i64 = 15;
/// Warnings, newest last.
const WARNINGS_MAX: usize = 10;

/// All of it as text.
pub async fn collect(cluster: &Cluster) -> String {
    let mut text = String::new();
    for namespace in world::NAMESPACES {
        pipelines(cluster, namespace, &mut text).await;
        pods(cluster, namespace, &mut text).await;
        warnings(cluster, namespace, &mut text).await;
    }
    let operators = cluster.list::<Pod>(operator::NAMESPACE, operator::PODS).await.unwrap_or_default();
    for pod in &operators {
        log(cluster, pod, OPERATOR_LOG_LINES, false, &mut text).await;
    }
    text
}

fn add(text: &mut String, line: &str) {
    let mut cut: String = line.chars().take(LINE_CHARS_MAX).collect();
    if cut.len() < line.len() {
        cut.push('…');
    }
    let _ = writeln!(text, "{cut}");
}

async fn pipelines(cluster: &Cluster, namespace: &str, text: &mut String) {
    for pipeline in cluster.list::<EventPipeline>(namespace, "").await.unwrap_or_default() {
        let status = pipeline.status.clone().unwrap_or_default();
        let step = status.mongodb.and_then(|mongodb| mongodb.step).unwrap_or_else(|| "none".to_owned());
        add(
            text,
            &format!(
                "{namespace}/{}: generation {:?}, observed {:?}, MongoDB step {step}",
                pipeline.name_any(),
                pipeline.metadata.generation,
                status.observed_generation,
            ),
        );
        for c in status.conditions {
            add(text, &format!("  {} {} {}: {}", c.type_, c.status, c.reason, c.message));
        }
    }
}

async fn pods(cluster: &Cluster, namespace: &str, text: &mut String) {
    let list = cluster.list::<Pod>(namespace, "").await.unwrap_or_default();
    for pod in list.iter().filter(|pod| !is_ready(pod)).take(PODS_MAX) {
        let status = pod.status.clone().unwrap_or_default();
        let going = if pod.metadata.deletion_timestamp.is_some() { ", being deleted" } else { "" };
        add(text, &format!("pod {}: {}{going}", pod.name_any(), status.phase.unwrap_or_default()));
        for condition in status.conditions.unwrap_or_default() {
            if let (Some(message), "False") = (condition.message, condition.status.as_str()) {
                add(text, &format!("  {}: {message}", condition.type_));
            }
        }
        let inits = status.init_container_statuses.unwrap_or_default();
        let mut restarted = false;
        for container in inits.iter().chain(&status.container_statuses.unwrap_or_default()) {
            let state = container.state.as_ref().map(said).unwrap_or_default();
            let before = container.last_state.as_ref().map(said).filter(|said| !said.is_empty());
            let before = before.map(|said| format!("; before: {said}")).unwrap_or_default();
            restarted |= container.restart_count > 0;
            let restarts = container.restart_count;
            add(text, &format!("  {}: {state}, {restarts} restarts{before}", container.name));
        }
        // The operator's are told in any case.
        if namespace != operator::NAMESPACE {
            log(cluster, pod, POD_LOG_LINES, restarted, text).await;
        }
    }
}

fn said(state: &ContainerState) -> String {
    if let Some(waiting) = &state.waiting {
        let message = waiting.message.clone().unwrap_or_default();
        return format!("waits, {} {message}", waiting.reason.clone().unwrap_or_default());
    }
    if let Some(ended) = &state.terminated {
        return format!("ended with {}, {}", ended.exit_code, ended.reason.clone().unwrap_or_default());
    }
    state.running.as_ref().map(|_| "runs".to_owned()).unwrap_or_default()
}

async fn log(cluster: &Cluster, pod: &Pod, lines: i64, previous: bool, text: &mut String) {
    let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
    let how = LogParams { tail_lines: Some(lines), previous, ..LogParams::default() };
    let Ok(log) = cluster.logs(&namespace, &name, &how).await else { return };
    add(text, &format!("last lines of {name}:"));
    log.lines().for_each(|line| add(text, &format!("  {}", shown(line))));
}

/// A line of JSON as a person would read it: level and message first, and nothing of where in the program it was.
fn shown(line: &str) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(line) else { return line.to_owned() };
    for name in ["timestamp", "target", "span", "spans"] {
        fields.remove(name);
    }
    let mut text = |name: &str| {
        let value = fields.remove(name);
        value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let mut shown = format!("{} {}", text("level"), text("message"));
    for (name, value) in fields {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = write!(shown, ", {name}: {value}");
    }
    shown
}

async fn warnings(cluster: &Cluster, namespace: &str, text: &mut String) {
    let mut list = cluster.list::<Event>(namespace, "").await.unwrap_or_default();
    list.retain(|event| event.type_.as_deref() == Some("Warning"));
    list.sort_by_key(|event| event.metadata.creation_timestamp.clone().map(|time| time.0));
    let from = list.len().saturating_sub(WARNINGS_MAX);
    for event in &list[from..] {
        let of = event.regarding.as_ref().and_then(|object| object.name.clone()).unwrap_or_default();
        let reason = event.reason.clone().unwrap_or_default();
        add(text, &format!("Warning {of} {reason}: {}", event.note.clone().unwrap_or_default()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_is_shown_without_where_in_the_program_it_was() {
        let line = r#"{"timestamp":"t","level":"INFO","message":"done","step":"add shard a","n":3,"target":"x","span":{"a":1}}"#;
        assert_eq!(shown(line), "INFO done, n: 3, step: add shard a");
        assert_eq!(shown("no JSON"), "no JSON");
    }
}
