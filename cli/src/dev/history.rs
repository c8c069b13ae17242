//! Decisions, written where the console finds them. In a task of its own: they are told, never waited for.

use std::time::Duration;

use plan::scaling::Decision;
use stream::decisions::{Mode, Recorder, Stored};
use tokio::sync::mpsc;

/// Decisions that wait for a slow Redis; more are left out, since the next one says what is now.
const QUEUE: usize = 4;
/// A Redis that takes longer has not taken it.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Takes decisions until it is dropped.
#[derive(Debug)]
pub struct History(mpsc::Sender<Decision>);

impl History {
    /// For a pipeline (`namespace/name`) in the Redis at `url`, whose decisions are obeyed or not.
    pub fn start(url: String, pipeline: String, mode: Mode) -> Self {
        let (sender, decisions) = mpsc::channel(QUEUE);
        tokio::spawn(write(url, pipeline, mode, decisions));
        Self(sender)
    }

    /// Hands one over.
    pub fn note(&self, decision: Decision) {
        // An error: the queue is full, and this line of the history is left out.
        let _ = self.0.try_send(decision);
    }
}

async fn write(url: String, pipeline: String, mode: Mode, mut decisions: mpsc::Receiver<Decision>) {
    let (mut redis, mut recorder) = (None, Recorder::default());
    while let Some(decision) = decisions.recv().await {
        let noted = tokio::time::timeout(TIMEOUT, async {
            let redis = match &mut redis {
                Some(redis) => redis,
                none => none.insert(stream::connect(&url).await?),
            };
            let record = serde_json::to_value(&decision).unwrap_or_default();
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time after 1970")]
            let at_ms = (decision.at * 1000.0) as u64;
            let stored = Stored::new(at_ms, mode, decision.sentence(), record);
            recorder.note(redis, &pipeline, &decision.gist(), stored).await.map_err(stream::Error::from)
        });
        if !matches!(noted.await, Ok(Ok(()))) {
            redis = None;
        }
    }
}
