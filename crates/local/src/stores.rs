//! The three stores together.

use std::path::{Path, PathBuf};

use crate::mongo::Mongo;
use crate::{Error, Process, mongo, ports, postgres, redis};

/// How the stores are set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Redis.
    pub redis: redis::Options,
    /// Ports of Redis, PostgreSQL and, where it stands alone, MongoDB; 0 takes a free one.
    pub ports: [u16; 3],
    /// PostgreSQL's password.
    pub password: String,
    /// `false` is for tests: PostgreSQL does not wait for the disk.
    pub durable: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { redis: redis::Options::default(), ports: [0; 3], password: "test".into(), durable: false }
    }
}

/// Running stores. Dropping them kills them.
#[derive(Debug)]
pub struct Stores {
    /// redis-server.
    pub redis: Process,
    /// PostgreSQL.
    pub postgres: Process,
    /// MongoDB or FerretDB.
    pub mongo: Mongo,
    password: String,
    folder: PathBuf,
}

impl Stores {
    /// Starts all three, side by side, with their data in `folder`. MongoDB is one server that stands alone.
    pub async fn start(folder: &Path, options: Options) -> Result<Self, Error> {
        let [_, _, port] = options.ports;
        let port = if port == 0 { ports::free().map_err(Error::file(folder))? } else { port };
        Self::beside(folder, options, mongo::single(&folder.join("mongo"), port)).await
    }

    /// Starts Redis and PostgreSQL beside a MongoDB that `mongo` starts.
    pub async fn beside<E: From<Error>>(
        folder: &Path,
        options: Options,
        mongo: impl Future<Output = Result<Mongo, E>>,
    ) -> Result<Self, E> {
        std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
        crate::disk::room(folder)?;
        crate::disk::room(&postgres::data(folder))?;
        let port =
            |given: u16| if given == 0 { ports::free().map_err(Error::file(folder)) } else { Ok(given) };
        let [redis_port, postgres_port, _] = options.ports;
        let (redis_port, postgres_port) = (port(redis_port)?, port(postgres_port)?);
        let redis_folder = folder.join("redis");
        let (redis, postgres, mongo) = tokio::try_join!(
            async { Ok(redis::start(&redis_folder, redis_port, options.redis).await?) },
            async { Ok(postgres::start(folder, postgres_port, &options.password, options.durable).await?) },
            mongo,
        )?;
        Ok(Self { redis, postgres, mongo, password: options.password, folder: folder.into() })
    }

    /// Redis's address.
    pub fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.redis.spec.port)
    }

    /// PostgreSQL's address.
    pub fn postgres_url(&self) -> String {
        let name = postgres::NAME;
        format!("postgres://{name}:{}@127.0.0.1:{}/{name}", self.password, self.postgres.spec.port)
    }

    /// MongoDB's address.
    pub fn mongodb_uri(&self) -> String {
        self.mongo.uri.clone()
    }

    /// Stops all three in order.
    pub async fn stop(&mut self) {
        self.mongo.stop().await;
        self.postgres.stop().await;
        self.redis.stop().await;
    }

    /// Stops all three and forgets the data that lie outside the folder.
    pub async fn stop_and_forget(mut self) {
        self.stop().await;
        let _ = forget(&self.folder);
    }
}

/// What the stores of `folder` keep outside of it, if they do and it is there.
pub fn outside(folder: &Path) -> Option<PathBuf> {
    let data = postgres::data(folder);
    (!data.starts_with(folder) && data.exists()).then_some(data)
}

/// Removes what the stores keep outside of `folder`, which need not be there any more.
pub fn forget(folder: &Path) -> Result<(), Error> {
    let Some(data) = outside(folder) else { return Ok(()) };
    // Of a start that was killed while it set PostgreSQL up.
    let _ = std::fs::remove_file(postgres::secret(&data));
    std::fs::remove_dir_all(&data).map_err(Error::file(data))
}
