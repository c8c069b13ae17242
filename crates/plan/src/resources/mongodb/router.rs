//! Routers: `mongos`, without a volume.

use k8s_openapi::api::core::v1::{Container, PodSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::member;
use crate::names::{MONGODB_PORT, Part};
use crate::resources::labels;
use crate::resources::object::{After, Object};
use crate::resources::pod::{self, Patience, tcp_probe};
use crate::resources::service::{self, Reached};
use crate::resources::workload;
use crate::validate::ValidatedPipeline;

/// Longer than the 15 s that a router gives its clients.
const GRACE_SECONDS: i64 = 30;
/// A router does not listen until its config set has a primary, for hours if need be; killing it would help nobody.
/// It has no other probe for the same reason.
const STARTUP: Patience = Patience { period_seconds: 1, failures: 86_400 };

/// The Service of the routers. A cursor lives on one router: each client stays with the one it met first.
pub fn service(pipeline: &ValidatedPipeline) -> Object {
    let mut service = service::reached(
        pipeline,
        Reached {
            part: Part::Router,
            selector: labels::selector(pipeline, Part::Router),
            port: MONGODB_PORT,
            target: "mongodb",
            outside: (crd::ServiceType::ClusterIP, None),
        },
    );
    if let Some(spec) = &mut service.spec {
        spec.session_affinity = Some("ClientIP".to_owned());
    }
    service.into()
}

/// The Deployment of the routers.
pub fn deployment(pipeline: &ValidatedPipeline) -> Object {
    let mongodb = &pipeline.spec.mongodb;
    let selector = labels::selector(pipeline, Part::Router);
    let (port, config) = (MONGODB_PORT.to_string(), super::config_set(pipeline).connection());
    let mut command = vec!["mongos", "--configdb", &config];
    command.extend(member::common_flags(&port));
    let container = Container {
        name: "mongos".to_owned(),
        image: Some(member::image(pipeline)),
        command: Some(command.into_iter().map(str::to_owned).collect()),
        ports: Some(vec![pod::port("mongodb", MONGODB_PORT)]),
        resources: Some(pod::resources(mongodb.router_resources.as_ref(), "50m", "128Mi", "512Mi")),
        startup_probe: Some(tcp_probe("mongodb", STARTUP)),
        volume_mounts: Some(vec![pod::read_only("key", "/run/mongodb")]),
        ..Container::default()
    };
    let spec = PodSpec {
        init_containers: Some(vec![member::copy_key(pipeline)]),
        containers: vec![container],
        volumes: Some(member::key_volumes(pipeline)),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        ..PodSpec::default()
    };
    let template = pod::template(pipeline, &selector, mongodb.routers > 1, &mongodb.component, spec);
    let replicas = Some(mongodb.routers);
    let object: Object =
        workload::deployment(pipeline, Part::Router, replicas, IntOrString::Int(1), template).into();
    object.after(After::ConfigPrimary)
}
