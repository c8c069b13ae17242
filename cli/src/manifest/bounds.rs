//! Bounds of the numbers that a laptop uses, the same as in the definition of `EventPipeline`: a number that the API or
//! a worker would refuse at its start is refused here, by the name of its field.

use std::ops::RangeInclusive;

use super::Spec;

/// Each with its path below `spec`, its value where one is given, and its bounds.
fn numbers(spec: &Spec) -> [(&'static str, Option<u64>, RangeInclusive<u64>); 11] {
    let (api, workers) = (&spec.api, &spec.workers);
    [
        ("api.maxBodyBytes", api.max_body_bytes, 1_024..=67_108_864),
        ("api.maxBatchEvents", api.max_batch_events, 1..=5_000),
        ("api.rateLimit.eventsPerSecond", api.rate_limit.events_per_second, 1..=1_000_000_000),
        ("redis.partitions", spec.redis.partitions.map(u64::from), 1..=256),
        ("mongodb.shards", spec.mongodb.shards.map(u64::from), 1..=32),
        ("mongodb.retentionDays", spec.mongodb.retention_days, 1..=36_500),
        ("workers.replicas", workers.replicas, 0..=1_000),
        ("workers.batchEvents", workers.batch_events, 512..=10_000),
        ("workers.maxDeliveries", workers.max_deliveries, 1..=1_000),
        ("workers.claimIdleSeconds", workers.claim_idle_seconds, 1..=3_600),
        ("workers.drainTimeoutSeconds", workers.drain_timeout_seconds, 1..=3_600),
    ]
}

/// The numbers that are not within their bounds.
pub(super) fn faults(spec: &Spec) -> impl Iterator<Item = String> {
    numbers(spec).into_iter().filter_map(|(field, value, bounds)| {
        let value = value.filter(|value| !bounds.contains(value))?;
        Some(format!("spec.{field}: {value} is not within {} to {}", bounds.start(), bounds.end()))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_bounds_are_those_of_the_definition() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../crds/eventpipelines.yaml");
        let definition: Value = serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        for (field, _, bounds) in numbers(&Spec::default()) {
            let field = field.split('.').fold(schema, |at, step| &at["properties"][step]);
            let number = |name: &str| field[name].as_f64().unwrap();
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let ours = (*bounds.start() as f64, *bounds.end() as f64);
            assert_eq!((number("minimum"), number("maximum")), ours, "{field}");
        }
    }
}
