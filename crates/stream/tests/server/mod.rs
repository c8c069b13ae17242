//! A real redis-server in a folder of its own.

use local::Process;
use tempfile::TempDir;

/// It ends with `process.stop()`, or when it is dropped.
pub struct Server {
    /// The server.
    pub process: Process,
    _folder: TempDir,
}

impl Server {
    /// On a free port, with so much memory, or without a limit.
    pub async fn start(memory: Option<u64>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = local::redis::Options { memory, always: false };
        let port = local::ports::free().unwrap();
        let process = local::redis::start(folder.path(), port, options).await.unwrap();
        Self { process, _folder: folder }
    }

    /// Its address, for whom `user` is `NAME:PASSWORD@` or empty.
    pub fn url(&self, user: &str) -> String {
        format!("redis://{user}127.0.0.1:{}", self.process.spec.port)
    }
}
