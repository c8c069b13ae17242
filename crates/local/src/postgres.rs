//! PostgreSQL. It refuses to run as root: then it runs as `postgres`, with its data where that user can go.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::unistd::{User, geteuid};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::Signal;
use crate::programs::{on_path, postgres};
use crate::{Error, Process, Spec};

/// The user inside the database, and the database itself.
pub const NAME: &str = "eventpipeline";
const SYSTEM_USER: &str = "postgres";
/// Where the data lie when root runs it: `postgres` cannot go into the folders of others.
pub const ROOTS_FOLDER: &str = "/var/lib/eventpipeline";
/// PostgreSQL's own, in the data once a server was started on them.
const STARTED: &str = "postmaster.opts";
/// Ours, in the data once the database is made: a start that ended before that is taken up there.
const MADE: &str = "eventpipeline.made";
/// A server that was killed leaves processes that notice within about a second, and hold its shared memory until then.
const OLD_SERVER_TIMEOUT: Duration = Duration::from_secs(15);
/// Between two attempts meanwhile.
const OLD_SERVER_LOOK: Duration = Duration::from_millis(300);
/// What PostgreSQL says of an older server on its data.
const OLD_SERVER: [&str; 2] = ["lock file \"postmaster.pid\"", "pre-existing shared memory block"];

/// Where the data of a folder lie: in it, or, for root, in a place of the user `postgres`.
pub fn data(folder: &Path) -> PathBuf {
    if !geteuid().is_root() {
        return folder.join("postgres");
    }
    let mut hasher = DefaultHasher::new();
    absolute(folder).hash(&mut hasher);
    PathBuf::from(format!("{ROOTS_FOLDER}/postgres-{:016x}", hasher.finish()))
}

/// The same whether the folder is there or was removed.
fn absolute(folder: &Path) -> PathBuf {
    if let Ok(path) = folder.canonicalize() {
        return path;
    }
    let path = std::path::absolute(folder).unwrap_or_else(|_| folder.into());
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => absolute(parent).join(name),
        _ => path,
    }
}

/// Starts PostgreSQL; the first time it makes the data and the database. `durable: false` is for tests.
pub async fn start(folder: &Path, port: u16, password: &str, durable: bool) -> Result<Process, Error> {
    std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
    let (data, log) = (data(folder), folder.join("postgres.log"));
    // A set-up that was killed half-way is made again: no server has run on it, so nothing of anybody's is in it.
    if !data.join(STARTED).exists() {
        if data.exists() {
            std::fs::remove_dir_all(&data).map_err(Error::file(&data))?;
        }
        initialise(&data, password, &log)?;
    }
    let mut args = vec!["-D".to_owned(), data.display().to_string(), "-p".into(), port.to_string()];
    let sockets = format!("unix_socket_directories={}", data.display());
    for setting in ["listen_addresses=127.0.0.1", &sockets, "max_connections=200"] {
        args.extend(["-c".into(), setting.to_owned()]);
    }
    if !durable {
        args.extend(["-c".into(), "fsync=off".into(), "-c".into(), "synchronous_commit=off".into()]);
    }
    let spec = Spec {
        name: "postgres".into(),
        program: postgres("postgres")?,
        args,
        env: Vec::new(),
        log: log.clone(),
        user: Some(SYSTEM_USER.into()),
        port,
        // SIGTERM would wait for every client to leave; SIGINT writes everything down and leaves at once.
        stop_signal: Signal::SIGINT,
        stop_timeout: Duration::from_secs(10),
    };
    let process = start_after_others(spec, &data).await?;
    if !data.join(MADE).exists() {
        let mut create = Command::new(postgres("createdb")?);
        create
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-U", NAME, NAME])
            .env("PGPASSWORD", password);
        match run(create, "createdb", &log) {
            Err(Error::NotReady { tail, .. }) if tail.contains("already exists") => (),
            made => made?,
        }
        std::fs::write(data.join(MADE), "").map_err(Error::file(data.join(MADE)))?;
    }
    Ok(process)
}

/// Starts it, and again for a while as long as it says that an older server is still on its data.
async fn start_after_others(spec: Spec, data: &Path) -> Result<Process, Error> {
    let deadline = Instant::now() + OLD_SERVER_TIMEOUT;
    loop {
        let logged = std::fs::metadata(&spec.log).map_or(0, |log| log.len());
        let mut process = Process::start(spec.clone())?;
        let error = match process.ready(|| answers(spec.port)).await {
            Ok(()) => return Ok(process),
            Err(error) => error,
        };
        let said = std::fs::read(&spec.log).unwrap_or_default();
        let said = String::from_utf8_lossy(&said[said.len().min(usize::try_from(logged).unwrap_or(0))..])
            .into_owned();
        if !OLD_SERVER.iter().any(|words| said.contains(words)) {
            return Err(error);
        }
        if Instant::now() > deadline {
            let pid = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
            let pid = pid.lines().next().unwrap_or("?").to_owned();
            return Err(Error::InUse { path: data.into(), pid });
        }
        tokio::time::sleep(OLD_SERVER_LOOK).await;
    }
}

/// Where the password lies while the data are made.
pub(crate) fn secret(data: &Path) -> PathBuf {
    data.with_extension("password")
}

fn initialise(data: &Path, password: &str, log: &Path) -> Result<(), Error> {
    let initdb = postgres("initdb")?;
    std::fs::create_dir_all(data).map_err(Error::file(data))?;
    let secret = secret(data);
    std::fs::write(&secret, password).map_err(Error::file(&secret))?;
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600))
        .map_err(Error::file(&secret))?;
    let mut command = Command::new(&initdb);
    if geteuid().is_root() {
        let missing = || Error::Missing {
            program: format!("the system user {SYSTEM_USER}"),
            fix: "install Debian's package postgresql, which makes it".into(),
        };
        let user = User::from_name(SYSTEM_USER).ok().flatten().ok_or_else(missing)?;
        for path in [data, &secret] {
            std::os::unix::fs::chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
                .map_err(Error::file(path))?;
        }
        let setpriv = on_path("setpriv").ok_or_else(|| Error::Missing {
            program: "setpriv".into(),
            fix: "install util-linux, or run as a user other than root".into(),
        })?;
        command = Command::new(setpriv);
        command.args(["--reuid", SYSTEM_USER, "--regid", SYSTEM_USER, "--init-groups", "--"]).arg(&initdb);
    }
    command.arg("-D").arg(data).args([
        "-U",
        NAME,
        "-A",
        "scram-sha-256",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ]);
    command.arg("--pwfile").arg(&secret).current_dir("/");
    let done = run(command, "initdb", log);
    let _ = std::fs::remove_file(&secret);
    if done.is_err() {
        let _ = std::fs::remove_dir_all(data);
    }
    done
}

fn run(mut command: Command, name: &str, log: &Path) -> Result<(), Error> {
    let output =
        command.stdin(Stdio::null()).output().map_err(|source| Error::Spawn { name: name.into(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let tail = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Error::NotReady {
        name: name.into(),
        what: format!("ended with {}", output.status),
        log: log.into(),
        tail,
    })
}

/// Whether it takes connections: it answers a request for TLS with one letter once it does.
pub async fn answers(port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        // A start-up message for a user that does not matter; while starting, the answer is an error of class 57.
        let body = b"\x00\x03\x00\x00user\x00eventpipeline\x00database\x00postgres\x00\x00";
        let length = u32::try_from(body.len() + 4).unwrap_or(0).to_be_bytes();
        stream.write_all(&[&length[..], &body[..]].concat()).await?;
        let mut answer = [0; 1];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(&answer == b"R")
    };
    tokio::time::timeout(Duration::from_secs(1), ask).await.is_ok_and(|answer| answer.unwrap_or(false))
}
