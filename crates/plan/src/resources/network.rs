//! Network policies: every part is reached only by those that need it, and stores reach nothing but their own.
//!
//! Only the ports of API and console are open to everyone, and `/metrics`: who scrapes it is not known here. Probes
//! come from the node, which policies let through.

use crd::{ConsoleAccess, NetworkPolicyMode};
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::labels;
use super::object::Object;
use crate::names::{API_PORT, CONSOLE_PORT, INSIDE_PORT, MONGODB_PORT, POSTGRES_PORT, Part, REDIS_PORT};
use crate::validate::ValidatedPipeline;

const DNS_PORT: i32 = 53;

/// The policies; none unless they are asked for.
pub fn policies(pipeline: &ValidatedPipeline) -> Vec<Object> {
    let spec = &pipeline.spec;
    if spec.network_policy == NetworkPolicyMode::Disabled {
        return Vec::new();
    }
    let mut open = vec![API_PORT, INSIDE_PORT];
    if spec.console.access != ConsoleAccess::Disabled {
        open.push(CONSOLE_PORT);
    }
    let mut list = vec![
        policy(pipeline, Part::Api, vec![from_anywhere(&open)], None),
        policy(pipeline, Part::Worker, vec![from_anywhere(&[INSIDE_PORT])], None),
    ];
    if spec.redis.external.is_none() {
        let callers = from(pipeline, &[Part::Api, Part::Worker], REDIS_PORT);
        list.push(policy(pipeline, Part::Redis, vec![callers], Some(Vec::new())));
    }
    if spec.postgres.external.is_none() {
        list.push(policy(
            pipeline,
            Part::Postgres,
            vec![from(pipeline, &[Part::Api], POSTGRES_PORT)],
            Some(Vec::new()),
        ));
    }
    if spec.mongodb.external.is_none() {
        let cluster = [Part::Config, Part::Shard, Part::Router];
        // Nobody of the cluster calls a router.
        let members = [Part::Config, Part::Shard];
        for part in cluster {
            let from_whom: &[Part] = if part == Part::Router { &[Part::Api, Part::Worker] } else { &cluster };
            let egress = vec![to_names(), to(pipeline, &members, MONGODB_PORT)];
            list.push(policy(pipeline, part, vec![from(pipeline, from_whom, MONGODB_PORT)], Some(egress)));
        }
    }
    list
}

fn policy(
    pipeline: &ValidatedPipeline,
    part: Part,
    ingress: Vec<NetworkPolicyIngressRule>,
    egress: Option<Vec<NetworkPolicyEgressRule>>,
) -> Object {
    let mut types = vec!["Ingress".to_owned()];
    types.extend(egress.is_some().then(|| "Egress".to_owned()));
    NetworkPolicy {
        metadata: labels::metadata(pipeline, pipeline.names.of(part), part),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(labels::matching(labels::selector(pipeline, part))),
            policy_types: Some(types),
            ingress: Some(ingress),
            // No rule at all closes it as well as an empty list, which every apply would change.
            egress: egress.filter(|rules| !rules.is_empty()),
        }),
    }
    .into()
}

fn from_anywhere(ports: &[i32]) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule { ports: Some(ports.iter().map(|number| tcp(*number)).collect()), from: None }
}

/// These parts, and the operator: it asks every store whether it takes the password of its Secret.
fn from(pipeline: &ValidatedPipeline, parts: &[Part], number: i32) -> NetworkPolicyIngressRule {
    let mut peers = pods(pipeline, parts);
    peers.push(operator_pods(pipeline));
    NetworkPolicyIngressRule { ports: Some(vec![tcp(number)]), from: Some(peers) }
}

fn to(pipeline: &ValidatedPipeline, parts: &[Part], number: i32) -> NetworkPolicyEgressRule {
    NetworkPolicyEgressRule { ports: Some(vec![tcp(number)]), to: Some(pods(pipeline, parts)) }
}

/// Names are looked up, wherever the cluster's DNS is.
fn to_names() -> NetworkPolicyEgressRule {
    let udp = NetworkPolicyPort { protocol: Some("UDP".to_owned()), ..tcp(DNS_PORT) };
    NetworkPolicyEgressRule { ports: Some(vec![udp, tcp(DNS_PORT)]), to: None }
}

fn pods(pipeline: &ValidatedPipeline, parts: &[Part]) -> Vec<NetworkPolicyPeer> {
    let peer = |part: &Part| NetworkPolicyPeer {
        pod_selector: Some(labels::matching(labels::selector(pipeline, *part))),
        ..NetworkPolicyPeer::default()
    };
    parts.iter().map(peer).collect()
}

/// The operator, which looks at the lag and sets MongoDB up; in whatever namespace where it does not know its own.
fn operator_pods(pipeline: &ValidatedPipeline) -> NetworkPolicyPeer {
    let own = |namespace: &String| [("kubernetes.io/metadata.name".to_owned(), namespace.clone())].into();
    let namespace = pipeline.operator_namespace.as_ref().map(own);
    let name = [(labels::NAME.to_owned(), labels::MANAGER.to_owned())];
    NetworkPolicyPeer {
        namespace_selector: Some(namespace.map_or_else(LabelSelector::default, labels::matching)),
        pod_selector: Some(labels::matching(name.into())),
        ..NetworkPolicyPeer::default()
    }
}

fn tcp(number: i32) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(number)),
        protocol: Some("TCP".to_owned()),
        ..NetworkPolicyPort::default()
    }
}
