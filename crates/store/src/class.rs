//! What an error of MongoDB means for an event. The one place where numeric codes are read.

use mongodb::error::{Error, ErrorKind, InsertManyError, RETRYABLE_WRITE_ERROR};

/// `_id` is there already: for us, success.
const DUPLICATE_KEY: i32 = 11000;

/// Codes that say "not now" and nothing about the document. They are retried for ever and never counted.
///
/// 6 `HostUnreachable`, 7 `HostNotFound`, 8 `UnknownError`, 13 Unauthorized, 18 `AuthenticationFailed`, 24 `LockTimeout`,
/// 26 `NamespaceNotFound`, 43 `CursorNotFound`, 46 `LockBusy`, 50 `MaxTimeMSExpired`, 63 `StaleShardVersion`,
/// 64 `WriteConcernTimeout`, 70 `ShardNotFound`, 74 `NodeNotFound`, 82 `NoProgressMade`, 89 `NetworkTimeout`,
/// 91 `ShutdownInProgress`, 100 `UnsatisfiableWriteConcern`, 112 `WriteConflict`, 117 `ConflictingOperationInProgress`,
/// 133 `FailedToSatisfyReadPreference`, 150 `StaleEpoch`, 175 `QueryPlanKilled`, 189 `PrimarySteppedDown`,
/// 202 `NetworkInterfaceExceededTimeLimit`, 226 `OperationCannotBeBatched`, 246 `SnapshotUnavailable`, 249 `StaleChunkHistory`,
/// 251 `NoSuchTransaction`, 262 `ExceededTimeLimit`, 279 `ClientMetadataMissing`, 317 `ConnectionPoolExpired`,
/// 334 `TransportSessionClosed`, 358 `InternalTransactionNotSupported`, 365 `TemporarilyUnavailable`,
/// 384 `ConnectionError`, 391 `ReauthenticationRequired`, 9001 `SocketException`, 10058 legacy not primary, 10107 `NotWritablePrimary`,
/// 11600 `InterruptedAtShutdown`, 11601 Interrupted, 11602 `InterruptedDueToReplStateChange`, 13388 `StaleConfig`,
/// 13435 `NotPrimaryNoSecondaryOk`, 13436 `NotPrimaryOrSecondary`, 14031 `OutOfDiskSpace`.
const NOT_NOW: &[i32] = &[
    6, 7, 8, 13, 18, 24, 26, 43, 46, 50, 63, 64, 70, 74, 82, 89, 91, 100, 112, 117, 133, 150, 175, 189, 202,
    226, 246, 249, 251, 262, 279, 317, 334, 358, 365, 384, 391, 9001, 10058, 10107, 11600, 11601, 11602,
    13388, 13435, 13436, 14031,
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
            (1, "database or disk is full (13)", Class::Transient),
            (1, "unexpected value", Class::Refused),
        ] {
            assert_eq!(code_class(code, message), expected, "{code} {message}");
        }
    }
}
