//! PostgreSQL: one pod with a volume.

use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapVolumeSource, Container, ExecAction, Lifecycle, LifecycleHandler, PodSpec, Volume,
    VolumeMount,
};

use super::object::Object;
use super::pod::{self, Patience, tcp_probe};
use super::{labels, service, workload};
use crate::names::{POSTGRES_DATABASE, POSTGRES_PORT, Part};
use crate::validate::ValidatedPipeline;

/// Makes the database at the first start, beside its place, so that a start that is cut short leaves nothing half
/// done; then becomes the server. Debian's packages keep the programs off the path.
const START: &str = r#"umask 077
for bin in /usr/lib/postgresql/*/bin; do
  if [ -x "$bin/initdb" ]; then PATH="$bin:$PATH"; fi
done
if [ ! -s /data/pgdata/PG_VERSION ]; then
  rm -rf /data/pgdata.new
  initdb --pgdata=/data/pgdata.new --username="$DATABASE" --pwfile=/run/secrets/postgres/password \
    --auth-host=scram-sha-256 --auth-local=reject --encoding=UTF8 --no-locale --data-checksums
  printf 'CREATE DATABASE %s;\n' "$DATABASE" | postgres --single -D /data/pgdata.new postgres > /dev/null
  mv /data/pgdata.new /data/pgdata
fi
# In a volume that was filled from a copy the group may have been let in, and then the server refuses to start.
chmod 0700 /data/pgdata
exec postgres -D /data/pgdata "$@"
"#;
/// `initdb` and the server want a name for their user, and no image has one for ours.
const PASSWD: &str = "eventpipeline:x:10001:10001:eventpipeline:/tmp:/bin/sh\n";
/// Passwords only.
const HBA: &str = "host all all all scram-sha-256\n";
/// The API's replicas, at most a hundred, hold up to six connections each; a console and an operator need a few.
const CONNECTIONS_MAX: i32 = 640;
const SHARED_BUFFERS: &str = "64MB";
/// A fast stop writes what is in memory.
const GRACE_SECONDS: i64 = 60;
/// A plain SIGTERM waits for every client to leave; this one does not.
const FAST_STOP: &str = "kill -INT 1";

const STARTUP: Patience = Patience { period_seconds: 1, failures: 600 };
const READY: Patience = Patience { period_seconds: 2, failures: 3 };
const LIVE: Patience = Patience { period_seconds: 10, failures: 6 };

/// Its files; none when PostgreSQL is external.
pub fn config_map(pipeline: &ValidatedPipeline) -> Option<Object> {
    let files = [("passwd", PASSWD), ("pg_hba.conf", HBA)];
    pipeline.spec.postgres.external.is_none().then(|| {
        ConfigMap {
            metadata: labels::metadata(pipeline, pipeline.names.of(Part::Postgres), Part::Postgres),
            data: Some(files.map(|(name, text)| (name.to_owned(), text.to_owned())).into()),
            ..ConfigMap::default()
        }
        .into()
    })
}

/// Its Service; none when PostgreSQL is external.
pub fn services(pipeline: &ValidatedPipeline) -> Option<Object> {
    let selector = labels::selector(pipeline, Part::Postgres);
    let name = pipeline.names.of(Part::Postgres);
    pipeline.spec.postgres.external.is_none().then(|| {
        service::headless(pipeline, name, Part::Postgres, selector, ("postgres", POSTGRES_PORT)).into()
    })
}

/// Its StatefulSet; none when PostgreSQL is external.
pub fn stateful_set(pipeline: &ValidatedPipeline) -> Option<Object> {
    let postgres = &pipeline.spec.postgres;
    if postgres.external.is_some() {
        return None;
    }
    let (name, selector) = (pipeline.names.of(Part::Postgres), labels::selector(pipeline, Part::Postgres));
    let command = ["/bin/sh", "-ec", START, "postgres"];
    let stop = ["/bin/sh", "-c", FAST_STOP];
    let container = Container {
        name: "postgres".to_owned(),
        image: Some(postgres.component.image.clone().unwrap_or_else(|| pipeline.images.postgres.clone())),
        command: Some(command.map(str::to_owned).into()),
        args: Some(flags()),
        env: Some(vec![super::env::plain("DATABASE", POSTGRES_DATABASE)]),
        ports: Some(vec![pod::port("postgres", POSTGRES_PORT)]),
        resources: Some(pod::resources(postgres.component.resources.as_ref(), "50m", "128Mi", "512Mi")),
        startup_probe: Some(tcp_probe("postgres", STARTUP)),
        readiness_probe: Some(tcp_probe("postgres", READY)),
        liveness_probe: Some(tcp_probe("postgres", LIVE)),
        lifecycle: Some(Lifecycle {
            pre_stop: Some(LifecycleHandler {
                exec: Some(ExecAction { command: Some(stop.map(str::to_owned).into()) }),
                ..LifecycleHandler::default()
            }),
            ..Lifecycle::default()
        }),
        volume_mounts: Some(vec![
            pod::mount(workload::DATA, "/data"),
            pod::read_only("password", "/run/secrets/postgres"),
            pod::read_only("files", "/etc/eventpipeline"),
            VolumeMount { sub_path: Some("passwd".to_owned()), ..pod::read_only("files", "/etc/passwd") },
        ]),
        ..Container::default()
    };
    let files = ConfigMapVolumeSource { name: name.clone(), ..ConfigMapVolumeSource::default() };
    let spec = PodSpec {
        containers: vec![container],
        volumes: Some(vec![
            pod::secret_volume("password", name.clone(), "password"),
            Volume { name: "files".to_owned(), config_map: Some(files), ..Volume::default() },
        ]),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        ..PodSpec::default()
    };
    let template = pod::template(pipeline, &selector, false, &postgres.component, spec);
    let store = workload::Store {
        name,
        part: Part::Postgres,
        selector,
        replicas: 1,
        storage_size: &postgres.storage_size,
        storage_class_name: postgres.storage_class_name.as_ref(),
    };
    Some(workload::stateful_set(pipeline, store, template).into())
}

fn flags() -> Vec<String> {
    [
        "listen_addresses=*".to_owned(),
        format!("port={POSTGRES_PORT}"),
        "unix_socket_directories=/tmp".to_owned(),
        "hba_file=/etc/eventpipeline/pg_hba.conf".to_owned(),
        format!("max_connections={CONNECTIONS_MAX}"),
        format!("shared_buffers={SHARED_BUFFERS}"),
    ]
    .into_iter()
    .flat_map(|setting| ["-c".to_owned(), setting])
    .collect()
}
