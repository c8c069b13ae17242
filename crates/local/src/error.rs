//! What can go wrong on a machine, each with what to do about it.

use std::path::PathBuf;

/// A fault, in words for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is not installed.
    #[error("{program} is not installed; {fix}")]
    Missing {
        /// Its name.
        program: String,
        /// How to get it.
        fix: String,
    },
    /// Somebody listens there already.
    #[error("port {port} ({what}) is in use{}; {fix}", owner.as_ref().map(|o| format!(" by {o}")).unwrap_or_default())]
    PortInUse {
        /// The port.
        port: u16,
        /// What wants it.
        what: String,
        /// Who has it, if that can be seen.
        owner: Option<String>,
        /// What to do.
        fix: String,
    },
    /// There is too little room.
    #[error(
        "only {free_mib} MiB are free where {path} lies, {need_mib} MiB are needed; free some space{}",
        if path.starts_with(crate::postgres::ROOTS_FOLDER) { "" } else { " or choose another folder with --data" }
    )]
    DiskFull {
        /// The folder.
        path: PathBuf,
        /// Free now.
        free_mib: u64,
        /// Needed.
        need_mib: u64,
    },
    /// A file or folder could not be used.
    #[error("{path}: {source}; check that the folder exists, is yours and has room")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A program could not be started at all.
    #[error("{name} could not be started: {source}")]
    Spawn {
        /// Which.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// A program ended, or did not answer in time.
    #[error("{name} {what}; the end of {}:\n{tail}", log.display())]
    NotReady {
        /// Which.
        name: String,
        /// What it did instead.
        what: String,
        /// Its log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// An older server does not go.
    #[error(
        "an older PostgreSQL (pid {pid}) is still on {path}; end it with `kill {pid}`, or, if no such process is there, remove {path}/postmaster.pid"
    )]
    InUse {
        /// The data.
        path: PathBuf,
        /// Its process.
        pid: String,
    },
}

impl Error {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source }
    }
}
