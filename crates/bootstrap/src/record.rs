//! Which sets were once initiated: the one thing that no server can tell when its volume is gone.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use plan::mongo::observed::Initiated;
use thiserror::Error;

/// The record cannot be used. Nothing is initiated without it.
#[derive(Debug, Error)]
pub enum RecordError {
    /// It cannot be read or written.
    #[error("the record of initiated replica sets ({place}) cannot be {attempted}: {why}")]
    Unusable {
        /// Where it is.
        place: String,
        /// `read` or `written`.
        attempted: &'static str,
        /// Why.
        why: String,
    },
    /// A set is recorded with another identity. An entry is never changed.
    #[error("replica set {set} is recorded as {recorded}: an entry is never changed to {found}")]
    Changed {
        /// The set.
        set: String,
        /// Its `replicaSetId` in the record.
        recorded: String,
        /// The other one.
        found: String,
    },
}

/// Where the once-initiated sets are remembered: a file on a laptop, a Secret in a cluster.
pub trait Record: Sync {
    /// All of it. A record that is not there yet is empty; one that cannot be read is an error.
    fn read(&self) -> impl Future<Output = Result<Initiated, RecordError>> + Send;
    /// Adds a set. It must be there for good when this returns; the same entry again is no error, another one is.
    fn write(&self, set: &str, replica_set_id: &str) -> impl Future<Output = Result<(), RecordError>> + Send;
}

/// Enters a set. `false`: it is there already. An entry is never changed.
pub fn enter(record: &mut Initiated, set: &str, replica_set_id: &str) -> Result<bool, RecordError> {
    match record.get(set) {
        None => {
            record.insert(set.to_owned(), replica_set_id.to_owned());
            Ok(true)
        }
        Some(recorded) if recorded == replica_set_id => Ok(false),
        Some(recorded) => Err(RecordError::Changed {
            set: set.to_owned(),
            recorded: recorded.clone(),
            found: replica_set_id.to_owned(),
        }),
    }
}

/// A record in a file of mode 0600, replaced as a whole: after a crash it is the old one or the new one.
#[derive(Clone, Debug)]
pub struct FileRecord {
    path: PathBuf,
}

impl FileRecord {
    /// In this file; its folder must exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn unusable(&self, attempted: &'static str, why: &impl ToString) -> RecordError {
        RecordError::Unusable { place: self.path.display().to_string(), attempted, why: why.to_string() }
    }

    fn load(&self) -> Result<Initiated, RecordError> {
        match fs::read_to_string(&self.path) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| self.unusable("read", &error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Initiated::new()),
            Err(error) => Err(self.unusable("read", &error)),
        }
    }

    fn store(&self, record: &Initiated) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let new = self.path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(serde_json::to_string_pretty(record)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        File::open(folder)?.sync_all()
    }
}

impl Record for FileRecord {
    // A few hundred bytes of a local file: nothing worth another thread.
    async fn read(&self) -> Result<Initiated, RecordError> {
        self.load()
    }

    async fn write(&self, set: &str, replica_set_id: &str) -> Result<(), RecordError> {
        let mut record = self.load()?;
        if !enter(&mut record, set, replica_set_id)? {
            return Ok(());
        }
        self.store(&record).map_err(|error| self.unusable("written", &error))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn what_was_written_is_read_again_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let record = FileRecord::new(folder.path().join("initiated.json"));
        assert!(record.read().await.unwrap().is_empty());
        record.write("config", "aa").await.unwrap();
        record.write("shard-0", "bb").await.unwrap();
        record.write("shard-0", "bb").await.unwrap();
        let again = FileRecord::new(folder.path().join("initiated.json")).read().await.unwrap();
        assert_eq!(again.get("config").map(String::as_str), Some("aa"));
        assert_eq!(again.len(), 2);
        let mode = fs::metadata(folder.path().join("initiated.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn an_entry_is_never_changed() {
        let folder = tempfile::tempdir().unwrap();
        let record = FileRecord::new(folder.path().join("initiated.json"));
        record.write("shard-0", "bb").await.unwrap();
        let error = record.write("shard-0", "cc").await.unwrap_err().to_string();
        assert!(error.contains("recorded as bb"), "{error}");
        assert_eq!(record.read().await.unwrap()["shard-0"], "bb");
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_read_is_an_error_and_not_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("initiated.json");
        fs::write(&path, "{\"shard-0\":").unwrap();
        let record = FileRecord::new(&path);
        assert!(record.read().await.is_err());
        assert!(record.write("config", "aa").await.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"shard-0\":");
    }
}
