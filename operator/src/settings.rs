//! The operator's settings.

use std::net::SocketAddr;

use plan::Images;
use plan::validate::Installation;
use service::settings::Reader;
use service::telemetry;

/// Passes at once. Each holds one pipeline's objects in memory and a few connections.
const CONCURRENCY: u64 = 8;

/// Everything that the operator can be told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How to log.
    pub telemetry: telemetry::Settings,
    /// Where `/metrics`, `/livez` and `/readyz` are.
    pub inside_listen: SocketAddr,
    /// The namespace that is watched; `None`: all.
    pub namespace: Option<String>,
    /// Where the Lease is; `None`: no election, for one operator on a laptop.
    pub lease_namespace: Option<String>,
    /// This operator among its like.
    pub identity: String,
    /// Passes at once.
    pub concurrency: u16,
    /// Images and cluster.
    pub installation: Installation,
}

impl Settings {
    /// Reads all of them; faults stay in the reader.
    pub fn read(reader: &mut Reader) -> Self {
        let telemetry = telemetry::Settings::read(reader);
        let fallback = SocketAddr::from(([127, 0, 0, 1], 9090));
        let inside_listen = reader.parsed(
            "INSIDE_LISTEN",
            "127.0.0.1:9090",
            "address:port",
            "Where /metrics, /livez and /readyz are",
        );
        let some = |text: String| (!text.is_empty()).then_some(text);
        let namespace =
            some(reader.text("WATCH_NAMESPACE", "", "The namespace whose pipelines are run; empty: all"));
        let lease_namespace = some(reader.text(
            "LEASE_NAMESPACE",
            "",
            "Where the Lease is that only one operator holds; empty: no election",
        ));
        let identity = reader.text("POD_NAME", "operator", "This operator's name in the Lease");
        let concurrency =
            reader.number("CONCURRENCY", CONCURRENCY, 1..=256, "Pipelines looked after at once");
        let release = env!("CARGO_PKG_VERSION");
        let images = Images {
            api: reader.text("IMAGE_API", &format!("eventpipeline.dev/api:{release}"), "Image of the API"),
            worker: reader.text(
                "IMAGE_WORKER",
                &format!("eventpipeline.dev/worker:{release}"),
                "Image of the workers",
            ),
            redis: reader.text("IMAGE_REDIS", "redis:7", "Image of Redis"),
            postgres: reader.text("IMAGE_POSTGRES", "postgres:16", "Image of PostgreSQL"),
            mongo: reader.text("IMAGE_MONGO", "mongo:7.0", "Image with mongod and mongos"),
        };
        let cluster_domain =
            reader.text("CLUSTER_DOMAIN", plan::names::CLUSTER_DOMAIN, "Domain of the cluster's Services");
        let pod_monitors = reader.choice(
            "POD_MONITORS",
            &["no", "yes"],
            "yes: the cluster has the kind PodMonitor and the operator may make them",
        ) == "yes";
        let pod_monitor_labels = reader.text(
            "POD_MONITOR_LABELS",
            "",
            "Labels of those PodMonitors, by which a Prometheus finds them: a=b,c=d",
        );
        let labels = pod_monitor_labels.split(',').filter_map(|label| label.split_once('='));
        let labels = labels.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect();
        Self {
            telemetry,
            inside_listen: inside_listen.unwrap_or(fallback),
            namespace,
            lease_namespace: lease_namespace.clone(),
            identity,
            concurrency: u16::try_from(concurrency).unwrap_or(1),
            installation: Installation {
                images,
                cluster_domain,
                pod_monitors: pod_monitors.then_some(labels),
                namespace: lease_namespace.clone(),
            },
        }
    }
}
