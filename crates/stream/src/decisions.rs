//! The last decisions of the autoscaler, in a list that the console reads. Written by whoever scales: the operator on a
//! cluster, `eventpipeline dev` on a laptop. They are told, never obeyed: losing them costs a page of history.

use event::keys;
use redis::aio::ConnectionManager;
use serde::{Deserialize, Serialize};

/// Decisions kept: a few hours of a busy pipeline, some 40 KiB.
const KEPT_MAX: isize = 50;

/// Whether a decision is obeyed: what the manifest says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// `scaling` is Lag: it is obeyed.
    Lag,
    /// `scaling` is Manual: `replicas` is obeyed.
    Manual,
    /// `scaling` is `DryRun`: `replicas` is obeyed.
    DryRun,
    /// `desiredState` is Paused: there are no workers.
    Paused,
    /// `desiredState` is Stopped: there are no workers.
    Stopped,
}

impl Mode {
    /// The sentence of a decision, so that nobody takes one that is not obeyed for one that is. The law knows nothing of
    /// a pipeline that shall not run: what it says of one is not told.
    pub fn tell(self, sentence: String) -> String {
        match self {
            Self::Lag => sentence,
            Self::Manual | Self::DryRun => format!("only told, `scaling` is {self:?}: {sentence}"),
            Self::Paused | Self::Stopped => format!("`desiredState` is {self:?}: there are to be no workers"),
        }
    }
}

/// A decision as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    /// When it was made first, Unix milliseconds.
    pub since_ms: u64,
    /// When it was made last.
    pub at_ms: u64,
    /// Absent: an older release wrote it.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// In words.
    pub sentence: String,
    /// The law's own record.
    pub record: serde_json::Value,
}

/// Writes the decisions of one pipeline.
#[derive(Debug, Default)]
pub struct Recorder {
    /// The newest in the list, and what it decided.
    last: Option<(String, u64)>,
}

impl Recorder {
    /// Notes a decision that was `made` now. One that decides the same as the last, by `what` (such as numbers of workers
    /// and reason) and by its mode, takes its place and is as old: the list tells of changes, and its head is always of
    /// now.
    pub async fn note(
        &mut self,
        redis: &mut ConnectionManager,
        pipeline: &str,
        what: &str,
        made: Stored,
    ) -> redis::RedisResult<()> {
        let what = format!("{:?} {what}", made.mode);
        let again = self.last.as_ref().filter(|(said, _)| *said == what).map(|(_, since_ms)| *since_ms);
        let since_ms = again.unwrap_or(made.since_ms);
        let stored = Stored { since_ms, ..made };
        let text = serde_json::to_string(&stored).unwrap_or_default();
        let key = keys::scaling(pipeline);
        // Forgotten until written: after a failure the next one is put in front, not in the place of another.
        self.last = None;
        let mut pipe = redis::pipe();
        pipe.atomic();
        if again.is_some() {
            pipe.cmd("LPOP").arg(&key).ignore();
        }
        pipe.cmd("LPUSH").arg(&key).arg(text).ignore();
        pipe.cmd("LTRIM").arg(&key).arg(0).arg(KEPT_MAX - 1).ignore();
        pipe.query_async::<()>(redis).await?;
        self.last = Some((what, since_ms));
        Ok(())
    }
}

impl Stored {
    /// A decision made at `at_ms`, with the law's own `sentence`.
    pub fn new(at_ms: u64, mode: Mode, sentence: String, record: serde_json::Value) -> Self {
        Self { since_ms: at_ms, at_ms, mode: Some(mode), sentence: mode.tell(sentence), record }
    }
}

/// The decisions, newest first. What cannot be read is passed over.
pub async fn read(redis: &mut ConnectionManager, pipeline: &str) -> redis::RedisResult<Vec<Stored>> {
    let key = keys::scaling(pipeline);
    let texts: Vec<String> =
        redis::cmd("LRANGE").arg(key).arg(0).arg(KEPT_MAX - 1).query_async(redis).await?;
    Ok(texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
}
