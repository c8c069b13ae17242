//! Services.

use crd::ServiceType;
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::labels::{self, Map};
use crate::names::Part;
use crate::validate::ValidatedPipeline;

/// A Service that people or services call.
pub struct Reached {
    /// Its part.
    pub part: Part,
    /// What it selects.
    pub selector: Map,
    /// Its port, and the pods' port of the same number.
    pub port: i32,
    /// The name of that port on the pods.
    pub target: &'static str,
    /// Its type and port of the nodes.
    pub outside: (ServiceType, Option<i32>),
}

/// A Service with an address.
pub fn reached(pipeline: &ValidatedPipeline, reached: Reached) -> Service {
    let (service_type, node_port) = reached.outside;
    let word = match service_type {
        ServiceType::ClusterIP => "ClusterIP",
        ServiceType::NodePort => "NodePort",
        ServiceType::LoadBalancer => "LoadBalancer",
    };
    let port = ServicePort {
        node_port: node_port.filter(|_| service_type != ServiceType::ClusterIP),
        ..service_port(reached.target, reached.port)
    };
    Service {
        metadata: labels::metadata(pipeline, pipeline.names.of(reached.part), reached.part),
        spec: Some(ServiceSpec {
            type_: Some(word.to_owned()),
            selector: Some(reached.selector),
            ports: Some(vec![port]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// A headless Service: it gives each pod of a StatefulSet its name, before the pod is ready, since members of a
/// replica set must find each other to become ready.
pub fn headless(
    pipeline: &ValidatedPipeline,
    name: String,
    part: Part,
    selector: Map,
    (target, number): (&'static str, i32),
) -> Service {
    Service {
        metadata: labels::metadata(pipeline, name, part),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: Some(true),
            selector: Some(selector),
            ports: Some(vec![service_port(target, number)]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn service_port(name: &str, number: i32) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: number,
        target_port: Some(IntOrString::String(name.to_owned())),
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    }
}
