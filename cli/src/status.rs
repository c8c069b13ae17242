//! `eventpipeline status`: the running pipeline at a glance.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::dev::facts::Facts;

/// How far back a figure is looked for: a minute, as the API looks every 5 s.
const SAMPLES_BACK: usize = 12;

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
        let request = http.get(&url).header("x-api-key", &key).timeout(std::time::Duration::from_secs(10));
        async move {
            let response = request.send().await.map_err(|error| format!("{url} does not answer: {error}"))?;
            response.json::<Value>().await.map_err(|error| format!("{url}: {error}"))
        }
    };
    let health = get(format!("{public}/api/health")).await?;
    let stats = get(format!("{console}/api/v1/stats")).await?;
    let ok = health["status"] == "ok";
    if options.output == Output::Json {
        println!("{:#}", json!({"health": health, "stats": stats}));
        return Ok(ok);
    }
    println!("{:<12} {}", "API", if ok { "ok" } else { "degraded" });
    for name in ["redis", "postgres", "mongodb"] {
        let dependency = &health[name];
        let latency = dependency["latencyMs"].as_f64().map(|ms| format!("{ms:.1} ms")).unwrap_or_default();
        let detail = dependency["detail"].as_str().unwrap_or_default();
        println!("{name:<12} {:<9} {latency} {detail}", dependency["status"].as_str().unwrap_or("?"));
    }
    figures(&stats);
    Ok(ok)
}

/// The newest samples of `/api/v1/stats` in words.
fn figures(stats: &Value) {
    let none = Vec::new();
    let samples = stats["samples"].as_array().unwrap_or(&none);
    let certainty = samples.last().and_then(|now| now["lagCertainty"].as_str()).unwrap_or("Unknown");
    let of = |name| last_known(samples, name);
    println!("{:<12} {} events ({certainty})", "lag", of("lagEvents"));
    println!(
        "{:<12} {} events/s in, {} events/s out",
        "rate",
        of("eventsInPerSecond"),
        of("eventsOutPerSecond")
    );
    println!("{:<12} {} heard of in the last 15 s", "workers", of("workers"));
    println!("{:<12} {} open", "dead letters", of("deadLettersOpen"));
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
    fn a_figure_that_the_newest_look_lacks_is_that_of_the_look_before_with_its_time() {
        let samples =
            [json!({"at": "12:00:00", "workers": 2}), json!({"at": "12:00:05", "workers": null, "lag": 7})];
        assert_eq!(last_known(&samples, "lag"), "7");
        assert_eq!(last_known(&samples, "workers"), "2 (since then unknown, at 12:00:00)");
        assert_eq!(last_known(&samples, "other"), "unknown");
    }
}
