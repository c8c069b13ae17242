//! What can go wrong in a check: the cluster, a program, a store or the API did not answer, or what was seen is not what
//! must be seen.

use thiserror::Error;

/// Why a check failed.
#[derive(Debug, Error)]
pub enum Error {
    /// The API server refused or was not reached.
    #[error("could not {attempted}: {source}")]
    Cluster {
        /// What was attempted, as a verb with its object.
        attempted: String,
        /// Its answer. Boxed: it is large.
        source: Box<kube::Error>,
    },
    /// kubectl or helm ended with an error, or not in time.
    #[error("`{command}` failed: {output}")]
    Command {
        /// The command line.
        command: String,
        /// What it said.
        output: String,
    },
    /// MongoDB refused or was not reached.
    #[error("could not {attempted}: {source}")]
    MongoDb {
        /// What was attempted.
        attempted: String,
        /// Its answer. Boxed: it is large.
        source: Box<mongodb::error::Error>,
    },
    /// The pipeline's own API was not reached.
    #[error("could not {attempted}: {source}")]
    Http {
        /// What was attempted.
        attempted: String,
        /// Why.
        source: reqwest::Error,
    },
    /// Something was waited for.
    #[error("waited {seconds} s until {what}; last seen: {seen}")]
    NotInTime {
        /// What was waited for.
        what: String,
        /// For how long.
        seconds: u64,
        /// What was seen at the last look.
        seen: String,
    },
    /// It was looked at and is otherwise.
    #[error("{0}")]
    Otherwise(String),
}

/// What a check gives, or why it failed.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// For `map_err` on calls of the API server.
    pub fn cluster(attempted: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Cluster { attempted: attempted.into(), source: Box::new(source) }
    }

    /// For `map_err` on commands of MongoDB.
    pub fn mongodb(attempted: impl Into<String>) -> impl FnOnce(mongodb::error::Error) -> Self {
        move |source| Self::MongoDb { attempted: attempted.into(), source: Box::new(source) }
    }

    /// For `map_err` on requests to the pipeline's API.
    pub fn http(attempted: impl Into<String>) -> impl FnOnce(reqwest::Error) -> Self {
        move |source| Self::Http { attempted: attempted.into(), source }
    }
}

/// An error unless it holds.
pub fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::Otherwise(otherwise())) }
}
