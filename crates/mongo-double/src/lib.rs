//! A double of a MongoDB sharded cluster, over the wire protocol: for tests of what bootstraps a cluster, and for
//! running whole pipelines where no MongoDB can be installed.
#![allow(dead_code)]
pub mod arguments;
pub mod codes;
pub mod engine;
pub mod flags;
pub mod keyfile;
pub mod query;
pub mod refusal;
pub mod scram;
pub mod values;
pub mod wire;
