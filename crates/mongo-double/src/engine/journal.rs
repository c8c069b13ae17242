//! The journal: every change appended to one file. One thread writes and syncs for all who wait at that moment.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bson::{Document, RawDocumentBuf};
use bytes::Bytes;
use tokio::sync::watch;

use crate::codes;
use crate::refusal::Refusal;

/// Changes that nobody waits for are written this much later at most: the real server's journal interval.
const LINGER: Duration = Duration::from_millis(100);
/// Bytes that may wait before writers wait for them: a disk that cannot keep up must not fill memory.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Length and checksum of a record's payload.
pub(super) const FRAME_BYTES: usize = 8;

/// A change, as it stands in the journal.
#[derive(Debug)]
pub enum Change<'a> {
    /// Documents stored, by `_id`; older ones of the same `_id` are replaced.
    Put(&'a str, &'a [Bytes]),
    /// Documents gone; of each at least the `_id`.
    Delete(&'a str, &'a [Bytes]),
    /// A collection or index made, changed or dropped.
    Catalog(&'a Document),
}

/// First byte of a payload.
pub(super) const PUT: u8 = 1;
pub(super) const DELETE: u8 = 2;
pub(super) const CATALOG: u8 = 3;

/// Appends to the file. Dropping it writes what is left.
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    written: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    end: u64,
    urgent: bool,
    closing: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal {
    /// Goes on at the end of a file.
    pub(super) fn start(path: &Path, file: File) -> Self {
        let (written, _) = watch::channel(0);
        let shared = Arc::new(Shared { state: Mutex::default(), wake: Condvar::new(), written });
        let (own, path) = (Arc::clone(&shared), path.to_owned());
        let writer = std::thread::spawn(move || write_all(&own, &path, file));
        Self { shared, writer: Mutex::new(Some(writer)) }
    }

    /// Appends a change. Called while its collection is locked, so that the journal has changes in their order.
    pub(super) fn append(&self, change: &Change<'_>) -> u64 {
        let mut state = self.shared.lock();
        let before = state.waiting.len();
        frame(&mut state.waiting, change);
        state.end += (state.waiting.len() - before) as u64;
        if before == 0 || state.waiting.len() > WAITING_BYTES_MAX {
            self.shared.wake.notify_one();
        }
        state.end
    }

    pub(super) fn position(&self) -> u64 {
        self.shared.lock().end
    }

    pub(super) fn is_behind(&self) -> bool {
        self.shared.lock().waiting.len() > WAITING_BYTES_MAX
    }

    /// Waits until everything up to `position` is on the disk.
    pub(super) async fn durable(&self, position: u64) -> Result<(), Refusal> {
        let mut written = self.shared.written.subscribe();
        if *written.borrow() >= position {
            return Ok(());
        }
        self.shared.lock().urgent = true;
        self.shared.wake.notify_one();
        written
            .wait_for(|written| *written >= position)
            .await
            .map(drop)
            .map_err(|_| Refusal::new(codes::INTERRUPTED_AT_SHUTDOWN, "the journal is closed"))
    }

    /// Writes what waits, and ends.
    pub(super) fn close(&self) {
        self.shared.lock().closing = true;
        self.shared.wake.notify_one();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            let _ = writer.join();
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

fn write_all(shared: &Shared, path: &Path, mut file: File) {
    let mut spare = Vec::new();
    loop {
        let mut state = shared.lock();
        while state.waiting.is_empty() && !state.closing {
            state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if !state.urgent && !state.closing && state.waiting.len() <= WAITING_BYTES_MAX {
            let wanted = |state: &mut State| {
                !state.urgent && !state.closing && state.waiting.len() <= WAITING_BYTES_MAX
            };
            let woken = shared.wake.wait_timeout_while(state, LINGER, wanted);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.waiting.is_empty() && state.closing {
            return;
        }
        std::mem::swap(&mut state.waiting, &mut spare);
        let end = state.end;
        state.urgent = false;
        drop(state);
        if let Err(error) = file.write_all(&spare).and_then(|()| file.sync_data()) {
            // What follows a torn record would be lost at the next start. The real server ends here too.
            eprintln!("{} could not be written: {error}; this server ends", path.display());
            std::process::abort();
        }
        let _ = shared.written.send_replace(end);
        spare.clear();
        spare.shrink_to(WAITING_BYTES_MAX);
    }
}

/// Length, checksum, payload.
pub(super) fn frame(out: &mut Vec<u8>, change: &Change<'_>) {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_BYTES]);
    let mut documents = |kind: u8, ns: &str, documents: &[Bytes]| {
        out.reserve(documents.iter().map(Bytes::len).sum::<usize>() + ns.len() + 3);
        out.push(kind);
        out.extend_from_slice(&u16::try_from(ns.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend_from_slice(ns.as_bytes());
        for document in documents {
            out.extend_from_slice(document);
        }
    };
    match change {
        Change::Put(ns, stored) => documents(PUT, ns, stored),
        Change::Delete(ns, gone) => documents(DELETE, ns, gone),
        Change::Catalog(document) => {
            out.push(CATALOG);
            out.extend_from_slice(RawDocumentBuf::from_document(document).unwrap_or_default().as_bytes());
        }
    }
    let payload = &out[start + FRAME_BYTES..];
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let checksum = crc32fast::hash(payload).to_le_bytes();
    out[start..start + 4].copy_from_slice(&length);
    out[start + 4..start + 8].copy_from_slice(&checksum);
}
