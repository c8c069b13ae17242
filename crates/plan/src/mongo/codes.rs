//! What an error code means for the command that got it. The one place of the bootstrap where codes are read.

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Anything that changes nothing.
    Read,
    /// `replSetInitiate`.
    Initiate,
    /// `createUser`.
    CreateUser,
    /// `updateUser`.
    UpdateUser,
    /// `setDefaultRWConcern`.
    SetDefaultConcern,
    /// `addShard`.
    AddShard,
    /// `enableSharding`.
    EnableSharding,
    /// `createIndexes`.
    CreateIndex,
    /// `shardCollection`.
    ShardCollection,
    /// `collMod`.
    ChangeTtl,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It is so already: look again and go on.
    Done,
    /// It passes by itself within seconds.
    RetrySoon,
    /// It was done and is not safe yet: look again.
    AppliedNotDurable,
    /// It may pass by itself, or someone must mend it: retry, and say so.
    RetrySlowly,
    /// It stays until the wanted cluster or its data is changed by a person.
    Permanent,
}

impl Class {
    /// A label of metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::RetrySoon => "retry_soon",
            Self::AppliedNotDurable => "applied_not_durable",
            Self::RetrySlowly => "retry_slowly",
            Self::Permanent => "permanent",
        }
    }
}

/// The class of a code. One that is not listed is retried slowly: a server newer than this list is no reason to give up.
pub fn class(command: Command, code: i32) -> Class {
    use Command::{AddShard, CreateIndex, CreateUser, EnableSharding, Initiate, ShardCollection};
    match (command, code) {
        // 23 AlreadyInitialized; 51003 duplicate user (Location51003): the next look verifies it.
        (Initiate, 23) | (CreateUser, 51003) => Class::Done,
        // 93 InvalidReplicaSetConfig is also what "no host maps to this node" answers while its own name does not
        // resolve. 96 OperationFailed: the shard is not initiated yet, or another set answers.
        (Initiate, 93) | (AddShard, 96) => Class::RetrySlowly,
        // 70 ShardNotFound, 26 NamespaceNotFound: no shard or no database yet. 72 InvalidOptions: documents came before
        // the hashed index. 85 IndexOptionsConflict, 86 IndexKeySpecsConflict: someone made it meanwhile. The next look
        // finds the earlier step.
        (ShardCollection, 26 | 70 | 72) | (CreateIndex, 85 | 86) | (EnableSharding, 70) => Class::RetrySoon,
        (_, code) => general(code),
    }
}

/// What a code means whoever gets it.
fn general(code: i32) -> Class {
    match code {
        // HostUnreachable, HostNotFound, LockTimeout, LockBusy, MaxTimeMSExpired, NodeNotFound, NetworkTimeout,
        // ShutdownInProgress, NotYetInitialized, NotSecondary
        6 | 7 | 24 | 46 | 50 | 74 | 89 | 91 | 94 | 95
        // ConfigurationInProgress, WriteConflict, ConflictingOperationInProgress, FailedToSatisfyReadPreference,
        // ReadConcernMajorityNotAvailableYet, InitialSyncActive, PrimarySteppedDown, ShardingStateNotInitialized
        | 109 | 112 | 117 | 133 | 134 | 164 | 189 | 203
        // KeyNotFound: a router that has just started has no keys for cluster times yet. ElectionInProgress,
        // ExceededTimeLimit, CurrentConfigNotCommittedYet, AddOrRemoveShardInProgress
        | 211 | 216 | 262 | 308 | 414
        // SocketException, LegacyNotPrimary, NotWritablePrimary, InterruptedAtShutdown, InterruptedDueToReplStateChange
        | 9001 | 10058 | 10107 | 11600 | 11602
        // StaleConfig, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary, ConfigServerUnreachable
        | 13388 | 13435 | 13436 | 56846 => Class::RetrySoon,
        // WriteConcernTimeout, UnsatisfiableWriteConcern
        64 | 100 => Class::AppliedNotDurable,
        // BadValue, FailedToParse, IllegalOperation, AlreadyInitialized (sharded by another key), NamespaceExists,
        // CommandNotFound, InvalidOptions, InvalidNamespace, NoReplicationEnabled, InvalidReplicaSetConfig
        2 | 9 | 20 | 23 | 48 | 59 | 72 | 73 | 76 | 93
        // NewReplicaSetConfigurationIncompatible, NodeNotElectable, InconsistentReplicaSetNames,
        // CannotInitializeNodeWithData, ZoneStillInUse, IncompatibleServerVersion, CannotDowngrade, CannotUpgrade
        | 103 | 104 | 108 | 110 | 163 | 188 | 332 | 400
        // BSONObjectTooLarge, DuplicateKey, DatabaseDifferCase, NamespaceCannotBeSharded, unknown and missing field
        | 10334 | 11000 | 13297 | 28769 | 40414 | 40415 => Class::Permanent,
        // 13 Unauthorized, 18 AuthenticationFailed, 96 OperationFailed, and whatever this list does not know.
        _ => Class::RetrySlowly,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of the table of classes: one server, whichever command.
    const RETRY_SOON: &[i32] = &[
        6, 7, 24, 46, 50, 74, 89, 91, 94, 95, 109, 112, 117, 133, 134, 164, 189, 203, 216, 262, 308, 414,
        9001, 10058, 10107, 11600, 11602, 13388, 13435, 13436, 56846,
    ];
    const PERMANENT: &[i32] =
        &[2, 9, 20, 48, 59, 72, 73, 76, 103, 104, 108, 110, 163, 188, 332, 400, 13297, 28769, 40414, 40415];
    const ACTIONS: &[Command] = &[
        Command::Initiate,
        Command::CreateUser,
        Command::UpdateUser,
        Command::SetDefaultConcern,
        Command::AddShard,
        Command::EnableSharding,
        Command::CreateIndex,
        Command::ShardCollection,
        Command::ChangeTtl,
    ];

    #[test]
    fn what_passes_within_seconds_is_retried_soon_whatever_was_asked() {
        for command in ACTIONS {
            for code in RETRY_SOON {
                assert_eq!(class(*command, *code), Class::RetrySoon, "{command:?} {code}");
            }
        }
    }

    #[test]
    fn what_only_a_person_can_mend_is_permanent_whatever_was_asked() {
        for command in ACTIONS {
            for code in PERMANENT {
                let expected = match (command, code) {
                    (Command::ShardCollection, 72) => Class::RetrySoon,
                    _ => Class::Permanent,
                };
                assert_eq!(class(*command, *code), expected, "{command:?} {code}");
            }
        }
    }

    #[test]
    fn a_write_that_a_majority_did_not_confirm_is_looked_at_again() {
        for command in ACTIONS {
            assert_eq!(class(*command, 64), Class::AppliedNotDurable);
            assert_eq!(class(*command, 100), Class::AppliedNotDurable);
        }
    }

    #[test]
    fn a_code_means_another_thing_where_the_command_differs() {
        for (command, code, expected) in [
            (Command::Initiate, 23, Class::Done),
            (Command::ShardCollection, 23, Class::Permanent),
            (Command::CreateUser, 51003, Class::Done),
            (Command::UpdateUser, 51003, Class::RetrySlowly),
            (Command::Initiate, 93, Class::RetrySlowly),
            (Command::AddShard, 96, Class::RetrySlowly),
            (Command::AddShard, 20, Class::Permanent),
            (Command::ShardCollection, 70, Class::RetrySoon),
            (Command::ShardCollection, 26, Class::RetrySoon),
            (Command::EnableSharding, 70, Class::RetrySoon),
            (Command::AddShard, 72, Class::Permanent),
            (Command::CreateIndex, 85, Class::RetrySoon),
            (Command::ChangeTtl, 85, Class::RetrySlowly),
            (Command::Read, 13, Class::RetrySlowly),
            (Command::Read, 18, Class::RetrySlowly),
            (Command::AddShard, 13, Class::RetrySlowly),
        ] {
            assert_eq!(class(command, code), expected, "{command:?} {code}");
        }
    }

    #[test]
    fn an_unknown_code_is_retried_slowly_and_never_given_up() {
        for code in [1, 8, 96, 99_999, -1] {
            assert_eq!(class(Command::AddShard, code), Class::RetrySlowly, "{code}");
        }
    }
}
