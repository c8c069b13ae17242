//! What an event is: its envelope and checks, its `_id`, its encoding, the frames it travels in and the Redis keys
//! it travels under. Pure: no async, no I/O, no clock, no randomness; those come in as arguments.

mod bson_writer;
pub mod doc;
mod envelope;
pub mod frame;
pub mod id;
pub mod keys;
pub mod lag;
pub mod parse;
pub mod reject;
mod transcode;

pub use id::EventId;
pub use reject::{Code, Reject};

/// A `type` is at most this many bytes: it is an index key and a chart label.
pub const TYPE_BYTES_MAX: usize = 200;
/// A `userId` is 1 to this many bytes: it is the shard key, and part of every index entry.
pub const USER_ID_BYTES_MAX: usize = 200;
/// An `id`, the client's idempotency key, is at most this many bytes.
pub const ID_BYTES_MAX: usize = 128;
/// `properties` may nest this deep, itself counted; MongoDB's own limit is 100, and nobody reads a chart below 32.
pub const DEPTH_MAX: usize = 32;
