//! redis-server.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::Signal;
use crate::programs::required;
use crate::{Error, Process, Spec};

/// How it is set up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// `maxmemory` in bytes; `None`: no limit.
    pub memory: Option<u64>,
    /// fsync before each answer, instead of once a second.
    pub always: bool,
}

/// Starts redis-server with its data in `folder`.
pub async fn start(folder: &Path, port: u16, options: Options) -> Result<Process, Error> {
    let program =
        required("redis-server", "run `make deps`, or `apt-get install redis-server` (7.0 or newer)")?;
    std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
    let mut args: Vec<String> = [
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "yes",
        "--maxmemory-policy",
        "volatile-lru",
        "--lazyfree-lazy-eviction",
        "yes",
        "--lazyfree-lazy-expire",
        "yes",
        "--daemonize",
        "no",
    ]
    .map(str::to_owned)
    .into();
    let mut set = |name: &str, value: String| args.extend([format!("--{name}"), value]);
    set("port", port.to_string());
    set("dir", folder.display().to_string());
    set("appendfsync", if options.always { "always" } else { "everysec" }.into());
    if let Some(bytes) = options.memory {
        set("maxmemory", bytes.to_string());
    }
    let spec = Spec {
        name: "redis".into(),
        program,
        args,
        env: Vec::new(),
        log: folder.join("redis.log"),
        user: None,
        port,
        stop_signal: Signal::SIGTERM,
        stop_timeout: Duration::from_secs(10),
    };
    let mut process = Process::start(spec)?;
    process.ready(|| answers(port)).await?;
    Ok(process)
}

/// Whether it answers PING, which it does not while it loads its data.
pub async fn answers(port: u16) -> bool {
    let ping = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"PING\r\n").await?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(&answer == b"+PONG")
    };
    tokio::time::timeout(Duration::from_secs(1), ping).await.is_ok_and(|answer| answer.unwrap_or(false))
}
