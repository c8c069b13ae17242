//! Events past the API: as documents, and as frames in the stream.

use bson::RawDocumentBuf;
use event::frame::{Builder, FRAME_FLUSH_BYTES};
use event::keys::{EVENTS_IN, FRAME_FIELD};
use event::parse::{Context, Parsed, batch};
use testbed::Pipeline;

use crate::Failure;
use crate::sender::body;

/// Events of one body.
const ROUND: usize = 1000;

/// Bodies that are parsed as the API does it; `part` makes their ids different from another part's.
fn parsed(part: usize, events: usize) -> impl Iterator<Item = Result<Parsed, Failure>> {
    (0..events.div_ceil(ROUND) as u64).map(move |round| {
        let mut new_id = uuid::Uuid::nil;
        let mut context = Context {
            received_ms: 1,
            batch_events_max: ROUND,
            event_bytes_max: 1 << 18,
            docs_bytes_max: usize::MAX,
            new_id: &mut new_id,
        };
        Ok(batch(body(part, round, ROUND).as_bytes(), &mut context)?)
    })
}

/// Documents as a worker inserts them.
pub fn documents(part: usize, events: usize) -> Result<Vec<RawDocumentBuf>, Failure> {
    let mut documents = Vec::with_capacity(events);
    for parsed in parsed(part, events) {
        let parsed = parsed?;
        for accepted in parsed.events.iter().flatten() {
            documents.push(RawDocumentBuf::from_bytes(parsed.doc(accepted).to_vec())?);
        }
    }
    Ok(documents)
}

/// Writes frames as the API would; answers how many.
pub async fn fill(pipeline: &Pipeline, part: usize, events: usize) -> Result<u64, Failure> {
    let (mut redis, keys) = (pipeline.redis().await, pipeline.keys());
    let (mut builder, mut frames, mut done) = (Builder::new(), 0, 0);
    for parsed in parsed(part, events) {
        let parsed = parsed?;
        for accepted in parsed.events.iter().flatten() {
            builder.push(parsed.doc(accepted));
            done += 1;
            if builder.bytes() < FRAME_FLUSH_BYTES && done < events {
                continue;
            }
            let (count, frame) = (builder.len(), std::mem::take(&mut builder).finish(1, 1));
            let mut pipe = redis::pipe();
            pipe.cmd("XADD").arg(&keys.frames).arg("*").arg(FRAME_FIELD).arg(&frame[..]);
            pipe.cmd("HINCRBY").arg(&keys.counters).arg(EVENTS_IN).arg(count);
            pipe.query_async::<()>(&mut redis).await?;
            frames += 1;
        }
    }
    Ok(frames)
}
