//! `eventpipeline status`: the running pipeline at a glance.

use std::io::Write as _;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::dev::facts::Facts;
use crate::sender::innermost;

/// How far back a figure is looked for: a minute, as the API looks every 5 s.
const SAMPLES_BACK: usize = 12;
/// One answer takes no longer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// An answer older than this is shown with its age: the slowest dependency is looked at every 5 s.
const OLD_MS: u64 = 6_000;

/// What to look at, and how to print it.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The API; from .eventpipeline/dev.json when a pipeline runs here.
    #[arg(long)]
    pub api: Option<String>,
    /// Its console listener, which has the figures; likewise.
    #[arg(long)]
    pub console: Option<String>,
    /// The API key; likewise.
    #[arg(long, env = "EVENTPIPELINE_KEY", hide_env_values = true)]
    pub key: Option<String>,
    /// How to print.
    #[arg(short, long, default_value = "table")]
    pub output: Output,
}

/// Forms of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Prints health and figures. `Ok(false)`: something is away.
pub async fn command(options: Options) -> Result<bool, String> {
    let facts = Facts::running();
    let hint = "no pipeline runs here (no .eventpipeline/dev.json); start one with `make run`, or give";
    let public = options
        .api
        .clone()
        .or_else(|| facts.as_ref().map(|f| f.api.clone()))
        .ok_or_else(|| format!("{hint} --api"))?;
    let console = options
        .console
        .or_else(|| facts.as_ref().map(|f| f.console.clone()))
        .ok_or_else(|| format!("{hint} --console"))?;
    let key = options
        .key
        .or_else(|| facts.as_ref().map(|f| f.api_key.clone()))
        .ok_or_else(|| format!("{hint} --key"))?;
    let http = reqwest::Client::new();
    let get = |url: String| {
        let request = http.get(&url).header("x-api-key", &key).timeout(ANSWER_TIMEOUT);
        async move {
            let response = request
                .send()
                .await
                .map_err(|error| format!("{url} does not answer: {}", innermost(&error)))?;
            let status = response.status();
            let body = response.json::<Value>().await.map_err(|error| format!("{url}: {status}: {error}"))?;
            Ok::<_, String>((status, body))
        }
    };
    // A degraded API says so with 503, and what is wrong in the same body.
    let (_, health) = get(format!("{public}/api/health")).await?;
    let stats = get(format!("{console}/api/v1/stats")).await.and_then(figures);
    let ok = health["status"] == "ok" && stats.is_ok();
    if options.output == Output::Json {
        let stats = stats.unwrap_or_else(|why| json!({"error": why}));
        tell(&format!("{:#}\n", json!({"health": health, "stats": stats})));
        return Ok(ok);
    }
    let mut lines = vec![format!("{:<12} {}", "API", health["status"].as_str().unwrap_or("?"))];
    lines.extend(
        ["redis", "postgres", "mongodb"].map(|name| format!("{name:<12} {}", dependency(&health[name]))),
    );
    match stats {
        Ok(stats) => lines.extend(in_words(&stats)),
        Err(why) => lines.push(format!("{:<12} not known: {why}", "figures")),
    }
    tell(&(lines.join("\n") + "\n"));
    Ok(ok)
}

/// Prints. A reader that has seen enough, such as `head`, is no fault.
fn tell(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// The figures, or why the API gave none.
fn figures((status, body): (reqwest::StatusCode, Value)) -> Result<Value, String> {
    if status.is_success() {
        return Ok(body);
    }
    let hint = match status.as_u16() {
        401 | 403 => "; give a key with the scope `read` as --key",
        _ => "",
    };
    Err(format!("{status}: {}{hint}", body["detail"].as_str().unwrap_or("no reason was given")))
}

/// One dependency in a line. The latency is that of the last answer, and says nothing of one that is away.
fn dependency(health: &Value) -> String {
    let status = health["status"].as_str().unwrap_or("?");
    let detail = health["detail"].as_str().unwrap_or_default();
    let measured = match (status, health["latencyMs"].as_f64(), health["ageMs"].as_u64()) {
        ("away", _, None) => "has not answered yet".to_owned(),
        ("away", _, Some(age)) => format!("last answered {} s ago", age / 1_000),
        (_, Some(latency), Some(age)) if age >= OLD_MS => {
            format!("{latency:.1} ms, {} s ago", age / 1_000)
        }
        (_, Some(latency), _) => format!("{latency:.1} ms"),
        _ => String::new(),
    };
    [format!("{status:<9}"), measured, detail.to_owned()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The newest samples of `/api/v1/stats` in words.
fn in_words(stats: &Value) -> [String; 4] {
    let none = Vec::new();
    let samples = stats["samples"].as_array().unwrap_or(&none);
    let certainty = samples.last().and_then(|now| now["lagCertainty"].as_str()).unwrap_or("Unknown");
    let of = |name| last_known(samples, name);
    let (arriving, leaving) = (of("eventsInPerSecond"), of("eventsOutPerSecond"));
    [
        format!("{:<12} {} events ({certainty})", "lag", of("lagEvents")),
        format!("{:<12} {arriving} events/s in, {leaving} events/s out", "rate"),
        format!("{:<12} {} heard of in the last 15 s", "workers", of("workers")),
        format!("{:<12} {} open", "dead letters", of("deadLettersOpen")),
    ]
}

/// The newest figure that is known, with its age when it is not of the newest look: a busy store answers some looks
/// too late, and the figure before says more than nothing.
fn last_known(samples: &[Value], name: &str) -> String {
    let known = samples.iter().rev().take(SAMPLES_BACK).enumerate().find_map(|(back, sample)| {
        let number = sample[name].as_f64()?;
        Some(if back == 0 {
            format!("{number:.0}")
        } else {
            format!("{number:.0} (since then unknown, at {})", sample["at"].as_str().unwrap_or("?"))
        })
    });
    known.unwrap_or_else(|| "unknown".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_shown_only_of_what_answers_and_an_old_one_with_its_age() {
        let health = |status: &str, age: Value, latency: Value| {
            dependency(&json!({"status": status, "ageMs": age, "latencyMs": latency, "detail": null}))
        };
        assert_eq!(health("ok", json!(200), json!(0.34)), "ok        0.3 ms");
        assert_eq!(health("ok", json!(12_100), json!(0.34)), "ok        0.3 ms, 12 s ago");
        assert_eq!(health("away", json!(12_100), json!(0.34)), "away      last answered 12 s ago");
        assert_eq!(health("away", Value::Null, Value::Null), "away      has not answered yet");
    }

    #[test]
    fn a_refusal_is_shown_as_what_it_is() {
        let refused =
            |status, body| figures((reqwest::StatusCode::from_u16(status).unwrap(), body)).unwrap_err();
        let unknown = refused(401, json!({"detail": "the credential is not known"}));
        assert!(
            unknown.starts_with("401 Unauthorized: the credential is not known; give a key"),
            "{unknown}"
        );
        assert_eq!(refused(503, json!({"detail": "away"})), "503 Service Unavailable: away");
    }

    #[test]
    fn a_figure_that_the_newest_look_lacks_is_that_of_the_look_before_with_its_time() {
        let samples =
            [json!({"at": "12:00:00", "workers": 2}), json!({"at": "12:00:05", "workers": null, "lag": 7})];
        assert_eq!(last_known(&samples, "lag"), "7");
        assert_eq!(last_known(&samples, "workers"), "2 (since then unknown, at 12:00:00)");
        assert_eq!(last_known(&samples, "other"), "unknown");
    }
}
