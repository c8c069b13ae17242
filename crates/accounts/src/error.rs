//! What can go wrong, in the three shapes that callers treat differently: a credential that is not accepted, a login
//! that is not accepted, and a change or a query that did not happen.

use std::time::Duration;

/// Why a credential was not accepted. All but [`Unavailable`](AuthError::Unavailable) are a 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The text has not the form of a key or of a token.
    #[error("the credential has not the form of an API key or of a token")]
    Malformed,
    /// No such key, a wrong secret, a token that nobody here signed, or whose person is gone.
    #[error("the credential is not known")]
    Unknown,
    /// The key was revoked, or the token's person disabled, or the token made invalid by a change of password.
    #[error("the credential was revoked")]
    Revoked,
    /// The token is past its time.
    #[error("the token has expired; sign in again")]
    Expired,
    /// Nobody who could know this credential answers: a 503, to be tried again.
    #[error("the credential cannot be checked now: PostgreSQL is out of reach and it is not in the caches")]
    Unavailable,
}

/// Why a login was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No such person, a wrong password, or a disabled person: on purpose not told apart (401).
    #[error("e-mail or password is wrong")]
    WrongCredentials,
    /// Too many failures for this e-mail or from this address (429).
    #[error("too many failed logins for this e-mail or from this address (everybody behind one proxy has one); try again in {} s", .0.as_secs().max(1))]
    Throttled(Duration),
    /// As many passwords are being checked as this process checks at once (503).
    #[error("too many logins at this moment; try again in a second")]
    Busy,
    /// PostgreSQL or the machine failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Why a change or a query did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// PostgreSQL is out of reach, still starting, or too slow (503). What was asked may yet have happened.
    #[error("PostgreSQL is out of reach: {0}")]
    Unavailable(String),
    /// There is none of that id (404).
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Somebody has that e-mail already (409).
    #[error("a user with this e-mail exists already")]
    EmailTaken,
    /// It would leave nobody who can administer (409).
    #[error("this is the last enabled administrator: make another one first")]
    LastAdmin,
    /// A value that cannot be taken (400 or 422).
    #[error("{field}: {reason}")]
    Invalid {
        /// The field, as it is called in JSON.
        field: &'static str,
        /// What is wrong with it, and what is allowed.
        reason: String,
    },
    /// There are as many as there may be (409).
    #[error("there are {max} {what} already, the most there may be")]
    Full {
        /// Of what, in the plural.
        what: &'static str,
        /// The limit.
        max: i64,
    },
    /// As many passwords are being hashed as this process hashes at once (503).
    #[error("too many passwords are being hashed at this moment; try again in a second")]
    Busy,
    /// The change stands in PostgreSQL for good, but Redis did not take the announcement (503). Replicas that reach
    /// PostgreSQL learn of it within a second all the same; asking again announces again.
    #[error(
        "the change is stored, but Redis did not announce it: a replica cut off from PostgreSQL may not know it yet"
    )]
    NotAnnounced,
    /// The system gave no randomness, or the hash library failed.
    #[error("the system failed: {0}")]
    System(String),
    /// PostgreSQL answered with an error that is a fault of this program (500).
    #[error("PostgreSQL refused a statement: {0}")]
    Database(sqlx::Error),
}

impl Error {
    /// A value of `field` that cannot be taken.
    pub(crate) fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid { field, reason: reason.into() }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if away(&error) { Self::Unavailable(error.to_string()) } else { Self::Database(error) }
    }
}

impl From<tokio::time::error::Elapsed> for Error {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        Self::Unavailable("no answer in time".into())
    }
}

/// Whether PostgreSQL is away, as against: has refused a statement that is wrong.
fn away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // 08 connection, 25006 read only (a standby), 53 out of resources, 57 shut down or cancelled, 58 system
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class))
                || code == "25006"
                || code == "40001"
        }),
        _ => false,
    }
}
