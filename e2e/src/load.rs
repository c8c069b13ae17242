//! Events to the API, by the command line's own sender: a fixed number, some of them twice, or a steady stream.

use std::sync::Arc;
use std::time::Duration;

use eventpipeline::ledger::{Ledger, Told};
use eventpipeline::sender::{Event, Sender, Sent};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, interval};

use crate::error::{Error, Result, ensure};

/// Events a request; the API takes 1,000.
const BATCH: usize = 500;
/// Requests at once.
const CONNECTIONS: usize = 8;
/// Of that many ids one is sent twice: 5 %.
const ONE_TWICE_OF: u64 = 20;
/// A request of a stream has so many events, and one is sent that often: 2,000 events a second.
const STREAM_BATCH: u64 = 200;
const STREAM_EVERY: Duration = Duration::from_millis(100);

/// What came of a load.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Each event and what was told of it.
    pub ledger: Ledger,
    /// Sums over all requests.
    pub sent: Sent,
    /// From the first request to the last answer.
    pub took: Duration,
}

impl Outcome {
    fn add(&mut self, (events, told, sent): (Vec<Event>, Vec<Told>, Sent)) {
        events.iter().zip(told).for_each(|(event, told)| self.ledger.note(event.event_id(), told));
        self.add_sums(sent);
    }

    fn add_sums(&mut self, sent: Sent) {
        self.sent.accepted += sent.accepted;
        self.sent.duplicates += sent.duplicates;
        self.sent.resent += sent.resent;
        self.sent.refusal = sent.refusal.or(self.sent.refusal.take());
    }

    /// Adds what was answered so far.
    fn add_answered(&mut self, tasks: &mut Tasks) -> Result<()> {
        while let Some(done) = tasks.try_join_next() {
            self.add(done.map_err(|error| lost(&error))?);
        }
        Ok(())
    }

    /// Waits for the last answers and adds them.
    async fn add_rest(&mut self, mut tasks: Tasks) -> Result<()> {
        while let Some(done) = tasks.join_next().await {
            self.add(done.map_err(|error| lost(&error))?);
        }
        Ok(())
    }

    /// An error unless each of so many different events was acknowledged.
    pub fn all_acknowledged(&self, events: usize) -> Result<()> {
        if let Some(refusal) = &self.sent.refusal {
            return Err(Error::Otherwise(format!("the API refused: {refusal}")));
        }
        let acknowledged = self.ledger.count(Told::Acknowledged);
        ensure(acknowledged == events, || {
            let unknown = self.ledger.count(Told::Unknown);
            format!("{acknowledged} of {events} events were acknowledged, {unknown} had no answer")
        })
    }
}

/// The numbers from 0 on, one in twenty twice: half of those in the same request, half of them at the end.
pub fn with_repeats(count: u64) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut later = Vec::new();
    for n in 0..count {
        numbers.push(n);
        if n % (2 * ONE_TWICE_OF) == 0 {
            numbers.push(n);
        } else if n % ONE_TWICE_OF == 0 {
            later.push(n);
        }
    }
    numbers.extend(later);
    numbers
}

/// Sends the events of these numbers as fast as they are taken.
pub async fn send(sender: &Sender, run: &str, numbers: &[u64]) -> Result<Outcome> {
    let (began, room) = (Instant::now(), Arc::new(Semaphore::new(CONNECTIONS)));
    let (mut tasks, mut outcome) = (JoinSet::new(), Outcome::default());
    for chunk in numbers.chunks(BATCH) {
        let events: Vec<Event> = chunk.iter().map(|n| Event::numbered(run, *n)).collect();
        spawn(&mut tasks, &room, sender, events).await?;
        outcome.add_answered(&mut tasks)?;
    }
    outcome.add_rest(tasks).await?;
    outcome.took = began.elapsed();
    Ok(outcome)
}

/// Sends the events of these numbers, so many in each second.
pub async fn send_paced(sender: &Sender, run: &str, numbers: &[u64], per_second: u64) -> Result<Outcome> {
    let (began, mut all) = (Instant::now(), Outcome::default());
    let mut second = interval(Duration::from_secs(1));
    for chunk in numbers.chunks(usize::try_from(per_second).unwrap_or(BATCH)) {
        second.tick().await;
        let sent = send(sender, run, chunk).await?;
        all.ledger.merge(sent.ledger);
        all.add_sums(sent.sent);
    }
    all.took = began.elapsed();
    Ok(all)
}

type Tasks = JoinSet<(Vec<Event>, Vec<Told>, Sent)>;

async fn spawn(tasks: &mut Tasks, room: &Arc<Semaphore>, sender: &Sender, events: Vec<Event>) -> Result<()> {
    let permit = Arc::clone(room).acquire_owned().await;
    let permit = permit.map_err(|error| Error::Otherwise(format!("no room for a request: {error}")))?;
    let sender = sender.clone();
    tasks.spawn(async move {
        let (told, sent) = sender.send(&events).await;
        drop(permit);
        (events, told, sent)
    });
    Ok(())
}

fn lost(error: &tokio::task::JoinError) -> Error {
    Error::Otherwise(format!("a sender broke off: {error}"))
}

/// A stream of events that flows until it is stopped.
pub struct Stream {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(Outcome, u64)>>,
}

impl Stream {
    /// Begins to send, by all senders in turn.
    pub fn start(senders: Vec<Sender>, run: &str) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { stop, task: tokio::spawn(flow(senders, run.to_owned(), stopped)) }
    }

    /// Sends no more, waits for the last answers. With the number of events sent.
    pub async fn stop(self) -> Result<(Outcome, usize)> {
        // An error: it has ended already, which its result tells.
        let _ = self.stop.send(true);
        let (outcome, count) = self.task.await.map_err(|error| lost(&error))??;
        Ok((outcome, usize::try_from(count).unwrap_or(usize::MAX)))
    }
}

async fn flow(senders: Vec<Sender>, run: String, stopped: watch::Receiver<bool>) -> Result<(Outcome, u64)> {
    let (began, room) = (Instant::now(), Arc::new(Semaphore::new(CONNECTIONS)));
    let (mut tasks, mut outcome, mut n) = (JoinSet::new(), Outcome::default(), 0);
    let mut due = interval(STREAM_EVERY);
    // While the API is away requests pile up at most to the connections; what was missed is not made up for.
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for sender in senders.iter().cycle() {
        if *stopped.borrow() {
            break;
        }
        due.tick().await;
        let events = (n..n + STREAM_BATCH).map(|n| Event::numbered(&run, n)).collect();
        n += STREAM_BATCH;
        spawn(&mut tasks, &room, sender, events).await?;
        outcome.add_answered(&mut tasks)?;
    }
    outcome.add_rest(tasks).await?;
    outcome.took = began.elapsed();
    Ok((outcome, n))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn one_event_in_twenty_is_sent_twice_and_no_other() {
        let numbers = with_repeats(10_000);
        assert_eq!(numbers.len(), 10_500);
        let mut times = HashMap::new();
        numbers.iter().for_each(|n| *times.entry(*n).or_insert(0) += 1);
        assert_eq!(times.len(), 10_000);
        assert_eq!(times.values().filter(|times| **times == 2).count(), 500);
        assert!(times.values().all(|times| *times <= 2));
    }

    #[test]
    fn half_of_the_repeats_follow_at_once_and_half_at_the_end() {
        let numbers = with_repeats(400);
        assert_eq!(numbers.windows(2).filter(|pair| pair[0] == pair[1]).count(), 10);
        assert_eq!(numbers[410..], [20, 60, 100, 140, 180, 220, 260, 300, 340, 380]);
    }

    #[test]
    fn an_event_without_an_answer_is_told_of() {
        let mut outcome = Outcome::default();
        let events: Vec<Event> = (0..3).map(|n| Event::numbered("run", n)).collect();
        outcome.add((events, vec![Told::Acknowledged, Told::Unknown, Told::Acknowledged], Sent::default()));
        let error = outcome.all_acknowledged(3).unwrap_err().to_string();
        assert_eq!(error, "2 of 3 events were acknowledged, 1 had no answer");
    }
}
