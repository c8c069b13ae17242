//! One server that stands alone, for tests of one service: `mongod` without a replica set when it is on PATH, else
//! FerretDB, which is also what runs where MongoDB is not installed.

use std::path::Path;
use std::time::Duration;

use super::{Kind, Mongo, answers};
use crate::process::Signal;
use crate::programs::{ferretdb, on_path};
use crate::{Error, Process, Spec};

/// Starts it with its data in `folder`.
pub async fn single(folder: &Path, port: u16) -> Result<Mongo, Error> {
    std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
    let path = folder.display();
    let (kind, program, args) = if let Some(mongod) = on_path("mongod") {
        let args = format!("--bind_ip 127.0.0.1 --port {port} --dbpath");
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
    let mut process = Process::start(Spec {
        name: if kind == Kind::MongoDb { "mongod" } else { "ferretdb" }.into(),
        program,
        args,
        env: Vec::new(),
        log: folder.join("mongo.log"),
        user: None,
        port,
        stop_signal: Signal::SIGTERM,
        stop_timeout: Duration::from_secs(15),
    })?;
    process.ready(|| answers(port)).await?;
    Ok(Mongo { kind, servers: vec![process], uri: format!("mongodb://127.0.0.1:{port}/") })
}
