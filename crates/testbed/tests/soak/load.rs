//! Steady open-loop traffic: a request leaves when it is due, whether earlier ones were answered or not. Single events
//! and batches; some ids twice; some events that the API refuses, and some that FerretDB does. Every answer is counted.

use std::sync::Arc;
use std::time::Duration;

use eventpipeline::ledger::{Ledger, Told};
use eventpipeline::sender::{Event, Sender};
use reqwest::StatusCode;
use serde_json::{Value, json};
use testbed::Pipeline;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Between two single events. With a batch in every tenth step that is 500 new events a second: a debug build holds it
/// on two cores beside FerretDB and whatever else is going on.
const STEP: Duration = Duration::from_millis(10);
/// A batch in every so many steps.
const BATCH_STEPS: u64 = 10;
/// New events of a batch; two more are repeats, one of the same batch and one of the batch before.
const BATCH: u64 = 40;
/// Every so many single events one is sent again once it was answered.
const AGAIN_EVERY: u64 = 20;
/// Every so many single events a bad one is sent.
const BAD_ALONE_EVERY: u64 = 500;
/// In every so many batches there is a bad event.
const BAD_EVERY: u64 = 5;
/// In every so many batches there is one that FerretDB does not store.
const POISON_EVERY: u64 = 25;
/// Requests at once.
pub const CONNECTIONS: usize = 16;
/// An event that found no answer for so long has none.
const PATIENCE: Duration = Duration::from_mins(2);
/// Before an event is sent again.
const PAUSE: Duration = Duration::from_millis(200);

/// What was sent, and what was answered.
#[derive(Default)]
pub struct Counted {
    /// Each event, and what was told of it at last.
    pub ledger: Ledger,
    /// Answers by outcome.
    pub accepted: u64,
    pub duplicates: u64,
    pub rejected: u64,
    /// Requests sent again, since they were answered with 429, 503, 504, a `retry`, or not at all.
    pub resent: u64,
    /// Different good events, repeats of them, bad ones, and good ones that FerretDB does not store.
    pub good: u64,
    pub repeats: u64,
    pub bad: u64,
    pub poison: u64,
}

impl Counted {
    pub fn merge(&mut self, other: Self) {
        self.ledger.merge(other.ledger);
        for (sum, more) in [
            (&mut self.accepted, other.accepted),
            (&mut self.duplicates, other.duplicates),
            (&mut self.rejected, other.rejected),
            (&mut self.resent, other.resent),
            (&mut self.good, other.good),
            (&mut self.repeats, other.repeats),
            (&mut self.bad, other.bad),
            (&mut self.poison, other.poison),
        ] {
            *sum += more;
        }
    }
}

/// Sends for so long, and comes back when everything was answered. Its connections end with it.
pub async fn run(pipeline: &Pipeline, run: &str, how_long: Duration) -> Counted {
    let client = Arc::new(Client::new(pipeline, run));
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let (mut tasks, mut counted) = (JoinSet::new(), Counted::default());
    let (began, mut step) = (Instant::now(), 0);
    while began.elapsed() < how_long {
        tokio::time::sleep_until(began + STEP * u32::try_from(step).unwrap_or(u32::MAX)).await;
        let batch = step % BATCH_STEPS == 0;
        for batch in [false, true].into_iter().take(1 + usize::from(batch)) {
            let (client, permit) = (Arc::clone(&client), Arc::clone(&room).acquire_owned().await.unwrap());
            tasks.spawn(async move {
                let _permit = permit;
                if batch { client.batch(step / BATCH_STEPS).await } else { client.alone(step).await }
            });
        }
        while let Some(done) = tasks.try_join_next() {
            counted.merge(done.unwrap());
        }
        step += 1;
    }
    while let Some(done) = tasks.join_next().await {
        counted.merge(done.unwrap());
    }
    counted
}

struct Client {
    sender: Sender,
    http: reqwest::Client,
    url: String,
    key: String,
    run: String,
}

impl Client {
    fn new(pipeline: &Pipeline, run: &str) -> Self {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        let url = format!("{}/api/v1/events", pipeline.api());
        Self { sender: pipeline.sender(), http, url, key: pipeline.key.clone(), run: run.to_owned() }
    }

    /// An event of its own number, in `part` of the run.
    fn event(&self, part: &str, n: u64) -> Event {
        Event::numbered(&format!("{}-{part}", self.run), n)
    }

    fn bad(&self, part: &str, n: u64) -> Event {
        let mut event = self.event(part, n);
        event.json["surplus"] = json!(true);
        event
    }

    async fn batch(&self, n: u64) -> Counted {
        let mut events: Vec<Event> = (n * BATCH..(n + 1) * BATCH).map(|n| self.event("batch", n)).collect();
        let mut counted = Counted { good: BATCH, repeats: 1, ..Counted::default() };
        events.push(self.event("batch", n * BATCH + 3));
        if n > 0 {
            events.push(self.event("batch", (n - 1) * BATCH + 7));
            counted.repeats += 1;
        }
        if n.is_multiple_of(BAD_EVERY) {
            events.push(self.bad("bad", n));
            counted.bad += 1;
        }
        if n.is_multiple_of(POISON_EVERY) {
            let mut poison = self.event("poison", n);
            poison.json["properties"] = json!({"$set": {"n": n}});
            events.push(poison);
            (counted.good, counted.poison) = (counted.good + 1, 1);
        }
        let (told, sent) = self.sender.send(&events).await;
        assert_eq!(sent.refusal, None, "a good batch was refused");
        counted.rejected = told.iter().filter(|told| **told == Told::Rejected).count() as u64;
        events.iter().zip(told).for_each(|(event, told)| counted.ledger.note(event.event_id(), told));
        (counted.accepted, counted.duplicates, counted.resent) =
            (sent.accepted, sent.duplicates, sent.resent);
        counted
    }

    async fn alone(&self, n: u64) -> Counted {
        let mut counted = Counted { good: 1, ..Counted::default() };
        let event = self.event("alone", n);
        self.send(&event, &mut counted).await;
        if n.is_multiple_of(AGAIN_EVERY) {
            counted.repeats += 1;
            self.send(&event, &mut counted).await;
        }
        if n.is_multiple_of(BAD_ALONE_EVERY) {
            counted.bad += 1;
            self.send(&self.bad("bad-alone", n), &mut counted).await;
        }
        counted
    }

    /// Sends one event until it is answered, or patience is over.
    async fn send(&self, event: &Event, counted: &mut Counted) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.post(&event.json).await {
                Ok((StatusCode::ACCEPTED, reply)) => {
                    let duplicate = reply["status"] == "duplicate";
                    assert!(duplicate || reply["status"] == "accepted", "{reply}");
                    counted.duplicates += u64::from(duplicate);
                    counted.accepted += u64::from(!duplicate);
                    return counted.ledger.note(event.event_id(), Told::Acknowledged);
                }
                Ok((StatusCode::UNPROCESSABLE_ENTITY, _)) => {
                    counted.rejected += 1;
                    return counted.ledger.note(event.event_id(), Told::Rejected);
                }
                Ok((status, reply)) => assert_eq!(reply["retryable"], true, "{status} {reply}"),
                Err(_) => (),
            }
            counted.resent += 1;
            tokio::time::sleep(PAUSE).await;
        }
        counted.ledger.note(event.event_id(), Told::Unknown);
    }

    async fn post(&self, event: &Value) -> reqwest::Result<(StatusCode, Value)> {
        let request = self.http.post(&self.url).header("x-api-key", &self.key).json(event);
        let response = request.send().await?;
        Ok((response.status(), response.json().await?))
    }
}
