//! The conditions of a pipeline and their reasons. A reason is a promise: it has a line here, and a runbook.
//!
//! `Ready`, `Reconciling` and `Stalled` are read by `kubectl wait`, `helm --wait` and GitOps tools: not ready is
//! "in progress" to them, only `Stalled` is "failed".

macro_rules! types {
    ($($(#[doc = $doc:literal])+ $name:ident = $kind:literal;)+) => {
        /// Types of conditions.
        pub mod types {
            $($(#[doc = $doc])+ pub const $name: &str = $kind;)+

            /// All of them, in the order in which they are shown.
            pub const ALL: [&str; [$($kind),+].len()] = [$($name),+];

            /// Each with its line, for documentation.
            pub const EXPLAINED: &[(&str, &str)] = &[$(($kind, concat!($($doc),+))),+];
        }
    };
}

types! {
    /// What `desiredState` asks for is there: events are taken and stored, unless it says otherwise.
    READY = "Ready";
    /// Something is being changed.
    RECONCILING = "Reconciling";
    /// Nothing moves until somebody does something.
    STALLED = "Stalled";
    /// The queue answers.
    REDIS_READY = "RedisReady";
    /// People and API keys can be looked up.
    POSTGRES_READY = "PostgresReady";
    /// The sharded cluster is set up and takes events.
    MONGODB_READY = "MongoDBReady";
    /// Every shard is registered and has a primary.
    SHARDS_READY = "ShardsReady";
    /// At least one pod of the API answers.
    API_AVAILABLE = "APIAvailable";
    /// As many workers as asked for are ready.
    WORKERS_AVAILABLE = "WorkersAvailable";
    /// The number of workers follows the lag. Written by the autoscaler.
    SCALING_ACTIVE = "ScalingActive";
    /// Events were refused by MongoDB. True is the bad state, as with a node's `MemoryPressure`.
    DEAD_LETTERS_PRESENT = "DeadLettersPresent";
    /// Events are taken but not stored, because `desiredState` says so.
    PAUSED = "Paused";
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $reason:literal;)+) => {
        /// Reasons of conditions.
        pub mod reasons {
            $($(#[doc = $doc])+ pub const $name: &str = $reason;)+

            /// Every reason with its line, for documentation and runbooks.
            pub const ALL: &[(&str, &str)] = &[$(($reason, concat!($($doc),+))),+];
        }
    };
}

reasons! {
    /// All parts are ready.
    ALL_COMPONENTS_READY = "AllComponentsReady";
    /// A store is not ready; its own condition says why.
    WAITING_FOR_STORES = "WaitingForStores";
    /// MongoDB is being set up; `MongoDBReady` says which step.
    WAITING_FOR_MONGODB = "WaitingForMongoDB";
    /// No pod of the API answers yet.
    WAITING_FOR_API = "WaitingForAPI";
    /// No worker is ready yet.
    WAITING_FOR_WORKERS = "WaitingForWorkers";
    /// `desiredState` is Paused: events are taken and queue up.
    PAUSED = "Paused";
    /// `desiredState` is Stopped: events are refused with 503.
    STOPPED = "Stopped";
    /// `desiredState` is Running.
    RUNNING = "Running";

    /// Objects are being applied and pods are starting.
    ROLLING_OUT = "RollingOut";
    /// MongoDB's replica sets, users, shards or collections are being set up.
    BOOTSTRAPPING = "Bootstrapping";
    /// All that was asked for is there.
    UP_TO_DATE = "UpToDate";
    /// Nothing stands still.
    PROGRESSING = "Progressing";
    /// Of an Event: somebody changed what is the operator's in an object, and it is as the spec asks again.
    CHANGE_UNDONE = "ChangeUndone";

    /// The spec asks for something that cannot be; the message names the fields.
    INVALID_SPEC = "InvalidSpec";
    /// An image cannot be pulled: wrong name or tag, or a registry that refuses.
    IMAGE_PULL_FAILED = "ImagePullFailed";
    /// No node has room for a pod, or none that it may run on.
    POD_UNSCHEDULABLE = "PodUnschedulable";
    /// A quota or an admission policy refuses pods, or other objects of the pipeline.
    PODS_REFUSED = "PodsRefused";
    /// The storage class of a volume does not exist, or there is no default one.
    STORAGE_CLASS_MISSING = "StorageClassMissing";
    /// A container ends again and again; the message has its last words.
    CRASH_LOOPING = "CrashLooping";
    /// A Secret that is named in the spec is not there, or lacks a key.
    SECRET_MISSING = "SecretMissing";
    /// An object that the pipeline needs has the name of somebody else's, which is left alone; the message names it.
    NAME_TAKEN = "NameTaken";
    /// The operator may not do something that it must; the message names verb and kind.
    MISSING_PERMISSION = "MissingPermission";
    /// The operator met a state that it holds impossible; please report it.
    INTERNAL_ERROR = "InternalError";

    /// The pod is ready.
    AVAILABLE = "Available";
    /// Somebody else runs it, and it answers.
    EXTERNAL_AVAILABLE = "ExternalAvailable";
    /// Its pods are not there yet, or not ready.
    NOT_AVAILABLE = "NotAvailable";
    /// It cannot be reached, or it refuses; the message says where and why.
    UNREACHABLE = "Unreachable";
    /// It has not been looked at yet.
    NOT_OBSERVED = "NotObserved";

    /// The sharded cluster is set up and stores events; the message says what is left to do.
    BOOTSTRAPPED = "Bootstrapped";
    /// All volumes of an initiated replica set are empty. An empty one is not put in its place: restore the volumes.
    DATA_LOST = "DataLost";
    /// A volume holds data of another cluster or replica set; it is not wiped.
    VOLUME_CONFLICT = "VolumeConflict";
    /// A collection is sharded by another key; it is never resharded by itself.
    SHARDED_OTHERWISE = "ShardedOtherwise";
    /// An index of the same name is another one; drop it by hand.
    INDEX_CONFLICT = "IndexConflict";
    /// What runs cannot become what is asked for: renamed shards or hosts, a server that is something else.
    INVALID_TOPOLOGY = "InvalidTopology";
    /// A store refuses the user or password of the Secret.
    AUTHENTICATION_FAILED = "AuthenticationFailed";
    /// An external store is set up so that acknowledged events could be lost; the message says what to change.
    STORE_UNSUITABLE = "StoreUnsuitable";
    /// A store takes nothing more for now: its memory or its disk is full; events are answered 503.
    STORE_FULL = "StoreFull";
    /// Every shard is registered.
    ALL_SHARDS_ADDED = "AllShardsAdded";
    /// A shard is not registered yet.
    SHARD_NOT_ADDED = "ShardNotAdded";
    /// A shard is registered but a member or its primary is away.
    SHARD_DEGRADED = "ShardDegraded";
    /// Shards are somebody else's: MongoDB is external.
    EXTERNAL = "External";

    /// The lag is known; the number of workers follows it.
    LAG_KNOWN = "LagKnown";
    /// The lag is an estimate; workers may be added by it but not taken away.
    LAG_ESTIMATED = "LagEstimated";
    /// The lag is unknown; the number of workers is held.
    LAG_UNKNOWN = "LagUnknown";
    /// More workers would be needed than `maxReplicas` allows.
    AT_MAXIMUM = "AtMaximum";
    /// `scaling` is Manual.
    SCALING_MANUAL = "ScalingManual";
    /// `scaling` is `DryRun`: decisions are reported, not obeyed.
    DRY_RUN = "DryRun";
    /// There are no workers to scale yet.
    WORKERS_NOT_CREATED = "WorkersNotCreated";

    /// There are dead letters; `GET /api/v1/dlq` shows them.
    DEAD_LETTERS = "DeadLetters";
    /// There are no dead letters.
    NO_DEAD_LETTERS = "NoDeadLetters";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn reasons_are_camel_case_different_and_explained() {
        let mut seen = BTreeSet::new();
        for (reason, line) in reasons::ALL {
            assert!(seen.insert(reason), "{reason} is there twice");
            assert!(reason.chars().all(char::is_alphanumeric), "{reason}");
            assert!(reason.starts_with(char::is_uppercase), "{reason}");
            assert!(line.trim().len() > 15 && line.ends_with('.'), "{reason}: {line}");
        }
    }
}
