//! MongoDB's objects: one StatefulSet for the config servers, one for each shard, a Deployment of routers. What makes
//! one cluster of them is the bootstrap's job, not theirs.

mod member;
mod router;

use super::labels;
use super::object::Object;
use super::service;
use crate::mongo::topology::ReplicaSet;
use crate::names::{MONGODB_PORT, Part};
use crate::validate::ValidatedPipeline;

/// The config servers.
pub fn config_set(pipeline: &ValidatedPipeline) -> ReplicaSet {
    set(pipeline, pipeline.names.of(Part::Config), pipeline.spec.mongodb.config_members)
}

/// The shards, in the order in which they are added.
pub fn shard_sets(pipeline: &ValidatedPipeline) -> Vec<ReplicaSet> {
    let mongodb = &pipeline.spec.mongodb;
    (0..mongodb.shards)
        .map(|shard| set(pipeline, pipeline.names.shard(shard), mongodb.members_per_shard))
        .collect()
}

/// Where the routers are reached, as one.
pub fn router_address(pipeline: &ValidatedPipeline) -> String {
    format!("{}:{MONGODB_PORT}", pipeline.names.host(&pipeline.names.of(Part::Router)))
}

fn set(pipeline: &ValidatedPipeline, name: String, members: i32) -> ReplicaSet {
    let host = |ordinal| format!("{}:{MONGODB_PORT}", pipeline.names.member(&name, ordinal));
    let hosts = (0..members).map(host).collect();
    ReplicaSet { name, hosts }
}

/// The Services; none when MongoDB is external.
pub fn services(pipeline: &ValidatedPipeline) -> Vec<Object> {
    let port = ("mongodb", MONGODB_PORT);
    if pipeline.spec.mongodb.external.is_some() {
        return Vec::new();
    }
    let config = labels::selector(pipeline, Part::Config);
    let mut list =
        vec![service::headless(pipeline, pipeline.names.of(Part::Config), Part::Config, config, port).into()];
    list.extend((0..pipeline.spec.mongodb.shards).map(|shard| {
        let selector = labels::shard_selector(pipeline, shard);
        service::headless(pipeline, pipeline.names.shard(shard), Part::Shard, selector, port).into()
    }));
    list.push(router::service(pipeline));
    list
}

/// The StatefulSets; none when MongoDB is external.
pub fn stateful_sets(pipeline: &ValidatedPipeline) -> Vec<Object> {
    if pipeline.spec.mongodb.external.is_some() {
        return Vec::new();
    }
    let shards = (0..pipeline.spec.mongodb.shards).map(|shard| member::shard(pipeline, shard));
    std::iter::once(member::config(pipeline)).chain(shards).collect()
}

/// The routers, once the config set has a primary; none when MongoDB is external.
pub fn routers(pipeline: &ValidatedPipeline) -> Option<Object> {
    pipeline.spec.mongodb.external.is_none().then(|| router::deployment(pipeline))
}
