//! MongoDB's servers, or FerretDB on `SQLite`, which speaks its protocol. Starts and stops them; what makes one cluster
//! of several is for who starts them.

mod server;
mod single;

use tokio::net::TcpStream;

use crate::programs::on_path;
use crate::{Error, Process};

pub use server::{Role, Server};
pub use single::single;

/// What runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// MongoDB itself.
    MongoDb,
    /// FerretDB v1.24 on `SQLite`: no TTL, no sharding, no keys with `.` or a leading `$`, no nested arrays.
    FerretDb,
}

/// What would run here: a sharded cluster takes both of MongoDB's programs. With one of them the other is asked for,
/// since FerretDB would not be what somebody meant who has installed MongoDB.
pub fn kind() -> Result<Kind, Error> {
    let missing = |program: &str, there: &str, package: &str| Error::Missing {
        program: program.into(),
        fix: format!(
            "{there} is on PATH, and a sharded cluster needs both: install MongoDB's package {package}, or take \
             {there} off PATH to run on FerretDB"
        ),
    };
    match (on_path("mongod"), on_path("mongos")) {
        (Some(_), Some(_)) => Ok(Kind::MongoDb),
        (None, None) => Ok(Kind::FerretDb),
        (Some(_), None) => Err(missing("mongos", "mongod", "mongodb-org-mongos")),
        (None, Some(_)) => Err(missing("mongod", "mongos", "mongodb-org-server")),
    }
}

/// Running servers. Dropping them kills them.
#[derive(Debug)]
pub struct Mongo {
    /// Which they are.
    pub kind: Kind,
    /// In the order of their start: of a cluster the config server, the shards, the router.
    pub servers: Vec<Process>,
    /// The address to connect to.
    pub uri: String,
}

impl Mongo {
    /// Stops them the other way round, one after the other: each finds what it needs to end in order.
    pub async fn stop(&mut self) {
        for server in self.servers.iter_mut().rev() {
            server.stop().await;
        }
    }

    /// Starts them once more, with the same ports and data. They may not be ready yet.
    pub fn start_again(&mut self) -> Result<(), Error> {
        self.servers.iter_mut().try_for_each(Process::start_again)
    }
}

/// Whether a server takes connections.
pub async fn answers(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).await.is_ok()
}
