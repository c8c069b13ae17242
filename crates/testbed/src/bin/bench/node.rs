//! The peer of the API: the same routes on Node (`crates/testbed/peer`), on the same Redis.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use testbed::Pipeline;

use crate::Failure;

/// It starts in a second.
const START: Duration = Duration::from_secs(20);

/// It runs until it is dropped.
pub struct Node {
    /// Where it answers.
    pub address: String,
    /// Of all its processes.
    pub pids: Vec<u32>,
    first: Child,
}

impl Node {
    /// Starts it. `None` where Node, or what the peer is made of, is not there.
    /// With `once` it looks ids up, as the API does.
    pub async fn start(pipeline: &Pipeline, once: bool) -> Result<Option<Self>, Failure> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peer");
        let program = local::on_path("node").filter(|_| folder.join("node_modules/fastify").exists());
        let Some(program) = program else { return Ok(None) };
        let port = local::ports::free()?;
        let redis = pipeline.processes.stores.redis.spec.port;
        let mut first = Command::new(program)
            .arg(folder.join("server.mjs"))
            .args([port.to_string(), redis.to_string(), pipeline.key.clone()])
            .args(once.then_some("once"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = first.stdout.take().ok_or("no standard output")?;
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).map(|_| line)
        });
        let line = tokio::time::timeout(START, line).await.map_err(|_| "the peer does not start")???;
        let pids = line.strip_prefix("listening ").ok_or_else(|| format!("the peer said {line:?}"))?;
        let pids = pids.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        Ok(Some(Self { address: format!("http://127.0.0.1:{port}"), pids, first }))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Its other processes end with it.
        let _ = self.first.kill();
        let _ = self.first.wait();
    }
}
