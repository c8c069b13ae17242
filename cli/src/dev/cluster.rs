//! The sharded MongoDB of a laptop: a config server, shards and a router as processes of this machine, made one
//! cluster by the operator's own bootstrap.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bootstrap::{FileRecord, Login, Patience};
use local::mongo::{Kind, Mongo, Role, Server, answers};
use local::{Process, ports};
use plan::mongo::topology::ReplicaSet;
use plan::mongo::{Wanted, collections};
use plan::names::{MONGODB_DATABASE, MONGODB_OPERATOR, MONGODB_USER};
use serde::{Deserialize, Serialize};

use super::error::StartError;
use crate::secrets::{letters, write_private};

/// The name of the config server, as a process, and at the end of its set's name.
const CONFIG: &str = "config";
/// The name of the router.
const ROUTER: &str = "router";
/// Between two looks at servers that are being made a cluster.
const LOOK: Duration = Duration::from_millis(50);

/// What to start.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// `spec.mongodb.shards`.
    pub shards: u32,
    /// `spec.mongodb.retentionDays`.
    pub retention_days: u64,
    /// The router's port.
    pub router: u16,
    /// The first port that a member may get; 0 gives each a free one.
    pub members: u16,
}

/// What the cluster was made with. Replica sets know their members by their ports and lock out who has not the key,
/// so all of it is kept with the data.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    /// The key that members share.
    key: String,
    /// Password of the user for administration.
    operator_password: String,
    /// Password of the services' user.
    password: String,
    /// Ports of members, by name.
    ports: BTreeMap<String, u16>,
}

/// Files of a cluster in its folder.
struct Files {
    made: PathBuf,
    record: PathBuf,
    key: PathBuf,
    data: PathBuf,
    logs: PathBuf,
}

impl Files {
    /// The record lies beside the data and not among them: whoever removes the data is told that they are lost.
    fn of(folder: &Path) -> Self {
        Self {
            made: folder.join("mongodb.json"),
            record: folder.join("mongodb-initiated.json"),
            key: folder.join("mongo").join("keyfile"),
            data: folder.join("mongo"),
            logs: folder.join("logs"),
        }
    }
}

/// Starts the servers and makes them one cluster, or finds that they are one; data and secrets lie in `folder`.
pub async fn start(folder: &Path, options: Options) -> Result<Mongo, StartError> {
    let files = Files::of(folder);
    for path in [&files.data, &files.logs] {
        std::fs::create_dir_all(path).map_err(file(path))?;
    }
    let made = Made::of(&files.made, options)?;
    write_private(&files.key, made.key.as_bytes()).map_err(file(&files.key))?;
    let mut servers = Vec::new();
    for (name, port) in &made.ports {
        if !ports::is_free(*port) {
            return Err(taken(name, *port));
        }
        let (set, data) = (set_name(name), files.data.join(name));
        std::fs::create_dir_all(&data).map_err(file(&data))?;
        let (set, data) = (set.as_str(), data.as_path());
        let role = if name == CONFIG { Role::Config { set, data } } else { Role::Shard { set, data } };
        servers.push(launch(name, role, *port, &files)?);
    }
    for server in &mut servers {
        let port = server.spec.port;
        server.ready(|| answers(port)).await?;
    }
    let wanted = wanted(&made, options);
    let login = Login::new(&made.key, &made.operator_password, &made.password)?;
    let record = FileRecord::new(&files.record);
    // As in a cluster, the router starts once the config set has a primary.
    let config_has_primary = AtomicBool::new(false);
    let mut told = String::new();
    let converge = bootstrap::converge(&wanted, &login, &record, Patience::default(), |step, progress| {
        config_has_primary.fetch_or(progress.config_has_primary, Ordering::Relaxed);
        if step.is_action() && told != step.to_string() {
            told = step.to_string();
            println!("  MongoDB: {told}");
        }
    });
    let router =
        || launch(ROUTER, Role::Router { config: &wanted.config.connection() }, options.router, &files);
    tokio::select! {
        done = converge => drop(done?),
        error = tend(&mut servers, &config_has_primary, router) => return Err(error),
    }
    let uri =
        format!("mongodb://{MONGODB_USER}:{}@127.0.0.1:{}/?authSource=admin", made.password, options.router);
    Ok(Mongo { kind: Kind::MongoDb, servers, uri })
}

/// What to say to who has installed MongoDB, or taken it away, since the last run: events do not move from one to the
/// other.
pub fn left_behind(folder: &Path, kind: Kind) -> Option<String> {
    let files = Files::of(folder);
    let made = files.made.exists();
    let mut stored = std::fs::read_dir(&files.data).into_iter().flatten().flatten();
    let ferret = stored.any(|file| file.path().extension().is_some_and(|kind| kind == "sqlite"));
    match kind {
        Kind::MongoDb if ferret && !made => {
            Some("MongoDB begins empty: what FerretDB has stored so far stays with FerretDB".into())
        }
        Kind::FerretDb if made => Some(
            "mongod and mongos are not on PATH any more: what MongoDB has stored is not seen here".into(),
        ),
        _ => None,
    }
}

/// Events that each shard has, asked past the router.
pub async fn events_by_shard(folder: &Path) -> Result<BTreeMap<String, u64>, String> {
    let made = std::fs::read(Files::of(folder).made).map_err(|error| error.to_string())?;
    let made: Made = serde_json::from_slice(&made).map_err(|error| error.to_string())?;
    let mut counts = BTreeMap::new();
    for (name, port) in made.ports.iter().filter(|(name, _)| *name != CONFIG) {
        let uri = format!(
            "mongodb://__system:{}@127.0.0.1:{port}/?authSource=local&authMechanism=SCRAM-SHA-256&directConnection=true",
            made.key
        );
        let failed = |error: mongodb::error::Error| format!("{name}: {error}");
        let client = mongodb::Client::with_uri_str(uri).await.map_err(failed)?;
        let events = client.database(MONGODB_DATABASE).collection::<bson::Document>(plan::mongo::EVENTS);
        let count = events.count_documents(bson::doc! {}).await.map_err(failed)?;
        client.shutdown().immediate(true).await;
        counts.insert(name.clone(), count);
    }
    Ok(counts)
}

/// Watches the servers while they are made a cluster, and adds the router to them when its time has come. Comes back
/// only with a fault.
async fn tend(
    servers: &mut Vec<Process>,
    config_has_primary: &AtomicBool,
    router: impl Fn() -> Result<Process, StartError>,
) -> StartError {
    let members = servers.len();
    loop {
        for server in &mut *servers {
            if let Some(status) = server.ended() {
                return server.fault(format!("ended with {status}")).into();
            }
        }
        if servers.len() == members && config_has_primary.load(Ordering::Relaxed) {
            match router() {
                Ok(router) => servers.push(router),
                Err(error) => return error,
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn launch(name: &str, role: Role<'_>, port: u16, files: &Files) -> Result<Process, StartError> {
    let server = Server { name, role, port, key_file: &files.key, logs: &files.logs };
    let program = local::on_path(server.program()).unwrap_or_else(|| server.program().into());
    Ok(Process::start(server.spec(program))?)
}

fn taken(name: &str, port: u16) -> StartError {
    local::Error::PortInUse {
        port,
        what: format!("MongoDB's {name}"),
        owner: ports::owner(port),
        fix: "stop that: its replica set is known by this port. Or begin anew with `eventpipeline reset`"
            .into(),
    }
    .into()
}

fn file(path: &Path) -> impl FnOnce(std::io::Error) -> local::Error {
    move |source| local::Error::File { path: path.into(), source }
}

/// One name for one set of data, whatever the manifest is called: events outlive its name.
fn set_name(name: &str) -> String {
    format!("eventpipeline-{name}")
}

/// What the operator would want, with addresses of this machine.
fn wanted(made: &Made, options: Options) -> Wanted {
    let set = |(name, port): (&String, &u16)| ReplicaSet {
        name: set_name(name),
        hosts: vec![format!("127.0.0.1:{port}")],
    };
    let (config, shards): (Vec<_>, Vec<_>) = made.ports.iter().partition(|(name, _)| *name == CONFIG);
    Wanted {
        config: config
            .into_iter()
            .map(set)
            .next()
            .unwrap_or(ReplicaSet { name: set_name(CONFIG), hosts: vec![] }),
        shards: shards.into_iter().map(set).collect(),
        routers: vec![format!("127.0.0.1:{}", options.router)],
        database: MONGODB_DATABASE.to_owned(),
        collections: collections(options.retention_days),
        operator: Wanted::operator_user(MONGODB_OPERATOR),
        application: Wanted::application_user(MONGODB_USER, MONGODB_DATABASE),
    }
}

impl Made {
    /// Reads what was made, or makes it; a member that is new gets a port. A shard that the manifest no longer has
    /// stays: its events are on it, and taking a shard away is not built.
    fn of(path: &Path, options: Options) -> Result<Self, StartError> {
        let mut made = match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| file(path)(error.into()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::new()?,
            Err(error) => return Err(file(path)(error).into()),
        };
        let shards = (0..options.shards).map(|n| format!("shard-{n}"));
        for name in std::iter::once(CONFIG.to_owned()).chain(shards) {
            if !made.ports.contains_key(&name) {
                let port = made.free_port(options.members).map_err(file(path))?;
                made.ports.insert(name, port);
            }
        }
        let bytes = serde_json::to_vec_pretty(&made).unwrap_or_default();
        write_private(path, &bytes).map_err(file(path))?;
        Ok(made)
    }

    fn new() -> Result<Self, StartError> {
        let random = |count| letters(count).map_err(StartError::Random);
        Ok(Self {
            key: random(KEY_CHARS)?,
            operator_password: random(PASSWORD_CHARS)?,
            password: random(PASSWORD_CHARS)?,
            ports: BTreeMap::new(),
        })
    }

    /// A port that nobody has and that no other member was given.
    fn free_port(&self, first: u16) -> std::io::Result<u16> {
        let given = |port: &u16| self.ports.values().any(|other| other == port);
        if first == 0 {
            let port = ports::free()?;
            return if given(&port) { self.free_port(first) } else { Ok(port) };
        }
        (first..=u16::MAX)
            .find(|port| !given(port) && ports::is_free(*port))
            .ok_or_else(|| std::io::Error::other("no port is free"))
    }
}

/// Letters and digits of the key: 380 bits, and base64 as the servers want it.
const KEY_CHARS: usize = 64;
/// Letters and digits of a password: 190 bits.
const PASSWORD_CHARS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_that_the_other_server_has_are_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let said = |kind| left_behind(folder.path(), kind);
        assert_eq!((said(Kind::MongoDb), said(Kind::FerretDb)), (None, None));
        std::fs::create_dir(folder.path().join("mongo")).unwrap();
        std::fs::write(folder.path().join("mongo/eventpipeline.sqlite"), "").unwrap();
        assert!(said(Kind::MongoDb).is_some_and(|words| words.contains("begins empty")));
        assert_eq!(said(Kind::FerretDb), None);
        std::fs::write(folder.path().join("mongodb.json"), "{}").unwrap();
        assert_eq!(said(Kind::MongoDb), None, "it was said once");
        assert!(said(Kind::FerretDb).is_some_and(|words| words.contains("not seen here")));
    }

    #[test]
    fn what_was_made_is_kept_and_a_shard_more_gets_a_port_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mongodb.json");
        let options = |shards| Options { shards, retention_days: 30, router: 27017, members: 0 };
        let first = Made::of(&path, options(2)).ok().unwrap();
        assert_eq!(first.ports.keys().collect::<Vec<_>>(), ["config", "shard-0", "shard-1"]);
        let more = Made::of(&path, options(3)).ok().unwrap();
        assert_eq!((&more.key, &more.password), (&first.key, &first.password));
        assert!(first.ports.iter().all(|(name, port)| more.ports[name] == *port));
        let fewer = Made::of(&path, options(1)).ok().unwrap();
        assert_eq!(fewer.ports, more.ports, "a shard with events is never left out");
        let wanted = wanted(&fewer, options(1));
        assert_eq!((wanted.check(), wanted.shards.len()), (Ok(()), 3));
    }
}
