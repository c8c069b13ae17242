//! Steady traffic in the background of a test, with a ledger of what was told of each event.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use eventpipeline::ledger::Ledger;
use eventpipeline::sender::{Event, Sender};
use tokio::task::JoinSet;

/// Senders at once.
const SENDERS: u64 = 4;
/// Between two batches of one sender: with 50 events a batch, 4,000 events a second in all, well below what FerretDB
/// takes on two cores beside everything else.
const PAUSE: Duration = Duration::from_millis(50);

/// Traffic that runs until it is ended.
pub struct Traffic {
    tasks: JoinSet<Ledger>,
    end: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
}

impl Traffic {
    /// Starts sending batches of `batch` events. Every tenth event is sent twice.
    pub fn start(sender: &Sender, run: &str, batch: u64) -> Self {
        let (end, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut tasks = JoinSet::new();
        for n in 0..SENDERS {
            let (sender, end, sent) = (sender.clone(), Arc::clone(&end), Arc::clone(&sent));
            let run = format!("{run}-{n}");
            tasks.spawn(async move {
                let (mut ledger, mut from) = (Ledger::default(), 0);
                while !end.load(Ordering::Relaxed) {
                    let again = from % 10;
                    let numbers = (from..from + batch).chain((from >= 10).then(|| from - 10 + again));
                    let events: Vec<Event> = numbers.map(|n| Event::numbered(&run, n)).collect();
                    let (told, _) = sender.send(&events).await;
                    events.iter().zip(told).for_each(|(event, told)| ledger.note(event.event_id(), told));
                    sent.fetch_add(batch, Ordering::Relaxed);
                    from += batch;
                    tokio::time::sleep(PAUSE).await;
                }
                ledger
            });
        }
        Self { tasks, end, sent }
    }

    /// Events sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Ends it, once every event has its answer, and gives the ledger.
    pub async fn end(mut self) -> Ledger {
        self.end.store(true, Ordering::Relaxed);
        let mut ledger = Ledger::default();
        while let Some(done) = self.tasks.join_next().await {
            ledger.merge(done.unwrap_or_default());
        }
        ledger
    }
}
