//! A double of a MongoDB sharded cluster, over the wire protocol: for tests of what bootstraps a cluster, and for
//! running whole pipelines where no MongoDB can be installed. Two programs, `mongod` and `mongos`, take the real ones'
//! flags, keep their data, and answer with the real ones' codes. What is not modelled is refused, never ignored.
//!
//! Deliberately absent: members beyond one a set, reconfiguration, draining and balancing, transactions of several
//! statements, compression, TLS.

pub mod arguments;
pub mod cluster;
pub mod codes;
pub mod cursors;
pub mod engine;
pub mod flags;
pub mod keyfile;
pub mod mongod;
pub mod mongos;
pub mod node;
pub mod peer;
pub mod query;
pub mod refusal;
pub mod scram;
pub mod server;
pub mod values;
pub mod wire;

pub use flags::{Flags, Program};
pub use node::Fault;
pub use server::{Running, StartError};
