//! A config server, two shards and a router as processes on free ports, with a key file: MongoDB's own programs when
//! they are on PATH and no faults are wanted, else the double's.

#![allow(dead_code, reason = "each test file uses some of these")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bootstrap::{Error, FileRecord, Login, Patience, Record};
use bson::{Document, doc};
use local::mongo::{Role, Server};
use local::{Process, beside, on_path, ports};
use mongodb::Client;
use mongodb::options::{AuthMechanism, ClientOptions, Credential, ServerAddress};
use plan::mongo::observed::Observed;
use plan::mongo::topology::{Collection, Index, ReplicaSet};
use plan::mongo::{Progress, Step, Wanted, next_step, progress};
use tempfile::TempDir;
use tokio::net::TcpStream;

pub const KEY: &str = "Zm9yIHRlc3RzIG9ubHksIGFuZCBsb25nIGVub3VnaA==";
/// The same key as an editor may have left it: lines and a line end, which are no part of it.
const KEY_FILE: &str = "Zm9yIHRlc3RzIG9ubHks\nIGFuZCBsb25nIGVub3VnaA==\n";
const OPERATOR_PASSWORD: &str = "operators password";
const APPLICATION_PASSWORD: &str = "services password";
const SETS: [&str; 3] = ["config-set", "shard-0", "shard-1"];

/// Which programs to start.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Programs {
    /// MongoDB's when they are on PATH.
    Best,
    /// The double's, which does faults.
    Double,
}

pub struct Cluster {
    pub wanted: Wanted,
    pub login: Login,
    pub record: FileRecord,
    /// Every replicaSetId that was ever seen, by set: a second one would be a second initiation.
    pub identities: BTreeMap<String, String>,
    processes: BTreeMap<String, Process>,
    folder: TempDir,
}

impl Cluster {
    pub async fn start(programs: Programs) -> Self {
        let folder = tempfile::Builder::new().prefix("eventpipeline-test-").tempdir().unwrap();
        let key_file = folder.path().join("key");
        write_secret(&key_file, KEY_FILE);
        let address = || format!("127.0.0.1:{}", ports::free().unwrap());
        let set = |name: &str| ReplicaSet { name: name.to_owned(), hosts: vec![address()] };
        let collection = |name: &str, indexes| Collection {
            name: name.to_owned(),
            hashed_field: "userId".to_owned(),
            indexes,
        };
        let events = vec![
            Index::on(&[("userId", 1), ("timestamp", -1), ("_id", -1)]),
            Index::expiring("receivedAt", 30),
        ];
        let letters = vec![Index::on(&[("status", 1), ("reason.code", 1), ("lastFailedAt", -1)])];
        let wanted = Wanted {
            config: set(SETS[0]),
            shards: vec![set(SETS[1]), set(SETS[2])],
            routers: vec![address()],
            database: "eventpipeline".into(),
            collections: vec![collection("events", events), collection("events_dlq", letters)],
            operator: Wanted::operator_user("operator"),
            application: Wanted::application_user("services", "eventpipeline"),
        };
        let record = FileRecord::new(folder.path().join("initiated.json"));
        let login = Login::new(KEY_FILE, OPERATOR_PASSWORD, APPLICATION_PASSWORD).unwrap();
        let processes = BTreeMap::new();
        let mut cluster = Self { wanted, login, record, identities: BTreeMap::new(), processes, folder };
        for name in SETS {
            cluster.start_member(name, programs).await;
        }
        cluster.start_router(programs);
        cluster
    }

    pub fn host(&self, set: &str) -> String {
        self.wanted.sets().find(|known| known.name == set).unwrap().hosts[0].clone()
    }

    async fn start_member(&mut self, set: &str, programs: Programs) {
        let data = self.data(set);
        fs::create_dir_all(&data).unwrap();
        let host = self.host(set);
        let data = data.as_path();
        let role = if set == SETS[0] { Role::Config { set, data } } else { Role::Shard { set, data } };
        self.spawn(set, role, &host, programs);
        let process = self.processes.get_mut(set).unwrap();
        process.ready(|| async { TcpStream::connect(&host).await.is_ok() }).await.unwrap();
    }

    /// It listens once the config set has a primary.
    fn start_router(&mut self, programs: Programs) {
        let config = self.wanted.config.connection();
        let address = self.wanted.routers[0].clone();
        self.spawn("router", Role::Router { config: &config }, &address, programs);
    }

    fn spawn(&mut self, name: &str, role: Role<'_>, address: &str, programs: Programs) {
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        let (key_file, logs) = (self.folder.path().join("key"), self.folder.path());
        let server = Server { name, role, port, key_file: &key_file, logs };
        let mut spec = server.spec(program_file(server.program(), programs));
        spec.args.extend(["--setParameter", "enableTestCommands=1"].map(str::to_owned));
        self.processes.insert(name.to_owned(), Process::start(spec).unwrap());
    }

    fn data(&self, set: &str) -> PathBuf {
        self.folder.path().join(set)
    }

    /// Ends a server as a power cut would.
    pub fn kill(&mut self, name: &str) {
        self.processes.get_mut(name).unwrap().kill9();
    }

    /// Starts a member again with the data that it has.
    pub async fn start_again(&mut self, set: &str) {
        let host = self.host(set);
        let process = self.processes.get_mut(set).unwrap();
        process.start_again().unwrap();
        process.ready(|| async { TcpStream::connect(&host).await.is_ok() }).await.unwrap();
    }

    /// A member comes back with an empty volume.
    pub async fn wipe(&mut self, set: &str) {
        self.kill(set);
        fs::remove_dir_all(self.data(set)).unwrap();
        fs::create_dir_all(self.data(set)).unwrap();
        self.start_again(set).await;
    }

    /// Two members come back with each other's volume.
    pub async fn exchange(&mut self, one: &str, other: &str) {
        let aside = self.folder.path().join("aside");
        for set in [one, other] {
            self.kill(set);
        }
        for (from, to) in
            [(self.data(one), aside.clone()), (self.data(other), self.data(one)), (aside, self.data(other))]
        {
            fs::rename(from, to).unwrap();
        }
        for set in [one, other] {
            self.start_again(set).await;
        }
    }

    /// Another cluster begins at the same addresses: volumes are empty, and nothing is recorded. The volume of one set of
    /// the old cluster is put aside for [`Self::bring_back`].
    pub async fn begin_anew(&mut self, keep: &str) {
        for name in SETS.into_iter().chain(["router"]) {
            self.kill(name);
        }
        fs::rename(self.data(keep), self.folder.path().join("aside")).unwrap();
        fs::create_dir(self.data(keep)).unwrap();
        fs::remove_file(self.folder.path().join("initiated.json")).unwrap();
        self.identities.clear();
        for set in SETS {
            self.wipe(set).await;
        }
        self.processes.get_mut("router").unwrap().start_again().unwrap();
    }

    /// A member comes back with the volume that the old cluster's had.
    pub async fn bring_back(&mut self, set: &str) {
        self.kill(set);
        fs::remove_dir_all(self.data(set)).unwrap();
        fs::rename(self.folder.path().join("aside"), self.data(set)).unwrap();
        self.start_again(set).await;
    }

    /// A client past the bootstrap: `__system` on members, the operator on the router.
    pub fn client(&self, address: &str) -> Client {
        if *address == self.wanted.routers[0] {
            connect(address, "operator", OPERATOR_PASSWORD, "admin")
        } else {
            connect(address, "__system", KEY, "local")
        }
    }

    /// The services' client of the router.
    pub fn services(&self) -> Client {
        connect(&self.wanted.routers[0], "services", APPLICATION_PASSWORD, "admin")
    }

    /// Arms the fail point of a server for the next of these commands.
    pub async fn fault(&self, address: &str, commands: &[&str], data: Document) {
        self.faults(address, commands, 1, data).await;
    }

    /// For so many of them.
    pub async fn faults(&self, address: &str, commands: &[&str], times: i32, mut data: Document) {
        data.insert("failCommands", commands.to_vec());
        let mode = doc! {"times": times};
        self.fail_point(address, doc! {"configureFailPoint": "failCommand", "mode": mode, "data": data})
            .await;
    }

    /// Disarms it, and says how often it has struck so far.
    pub async fn disarm(&self, address: &str) -> i64 {
        let off = doc! {"configureFailPoint": "failCommand", "mode": "off"};
        self.fail_point(address, off).await.get_i64("count").unwrap()
    }

    /// A fault that is armed already may strike this very connection: then again.
    async fn fail_point(&self, address: &str, body: Document) -> Document {
        for _ in 0..5 {
            let client = self.client(address);
            let reply = client.database("admin").run_command(body.clone()).await;
            client.shutdown().immediate(true).await;
            if let Ok(reply) = reply {
                return reply;
            }
        }
        panic!("the fail point of {address} cannot be set");
    }

    pub async fn observe(&mut self) -> Observed {
        let observed = bootstrap::observe(&self.wanted, &self.login, &self.record).await.unwrap();
        for (set, members) in &observed.sets {
            for config in members.iter().filter_map(|member| member.config.as_ref()) {
                let id = config.replica_set_id.clone();
                let first = self.identities.entry(set.clone()).or_insert_with(|| id.clone());
                assert_eq!(*first, id, "{set} was initiated a second time");
            }
        }
        observed
    }

    pub async fn next(&mut self) -> Step {
        let observed = self.observe().await;
        next_step(&self.wanted, &observed)
    }

    pub async fn act(&self, step: &Step) -> Result<bootstrap::Outcome, Error> {
        bootstrap::act(step, &self.wanted, &self.login, &self.record).await
    }

    pub async fn converge(&self) -> Result<Progress, Error> {
        self.converge_within(Duration::from_mins(1)).await
    }

    pub async fn converge_within(&self, deadline: Duration) -> Result<Progress, Error> {
        let patience = Patience { deadline, ..Patience::default() };
        bootstrap::converge(&self.wanted, &self.login, &self.record, patience, |_, _| ()).await
    }

    /// Every set is recorded as what it is, was initiated once, and everything is there.
    pub async fn assert_ready(&mut self) {
        let observed = self.observe().await;
        let step = next_step(&self.wanted, &observed);
        assert_eq!(step, Step::Ready, "{}", self.logs());
        assert_eq!(self.record.read().await.unwrap(), self.identities);
        let progress = progress(&self.wanted, &observed, &step);
        assert!(progress.is_ready() && progress.all_sharded(), "{progress:?}");
    }

    /// The ends of all logs, for a failed assertion.
    pub fn logs(&self) -> String {
        let names = self.processes.keys();
        let log = |name: &String| {
            let text = fs::read_to_string(self.folder.path().join(format!("{name}.log"))).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            format!("--- {name}\n{}\n", lines[lines.len().saturating_sub(15)..].join("\n"))
        };
        names.map(log).collect()
    }
}

fn connect(address: &str, name: &str, password: &str, source: &str) -> Client {
    let credential = Credential::builder()
        .username(name.to_owned())
        .password(password.to_owned())
        .source(source.to_owned())
        .mechanism(AuthMechanism::ScramSha256)
        .build();
    let options = ClientOptions::builder()
        .hosts(vec![ServerAddress::parse(address).unwrap()])
        .direct_connection(true)
        .credential(credential)
        .server_selection_timeout(Duration::from_secs(5))
        .build();
    Client::with_options(options).unwrap()
}

fn write_secret(file: &Path, text: &str) {
    use std::io::Write;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// MongoDB's program, or the double's beside this test; it is built when it is not there yet.
fn program_file(name: &str, programs: Programs) -> PathBuf {
    if programs == Programs::Best
        && let (Some(_), Some(_)) = (on_path("mongod"), on_path("mongos"))
    {
        return on_path(name).unwrap();
    }
    beside(name).unwrap_or_else(|| {
        let mut build = std::process::Command::new(env!("CARGO"));
        let status = build.args(["build", "-p", "eventpipeline-mongo-double", "--bins"]).status().unwrap();
        assert!(status.success(), "the double could not be built");
        beside(name).unwrap()
    })
}
