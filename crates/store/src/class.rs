//! What an error of MongoDB means for an event. The one place where numeric codes are read.

use mongodb::error::{Error, ErrorKind, InsertManyError, RETRYABLE_WRITE_ERROR};

/// `_id` is there already: for us, success.
const DUPLICATE_KEY: i32 = 11000;

/// Codes that say "not now" and nothing about the document. They are retried for ever and never counted. Names as in
/// MongoDB's `src/mongo/base/error_codes.yml`.
const NOT_NOW: &[i32] = &[
    // The way to the server: HostUnreachable, HostNotFound, UnknownError, ReplicaSetNotFound, NodeNotFound, NetworkTimeout,
    // ShutdownInProgress, PooledConnectionsDropped, ReplicaSetMonitorRemoved, NetworkInterfaceExceededTimeLimit,
    // DNSHostNotFound, ClientDisconnect, ConnectionPoolExpired, ServiceExecutorInShutdown,
    // CloseConnectionForShutdownCommand, ConnectionError, PooledConnectionAcquisitionExceededTimeLimit, SocketException
    6, 7, 8, 71, 74, 89, 91, 145, 199, 202, 230, 279, 317, 333, 372, 384, 407, 9001,
    // Who may write, which somebody mends: Unauthorized, AuthenticationFailed, AuthenticationRestrictionUnmet,
    // MechanismUnavailable, UserWritesBlocked, ReauthenticationRequired, AtlasError (over its quota, or paused; reserved)
    13, 18, 214, 334, 371, 391, 8000,
    // Locks, time and room: LockTimeout, LockBusy, MaxTimeMSExpired, NoProgressMade, CallbackCanceled, LockFailed,
    // WriteConflict, QueryPlanKilled, TooManyLocks, AtomicityFailure, ExceededTimeLimit, TooManyLogicalSessions,
    // TooManyFilesOpen, PreparedTransactionInProgress, InterruptedDueToStorageChange, RetryableTransactionInProgress,
    // TemporarilyUnavailable, ResourceExhausted, AdmissionQueueOverflow, RateLimitExceeded,
    // PooledConnectionAcquisitionRejected, IngressRequestRateLimitExceeded, Interrupted, OutOfDiskSpace,
    // ClientMarkedKilled, RetriableRemoteCommandFailure, InterruptedDueToFCVChange
    24, 46, 50, 82, 90, 107, 112, 175, 208, 226, 262, 261, 264, 267, 355, 363, 365, 402, 433, 449, 450, 462,
    11601, 14031, 46841, 91331, 10_045_600,
    // Write concern: WriteConcernTimeout, UnknownReplWriteConcern, UnsatisfiableWriteConcern
    64, 79, 100,
    // The replica set: NotYetInitialized, NotSecondary, ConfigurationInProgress, FailedToSatisfyReadPreference,
    // ReadConcernMajorityNotAvailableYet, PrimarySteppedDown, ElectionInProgress, LegacyNotPrimary, NotWritablePrimary,
    // InterruptedAtShutdown, InterruptedDueToReplStateChange, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary
    94, 95, 109, 133, 134, 189, 216, 10058, 10107, 11600, 11602, 13435, 13436,
    // Shards, and what changes about them: NamespaceNotFound, CursorNotFound, StaleShardVersion, ShardNotFound,
    // ConflictingOperationInProgress, NoConfigPrimary, StaleEpoch, ShardingStateNotInitialized, KeyNotFound (a router has
    // no keys for cluster times yet), DatabaseDropPending, SnapshotUnavailable, StaleDbVersion, StaleChunkHistory,
    // NoSuchTransaction, MigrationConflict, MovePrimaryInProgress, ReshardCollectionInProgress,
    // ReshardingCriticalSectionTimeout, ShardCannotRefreshDueToLocksHeld, InternalTransactionNotSupported,
    // MigrationBlockingOperationCoordinatorCleaningUp, UpdatesStillPending, AddOrRemoveShardInProgress,
    // InterruptedDueToReshardingCriticalSection, BackgroundOperationInProgressFor{Database,Namespace}, StaleConfig,
    // ConfigServerUnreachable
    26, 43, 63, 70, 117, 149, 150, 203, 211, 215, 246, 249, 250, 251, 272, 319, 338, 342, 343, 358, 406, 412,
    414, 453, 12586, 12587, 13388, 56846,
];
/// Codes with which a document is refused: 0 the driver itself, 2 `BadValue`, 9 `FailedToParse`, 14 `TypeMismatch`,
/// 15 Overflow, 16 `InvalidLength`, 22 `InvalidBSON`, 52 to 57 names of fields, 61 `ShardKeyNotFound`, 66 `ImmutableField`,
/// 121 `DocumentValidationFailure`, 238 `NotImplemented` (FerretDB, of a value), 357 `InvalidBSONType`,
/// 378 `NonConformantBSON`, 10334 `BSONObjectTooLarge`, 17280 an index key too long, 17419 and 17420 a document too large.
const OF_DOCUMENT: &[i32] = &[
    0, 2, 9, 14, 15, 16, 22, 52, 53, 54, 55, 56, 57, 61, 66, 121, 238, 357, 378, 10334, 17280, 17419, 17420,
];
/// 1 `InternalError` and 96 `OperationFailed`: of the document or of the server? The message decides.
const UNCLEAR: &[i32] = &[1, 96];
/// Words in the message of an unclear error that speak of the server.
const SERVER_WORDS: &[&str] = &[
    "disk",
    "full",
    "locked",
    "closed",
    "context",
    "connection",
    "i/o",
    "busy",
    "shut",
    "sql",
    "readonly",
    "no space",
];

/// What an error means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The document is there already.
    Duplicate,
    /// MongoDB looked at it and will never take it.
    Refused,
    /// Nothing is known of the document: try again, for as long as it takes.
    Transient,
}

/// What became of a call that inserts many.
#[derive(Debug)]
pub enum InsertFault {
    /// All but these events are stored. Duplicates are not in the list.
    Events(Vec<EventFault>),
    /// The call was refused as a whole: some document in it is to blame, and bisecting finds it.
    Call(i32, String),
    /// Not now.
    Transient(String),
}

/// One event that MongoDB refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFault {
    /// Its place in the call.
    pub index: usize,
    /// MongoDB's code.
    pub code: i32,
    /// MongoDB's words.
    pub message: String,
}

/// The class of an error code with its message.
fn code_class(code: i32, message: &str) -> Class {
    let of_server = || {
        let message = message.to_ascii_lowercase();
        SERVER_WORDS.iter().any(|word| message.contains(word))
    };
    if code == DUPLICATE_KEY {
        Class::Duplicate
    } else if NOT_NOW.contains(&code) || UNCLEAR.contains(&code) && of_server() {
        Class::Transient
    } else {
        Class::Refused
    }
}

/// Whether a call that was refused with this code may have been refused for a document in it.
pub fn is_of_document(code: i32) -> bool {
    OF_DOCUMENT.contains(&code)
}

/// The class of any error.
pub fn class(error: &Error) -> Class {
    if error.contains_label(RETRYABLE_WRITE_ERROR) {
        return Class::Transient;
    }
    match error.kind.as_ref() {
        ErrorKind::Command(command) => code_class(command.code, &command.message),
        ErrorKind::Write(mongodb::error::WriteFailure::WriteError(write)) => {
            code_class(write.code, &write.message)
        }
        // The driver refuses to send what cannot be encoded or is larger than the server said it takes.
        ErrorKind::InvalidArgument { .. } | ErrorKind::BsonSerialization(_) => Class::Refused,
        _ => Class::Transient,
    }
}

/// What the failure of an unordered `insert_many` says of each event.
pub fn insert_fault(error: &Error) -> InsertFault {
    if let ErrorKind::InsertMany(InsertManyError { write_errors, write_concern_error, .. }) =
        error.kind.as_ref()
    {
        if let Some(concern) = write_concern_error {
            return InsertFault::Transient(format!("write concern: {} {}", concern.code, concern.message));
        }
        return per_event(write_errors.as_deref().unwrap_or_default());
    }
    match (class(error), error.kind.as_ref()) {
        (Class::Duplicate, _) => InsertFault::Events(Vec::new()),
        (Class::Refused, ErrorKind::Command(command)) => {
            InsertFault::Call(command.code, command.message.clone())
        }
        (Class::Refused, _) => InsertFault::Call(0, error.to_string()),
        (Class::Transient, _) => InsertFault::Transient(error.to_string()),
    }
}

fn per_event(errors: &[mongodb::error::IndexedWriteError]) -> InsertFault {
    let mut faults = Vec::new();
    for error in errors {
        match code_class(error.code, &error.message) {
            Class::Duplicate => (),
            // One "not now" makes the whole call "again": what is stored already comes back as duplicate.
            Class::Transient => return InsertFault::Transient(format!("{} {}", error.code, error.message)),
            Class::Refused => {
                faults.push(EventFault {
                    index: error.index,
                    code: error.code,
                    message: error.message.clone(),
                });
            }
        }
    }
    faults.dedup_by_key(|fault| fault.index);
    InsertFault::Events(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_fall_into_their_class() {
        for (code, message, expected) in [
            (11000, "E11000 duplicate key", Class::Duplicate),
            (121, "Document failed validation", Class::Refused),
            (2, "invalid key: \"$a\" (key must not start with '$' sign)", Class::Refused),
            (10334, "BSONObj size is invalid", Class::Refused),
            (10107, "not primary", Class::Transient),
            (91, "shutting down", Class::Transient),
            (13, "not authorized", Class::Transient),
            (14031, "out of disk space", Class::Transient),
            (371, "User writes blocked", Class::Transient),
            (8000, "you are over your space quota", Class::Transient),
            (250, "chunk history is stale", Class::Transient),
            (272, "a migration conflicts", Class::Transient),
            (1, "database or disk is full (13)", Class::Transient),
            (1, "unexpected value", Class::Refused),
        ] {
            assert_eq!(code_class(code, message), expected, "{code} {message}");
        }
    }

    #[test]
    fn no_code_says_both_not_now_and_never() {
        assert!(OF_DOCUMENT.iter().all(|code| !NOT_NOW.contains(code)));
    }
}
