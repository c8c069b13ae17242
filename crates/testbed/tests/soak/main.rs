//! Two minutes of steady load on a whole pipeline: memory and descriptors stay flat, the streams end empty, and every
//! counter says the same. Nothing here asks how fast it went: other tests run beside it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::float_cmp,
    clippy::cast_precision_loss,
    reason = "a test ends this way, and counts are small"
)]

mod load;
mod reads;
mod watch;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use event::keys::Keys;
use eventpipeline::ledger::Told;
use local::mongo::Kind;
use testbed::{Options, Pipeline, eventually};

use load::Counted;
use watch::{Course, Metrics, Watch, table};

/// How long events are sent.
const SOAK: Duration = Duration::from_mins(2);
/// Between two questions. FerretDB looks at every event for an answer, so it is not asked more often.
const QUESTIONS: Duration = Duration::from_secs(1);
/// The API gives an answer up after ten seconds; the last one is there when the load ends.
const LAST_ANSWER: Duration = Duration::from_secs(10);
/// Streams of the pipeline.
const PARTITIONS: u32 = 2;
/// What memory may have grown by, in MiB, when a tenth is less. A leak of an event an event would be more.
const MEMORY_MARGIN_MIB: f64 = 8.0;
/// Connections of pools to the stores that may come and go.
const DESCRIPTORS_MARGIN: f64 = 8.0;
/// For what is behind to be worked off, and for connections to be closed.
const PATIENCE: Duration = Duration::from_mins(2);

#[tokio::test(flavor = "multi_thread")]
async fn two_minutes_of_load_leave_memory_flat_the_streams_empty_and_every_counter_exact() {
    let mut pipeline = Pipeline::start(Options {
        spec: "{redis: {partitions: 2}}",
        workers: 2,
        // What waits in a worker while the machine is busy elsewhere is no leak.
        worker_env: vec![("PREFETCH_BYTES", "1048576")],
        ..Options::default()
    })
    .await;
    let mut watch = Watch::new(&mut pipeline);

    // Each way once, so that every pool has its connections: what is open now may be open for ever.
    let mut sent = load::run(&pipeline, "first", Duration::from_millis(500)).await;
    reads::run(&pipeline, Duration::ZERO, Duration::from_secs(1)).await;
    pipeline.http = reqwest::Client::new();
    let at_rest = descriptors(&watch).await;

    let (counted, asked, ()) = tokio::join!(
        load::run(&pipeline, "soak", SOAK),
        reads::run(&pipeline, QUESTIONS, SOAK.saturating_sub(LAST_ANSWER)),
        watch.run(SOAK)
    );
    sent.merge(counted);
    let courses = watch.courses(SOAK);
    let text = format!(
        "{}{} good events, {} repeats, {} bad ones, {} requests sent again, {asked} questions\n",
        table(&courses),
        sent.good,
        sent.repeats,
        sent.bad,
        sent.resent
    );
    std::fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/soak.md"), &text).unwrap();
    println!("{text}");

    streams_are_empty(&pipeline).await;
    counters_are_exact(&pipeline, &watch, &sent).await;
    for course in courses.iter().filter(|course| course.name != "redis") {
        is_flat(course, at_rest[&course.name]);
    }
    let mut closed = BTreeMap::new();
    let as_before = eventually(PATIENCE, async || {
        closed = descriptors(&watch).await;
        closed.iter().all(|(name, open)| *open <= at_rest[name] + DESCRIPTORS_MARGIN)
    });
    assert!(as_before.await, "descriptors are left open: {at_rest:?} before, {closed:?} after");
    pipeline.stop().await;
}

async fn descriptors(watch: &Watch) -> BTreeMap<String, f64> {
    let mut open = BTreeMap::new();
    for name in watch.names() {
        open.insert(name.to_owned(), metrics(watch, name).await.sum("process_open_fds"));
    }
    open
}

async fn metrics(watch: &Watch, name: &str) -> Metrics {
    for _ in 0..5 {
        if let Some(metrics) = watch.metrics(name).await {
            return metrics;
        }
    }
    panic!("{name} tells nothing")
}

/// Redis itself is not asked for: it keeps the ids of ten to twenty minutes, and so grows for so long.
fn is_flat(course: &Course, descriptors_at_rest: f64) {
    let [first, last] = course.memory_mib;
    let most = first + MEMORY_MARGIN_MIB.max(first / 10.0);
    assert!(last <= most, "{} grew from {first:.1} to {last:.1} MiB", course.name);
    let last = course.descriptors[1];
    // A client may open a connection while another comes back.
    let most = descriptors_at_rest + 2.0 * load::CONNECTIONS as f64 + DESCRIPTORS_MARGIN;
    assert!(last <= most, "{} had {descriptors_at_rest} descriptors open, and has {last}", course.name);
}

/// Nothing waits, nothing is pending, and of the entries only the last one is left, which is never deleted.
async fn streams_are_empty(pipeline: &Pipeline) {
    let mut redis = pipeline.redis().await;
    for partition in 0..PARTITIONS {
        let keys = Keys::new("default/test", partition);
        let mut seen = String::new();
        let empty = eventually(PATIENCE, async || {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
            let Ok(view) = stream::observe(&mut redis, &keys, now).await else { return false };
            let length = redis::cmd("XLEN").arg(&keys.frames).query_async::<u64>(&mut redis).await;
            let (facts, length) = (view.facts, length.unwrap_or(u64::MAX));
            seen = format!("{facts:?}, {length} entries");
            facts.pending_frames == Some(0)
                && facts.group_lag_frames == Some(0)
                && facts.events_in > Some(0)
                && facts.events_in == facts.events_out
                && length == 1
        });
        assert!(empty.await, "partition {partition} is not empty: {seen}\n{}", pipeline.logs());
        let left: u64 = redis::cmd("HLEN").arg(keys.alone()).query_async(&mut redis).await.unwrap();
        assert_eq!(left, 0, "markers of events that were tried alone are left");
    }
}

/// The sender, the API, Redis, the workers and the store have counted the same. Where a request had to be sent again, or
/// a frame was worked on twice, a counter may say more, and never less.
async fn counters_are_exact(pipeline: &Pipeline, watch: &Watch, sent: &Counted) {
    assert_eq!(sent.ledger.count(Told::Unknown), 0, "events without an answer");
    let api = metrics(watch, "api").await;
    let of_api =
        |outcome: &str| api.count(&format!("eventpipeline_api_events_total{{outcome=\"{outcome}\"}}"));
    let same = |what: &str, exact: bool, counted: u64, wanted: u64| {
        let holds = if exact { counted == wanted } else { counted >= wanted };
        assert!(holds, "{what}: {counted}, and {wanted} were to be\n{}", pipeline.logs());
    };
    let answered = sent.resent == 0;
    same("accepted, as answered", answered, sent.accepted, if answered { sent.good } else { 0 });
    same("duplicates, as answered", answered, sent.duplicates, if answered { sent.repeats } else { 0 });
    same("rejected, as answered", answered, sent.rejected, sent.bad);
    same("accepted, by the API", answered, of_api("accepted"), sent.accepted);
    same("duplicates, by the API", answered, of_api("duplicate"), sent.duplicates);
    same("rejected, by the API", answered, of_api("rejected"), sent.rejected);
    same("rejects by code", true, api.count("eventpipeline_api_rejects_total"), of_api("rejected"));
    assert!(!answered || of_api("retry") == 0, "the API counts a retry that no sender was told of");

    let mut redis = pipeline.redis().await;
    let mut queued = 0;
    for partition in 0..PARTITIONS {
        let counters = Keys::new("default/test", partition).counters;
        let get = redis::cmd("HGET").arg(counters).arg(event::keys::EVENTS_IN).to_owned();
        queued += get.query_async::<u64>(&mut redis).await.unwrap();
    }
    same("queued in Redis", answered, queued, of_api("accepted"));

    let (mut stored, mut dead, mut again, mut lost) = (0, 0, 0, 0);
    for name in watch.names().filter(|name| name.starts_with("worker")) {
        let worker = metrics(watch, name).await;
        stored += worker.count("eventpipeline_worker_events_total");
        dead += worker.count("eventpipeline_worker_dead_letters_total");
        again += worker.count("eventpipeline_worker_claimed_total");
        again += worker.count("eventpipeline_worker_sink_errors_total");
        lost += worker.count("eventpipeline_worker_lost_total");
    }
    assert_eq!(lost, 0, "frames are gone from the stream");
    same("worked on, by the workers", again == 0, stored, queued);

    // Every document is read: none is there twice, and none is another's, so documents are different events.
    let verdict = sent.ledger.verify(&pipeline.database().await).await.unwrap();
    assert!(verdict.holds(), "the guarantee did not hold:\n{verdict}{:?}", verdict.missing);
    let poison = if pipeline.processes.stores.mongo.kind == Kind::FerretDb { sent.poison } else { 0 };
    let (events, letters) = (verdict.stored as u64, verdict.dead as u64);
    assert_eq!((events, letters, verdict.strangers), (sent.good - poison, poison, 0), "{verdict}");
    same("dead letters, by the workers", again == 0, dead, letters);
}
