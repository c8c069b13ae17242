//! What went wrong, with the class that says whether and when to try again.

use std::time::Duration;

use mongodb::error::{Error as DriverError, ErrorKind, WriteFailure};
use plan::mongo::observed::Fault;
use plan::mongo::{Class, Refusal};
use thiserror::Error;

use crate::RecordError;

/// `AuthenticationFailed`. The driver keeps the server's words to itself, so the code is set here.
pub(crate) const AUTHENTICATION_FAILED: i32 = 18;

/// A fault of the bootstrap.
#[derive(Debug, Error)]
pub enum Error {
    /// A server refused a step, or did not answer.
    #[error("could not {attempted} (asked {host}): {fault}")]
    Command {
        /// The step in words.
        attempted: String,
        /// Who was asked.
        host: String,
        /// What it said.
        fault: Fault,
        /// What to do about it.
        class: Class,
    },
    /// Our record cannot be read or written: without it nothing is initiated.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The key or a password cannot be used.
    #[error("the login of the cluster cannot be used: {0}")]
    Login(String),
    /// Nothing will be done until a person decides.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The time was over.
    #[error("MongoDB was not ready within {} s; last: {last}", after.as_secs())]
    TimedOut {
        /// The time it had.
        after: Duration,
        /// The last thing that was done or waited for.
        last: String,
    },
}

impl Error {
    /// Whether and when to try again.
    pub fn class(&self) -> Class {
        match self {
            Self::Command { class, .. } => *class,
            Self::Record(RecordError::Unusable { .. }) | Self::TimedOut { .. } => Class::RetrySlowly,
            Self::Record(RecordError::Changed { .. }) | Self::Login(_) | Self::Refused(_) => Class::Permanent,
        }
    }

    /// The reason that people read where it is permanent.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Login(_) => "AuthenticationFailed",
            Self::Record(_) => "VolumeConflict",
            Self::Refused(refusal) => refusal.reason(),
            Self::Command { .. } | Self::TimedOut { .. } => "InvalidTopology",
        }
    }
}

/// The driver's error as a value of the plan.
pub(crate) fn fault(error: &DriverError) -> Fault {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => Fault::of_server(command.code, &command.code_name, &command.message),
        ErrorKind::Authentication { message, .. } => {
            Fault::of_server(AUTHENTICATION_FAILED, "AuthenticationFailed", message)
        }
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => {
            Fault::of_server(concern.code, &concern.code_name, &concern.message)
        }
        kind => Fault::of_network(&kind.to_string()),
    }
}
