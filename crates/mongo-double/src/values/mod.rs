//! BSON values: their order, and how a dotted path finds them.

pub mod hash;
pub mod order;
pub mod path;
