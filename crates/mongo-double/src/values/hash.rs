//! The hash of hashed indexes and shard keys. Stable for ever: chunks on disk depend on it. Not the real server's own
//! numbers; nothing outside a cluster sees them.

use bson::RawBsonRef;
use md5::{Digest, Md5};

use super::order;

/// Of a value; what is missing hashes as null. Equal numbers of different types hash alike.
pub fn hash64(value: RawBsonRef<'_>, scratch: &mut Vec<u8>) -> i64 {
    scratch.clear();
    order::append(scratch, value);
    hash_of_encoded(scratch)
}

/// Of a value that is encoded in its order already.
pub fn hash_of_encoded(encoded: &[u8]) -> i64 {
    let digest = Md5::digest(encoded);
    i64::from_le_bytes(std::array::from_fn(|at| digest[at]))
}
