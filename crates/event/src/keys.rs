//! The names of everything in Redis. The part in braces is the hash tag: all keys of one partition share a slot,
//! so that one transaction can write frame, counters and marks.

/// The consumer group of the workers on every frames stream.
pub const GROUP: &str = "workers";
/// The one field of a stream entry; its value is a frame.
pub const FRAME_FIELD: &str = "f";
/// How long a seen id is remembered at least, in seconds. Two sets rotate, so it is at most twice that.
pub const SEEN_WINDOW_SECONDS: u64 = 600;

/// Counter: events ever written to the stream.
pub const EVENTS_IN: &str = "events_in";
/// Counter: events acknowledged by workers.
pub const EVENTS_OUT: &str = "events_out";
/// Counter: bytes of frames ever written.
pub const BYTES_IN: &str = "bytes_in";
/// Counter: bytes of frames acknowledged.
pub const BYTES_OUT: &str = "bytes_out";
/// Counter: frames ever written.
pub const FRAMES_IN: &str = "frames_in";
/// Counter: frames acknowledged.
pub const FRAMES_OUT: &str = "frames_out";

/// The keys of one partition of one pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    prefix: String,
    /// Stream of frames.
    pub frames: String,
    /// Hash of the counters above.
    pub counters: String,
}

impl Keys {
    /// `pipeline` is `namespace/name`.
    pub fn new(pipeline: &str, partition: u32) -> Self {
        let prefix = format!("ep:{{{pipeline}:{partition}}}");
        Self { frames: format!("{prefix}:frames"), counters: format!("{prefix}:counters"), prefix }
    }

    /// Set of the ids taken in one window; `epoch` is Unix seconds divided by [`SEEN_WINDOW_SECONDS`].
    pub fn seen(&self, epoch: u64) -> String {
        format!("{}:seen:{epoch}", self.prefix)
    }

    /// Hash that a live worker keeps fresh: processed, pending events, busy time, sink errors.
    pub fn worker(&self, consumer: &str) -> String {
        format!("{}:worker:{consumer}", self.prefix)
    }

    /// Sorted set of the workers' consumer names by the time of their last sign of life.
    pub fn workers(&self) -> String {
        format!("{}:workers", self.prefix)
    }

    /// Hash: entry id → index of the event that is being tried alone right now.
    pub fn alone(&self) -> String {
        format!("{}:alone", self.prefix)
    }
}

/// A key of a pipeline that belongs to no partition, such as a cached API key.
pub fn shared(pipeline: &str, what: &str) -> String {
    format!("ep:{{{pipeline}}}:{what}")
}

/// List of the autoscaler's last decisions, newest first.
pub fn scaling(pipeline: &str) -> String {
    shared(pipeline, "scaling")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_of_a_partition_carry_the_same_hash_tag() {
        let keys = Keys::new("default/laptop", 3);
        for key in [
            keys.frames.clone(),
            keys.counters.clone(),
            keys.seen(7),
            keys.worker("w"),
            keys.workers(),
            keys.alone(),
        ] {
            assert!(key.starts_with("ep:{default/laptop:3}:"), "{key}");
        }
        assert_eq!(keys.frames, "ep:{default/laptop:3}:frames");
        assert_eq!(shared("default/laptop", "epoch"), "ep:{default/laptop}:epoch");
    }
}
