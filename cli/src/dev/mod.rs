//! `eventpipeline dev`: the manifest as processes on this machine, until Ctrl-C.

mod card;
pub mod cluster;
mod error;
pub mod facts;
mod fleet;
mod history;
mod leftovers;
mod lock;
pub mod pipeline;
mod scaler;
mod warnings;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::manifest::Manifest;
use crate::secrets::Secrets;
use facts::Facts;
use lock::Lock;
use pipeline::{Pipeline, Ports, Setup};
use scaler::{Fleet, Look, Scaler};

pub use error::StartError;

/// Between two looks at the children.
const LOOK: Duration = Duration::from_millis(300);
/// A child that ran this long was well; its next end is not a crash loop.
const WELL_AFTER: Duration = Duration::from_secs(30);
/// The longest pause before a child is started again.
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// `eventpipeline stop` waits this long: workers finish what is in hand, stores write their data.
const STOP_TIMEOUT: Duration = Duration::from_secs(90);

/// Members of MongoDB's replica sets take the first free ports from here on: those of a shard and a config server.
const MEMBERS_FROM: u16 = 27018;

/// How to run.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The `EventPipeline`.
    #[arg(default_value = "examples/minimal.yaml")]
    pub file: PathBuf,
    /// So many worker processes, whatever the lag; scaled as spec.workers says when not given.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub workers: Option<u64>,
    /// Where the data are kept between runs.
    #[arg(long, default_value = ".eventpipeline")]
    pub data: PathBuf,
    /// The API's port.
    #[arg(long, default_value_t = 3001)]
    pub api_port: u16,
    /// The console's port; it serves the whole of /api, too.
    #[arg(long, default_value_t = 3000)]
    pub console_port: u16,
    /// Take free ports for the API, the console and the stores, so that it runs beside another; dev.json names them.
    #[arg(long, conflicts_with_all = ["api_port", "console_port"])]
    pub free_ports: bool,
    /// Run unattended on free ports in a temporary folder, send events, prove that each is stored once, stop.
    #[arg(long, conflicts_with_all = ["data", "api_port", "console_port"])]
    pub check: bool,
}

/// Runs until Ctrl-C or SIGTERM.
pub async fn command(options: &Options) -> Result<(), String> {
    let manifest = Manifest::read(&options.file)?;
    if let Some(pid) = Lock::holder(&options.data) {
        return Err(lock::taken(&options.data, &pid.to_string()));
    }
    leftovers::clear(&options.data).await?;
    let (api, console) = if options.free_ports { (0, 0) } else { (options.api_port, options.console_port) };
    if api == console && api > 0 {
        return Err(format!(
            "API and console cannot both have port {api}: give --api-port and --console-port different ones"
        ));
    }
    for (port, what, flag) in [(api, "the API", "--api-port"), (console, "the console", "--console-port")] {
        if !local::ports::is_free(port) {
            let fix = format!("stop that, or choose another with {flag}");
            let error =
                local::Error::PortInUse { port, what: what.into(), owner: local::ports::owner(port), fix };
            return Err(error.to_string());
        }
    }
    private_folder(&options.data).map_err(|error| format!("{}: {error}", options.data.display()))?;
    let lock = Lock::take(&options.data)?;
    let stop = service::lifecycle::stop_token().map_err(|error| error.to_string())?;
    let kind = local::mongo::kind().map_err(|error| error.to_string())?;
    let fleet = Fleet::of(&manifest, options.workers);
    let not_used = manifest.not_used_here(kind == local::mongo::Kind::MongoDb);
    if !not_used.is_empty() {
        println!("not used on a laptop: spec.{}", not_used.join(", spec."));
    }
    if let Some(words) = cluster::left_behind(&options.data, kind) {
        println!("{words}");
    }
    let (stores, members) = if options.free_ports { ([0; 3], 0) } else { (store_ports(), MEMBERS_FROM) };
    let ports = Ports { api, console, stores, members };
    let setup = Setup {
        folder: options.data.clone(),
        secrets: Secrets::of(&options.data)?,
        workers: fleet.first(),
        manifest,
        ports,
        durable: true,
        api_env: Vec::new(),
        worker_env: Vec::new(),
    };
    println!("starting Redis, PostgreSQL, MongoDB, the API and {} worker(s) …", setup.workers);
    let mut pipeline = tokio::select! {
        pipeline = Pipeline::start(setup) => pipeline.map_err(|error| error.to_string())?,
        () = stop.cancelled() => return Ok(()),
    };
    pipeline.facts().write(&options.data)?;
    let key_works = pipeline.first_key_works().await;
    card::print(&pipeline, &options.data, key_works, &fleet);
    let folders = [Some(pipeline.setup.folder.clone()), local::stores::outside(&options.data)];
    let warnings = warnings::start(&pipeline.api(0), folders.into_iter().flatten().collect());
    let scaler = Scaler::start(&fleet, &pipeline);
    watch(&mut pipeline, scaler, &options.data, &stop).await;
    drop(warnings);

    println!("stopping: the API, then the workers, then the stores …");
    Facts::remove(&options.data);
    pipeline.stop().await;
    drop(lock);
    println!("stopped; the data are in {}", options.data.display());
    Ok(())
}

/// The events, keys and passwords in it are nobody else's.
fn private_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The usual ports, or free ones where others are at home.
fn store_ports() -> [u16; 3] {
    [(6379, "Redis"), (5432, "PostgreSQL"), (27017, "MongoDB")].map(|(port, name)| {
        if local::ports::is_free(port) {
            return port;
        }
        let owner = local::ports::owner(port).map(|owner| format!(" by {owner}")).unwrap_or_default();
        println!("port {port} is in use{owner}: {name} runs on a free port");
        0
    })
}

/// The next look at Redis of a scaler; of none, none.
async fn look(scaler: &mut Option<Scaler>) -> Look {
    match scaler {
        Some(scaler) => scaler.look().await,
        None => std::future::pending().await,
    }
}

/// Starts children again that end, and as many workers as the scaler says, until told to stop.
async fn watch(pipeline: &mut Pipeline, mut scaler: Option<Scaler>, data: &Path, stop: &CancellationToken) {
    let mut restarts: std::collections::HashMap<String, (u32, Instant)> = std::collections::HashMap::new();
    loop {
        let seen = tokio::select! {
            () = tokio::time::sleep(LOOK) => None,
            seen = look(&mut scaler) => Some(seen),
            () = stop.cancelled() => return,
        };
        let mut changed = pipeline.let_go();
        if let (Some(seen), Some(scaler)) = (seen, &mut scaler) {
            changed |= scaler.decide(seen, pipeline).await;
        }
        for process in pipeline.processes() {
            let name = process.spec.name.clone();
            if let Some(status) = process.ended() {
                let (tries, since) = restarts.entry(name.clone()).or_insert((0, Instant::now()));
                *tries = if since.elapsed() > WELL_AFTER { 0 } else { *tries + 1 };
                let pause = Duration::from_millis(200).saturating_mul(1 << (*tries).min(8)).min(PAUSE_MAX);
                *since = Instant::now() + pause;
                println!(
                    "{name} ended with {status}; it is started again in {:.1} s (log: {})",
                    pause.as_secs_f64(),
                    process.spec.log.display()
                );
            }
            let due = restarts.get(&name).is_none_or(|(_, since)| Instant::now() >= *since);
            if process.pid().is_none() && due {
                match process.start_again() {
                    Ok(()) => println!("{name} is started again"),
                    Err(error) => println!("{error}"),
                }
                restarts.entry(name).or_insert((0, Instant::now())).1 = Instant::now();
                changed = true;
            }
        }
        if changed && let Err(error) = pipeline.facts().write(data) {
            println!("{error}");
        }
    }
}

/// `eventpipeline stop`: stops the pipeline that runs on these data.
pub async fn stop(data: &Path) -> Result<(), String> {
    let Some(pid) = Lock::holder(data) else {
        leftovers::clear(data).await?;
        println!("nothing runs on {}", data.display());
        return Ok(());
    };
    let id = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM)
        .map_err(|error| format!("pid {pid}: {error}"))?;
    let deadline = Instant::now() + STOP_TIMEOUT;
    while Lock::holder(data).is_some() {
        if Instant::now() > deadline {
            return Err(format!("pid {pid} has not ended within {} s", STOP_TIMEOUT.as_secs()));
        }
        tokio::time::sleep(LOOK).await;
    }
    println!("stopped");
    Ok(())
}

/// `eventpipeline reset`: forgets data and secrets.
pub async fn reset(data: &Path) -> Result<(), String> {
    if let Some(pid) = Lock::holder(data) {
        return Err(format!("a pipeline runs on these data (pid {pid}); stop it first: eventpipeline stop"));
    }
    if !is_ours(data) {
        return Err(format!(
            "{} is no pipeline's data folder: it has neither secrets.json nor lock; nothing was deleted",
            data.display()
        ));
    }
    leftovers::clear(data).await?;
    let outside = local::stores::outside(data);
    local::stores::forget(data).map_err(|error| error.to_string())?;
    match std::fs::remove_dir_all(data) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("{}: {error}", data.display()))
        }
        _ => {
            let outside = outside.map(|path| format!(" and {}", path.display())).unwrap_or_default();
            println!("forgotten: {}{outside}", data.display());
            Ok(())
        }
    }
}

/// Whether a folder may be deleted with all that is in it: a pipeline began it, or there is nothing to delete.
fn is_ours(data: &Path) -> bool {
    let is_empty = || std::fs::read_dir(data).map_or(true, |mut entries| entries.next().is_none());
    ["secrets.json", "lock"].iter().any(|file| data.join(file).exists()) || is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_that_no_pipeline_made_is_not_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("documents");
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join("letter.txt"), "dear").unwrap();
        let refused = reset(&data).await.unwrap_err();
        assert!(refused.contains("nothing was deleted"), "{refused}");
        assert!(data.join("letter.txt").exists());
        std::fs::write(data.join("secrets.json"), "{}").unwrap();
        reset(&data).await.unwrap();
        assert!(!data.exists());
        reset(&data).await.unwrap();
    }
}
