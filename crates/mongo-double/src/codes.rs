//! The server's numeric error codes and their names. Clients match numbers; the names are for people.

use std::borrow::Cow;

macro_rules! codes {
    ($($constant:ident = $code:literal $name:literal,)*) => {
        $(#[doc = concat!("`", $name, "`")] pub const $constant: i32 = $code;)*

        /// The `codeName` that goes with a code; a code without a name of its own is `LocationN`.
        pub fn name(code: i32) -> Cow<'static, str> {
            match code {
                $($code => Cow::Borrowed($name),)*
                other => Cow::Owned(format!("Location{other}")),
            }
        }
    };
}

codes! {
    BAD_VALUE = 2 "BadValue",
    HOST_UNREACHABLE = 6 "HostUnreachable",
    HOST_NOT_FOUND = 7 "HostNotFound",
    UNKNOWN_ERROR = 8 "UnknownError",
    FAILED_TO_PARSE = 9 "FailedToParse",
    USER_NOT_FOUND = 11 "UserNotFound",
    UNAUTHORIZED = 13 "Unauthorized",
    TYPE_MISMATCH = 14 "TypeMismatch",
    INVALID_LENGTH = 16 "InvalidLength",
    PROTOCOL_ERROR = 17 "ProtocolError",
    AUTHENTICATION_FAILED = 18 "AuthenticationFailed",
    ILLEGAL_OPERATION = 20 "IllegalOperation",
    INVALID_BSON = 22 "InvalidBSON",
    ALREADY_INITIALIZED = 23 "AlreadyInitialized",
    NAMESPACE_NOT_FOUND = 26 "NamespaceNotFound",
    INDEX_NOT_FOUND = 27 "IndexNotFound",
    PATH_NOT_VIABLE = 28 "PathNotViable",
    ROLE_NOT_FOUND = 31 "RoleNotFound",
    CONFLICTING_UPDATE_OPERATORS = 40 "ConflictingUpdateOperators",
    CURSOR_NOT_FOUND = 43 "CursorNotFound",
    NAMESPACE_EXISTS = 48 "NamespaceExists",
    MAX_TIME_MS_EXPIRED = 50 "MaxTimeMSExpired",
    DOLLAR_PREFIXED_FIELD_NAME = 52 "DollarPrefixedFieldName",
    INVALID_ID_FIELD = 53 "InvalidIdField",
    COMMAND_NOT_FOUND = 59 "CommandNotFound",
    SHARD_KEY_NOT_FOUND = 61 "ShardKeyNotFound",
    IMMUTABLE_FIELD = 66 "ImmutableField",
    CANNOT_CREATE_INDEX = 67 "CannotCreateIndex",
    SHARD_NOT_FOUND = 70 "ShardNotFound",
    INVALID_OPTIONS = 72 "InvalidOptions",
    INVALID_NAMESPACE = 73 "InvalidNamespace",
    NODE_NOT_FOUND = 74 "NodeNotFound",
    NO_REPLICATION_ENABLED = 76 "NoReplicationEnabled",
    UNKNOWN_REPL_WRITE_CONCERN = 79 "UnknownReplWriteConcern",
    INDEX_OPTIONS_CONFLICT = 85 "IndexOptionsConflict",
    INDEX_KEY_SPECS_CONFLICT = 86 "IndexKeySpecsConflict",
    NETWORK_TIMEOUT = 89 "NetworkTimeout",
    SHUTDOWN_IN_PROGRESS = 91 "ShutdownInProgress",
    INVALID_REPLICA_SET_CONFIG = 93 "InvalidReplicaSetConfig",
    NOT_YET_INITIALIZED = 94 "NotYetInitialized",
    OPERATION_FAILED = 96 "OperationFailed",
    UNSATISFIABLE_WRITE_CONCERN = 100 "UnsatisfiableWriteConcern",
    NEW_REPLICA_SET_CONFIGURATION_INCOMPATIBLE = 103 "NewReplicaSetConfigurationIncompatible",
    FAILED_TO_SATISFY_READ_PREFERENCE = 133 "FailedToSatisfyReadPreference",
    INVALID_PIPELINE_OPERATOR = 168 "InvalidPipelineOperator",
    PRIMARY_STEPPED_DOWN = 189 "PrimarySteppedDown",
    INVALID_INDEX_SPECIFICATION_OPTION = 197 "InvalidIndexSpecificationOption",
    UNKNOWN_FEATURE_COMPATIBILITY_VERSION = 258 "UnknownFeatureCompatibilityVersion",
    OPERATION_NOT_SUPPORTED_IN_TRANSACTION = 263 "OperationNotSupportedInTransaction",
    MECHANISM_UNAVAILABLE = 334 "MechanismUnavailable",
    UNSUPPORTED_OP_QUERY_COMMAND = 352 "UnsupportedOpQueryCommand",
    SOCKET_EXCEPTION = 9001 "SocketException",
    NOT_WRITABLE_PRIMARY = 10107 "NotWritablePrimary",
    BSON_OBJECT_TOO_LARGE = 10334 "BSONObjectTooLarge",
    DUPLICATE_KEY = 11000 "DuplicateKey",
    INTERRUPTED_AT_SHUTDOWN = 11600 "InterruptedAtShutdown",
    INTERRUPTED_DUE_TO_REPL_STATE_CHANGE = 11602 "InterruptedDueToReplStateChange",
    DATABASE_DIFFER_CASE = 13297 "DatabaseDifferCase",
    STALE_CONFIG = 13388 "StaleConfig",
    NOT_PRIMARY_NO_SECONDARY_OK = 13435 "NotPrimaryNoSecondaryOk",
    NOT_PRIMARY_OR_SECONDARY = 13436 "NotPrimaryOrSecondary",
    OUT_OF_DISK_SPACE = 14031 "OutOfDiskSpace",
    UNKNOWN_GROUP_OPERATOR = 15952 "Location15952",
    BAD_SORT_DIRECTION = 15975 "Location15975",
    BAD_PROJECTION_MIX = 31254 "Location31254",
    UNRECOGNIZED_STAGE = 40324 "Location40324",
    MISSING_FIELD = 40414 "IDLFailedToParse",
    UNKNOWN_FIELD = 40415 "IDLUnknownField",
    USER_EXISTS = 51003 "Location51003",
}

/// Codes on which a client may send a retryable write once more.
pub fn is_retryable_write(code: i32) -> bool {
    matches!(code, 6 | 7 | 89 | 91 | 133 | 134 | 189 | 262 | 9001 | 10107 | 11600 | 11602 | 13435 | 13436)
}

/// Codes that say "I am not the primary (any more)": nothing was applied, ask again once there is one.
pub fn is_not_primary(code: i32) -> bool {
    matches!(code, 91 | 189 | 10107 | 11600 | 11602 | 13435 | 13436)
}
