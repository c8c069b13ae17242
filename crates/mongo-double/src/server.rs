//! Starts and stops either program, inside a process of its own or inside a test.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::engine::OpenError;
use crate::flags::{Asked, Flags, Program};
use crate::keyfile::{self, KeyFileError};
use crate::mongod::Mongod;
use crate::mongos::Mongos;
use crate::node::{FailPoint, Node, Server, VERSION, accept};
use crate::refusal::Refusal;

/// Requests under way get this long to be answered when the server stops.
const DRAIN: Duration = Duration::from_millis(300);

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The key file.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The data folder.
    #[error(transparent)]
    Data(#[from] OpenError),
    /// The address.
    #[error("could not listen on {address}: {source}; is another server on this port?")]
    Listen {
        /// Where.
        address: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The config set says no, for instance to the key.
    #[error("the config set does not take this router: {0}")]
    Config(#[from] Refusal),
    /// No config set was named.
    #[error("a mongos needs --configdb")]
    NoConfig,
}

impl StartError {
    /// The real servers' exit codes.
    fn exit(&self) -> u8 {
        match self {
            Self::Data(_) => 100,
            Self::Listen { .. } => 48,
            Self::KeyFile(_) | Self::Config(_) | Self::NoConfig => 1,
        }
    }
}

/// A running server. Dropping it leaves it running as long as the runtime; `stop` ends it.
pub struct Running {
    stop: watch::Sender<bool>,
    kind: Kind,
}

enum Kind {
    Mongod(Arc<Mongod>),
    Mongos(Arc<Mongos>),
}

impl Running {
    /// Starts a server. A router first waits for its config set's primary, for ever.
    pub async fn start(flags: Flags) -> Result<Self, StartError> {
        let keys = flags.key_file.as_deref().map(keyfile::read).transpose()?.unwrap_or_default();
        let (stop, stopped) = watch::channel(false);
        let kind = match flags.program {
            Program::Mongod => {
                let listeners = listen(&flags).await?;
                let mongod = Mongod::open(Node::new(flags, keys))?;
                mongod.start();
                serve(&mongod, listeners, &stopped);
                Kind::Mongod(mongod)
            }
            Program::Mongos => {
                let config = flags.config_db.clone().ok_or(StartError::NoConfig)?;
                let node = Node::new(flags.clone(), keys);
                let mongos = Mongos::join(node, &config).await?;
                mongos.start();
                serve(&mongos, listen(&flags).await?, &stopped);
                Kind::Mongos(mongos)
            }
        };
        Ok(Self { stop, kind })
    }

    /// Faults on demand, without `enableTestCommands`.
    pub fn faults(&self) -> &FailPoint {
        match &self.kind {
            Kind::Mongod(mongod) => &mongod.node().fail,
            Kind::Mongos(mongos) => &mongos.node().fail,
        }
    }

    /// Stops it; what was written is on the disk.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        tokio::time::sleep(DRAIN).await;
        if let Kind::Mongod(mongod) = self.kind {
            mongod.close();
        }
    }
}

async fn listen(flags: &Flags) -> Result<Vec<TcpListener>, StartError> {
    let mut listeners = Vec::new();
    for host in &flags.bind {
        let address = format!("{host}:{}", flags.port);
        let listener = TcpListener::bind((host.as_str(), flags.port)).await;
        listeners.push(listener.map_err(|source| StartError::Listen { address, source })?);
    }
    Ok(listeners)
}

fn serve<S: Server>(server: &Arc<S>, listeners: Vec<TcpListener>, stop: &watch::Receiver<bool>) {
    for listener in listeners {
        tokio::spawn(accept(Arc::clone(server), listener, stop.clone()));
    }
}

/// The whole program: reads the command line, runs until told to stop.
pub fn main(program: Program) -> ExitCode {
    let name = if program == Program::Mongod { "mongod" } else { "mongos" };
    let flags = match Flags::parse(program, std::env::args().skip(1)) {
        Ok(Asked::Version) => {
            println!("{} version v{VERSION}-double", if program == Program::Mongod { "db" } else { "mongos" });
            return ExitCode::SUCCESS;
        }
        Ok(Asked::Run(flags)) => *flags,
        Err(error) => {
            eprintln!("{name}: {error}\ntry '{name} --version'");
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{name}: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(run(name, flags))
}

async fn run(name: &str, flags: Flags) -> ExitCode {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        eprintln!("{name}: signals cannot be listened to");
        return ExitCode::FAILURE;
    };
    let (port, data): (u16, PathBuf) = (flags.port, flags.db_path.clone());
    let started = tokio::select! {
        started = Running::start(flags) => started,
        _ = term.recv() => return ExitCode::SUCCESS,
        _ = int.recv() => return ExitCode::SUCCESS,
    };
    let running = match started {
        Ok(running) => running,
        Err(error) => {
            eprintln!("{name}: {error}");
            return ExitCode::from(error.exit());
        }
    };
    match running.kind {
        Kind::Mongod(_) => println!("{name} double: waiting for connections on port {port}, data in {}", data.display()),
        Kind::Mongos(_) => println!("{name} double: waiting for connections on port {port}"),
    }
    tokio::select! {
        _ = term.recv() => (),
        _ = int.recv() => (),
    }
    running.stop().await;
    ExitCode::SUCCESS
}
