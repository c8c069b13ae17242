//! Open-loop load: requests leave when they are due, whether earlier ones were answered or not, and their latency
//! counts from when they were due. Then the verdict: acknowledged = stored.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::dev::facts::Facts;
use crate::ledger::{Ledger, Told};
use crate::sender::{Event, Sender, Sent, innermost};

/// How long the stored events are waited for once all are sent.
const DRAIN_TIMEOUT: Duration = Duration::from_mins(2);
/// What is due is sent again for so long after the last was due; then the API is taken to be away.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at how much is stored.
const DRAIN_LOOK: Duration = Duration::from_millis(500);

/// What to send.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Events a second.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub rate: u64,
    /// For how many seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// Events a request.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=5000))]
    pub batch: u64,
    /// Requests at once; what is due beyond that waits, and its latency shows it.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub connections: u64,
    /// The API; from .eventpipeline/dev.json when a pipeline runs here.
    #[arg(long)]
    pub api: Option<String>,
    /// The API key; likewise.
    #[arg(long, env = "EVENTPIPELINE_KEY", hide_env_values = true)]
    pub key: Option<String>,
    /// MongoDB, for the verdict; likewise.
    #[arg(long)]
    pub mongodb: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// Events sent and what was told of them.
    pub ledger: Ledger,
    /// Sums over all requests.
    pub sent: Sent,
    /// Microseconds from when a request was due to its last answer.
    pub latency: Histogram<u64>,
    /// From the first request to the last answer.
    pub took: Duration,
}

/// Sends at the given rate.
pub async fn run(options: &Options, sender: &Sender, run: &str) -> Report {
    let total = options.rate * options.seconds;
    let bar = bar(total);
    let room = Arc::new(Semaphore::new(usize::try_from(options.connections).unwrap_or(64)));
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    let end = began + Duration::from_secs(options.seconds);
    let mut sender = sender.clone();
    sender.until = Some(end + PATIENCE);
    let mut from = 0;
    while from < total {
        let to = (from + options.batch).min(total);
        let due = began + Duration::from_secs_f64(seconds(from, options.rate));
        tokio::time::sleep_until(due).await;
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { break };
        let (sender, run, bar) = (sender.clone(), run.to_owned(), bar.clone());
        tasks.spawn(async move {
            let events: Vec<Event> = (from..to).map(|n| Event::numbered(&run, n)).collect();
            let (told, sent) = sender.send(&events).await;
            drop(permit);
            bar.inc(to - from);
            (events, told, sent, due.elapsed())
        });
        from = to;
    }
    let mut report = Report {
        ledger: Ledger::default(),
        sent: Sent::default(),
        latency: histogram(),
        took: Duration::ZERO,
    };
    while let Some(done) = tasks.join_next().await {
        let Ok((events, told, sent, latency)) = done else { continue };
        for (event, told) in events.iter().zip(told) {
            report.ledger.note(event.event_id(), told);
        }
        report.sent.accepted += sent.accepted;
        report.sent.duplicates += sent.duplicates;
        report.sent.resent += sent.resent;
        report.sent.refusal = sent.refusal.or(report.sent.refusal);
        report.latency.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }
    report.took = began.elapsed();
    bar.finish_and_clear();
    report
}

#[allow(clippy::cast_precision_loss, reason = "a schedule")]
fn seconds(events: u64, rate: u64) -> f64 {
    events as f64 / rate as f64
}

/// Three digits, up to ten minutes.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).expect("constant bounds are valid")
}

fn bar(total: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} events · {per_sec} · {eta} left");
    ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// `eventpipeline load`: sends, prints the percentiles and the verdict. `Ok(false)`: something is missing.
pub async fn command(options: Options) -> Result<bool, String> {
    let facts = Facts::running();
    let from_facts = |given: &Option<String>, pick: fn(&Facts) -> String| {
        given.clone().or_else(|| facts.as_ref().map(pick))
    };
    let hint = "no pipeline runs here (no .eventpipeline/dev.json); start one with `make run`, or give";
    let api = from_facts(&options.api, |f| f.api.clone()).ok_or_else(|| format!("{hint} --api"))?;
    let key = from_facts(&options.key, |f| f.api_key.clone()).ok_or_else(|| format!("{hint} --key"))?;
    let mongodb = from_facts(&options.mongodb, |f| f.mongodb.clone());
    let sender = Sender::new(&api, &key).map_err(|error| error.to_string())?;

    sender.reachable().await?;
    println!(
        "{} events a second for {} s, {} a request, to {api}",
        options.rate, options.seconds, options.batch
    );
    let run_name = format!("load-{:08x}", getrandom::u32().unwrap_or(0));
    let report = run(&options, &sender, &run_name).await;
    print(&report);
    if let Some(refusal) = &report.sent.refusal {
        return Err(format!("the API at {api} refused: {refusal}"));
    }
    if report.ledger.count(Told::Acknowledged) == 0 {
        return Err(format!("no event was acknowledged; is the API at {api}?"));
    }
    let Some(uri) = mongodb else {
        println!("acknowledged = stored was not checked: give --mongodb");
        return Ok(true);
    };
    let client = mongodb::Client::with_uri_str(&uri).await.map_err(|error| format!("--mongodb: {error}"))?;
    let verdict = settled(&report.ledger, &client.database("eventpipeline"))
        .await
        .map_err(|why| format!("acknowledged = stored was not checked: {why}"))?;
    println!("\nin MongoDB (with other runs' events)\n{verdict}");
    println!(
        "{}",
        if verdict.holds() { "acknowledged = stored: yes, each once" } else { "acknowledged = stored: NO" }
    );
    Ok(verdict.holds())
}

/// Waits until nothing acknowledged is missing, or nothing changes any more.
pub async fn settled(
    ledger: &Ledger,
    database: &mongodb::Database,
) -> Result<crate::ledger::Verdict, String> {
    let deadline = Instant::now() + DRAIN_TIMEOUT;
    loop {
        let over = Instant::now() > deadline;
        match ledger.verify(database).await {
            Ok(verdict) if verdict.missing.is_empty() || over => return Ok(verdict),
            // A set that elects, or a router that has just started, answers in a moment.
            Err(error) if over => return Err(format!("MongoDB does not answer: {}", innermost(&error))),
            Ok(_) | Err(_) => (),
        }
        tokio::time::sleep(DRAIN_LOOK).await;
    }
}

fn print(report: &Report) {
    let sent = &report.sent;
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    let rate = (sent.accepted + sent.duplicates) as f64 / report.took.as_secs_f64().max(0.001);
    let ms = |q: f64| Duration::from_micros(report.latency.value_at_quantile(q)).as_secs_f64() * 1000.0;
    println!(
        "  accepted {}, duplicates {}, requests sent again {}",
        sent.accepted, sent.duplicates, sent.resent
    );
    println!("  {rate:.0} events/s acknowledged over {:.1} s", report.took.as_secs_f64());
    println!(
        "  latency from when due: p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
        ms(0.5),
        ms(0.9),
        ms(0.99),
        ms(1.0)
    );
}
