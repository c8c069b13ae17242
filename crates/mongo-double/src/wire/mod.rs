//! The wire protocol: messages in and out. Knows nothing of commands.

mod read;
mod write;

pub use read::{Incoming, WireError, documents_of, parse_reply, read_message, slice_of};
pub use write::{Outgoing, Reply, legacy_reply, message, reply};

/// Bytes of one message at most, as `hello` says.
pub const MESSAGE_BYTES_MAX: usize = 48_000_000;
/// Bytes of one document at most.
pub const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Statements of one write at most.
pub const BATCH_MAX: usize = 100_000;

const HEADER_BYTES: usize = 16;
const OP_REPLY: i32 = 1;
const OP_QUERY: i32 = 2004;
const OP_MSG: i32 = 2013;
const CHECKSUM_PRESENT: u32 = 1;
const MORE_TO_COME: u32 = 1 << 1;
/// Bits 0 to 15 must be understood by the receiver.
const REQUIRED_BITS: u32 = 0xffff;
