//! What lies around a pipeline: its ingress, and the word to Prometheus.

use crd::{ConsoleAccess, PodMonitorMode};
use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule, IngressServiceBackend,
    IngressSpec, IngressTLS, ServiceBackendPort,
};
use serde_json::json;

use super::labels;
use super::object::{Kind, Object};
use crate::names::{API_PORT, CONSOLE_PORT, Part};
use crate::validate::ValidatedPipeline;

/// Between two scrapes.
const SCRAPE_INTERVAL: &str = "15s";

/// The ingress; none unless one is asked for. Events and dead letters go to the API's port, everything else to the
/// console's, which has the whole API behind its pages.
pub fn ingress(pipeline: &ValidatedPipeline) -> Option<Object> {
    let asked = pipeline.spec.ingress.as_ref()?;
    let paths = if pipeline.spec.console.access == ConsoleAccess::Disabled {
        vec![path(pipeline, "/api", Part::Api, API_PORT)]
    } else {
        vec![
            path(pipeline, "/api/v1/events", Part::Api, API_PORT),
            path(pipeline, "/", Part::Console, CONSOLE_PORT),
        ]
    };
    let tls = asked
        .tls_secret_name
        .clone()
        .map(|secret| vec![IngressTLS { hosts: Some(vec![asked.host.clone()]), secret_name: Some(secret) }]);
    let ingress = Ingress {
        metadata: labels::metadata(pipeline, pipeline.names.of(Part::Api), Part::Api),
        spec: Some(IngressSpec {
            ingress_class_name: asked.class_name.clone(),
            tls,
            rules: Some(vec![IngressRule {
                host: Some(asked.host.clone()),
                http: Some(HTTPIngressRuleValue { paths }),
            }]),
            ..IngressSpec::default()
        }),
        ..Ingress::default()
    };
    Some(ingress.into())
}

fn path(pipeline: &ValidatedPipeline, path: &str, part: Part, number: i32) -> HTTPIngressPath {
    let service = IngressServiceBackend {
        name: pipeline.names.of(part),
        port: Some(ServiceBackendPort { number: Some(number), name: None }),
    };
    HTTPIngressPath {
        path: Some(path.to_owned()),
        path_type: "Prefix".to_owned(),
        backend: IngressBackend { service: Some(service), ..IngressBackend::default() },
    }
}

/// The PodMonitor of API and workers; none where the cluster lacks the kind or the user wants none.
pub fn pod_monitor(pipeline: &ValidatedPipeline) -> Option<Object> {
    let wanted = pipeline.spec.observability.pod_monitor == PodMonitorMode::Auto;
    let found_by = pipeline.pod_monitors.as_ref().filter(|_| wanted)?;
    let mut metadata = labels::metadata(pipeline, pipeline.names.pipeline().to_owned(), Part::Api);
    // Our own labels win: by them the operator finds it again.
    let mut labels = found_by.clone();
    labels.extend(metadata.labels.take().unwrap_or_default());
    metadata.labels = Some(labels);
    let (group, version) = Kind::PodMonitor.group_version();
    Some(Object::pod_monitor(json!({
        "apiVersion": format!("{group}/{version}"),
        "kind": Kind::PodMonitor.word(),
        "metadata": metadata,
        "spec": {
            "selector": {
                "matchLabels": {labels::NAME: labels::APP, labels::INSTANCE: pipeline.names.pipeline()},
                "matchExpressions": [{
                    "key": labels::COMPONENT,
                    "operator": "In",
                    "values": [Part::Api.word(), Part::Worker.word()],
                }],
            },
            "podMetricsEndpoints": [{"port": "inside", "path": "/metrics", "interval": SCRAPE_INTERVAL}],
        },
    })))
}
