//! `eventpipeline dev --check`: the whole line on free ports, unattended: starts, sends, proves, stops.

use std::collections::BTreeMap;
use std::time::Duration;

use local::mongo::Kind;
use serde_json::json;
use tokio::time::Instant;

use crate::dev::Options;
use crate::dev::cluster::events_by_shard;
use crate::dev::pipeline::{Pipeline, Ports, Setup};
use crate::ledger::{Ledger, Told};
use crate::load::settled;
use crate::manifest::Manifest;
use crate::secrets::Secrets;
use crate::sender::{Event, Sender};

/// Different events.
const EVENTS: u64 = 20_000;
/// Events a request.
const BATCH: usize = 200;
/// Every so many events one is sent again, in the same batch or in the next.
const AGAIN_EVERY: u64 = 20;
/// Every so many events a bad one is put beside it.
const BAD_EVERY: u64 = 50;
/// Different events that are sent alone, each twice.
const SINGLES: u64 = 50;
/// Requests at once.
const SENDERS: usize = 8;

/// Runs the check. `Ok(false)`: the guarantee did not hold.
pub async fn command(options: &Options) -> Result<bool, String> {
    let manifest = Manifest::read(&options.file)?;
    let folder = tempfile::Builder::new()
        .prefix("eventpipeline-check-")
        .tempdir()
        .map_err(|error| format!("a temporary folder: {error}"))?;
    let stop = service::lifecycle::stop_token().map_err(|error| error.to_string())?;
    let began = Instant::now();
    let setup = Setup {
        folder: folder.path().into(),
        secrets: Secrets::of(folder.path())?,
        manifest,
        workers: options.workers.unwrap_or(2),
        ports: Ports::default(),
        durable: false,
        api_env: Vec::new(),
        worker_env: Vec::new(),
    };
    let mut pipeline = Pipeline::start(setup).await.map_err(|error| error.to_string())?;
    println!(
        "started in {:.1} s: {} with {} workers",
        began.elapsed().as_secs_f64(),
        pipeline.api(0),
        pipeline.workers.len()
    );
    let verdict = tokio::select! {
        verdict = prove(&pipeline) => verdict,
        () = stop.cancelled() => Err("interrupted".into()),
    };
    pipeline.stop().await;
    local::stores::forget(&pipeline.setup.folder).map_err(|error| error.to_string())?;
    verdict
}

async fn prove(pipeline: &Pipeline) -> Result<bool, String> {
    let sender =
        Sender::new(&pipeline.api(0), &pipeline.setup.secrets.api_key).map_err(|error| error.to_string())?;
    let batches = batches();
    let sent_events: usize = batches.iter().map(Vec::len).sum();
    let began = Instant::now();
    let mut ledger = Ledger::default();
    let (mut accepted, mut duplicates, mut surprises) = (0, 0, 0);
    for round in batches.chunks(SENDERS) {
        for (batch, (told, sent)) in
            round.iter().zip(futures::future::join_all(round.iter().map(|batch| sender.send(batch))).await)
        {
            accepted += sent.accepted;
            duplicates += sent.duplicates;
            for (event, told) in batch.iter().zip(told) {
                let expected = if event.id.starts_with("bad") { Told::Rejected } else { Told::Acknowledged };
                surprises += usize::from(told != expected);
                ledger.note(event.event_id(), told);
            }
        }
    }
    let took = began.elapsed();
    let alone = singles(pipeline, &mut ledger).await?;
    let in_batches = accepted;
    accepted += alone.accepted;
    duplicates += alone.duplicates;
    surprises += alone.surprises;
    let client = mongodb::Client::with_uri_str(pipeline.stores.mongodb_uri())
        .await
        .map_err(|error| error.to_string())?;
    let verdict = settled(&ledger, &client.database("eventpipeline")).await?;
    let stored_after = began.elapsed();
    let sharded = pipeline.stores.mongo.kind == Kind::MongoDb;
    let shards = if sharded { events_by_shard(&pipeline.setup.folder).await? } else { BTreeMap::new() };

    println!(
        "\nsent {EVENTS} different events in batches of {BATCH}, with repeats and bad ones {sent_events};\nthen {SINGLES} more \
         alone, each twice, and a bad one"
    );
    println!(
        "  {:<20} {accepted:>9}   {in_batches} in batches and {} alone\n  {:<20} {duplicates:>9}\n  {:<20} {:>9}\n  {:<20} {surprises:>9}",
        "accepted",
        alone.accepted,
        "duplicates",
        "refused",
        ledger.count(Told::Rejected),
        "other than expected"
    );
    print!("in MongoDB, read directly\n{verdict}");
    shards.iter().for_each(|(name, count)| println!("  {:<20} {count:>9}", format!("of them on {name}")));
    println!();
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    let rate = |time: Duration| sent_events as f64 / time.as_secs_f64().max(0.001);
    println!(
        "{:.0} events/s acknowledged, {:.0} events/s until all were stored ({:.1} s)",
        rate(took),
        rate(stored_after),
        stored_after.as_secs_f64()
    );
    let holds = verdict.holds()
        && surprises == 0
        && verdict.unknown == 0
        && verdict.strangers == 0
        && verdict.dead == 0
        && shards.values().all(|events| *events > 0);
    println!(
        "{}",
        if holds { "check: every acknowledged event is stored exactly once" } else { "check: FAILED" }
    );
    Ok(holds)
}

/// Good events, some twice within a batch or across batches, and bad ones among them.
fn batches() -> Vec<Vec<Event>> {
    let mut events = Vec::new();
    for n in 0..EVENTS {
        events.push(Event::numbered("check", n));
        if n % AGAIN_EVERY == 0 {
            events.push(Event::numbered("check", n));
        }
        if n % AGAIN_EVERY == 7 && n > 1000 {
            events.push(Event::numbered("check", n - 1000));
        }
        if n % BAD_EVERY == 0 {
            let mut bad = Event::numbered("bad", n);
            bad.json["properties"] =
                json!({"n": [1, 2, {"much": 1e19}], "text": "an integer beyond 64 bits"});
            bad.json["surplus"] = json!(true);
            events.push(bad);
        }
    }
    events.chunks(BATCH).map(<[Event]>::to_vec).collect()
}

/// What came of single posts.
#[derive(Default)]
struct Alone {
    accepted: u64,
    duplicates: u64,
    /// Answers other than expected.
    surprises: usize,
}

/// Single posts: a new event, the same again, and at the end a bad one.
async fn singles(pipeline: &Pipeline, ledger: &mut Ledger) -> Result<Alone, String> {
    let http = reqwest::Client::new();
    let url = format!("{}/api/v1/events", pipeline.api(0));
    let key = &pipeline.setup.secrets.api_key;
    let mut alone = Alone::default();
    for n in 0..SINGLES {
        let event = Event::numbered("single", n);
        for expected in ["accepted", "duplicate"] {
            let answer = http
                .post(&url)
                .header("x-api-key", key)
                .json(&event.json)
                .send()
                .await
                .map_err(|e| e.to_string())?;
            let answer: serde_json::Value = answer.json().await.map_err(|e| e.to_string())?;
            alone.accepted += u64::from(answer["status"] == "accepted");
            alone.duplicates += u64::from(answer["status"] == "duplicate");
            alone.surprises += usize::from(answer["status"] != expected || answer["id"] != event.id);
        }
        ledger.note(event.event_id(), Told::Acknowledged);
    }
    let bad = http
        .post(&url)
        .header("x-api-key", key)
        .json(&json!({"type": "t"}))
        .send()
        .await
        .map_err(|e| e.to_string())?;
    let body: serde_json::Value = bad.json().await.map_err(|e| e.to_string())?;
    alone.surprises += usize::from(body["code"] != "missing_field" || body["pointer"] != "/userId");
    Ok(alone)
}
