//! Tells at once that events come to a pipeline without workers: its streams are waited on, and nothing is consumed.
//! The regular look is what can be relied on; this one only is sooner.

use std::time::Duration;

use event::keys::Keys;
use redis::Value;
use tokio::task::JoinHandle;

use crate::{Error, connect_blocking};

/// One wait. The connection is proven in between: one that was cut silently would wait for ever.
const BLOCK: Duration = Duration::from_mins(1);

/// Rings once, for the first entry after it was hung up.
#[derive(Debug)]
pub struct Bell(JoinHandle<()>);

impl Bell {
    /// Begins to wait on all partitions, on a connection of its own. An entry that comes before it listens is left to
    /// the next look.
    pub fn hang(url: String, pipeline: &str, partitions: u32) -> Self {
        let streams: Vec<String> =
            (0..partitions).map(|partition| Keys::new(pipeline, partition).frames).collect();
        Self(tokio::spawn(async move {
            if let Err(error) = wait(&url, &streams).await {
                // Looking sooner than this would only find the same.
                tracing::debug!(%error, "not waiting for the first event; the next look will see it");
                tokio::time::sleep(BLOCK).await;
            }
        }))
    }

    /// Whether it rang.
    pub fn rang(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn wait(url: &str, streams: &[String]) -> Result<(), Error> {
    let mut redis = connect_blocking(url, BLOCK).await?;
    let mut read = redis::cmd("XREAD");
    read.arg("COUNT").arg(1).arg("BLOCK").arg(BLOCK.as_secs() * 1000).arg("STREAMS").arg(streams);
    streams.iter().for_each(|_| {
        read.arg("$");
    });
    while read.query_async::<Value>(&mut redis).await? == Value::Nil {}
    Ok(())
}
