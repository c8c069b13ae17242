//! Disruption budgets: draining a node takes one pod of a part at a time. A part with one pod has none: it would keep
//! the node from ever being drained.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::labels::{self, Map};
use super::object::Object;
use crate::names::Part;
use crate::validate::ValidatedPipeline;

/// The budgets of all parts with more than one pod.
pub fn budgets(pipeline: &ValidatedPipeline) -> Vec<Object> {
    let (names, spec) = (&pipeline.names, &pipeline.spec);
    let part = |part, pods: i32| {
        (pods > 1).then(|| budget(pipeline, names.of(part), part, labels::selector(pipeline, part), one()))
    };
    let mut list: Vec<Object> = part(Part::Api, spec.api.replicas).into_iter().collect();
    // Many workers need not leave one by one: what one had in hand another takes over.
    list.extend((spec.workers.min_replicas > 1).then(|| {
        let quarter = IntOrString::String("25%".to_owned());
        budget(
            pipeline,
            names.of(Part::Worker),
            Part::Worker,
            labels::selector(pipeline, Part::Worker),
            quarter,
        )
    }));
    let mongodb = &spec.mongodb;
    if mongodb.external.is_none() {
        list.extend(part(Part::Config, mongodb.config_members));
        if mongodb.members_per_shard > 1 {
            list.extend((0..mongodb.shards).map(|shard| {
                let selector = labels::shard_selector(pipeline, shard);
                budget(pipeline, names.shard(shard), Part::Shard, selector, one())
            }));
        }
        list.extend(part(Part::Router, mongodb.routers));
    }
    list
}

fn one() -> IntOrString {
    IntOrString::Int(1)
}

fn budget(
    pipeline: &ValidatedPipeline,
    name: String,
    part: Part,
    selector: Map,
    max_unavailable: IntOrString,
) -> Object {
    // They are not ready while a store is away: a node must not wait for that. Members of a set hold data.
    let stateless = matches!(part, Part::Api | Part::Worker | Part::Router);
    PodDisruptionBudget {
        metadata: labels::metadata(pipeline, name, part),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(max_unavailable),
            selector: Some(labels::matching(selector)),
            unhealthy_pod_eviction_policy: stateless.then(|| "AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    }
    .into()
}
