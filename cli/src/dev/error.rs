//! Why a pipeline did not start.

use local::Error;

/// In words for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A process, a port, a file.
    #[error(transparent)]
    Local(#[from] Error),
    /// MongoDB's servers could not be made one cluster.
    #[error(
        "MongoDB could not be made a sharded cluster: {0}; the servers' logs are in the folder `logs` of the data"
    )]
    Bootstrap(#[from] bootstrap::Error),
    /// No secret could be made.
    #[error("{0}")]
    Random(String),
}
