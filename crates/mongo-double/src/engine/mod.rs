//! Collections in memory, with ordered indexes, kept by a journal under the database's folder.

mod catalog;
mod collection;
mod index;
mod journal;
mod plan;
mod replay;
mod write;

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;

pub use catalog::IndexesMade;
pub use collection::{Collection, WriteFault};
pub use index::Index;
pub use plan::Selection;
pub use write::{Changed, Deletion, Inserted, Modification};

use crate::refusal::Refusal;
use journal::Journal;

/// A folder that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is not there.
    #[error("Data directory {0} not found. Create it or give another --dbpath")]
    Missing(PathBuf),
    /// Another server has it.
    #[error(
        "Unable to lock {0}: another mongod runs on this data directory; stop it or give another --dbpath"
    )]
    InUse(PathBuf),
    /// The disk does not give or take what it should.
    #[error("{0}: {1}")]
    Io(PathBuf, std::io::Error),
}

/// All collections of one server.
#[derive(Debug)]
pub struct Engine {
    collections: RwLock<BTreeMap<String, Arc<Collection>>>,
    journal: Journal,
    /// Holds the lock of the folder for as long as the engine lives.
    _lock: File,
}

impl Engine {
    /// Takes the folder and reads what its journal has.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        if !folder.is_dir() {
            return Err(OpenError::Missing(folder.to_owned()));
        }
        let path = folder.join("mongod.lock");
        let io = |error| OpenError::Io(path.clone(), error);
        let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(io)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse(path.clone()),
            TryLockError::Error(error) => io(error),
        })?;
        let (collections, journal) = replay::open(folder)?;
        Ok(Self { collections: RwLock::new(collections), journal, _lock: lock })
    }

    /// Writes and closes the journal.
    pub fn close(&self) {
        self.journal.close();
    }

    /// Waits until everything written up to `position` survives the end of this process and of the machine.
    pub async fn durable(&self, position: u64) -> Result<(), Refusal> {
        self.journal.durable(position).await
    }

    /// The position after everything written so far.
    pub fn position(&self) -> u64 {
        self.journal.position()
    }

    /// Whether so much waits to be written that a writer should wait for it.
    pub fn is_behind(&self) -> bool {
        self.journal.is_behind()
    }

    /// A collection, if it is there.
    pub fn collection(&self, ns: &str) -> Option<Arc<Collection>> {
        self.read().get(ns).cloned()
    }

    /// Documents that fit, as they are stored.
    pub fn find(&self, ns: &str, selection: &Selection) -> Vec<Bytes> {
        self.collection(ns).map_or_else(Vec::new, |collection| collection.read().find(selection))
    }

    /// How many fit.
    pub fn count(&self, ns: &str, selection: &Selection) -> usize {
        self.collection(ns).map_or(0, |collection| collection.read().count_matching(selection))
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<Collection>>> {
        self.collections.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Arc<Collection>>> {
        self.collections.write().unwrap_or_else(PoisonError::into_inner)
    }
}
