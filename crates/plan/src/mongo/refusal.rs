//! What is never done without a person: each refusal says what was found and what to do.

use thiserror::Error;

/// Nothing will be done until a person decides.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// All members of a set that held data are empty.
    #[error(
        "replica set {set} is known ({evidence}), and every volume of it is empty: its data is gone. It is not \
         initiated again, since its users' events would then read as empty without an error. Restore the volumes of \
         {hosts}; or, if the data is not needed, delete the pipeline with its volumes and Secrets and create it again"
    )]
    DataLost {
        /// The set.
        set: String,
        /// How it is known.
        evidence: String,
        /// Its members.
        hosts: String,
    },
    /// A volume holds the data of another set.
    #[error(
        "{host} of replica set {set} has a volume of another set: {found}. Nothing is deleted. Give {host} the volume \
         that belongs to it; where other members of the set are up, an empty one will do"
    )]
    VolumeConflict {
        /// The set.
        set: String,
        /// The member.
        host: String,
        /// What its volume says.
        found: String,
    },
    /// What is wanted cannot be, or is not what runs.
    #[error("{0}")]
    InvalidTopology(String),
    /// A collection is sharded by another key.
    #[error(
        "{namespace} is sharded by {{{found}}}, wanted is {{{wanted}}}. A collection is never resharded by itself: move \
         the data to a new database, or reshard it by hand"
    )]
    ShardedOtherwise {
        /// `database.collection`.
        namespace: String,
        /// Its key.
        found: String,
        /// The wanted key.
        wanted: String,
    },
    /// An index is in the way.
    #[error(
        "index {name} of {namespace} {found}. Drop it by hand if nothing else needs it; it is then made as wanted"
    )]
    IndexConflict {
        /// `database.collection`.
        namespace: String,
        /// The index.
        name: String,
        /// What it is.
        found: String,
    },
}

impl Refusal {
    /// The reason of a condition.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::DataLost { .. } => "DataLost",
            Self::VolumeConflict { .. } => "VolumeConflict",
            Self::InvalidTopology(_) => "InvalidTopology",
            Self::ShardedOtherwise { .. } => "ShardedOtherwise",
            Self::IndexConflict { .. } => "IndexConflict",
        }
    }
}
