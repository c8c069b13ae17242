//! The API and the console: one Deployment, two Services.

use crd::{ConsoleAccess, DesiredState};
use k8s_openapi::api::core::v1::{Container, EnvVar, Lifecycle, LifecycleHandler, PodSpec, SleepAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::env::{self, plain, secret};
use super::object::Object;
use super::pod::{self, Patience, http_probe};
use super::service::{self, Reached};
use super::{labels, workload};
use crate::names::{API_PORT, CONSOLE_PORT, INSIDE_PORT, Part};
use crate::validate::ValidatedPipeline;

/// Requests still come for a moment after a pod is told to stop, until every node knows.
const STOP_DELAY_SECONDS: i64 = 5;
/// Requests in flight may end within this time.
const SHUTDOWN_SECONDS: i64 = 25;
/// Beyond those two, for the process to end.
const STOP_SLACK_SECONDS: i64 = 5;
/// A body may unfold to this many times its size …
const INFLATED_FACTOR: i32 = 4;
/// … within what the API takes: 20 MiB unless bodies may be large, never above 256 MiB.
const INFLATED_BYTES: (i32, i32) = (20 << 20, 256 << 20);

/// It answers within a second; a slow node may need a minute.
const STARTUP: Patience = Patience { period_seconds: 1, failures: 120 };
const READY: Patience = Patience { period_seconds: 2, failures: 3 };
const LIVE: Patience = Patience { period_seconds: 10, failures: 6 };

/// The Services of API and console.
pub fn services(pipeline: &ValidatedPipeline) -> Vec<Object> {
    let (spec, selector) = (&pipeline.spec, labels::selector(pipeline, Part::Api));
    let mut services = vec![Reached {
        part: Part::Api,
        selector: selector.clone(),
        port: API_PORT,
        target: "api",
        outside: (spec.api.service_type, spec.api.node_port),
    }];
    if spec.console.access != ConsoleAccess::Disabled {
        services.push(Reached {
            part: Part::Console,
            selector,
            port: CONSOLE_PORT,
            target: "console",
            outside: (spec.console.service_type, spec.console.node_port),
        });
    }
    services.into_iter().map(|reached| service::reached(pipeline, reached).into()).collect()
}

/// The Deployment.
pub fn deployment(pipeline: &ValidatedPipeline) -> Object {
    let api = &pipeline.spec.api;
    let selector = labels::selector(pipeline, Part::Api);
    let container = Container {
        name: "api".to_owned(),
        image: Some(api.component.image.clone().unwrap_or_else(|| pipeline.images.api.clone())),
        command: Some(vec!["eventpipeline-api".to_owned()]),
        env: Some(settings(pipeline)),
        ports: Some(vec![
            pod::port("api", API_PORT),
            pod::port("console", CONSOLE_PORT),
            pod::port("inside", INSIDE_PORT),
        ]),
        resources: Some(pod::resources(api.component.resources.as_ref(), "50m", "128Mi", "512Mi")),
        startup_probe: Some(http_probe("inside", "/livez", STARTUP)),
        // Also while a store is away: requests are then answered by a 503, and reads by the other stores.
        readiness_probe: Some(http_probe("inside", "/readyz", READY)),
        liveness_probe: Some(http_probe("inside", "/livez", LIVE)),
        lifecycle: Some(Lifecycle {
            pre_stop: Some(LifecycleHandler {
                sleep: Some(SleepAction { seconds: STOP_DELAY_SECONDS }),
                ..LifecycleHandler::default()
            }),
            ..Lifecycle::default()
        }),
        ..Container::default()
    };
    let spec = PodSpec {
        containers: vec![container],
        termination_grace_period_seconds: Some(STOP_DELAY_SECONDS + SHUTDOWN_SECONDS + STOP_SLACK_SECONDS),
        ..PodSpec::default()
    };
    let template = pod::template(pipeline, &selector, api.replicas > 1, &api.component, spec);
    workload::deployment(pipeline, Part::Api, Some(api.replicas), IntOrString::Int(1), template).into()
}

/// How large a body may be once it is unpacked, in bytes, given how large it may be as it is sent.
pub fn inflated_bytes(max_body_bytes: i32) -> i32 {
    max_body_bytes.saturating_mul(INFLATED_FACTOR).clamp(INFLATED_BYTES.0, INFLATED_BYTES.1)
}

fn settings(pipeline: &ValidatedPipeline) -> Vec<EnvVar> {
    let (spec, credentials) = (&pipeline.spec, pipeline.names.credentials());
    let api = &spec.api;
    // A console that is not there answers its own pod only.
    let console = if spec.console.access == ConsoleAccess::Disabled { "127.0.0.1" } else { "0.0.0.0" };
    let mut list = env::common(pipeline);
    list.extend([
        plain("API_LISTEN", format!("0.0.0.0:{API_PORT}")),
        plain("CONSOLE_LISTEN", format!("{console}:{CONSOLE_PORT}")),
        plain("SHUTDOWN_SECONDS", SHUTDOWN_SECONDS),
        plain("MAX_BODY_BYTES", api.max_body_bytes),
        plain("MAX_INFLATED_BYTES", inflated_bytes(api.max_body_bytes)),
        plain("MAX_BATCH_EVENTS", api.max_batch_events),
    ]);
    if let Some(rate) = api.rate_limit.events_per_second {
        list.push(plain("RATE_LIMIT_EVENTS_PER_SECOND", rate));
    }
    if !api.allowed_origins.is_empty() {
        list.push(plain("ALLOWED_ORIGINS", api.allowed_origins.join(",")));
    }
    if spec.redis.external.is_none() {
        list.push(plain("REDIS_MEMORY_BYTES", pipeline.redis_memory_bytes));
    }
    if spec.console.access == ConsoleAccess::ReadOnly {
        list.push(plain("CONSOLE_ACCESS", "ReadOnly"));
    }
    if spec.desired_state == DesiredState::Stopped {
        list.push(plain("INGEST", "stopped"));
    }
    list.extend(env::redis(pipeline));
    list.extend(env::mongodb(pipeline));
    list.extend(env::postgres(pipeline));
    list.extend([
        secret("JWT_SECRET", &credentials, "jwt-secret"),
        secret("FIRST_API_KEY", &credentials, "api-key"),
        secret("ADMIN_EMAIL", &credentials, "admin-email"),
        secret("ADMIN_PASSWORD", &credentials, "admin-password"),
    ]);
    list
}
