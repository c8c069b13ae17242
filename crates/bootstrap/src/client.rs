//! One connection to one server, with a limit on every wait, shut down after use.

use std::time::Duration;

use bson::{Document, doc};
use mongodb::options::{AuthMechanism, ClientOptions, Credential, ServerAddress};
use mongodb::{Client, Database};
use plan::mongo::observed::{Fault, Read};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::error::{AUTHENTICATION_FAILED, fault};
use crate::login::Login;

/// A TCP connection inside a cluster takes milliseconds; one that takes this long is not coming.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The server was just reached: the driver finds it at once or something is wrong.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(3);
/// A read is a look-up in memory; with the config set away a router waits until this is over.
pub(crate) const READ_TIME: Duration = Duration::from_secs(5);
/// Beyond the server's own limit, for the way there and back.
const GRACE: Duration = Duration::from_secs(2);
/// Closing sends one message; what does not go is left to the server's own time-outs.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// One command at a time.
const POOL_SIZE_MAX: u32 = 1;

/// Who logs in.
#[derive(Clone, Copy)]
pub(crate) struct As<'a> {
    name: &'a str,
    password: &'a str,
    source: &'a str,
}

impl<'a> As<'a> {
    /// A user of the cluster.
    pub(crate) fn user(name: &'a str, password: &'a str) -> Self {
        Self { name, password, source: "admin" }
    }

    fn system(key: &'a str) -> Self {
        Self { name: "__system", password: key, source: "local" }
    }
}

/// A server with someone logged in.
pub(crate) struct Server {
    client: Client,
}

impl Server {
    /// Connects and logs in as a user. `Err` without a code: not reached.
    pub(crate) async fn connect(address: &str, who: As<'_>) -> Read<Self> {
        reach(address).await?;
        let server = Self { client: Client::with_options(options(address, who)?).map_err(|e| fault(&e))? };
        // The driver logs in with the first command.
        match server.run("admin", doc! {"ping": 1}, READ_TIME).await {
            Ok(_) => Ok(server),
            Err(fault) => {
                server.close().await;
                Err(fault)
            }
        }
    }

    /// Connects to a member as `__system`, with each of our keys in turn.
    pub(crate) async fn member(host: &str, login: &Login) -> Read<Self> {
        let mut refused = Fault::of_network("there is no key");
        for key in &login.keys {
            match Self::connect(login.address(host), As::system(key)).await {
                Err(fault) if fault.code == Some(AUTHENTICATION_FAILED) => refused = fault,
                other => return other,
            }
        }
        Err(refused)
    }

    /// Runs a command. A reply with a write concern error is an error: it was done and is not safe.
    pub(crate) async fn run(&self, database: &str, mut body: Document, within: Duration) -> Read<Document> {
        if !body.contains_key("hello") {
            body.insert("maxTimeMS", i64::try_from(within.as_millis()).unwrap_or(i64::MAX));
        }
        let database: Database = self.client.database(database);
        let reply = timeout(within + SELECTION_TIMEOUT + GRACE, database.run_command(body)).await;
        let reply =
            reply.map_err(|_| Fault::of_network("no answer in time"))?.map_err(|error| fault(&error))?;
        match reply.get_document("writeConcernError") {
            Ok(concern) => Err(Fault::of_server(
                concern.get_i32("code").unwrap_or_default(),
                concern.get_str("codeName").unwrap_or_default(),
                concern.get_str("errmsg").unwrap_or_default(),
            )),
            Err(_) => Ok(reply),
        }
    }

    /// Ends the connection and everything behind it.
    pub(crate) async fn close(self) {
        let _ = timeout(CLOSE_TIMEOUT, self.client.shutdown().immediate(true)).await;
    }
}

/// A plain connection first: the driver would wait its whole time for a server that is not there.
async fn reach(address: &str) -> Read<()> {
    match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Fault::of_network(&error.to_string())),
        Err(_) => Err(Fault::of_network(&format!("no connection within {} s", CONNECT_TIMEOUT.as_secs()))),
    }
}

fn options(address: &str, who: As<'_>) -> Read<ClientOptions> {
    let address = ServerAddress::parse(address).map_err(|error| fault(&error))?;
    // No name of a replica set: with one a member that is not initiated could never be selected.
    let credential = Credential::builder()
        .username(who.name.to_owned())
        .password(who.password.to_owned())
        .source(who.source.to_owned())
        .mechanism(AuthMechanism::ScramSha256)
        .build();
    Ok(ClientOptions::builder()
        .hosts(vec![address])
        .direct_connection(true)
        .app_name("eventpipeline-bootstrap".to_owned())
        .credential(credential)
        .connect_timeout(CONNECT_TIMEOUT)
        .server_selection_timeout(SELECTION_TIMEOUT)
        .max_pool_size(POOL_SIZE_MAX)
        .build())
}
