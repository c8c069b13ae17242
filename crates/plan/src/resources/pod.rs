//! The pieces that every pod is made of. Each pod meets Pod Security `restricted`: the only way to a pod template is
//! [`template`], which sees to it.

use std::collections::BTreeMap;

use crd::{Component, PullPolicy, Resources, TolerationOperator, WhenUnsatisfiable};
use k8s_openapi::api::core::v1::KeyToPath;
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EmptyDirVolumeSource, HTTPGetAction, PodSecurityContext, PodSpec,
    PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile, SecretVolumeSource, SecurityContext,
    TCPSocketAction, Toleration, TopologySpreadConstraint, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::labels::{self, Map};
use crate::validate::ValidatedPipeline;

/// User and group of every process: no image's own, so that every image runs as the same.
pub const USER: i64 = 10_001;
/// Volume for temporary files, on `/tmp`; everything else of the root file system is read-only.
const TMP: &str = "tmp";
/// What tells nodes apart.
const NODE: &str = "kubernetes.io/hostname";
/// Prefix of labels that are the operator's.
const RESERVED_LABELS: [&str; 2] = ["app.kubernetes.io/", "eventpipeline.dev/"];

/// A pod template: `spec` made to meet `restricted`, with the component's place, labels and annotations.
pub fn template(
    pipeline: &ValidatedPipeline,
    selector: &Map,
    spread_over_nodes: bool,
    component: &Component,
    spec: PodSpec,
) -> PodTemplateSpec {
    let mut pod_labels: Map = component
        .labels
        .iter()
        .filter(|(key, _)| !RESERVED_LABELS.iter().any(|reserved| key.starts_with(reserved)))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    pod_labels.extend(selector.clone());
    pod_labels.insert(labels::MANAGED_BY.to_owned(), labels::MANAGER.to_owned());
    let pull = match pipeline.spec.image.pull_policy {
        PullPolicy::IfNotPresent => "IfNotPresent",
        PullPolicy::Always => "Always",
        PullPolicy::Never => "Never",
    };
    let restricted = |container: Container| restricted(container, pull);
    let mut volumes = spec.volumes.unwrap_or_default();
    volumes.push(Volume {
        name: TMP.into(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    });
    let spec = PodSpec {
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            fs_group: Some(USER),
            // The owner of every file of a large volume need not be looked at at each start.
            fs_group_change_policy: Some("OnRootMismatch".into()),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".into(),
                ..SeccompProfile::default()
            }),
            ..PodSecurityContext::default()
        }),
        containers: spec.containers.into_iter().map(restricted).collect(),
        init_containers: spec.init_containers.map(|list| list.into_iter().map(restricted).collect()),
        volumes: Some(volumes),
        node_selector: labels::some(component.node_selector.clone()),
        tolerations: tolerations(component),
        topology_spread_constraints: spread(component, selector, spread_over_nodes),
        ..spec
    };
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(pod_labels),
            annotations: labels::some(component.annotations.clone()),
            ..ObjectMeta::default()
        }),
        spec: Some(spec),
    }
}

fn restricted(container: Container, pull_policy: &str) -> Container {
    let mut mounts = container.volume_mounts.unwrap_or_default();
    mounts.push(mount(TMP, "/tmp"));
    Container {
        image_pull_policy: Some(pull_policy.to_owned()),
        // What it said last is then in its status, and so in the pipeline's condition.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            run_as_non_root: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".into()]), ..Capabilities::default() }),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(mounts),
        ..container
    }
}

fn tolerations(component: &Component) -> Option<Vec<Toleration>> {
    let list: Vec<Toleration> = component
        .tolerations
        .iter()
        .map(|toleration| Toleration {
            key: toleration.key.clone(),
            operator: Some(match toleration.operator {
                TolerationOperator::Equal => "Equal".into(),
                TolerationOperator::Exists => "Exists".into(),
            }),
            value: toleration.value.clone(),
            effect: toleration.effect.clone(),
            toleration_seconds: toleration.toleration_seconds.map(i64::from),
        })
        .collect();
    (!list.is_empty()).then_some(list)
}

/// What was asked for; and over nodes where it says nothing of them: zones alone would let two pods share a node.
fn spread(component: &Component, selector: &Map, over_nodes: bool) -> Option<Vec<TopologySpreadConstraint>> {
    let constraint = |key: &str, skew: i32, unsatisfiable: &str| TopologySpreadConstraint {
        topology_key: key.to_owned(),
        max_skew: skew,
        when_unsatisfiable: unsatisfiable.to_owned(),
        label_selector: Some(labels::matching(selector.clone())),
        ..TopologySpreadConstraint::default()
    };
    let own = component.topology_spread.iter().all(|spread| spread.topology_key != NODE);
    let own = (own && over_nodes).then(|| constraint(NODE, 1, "ScheduleAnyway"));
    let asked = component.topology_spread.iter().map(|spread| {
        let unsatisfiable = match spread.when_unsatisfiable {
            WhenUnsatisfiable::ScheduleAnyway => "ScheduleAnyway",
            WhenUnsatisfiable::DoNotSchedule => "DoNotSchedule",
        };
        constraint(&spread.topology_key, spread.max_skew, unsatisfiable)
    });
    let all: Vec<_> = asked.chain(own).collect();
    (!all.is_empty()).then_some(all)
}

/// CPU and memory: what the user gave, whole, or small requests and a memory limit. No CPU limit: it would slow a
/// service down while the node idles.
pub fn resources(
    given: Option<&Resources>,
    cpu: &str,
    memory: &str,
    memory_limit: &str,
) -> ResourceRequirements {
    let amounts = |map: &Map| {
        let list = map.iter().map(|(name, amount)| (name.clone(), Quantity(amount.clone())));
        let map: BTreeMap<String, Quantity> = list.collect();
        (!map.is_empty()).then_some(map)
    };
    let own = || Resources {
        requests: [("cpu", cpu), ("memory", memory)]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into(),
        limits: [("memory".to_owned(), memory_limit.to_owned())].into(),
    };
    let Resources { requests, limits } = given.cloned().unwrap_or_else(own);
    ResourceRequirements {
        requests: amounts(&requests),
        limits: amounts(&limits),
        ..ResourceRequirements::default()
    }
}

/// Mounts a volume.
pub fn mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount { name: volume.to_owned(), mount_path: path.to_owned(), ..VolumeMount::default() }
}

/// Mounts a volume that cannot be written.
pub fn read_only(volume: &str, path: &str) -> VolumeMount {
    VolumeMount { read_only: Some(true), ..mount(volume, path) }
}

/// A volume with one key of a Secret, readable by the pod's group.
pub fn secret_volume(volume: &str, secret: String, key: &str) -> Volume {
    Volume {
        name: volume.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret),
            default_mode: Some(0o440),
            items: Some(vec![KeyToPath {
                key: key.to_owned(),
                path: key.to_owned(),
                ..KeyToPath::default()
            }]),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// A port with a name.
pub fn port(name: &str, number: i32) -> ContainerPort {
    ContainerPort { name: Some(name.to_owned()), container_port: number, ..ContainerPort::default() }
}

/// How often and how patiently a probe asks.
#[derive(Clone, Copy)]
pub struct Patience {
    /// Seconds between two questions.
    pub period_seconds: i32,
    /// Failures in a row that count.
    pub failures: i32,
}

/// A probe of an HTTP path.
pub fn http_probe(port: &str, path: &str, patience: Patience) -> Probe {
    let get = HTTPGetAction {
        path: Some(path.to_owned()),
        port: IntOrString::String(port.to_owned()),
        ..HTTPGetAction::default()
    };
    Probe { http_get: Some(get), ..probe(patience) }
}

/// A probe that only connects.
pub fn tcp_probe(port: &str, patience: Patience) -> Probe {
    let socket = TCPSocketAction { port: IntOrString::String(port.to_owned()), ..TCPSocketAction::default() };
    Probe { tcp_socket: Some(socket), ..probe(patience) }
}

fn probe(patience: Patience) -> Probe {
    Probe {
        period_seconds: Some(patience.period_seconds),
        failure_threshold: Some(patience.failures),
        // A process under load may take a moment; one that takes longer than this is not well.
        timeout_seconds: Some(5),
        ..Probe::default()
    }
}
