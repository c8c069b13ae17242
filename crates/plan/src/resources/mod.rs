//! The objects of a pipeline. Nothing here can fail, and nothing chooses: a [`ValidatedPipeline`] is all it takes.

mod api;
mod env;
pub mod labels;
pub mod marks;
pub mod mongodb;
mod network;
mod object;
mod outside;
mod pdb;
mod pod;
mod postgres;
pub mod redis;
mod service;
pub mod turns;
pub mod volumes;
pub mod worker;
mod workload;

pub use api::inflated_bytes;
pub use object::{After, Kind, Object, Progress};
pub use worker::WorkerReplicas;

use crate::validate::ValidatedPipeline;

/// Every object of a pipeline, in the order in which they are applied. Secrets are not among them
/// ([`crate::secrets`]), and must be there before.
pub fn objects(pipeline: &ValidatedPipeline) -> Vec<Object> {
    let mut list: Vec<Object> = Vec::new();
    // Pods mount them.
    list.extend(postgres::config_map(pipeline));
    // Names must resolve when the first member of a replica set starts.
    list.extend(api::services(pipeline));
    list.extend(redis::services(pipeline));
    list.extend(postgres::services(pipeline));
    list.extend(mongodb::services(pipeline));
    // Doors are shut before anybody is in.
    list.extend(network::policies(pipeline));
    list.extend(pdb::budgets(pipeline));
    // Stores take longest, and services wait for them anyway.
    list.extend(redis::stateful_set(pipeline));
    list.extend(postgres::stateful_set(pipeline));
    list.extend(mongodb::stateful_sets(pipeline));
    list.push(api::deployment(pipeline));
    list.extend(mongodb::routers(pipeline));
    list.push(worker::deployment(pipeline));
    // Nobody is led to what is not there.
    list.extend(outside::ingress(pipeline));
    list.extend(outside::pod_monitor(pipeline));
    list
}
