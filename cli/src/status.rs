//! `eventpipeline status`: the running pipeline at a glance.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::dev::facts::Facts;

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

/// The newest sample of `/api/v1/stats`.
fn figures(stats: &Value) {
    let now = stats["samples"].as_array().and_then(|samples| samples.last()).unwrap_or(&Value::Null);
    let number = |value: &Value| value.as_f64().map_or("unknown".into(), |n| format!("{n:.0}"));
    println!(
        "{:<12} {} events ({})",
        "lag",
        number(&now["lagEvents"]),
        now["lagCertainty"].as_str().unwrap_or("Unknown")
    );
    println!(
        "{:<12} {} events/s in, {} events/s out",
        "rate",
        number(&now["eventsInPerSecond"]),
        number(&now["eventsOutPerSecond"])
    );
    println!("{:<12} {}", "workers", number(&now["workers"]));
    println!("{:<12} {} open", "dead letters", number(&now["deadLettersOpen"]));
}
