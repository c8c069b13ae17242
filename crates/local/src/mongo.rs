//! MongoDB when `mongod` is on PATH, as a replica set of one; else FerretDB on `SQLite`, which speaks its protocol.

use std::path::Path;
use std::time::Duration;

use bson::doc;
use mongodb::Client;
use tokio::net::TcpStream;

use crate::process::Signal;
use crate::programs::{ferretdb, on_path};
use crate::{Error, Process, Spec};

/// Which server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// MongoDB itself.
    MongoDb,
    /// FerretDB v1.24 on `SQLite`: no TTL, no sharding, no keys with `.` or a leading `$`, no nested arrays.
    FerretDb,
}

/// The code of `replSetInitiate` on a set that is initiated.
const ALREADY_INITIALIZED: i32 = 23;
const SET: &str = "rs0";

/// Which server would run here.
pub fn kind() -> Kind {
    if on_path("mongod").is_some() { Kind::MongoDb } else { Kind::FerretDb }
}

/// The address to connect to.
pub fn uri(kind: Kind, port: u16) -> String {
    match kind {
        Kind::MongoDb => format!("mongodb://127.0.0.1:{port}/?replicaSet={SET}"),
        Kind::FerretDb => format!("mongodb://127.0.0.1:{port}/"),
    }
}

/// Starts it with its data in `folder`.
pub async fn start(folder: &Path, port: u16) -> Result<(Process, Kind), Error> {
    std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
    let path = folder.display();
    let (kind, program, args) = if let Some(mongod) = on_path("mongod") {
        let args = format!("--replSet {SET} --bind_ip 127.0.0.1 --port {port} --dbpath");
        (Kind::MongoDb, mongod, args.split(' ').map(str::to_owned).chain([path.to_string()]).collect())
    } else {
        let args = vec![
            "--handler=sqlite".to_owned(),
            format!("--sqlite-url=file:{path}/"),
            format!("--listen-addr=127.0.0.1:{port}"),
            "--debug-addr=-".into(),
            "--telemetry=disable".into(),
            format!("--state-dir={path}"),
            "--log-level=warn".into(),
        ];
        (Kind::FerretDb, ferretdb()?, args)
    };
    let spec = Spec {
        name: if kind == Kind::MongoDb { "mongod" } else { "ferretdb" }.into(),
        program,
        args,
        env: Vec::new(),
        log: folder.join("mongo.log"),
        user: None,
        port,
        stop_signal: Signal::SIGTERM,
        stop_timeout: Duration::from_secs(15),
    };
    let mut process = Process::start(spec)?;
    process.ready(|| answers(port)).await?;
    if kind == Kind::MongoDb {
        initiate(port).await?;
    }
    Ok((process, kind))
}

/// Whether it takes connections.
pub async fn answers(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).await.is_ok()
}

/// Initiates the replica set of one, once, and waits until it has a primary.
async fn initiate(port: u16) -> Result<(), Error> {
    let failed = |error: mongodb::error::Error| Error::Initiate(error.to_string());
    let client = Client::with_uri_str(format!("mongodb://127.0.0.1:{port}/?directConnection=true"))
        .await
        .map_err(failed)?;
    let admin = client.database("admin");
    let config = doc! {"_id": SET, "members": [{"_id": 0, "host": format!("127.0.0.1:{port}")}]};
    if let Err(error) = admin.run_command(doc! {"replSetInitiate": config}).await {
        let code = match error.kind.as_ref() {
            mongodb::error::ErrorKind::Command(command) => command.code,
            _ => 0,
        };
        if code != ALREADY_INITIALIZED {
            return Err(failed(error));
        }
    }
    for _ in 0..300 {
        let hello = admin.run_command(doc! {"hello": 1}).await.map_err(failed)?;
        if hello.get_bool("isWritablePrimary").unwrap_or(false) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(Error::Initiate("no primary within 30 s".into()))
}
