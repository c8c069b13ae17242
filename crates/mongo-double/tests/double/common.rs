//! Servers as child processes, and clients for them.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bson::{Document, doc};
use mongodb::Client;
use mongodb::error::ErrorKind;
use mongodb::options::{AuthMechanism, ClientOptions, Credential, ServerAddress};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// The key of all clusters here.
pub const KEY: &str = "a2V5IG9mIGEgdGVzdCBjbHVzdGVyCg==";
/// A server that is not up by then will not be.
const UP: Duration = Duration::from_secs(20);

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// One server.
pub struct Server {
    /// Where it listens.
    pub port: u16,
    program: &'static str,
    args: Vec<String>,
    child: Child,
}

impl Server {
    /// Starts a server on a free port.
    pub fn start(program: &'static str, args: &[&str]) -> Self {
        let port = free_port();
        let mut args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        args.extend(["--bind_ip".into(), "127.0.0.1".into(), "--port".into(), port.to_string()]);
        let child = spawn(program, &args);
        Self { port, program, args, child }
    }

    /// The same, when it listens.
    pub fn up(program: &'static str, args: &[&str]) -> Self {
        let mut server = Self::start(program, args);
        server.wait();
        server
    }

    /// Waits until it listens.
    pub fn wait(&mut self) {
        let until = Instant::now() + UP;
        while !self.listens() {
            assert!(self.child.try_wait().unwrap().is_none(), "{} {:?} ended", self.program, self.args);
            assert!(Instant::now() < until, "{} does not listen", self.program);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether it takes connections.
    pub fn listens(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
    }

    /// `host:port`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Ends it at once.
    pub fn kill9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end.
    pub fn terminate(&mut self) -> ExitStatus {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGTERM).unwrap();
        self.child.wait().unwrap()
    }

    /// Starts it again with the same port and data.
    pub fn again(&mut self) {
        self.child = spawn(self.program, &self.args);
        self.wait();
    }

    /// A client for it alone.
    pub fn client(&self, credential: Option<Credential>) -> Client {
        let address = ServerAddress::Tcp { host: "127.0.0.1".into(), port: Some(self.port) };
        let options = ClientOptions::builder()
            .hosts(vec![address])
            .direct_connection(true)
            .server_selection_timeout(Duration::from_secs(5))
            .credential(credential);
        Client::with_options(options.build()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The file of a program.
pub fn file(program: &str) -> &'static str {
    if program == "mongod" { env!("CARGO_BIN_EXE_mongod") } else { env!("CARGO_BIN_EXE_mongos") }
}

fn spawn(program: &str, args: &[String]) -> Child {
    Command::new(file(program)).args(args).stdout(Stdio::null()).spawn().unwrap()
}

/// A folder with a key file, and data folders below it.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        std::fs::write(folder.key(), format!("{}\n{}\n", &KEY[..10], &KEY[10..])).unwrap();
        std::fs::set_permissions(folder.key(), std::fs::Permissions::from_mode(0o400)).unwrap();
        folder
    }

    pub fn key(&self) -> PathBuf {
        self.0.path().join("key")
    }

    /// A data folder, made if it is not there.
    pub fn data(&self, name: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        path.display().to_string()
    }

    /// A member with the key file and without the exception of the first user.
    pub fn member(&self, set: &str, role: &str) -> Server {
        let (key, data) = (self.key().display().to_string(), self.data(set));
        let bypass = "enableLocalhostAuthBypass=0";
        let tests = "enableTestCommands=1";
        Server::up(
            "mongod",
            &[
                "--replSet",
                set,
                role,
                "--keyFile",
                &key,
                "--dbpath",
                &data,
                "--setParameter",
                bypass,
                "--setParameter",
                tests,
                "--wiredTigerCacheSizeGB",
                "0.25",
            ],
        )
    }

    pub fn router(&self, config: &str) -> Server {
        let key = self.key().display().to_string();
        Server::start(
            "mongos",
            &["--configdb", config, "--keyFile", &key, "--setParameter", "enableTestCommands=1"],
        )
    }
}

/// `__system`, by the key.
pub fn system() -> Credential {
    system_with(KEY)
}

/// `__system`, by another key.
pub fn system_with(key: &str) -> Credential {
    Credential::builder()
        .username("__system".to_owned())
        .password(key.to_owned())
        .source("local".to_owned())
        .mechanism(AuthMechanism::ScramSha256)
        .build()
}

/// A user of `admin`.
pub fn user(name: &str, password: &str) -> Credential {
    Credential::builder()
        .username(name.to_owned())
        .password(password.to_owned())
        .source("admin".to_owned())
        .build()
}

/// 0 for success, the code of a refusal, -1 for anything else.
pub fn code<T>(result: mongodb::error::Result<T>) -> i32 {
    match result {
        Ok(_) => 0,
        Err(error) => match error.kind.as_ref() {
            ErrorKind::Command(command) => command.code,
            ErrorKind::Authentication { .. } => refusal_of_login(&error),
            _ => {
                eprintln!("no code: {error}");
                -1
            }
        },
    }
}

/// The server's code behind a failed login.
fn refusal_of_login(error: &mongodb::error::Error) -> i32 {
    let source = std::error::Error::source(error);
    let inner = source.and_then(|source| {
        let boxed = source.downcast_ref::<Box<mongodb::error::Error>>().map(AsRef::as_ref);
        boxed.or_else(|| source.downcast_ref::<mongodb::error::Error>())
    });
    match inner.map(|inner| inner.kind.as_ref()) {
        Some(ErrorKind::Command(command)) => command.code,
        other => panic!("no code in {error}: {other:?}"),
    }
}

/// The code of a command on `admin`.
pub async fn admin(client: &Client, command: Document) -> i32 {
    code(client.database("admin").run_command(command).await)
}

/// The configuration of a set of one.
pub fn config(set: &str, host: &str) -> Document {
    doc! {"replSetInitiate": {"_id": set, "version": 1, "members": [{"_id": 0, "host": host}]}}
}

/// Initiates a set of one and waits for its primary.
pub async fn initiate(server: &Server, set: &str) -> Client {
    let client = server.client(Some(system()));
    assert_eq!(admin(&client, config(set, &server.host())).await, 0);
    primary(&client).await;
    client
}

/// Waits until a member is primary.
pub async fn primary(client: &Client) {
    let until = Instant::now() + UP;
    while !client
        .database("admin")
        .run_command(doc! {"hello": 1})
        .await
        .is_ok_and(|hello| hello.get_bool("isWritablePrimary").unwrap())
    {
        assert!(Instant::now() < until, "no primary");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A whole cluster.
pub struct Cluster {
    pub config: Server,
    pub shards: Vec<Server>,
    pub router: Server,
    pub client: Client,
    pub folder: Folder,
}

impl Cluster {
    /// Config set, shards, router; the operator's user logged in; shards added; nothing sharded.
    pub async fn start(shards: usize) -> Self {
        let folder = Folder::new();
        let config = folder.member("cfg", "--configsvr");
        let client = initiate(&config, "cfg").await;
        let roles = ["clusterAdmin", "userAdminAnyDatabase", "readWriteAnyDatabase", "dbAdminAnyDatabase"];
        let create = doc! {"createUser": "operator", "pwd": "secret", "roles": roles.to_vec()};
        assert_eq!(admin(&client, create).await, 0);
        let mut router = folder.router(&format!("cfg/{}", config.host()));
        router.wait();
        let client = router.client(Some(user("operator", "secret")));
        let mut cluster = Self { config, shards: Vec::new(), router, client, folder };
        for number in 0..shards {
            let set = format!("rs{number}");
            let shard = cluster.folder.member(&set, "--shardsvr");
            initiate(&shard, &set).await;
            let add = doc! {"addShard": format!("{set}/{}", shard.host()), "maxTimeMS": 10_000};
            assert_eq!(admin(&cluster.client, add).await, 0);
            cluster.shards.push(shard);
        }
        cluster
    }

    /// The same with `ep.events` sharded by user.
    pub async fn sharded(shards: usize) -> Self {
        let cluster = Self::start(shards).await;
        let shard = doc! {"shardCollection": "ep.events", "key": {"userId": "hashed"}, "maxTimeMS": 10_000};
        assert_eq!(admin(&cluster.client, shard).await, 0);
        cluster
    }

    /// Documents of `ep.events` on one shard.
    pub async fn count_on(&self, shard: usize) -> u64 {
        let client = self.shards[shard].client(Some(system()));
        client.database("ep").collection::<Document>("events").count_documents(doc! {}).await.unwrap()
    }
}

/// An event like those of the pipeline, about 460 bytes.
pub fn event(number: i32, user: i32) -> Document {
    doc! {
        "_id": number,
        "userId": format!("user-{user}"),
        "type": "page_view",
        "timestamp": bson::DateTime::from_millis(1_700_000_000_000 + i64::from(number)),
        "receivedAt": bson::DateTime::now(),
        "properties": {"path": "/a/b", "a.b": 1, "$set": {"": [[1], [2]]}, "text": "x".repeat(250)},
    }
}
