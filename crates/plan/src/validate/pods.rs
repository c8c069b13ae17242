//! What the API server would refuse in pods, under the fields that it comes from.

use crd::{Component, EventPipelineSpec, Resources, Toleration, TolerationOperator};

use super::{Fault, redis_limit};
use crate::quantity;
use crate::syntax;

/// Resources of every part.
pub(super) fn resources(spec: &EventPipelineSpec, redis_memory: u64, faults: &mut Vec<Fault>) {
    let mongodb = &spec.mongodb;
    for (field, resources) in [
        ("spec.api.resources", &spec.api.component.resources),
        ("spec.workers.resources", &spec.workers.component.resources),
        ("spec.redis.resources", &spec.redis.component.resources),
        ("spec.postgres.resources", &spec.postgres.component.resources),
        ("spec.mongodb.resources", &mongodb.component.resources),
        ("spec.mongodb.configResources", &mongodb.config_resources),
        ("spec.mongodb.routerResources", &mongodb.router_resources),
    ] {
        if let Some(resources) = resources {
            fits(field, resources, faults);
        }
    }
    let limit = spec.redis.component.resources.as_ref().and_then(|resources| resources.limits.get("memory"));
    let needed = redis_limit(redis_memory);
    if let Some(given) = limit
        && quantity::whole(given).is_some_and(|bytes| bytes < needed)
    {
        faults.push(Fault::RedisLimit { given: given.clone(), needed: quantity::mebibytes(needed) });
    }
}

/// Requests within limits. All amounts are compared in thousandths, as CPU has them.
fn fits(field: &'static str, resources: &Resources, faults: &mut Vec<Fault>) {
    for (what, amount) in resources.requests.iter().chain(&resources.limits) {
        if !syntax::is_resource(what) {
            faults.push(Fault::Resource { field, name: what.clone() });
        }
        if quantity::milli(amount).is_none() {
            faults.push(Fault::NotAnAmount { field: format!("{field}: {what}"), text: amount.clone() });
        }
    }
    for (what, request) in &resources.requests {
        if let Some(limit) = resources.limits.get(what)
            && quantity::milli(request) > quantity::milli(limit)
        {
            faults.push(Fault::RequestAboveLimit {
                field,
                what: what.clone(),
                request: request.clone(),
                limit: limit.clone(),
            });
        }
    }
}

/// What the API server would refuse in pods, under the fields that it comes from.
pub(super) fn pods(spec: &EventPipelineSpec, faults: &mut Vec<Fault>) {
    for (part, component) in [
        ("api", &spec.api.component),
        ("workers", &spec.workers.component),
        ("redis", &spec.redis.component),
        ("postgres", &spec.postgres.component),
        ("mongodb", &spec.mongodb.component),
    ] {
        labels(part, component, faults);
        let field = || format!("spec.{part}.tolerations");
        for toleration in &component.tolerations {
            let (key, value) = (toleration.key.clone(), toleration.value.clone().unwrap_or_default());
            if let Some(why) = contradiction(toleration) {
                faults.push(Fault::Toleration { field: field(), why });
            }
            if let Some(key) = key.clone().filter(|key| !syntax::is_key(key)) {
                faults.push(Fault::Key { field: field(), key });
            }
            if !syntax::is_value(&value) {
                faults.push(Fault::Value { field: field(), key: key.unwrap_or_default(), value });
            }
        }
    }
}

fn labels(part: &str, component: &Component, faults: &mut Vec<Fault>) {
    let key = |field: &str, key: &str| {
        (!syntax::is_key(key))
            .then(|| Fault::Key { field: format!("spec.{part}.{field}"), key: key.to_owned() })
    };
    for (field, labels) in [("labels", &component.labels), ("nodeSelector", &component.node_selector)] {
        faults.extend(labels.keys().filter_map(|name| key(field, name)));
        faults.extend(labels.iter().filter(|(_, value)| !syntax::is_value(value)).map(|(key, value)| {
            let (key, value) = (key.clone(), value.clone());
            Fault::Value { field: format!("spec.{part}.{field}"), key, value }
        }));
    }
    // Their case is not looked at.
    let annotations = component.annotations.keys().map(|name| name.to_ascii_lowercase());
    faults.extend(annotations.filter_map(|name| key("annotations", &name)));
    let places = component.topology_spread.iter().map(|spread| &spread.topology_key);
    faults.extend(places.filter_map(|name| key("topologySpread", name)));
}

fn contradiction(toleration: &Toleration) -> Option<&'static str> {
    let exists = toleration.operator == TolerationOperator::Exists;
    if exists && toleration.value.is_some() {
        Some("`value` may not be set when `operator` is Exists")
    } else if !exists && toleration.key.is_none() {
        Some("`key` must be set unless `operator` is Exists")
    } else if toleration.toleration_seconds.is_some() && toleration.effect.as_deref() != Some("NoExecute") {
        Some("`tolerationSeconds` may only be set when `effect` is NoExecute")
    } else {
        None
    }
}
