//! One connection to another member: opened, greeted, logged in, used for one call at a time.

use std::time::Duration;

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::arguments::truthy;
use crate::query::decoded;
use crate::refusal::Refusal;
use crate::scram::{Client, Mechanism};
use crate::wire::{MESSAGE_BYTES_MAX, Outgoing, message, parse_reply};

/// A host that does not take a connection within this is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Why there is no connection.
#[derive(Debug)]
pub enum Fault {
    /// Nobody there, or no primary: later perhaps.
    Away(String),
    /// It says no, and will again.
    Refused(Refusal),
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Away(error.to_string())
    }
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    requests: i32,
}

/// What a host says of itself.
pub async fn hello(host: &str) -> Result<Document, String> {
    let mut connection = Connection::plain(host).await.map_err(|error| error.to_string())?;
    connection.greet().await.map_err(|error| error.to_string())
}

impl Connection {
    async fn plain(host: &str) -> std::io::Result<Self> {
        let late = |_| std::io::Error::new(std::io::ErrorKind::TimedOut, format!("{host} does not answer"));
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(host)).await.map_err(late)??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, requests: 0 })
    }

    async fn greet(&mut self) -> std::io::Result<Document> {
        let hello = doc! {"hello": 1, "$db": "admin", "internalClient": {"minWireVersion": 0, "maxWireVersion": 21}};
        let late = |_| std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer to hello");
        tokio::time::timeout(CONNECT_TIMEOUT, self.command(hello)).await.map_err(late)?
    }

    /// To a host that is the primary of `set`, logged in with one of the keys.
    pub async fn open(host: &str, set: Option<&str>, keys: &[String]) -> Result<Self, Fault> {
        let mut connection = Self::plain(host).await?;
        let hello = connection.greet().await?;
        if !truthy(hello.get("isWritablePrimary")) || set.is_some_and(|set| hello.get_str("setName") != Ok(set)) {
            return Err(Fault::Away(format!("{host} is no primary of {}", set.unwrap_or("any set"))));
        }
        let mut last = None;
        for key in keys {
            match connection.log_in(key).await? {
                None => return Ok(connection),
                Some(refusal) => last = Some(refusal),
            }
        }
        last.map_or(Ok(connection), |refusal| Err(Fault::Refused(refusal)))
    }

    async fn log_in(&mut self, key: &str) -> std::io::Result<Option<Refusal>> {
        let mechanism = Mechanism::Sha256;
        let (client, first) = Client::new(mechanism, "__system", key);
        let binary = |text: String| Binary { subtype: BinarySubtype::Generic, bytes: text.into_bytes() };
        let start = doc! {
            "saslStart": 1, "mechanism": mechanism.name(), "payload": binary(first),
            "options": {"skipEmptyExchange": true}, "$db": "local",
        };
        let second = self.command(start).await?;
        if let Some(refusal) = Refusal::of_reply(&second) {
            return Ok(Some(refusal));
        }
        let failed = || Some(Refusal::new(crate::codes::AUTHENTICATION_FAILED, "the member does not know the key"));
        let said = |reply: &Document| match reply.get("payload") {
            Some(Bson::Binary(payload)) => String::from_utf8(payload.bytes.clone()).unwrap_or_default(),
            _ => String::new(),
        };
        let Some((proof, expected)) = client.answer(&said(&second)) else { return Ok(failed()) };
        let go_on = doc! {"saslContinue": 1, "conversationId": 1, "payload": binary(proof), "$db": "local"};
        let last = self.command(go_on).await?;
        if let Some(refusal) = Refusal::of_reply(&last) {
            return Ok(Some(refusal));
        }
        Ok(if said(&last) == expected { None } else { failed() })
    }

    async fn command(&mut self, command: Document) -> std::io::Result<Document> {
        self.exchange(&command.into()).await.map(|reply| decoded(&reply))
    }

    /// Sends a command and reads its reply.
    pub async fn exchange(&mut self, command: &Outgoing) -> std::io::Result<Bytes> {
        self.requests = self.requests.wrapping_add(1);
        self.stream.write_all(&message(self.requests, command, false)).await?;
        let mut header = [0; 16];
        self.stream.read_exact(&mut header).await?;
        let int = |at: usize| i32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let bad = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
        let length = usize::try_from(int(0)).ok().filter(|length| (16..=MESSAGE_BYTES_MAX + 1024).contains(length));
        let length = length.ok_or_else(|| bad("a reply whose length cannot be"))?;
        if int(8) != self.requests {
            return Err(bad("a reply to another request"));
        }
        let mut bytes = vec![0; length - 16];
        self.stream.read_exact(&mut bytes).await?;
        parse_reply(int(12), Bytes::from(bytes)).map_err(|error| bad(&error.to_string()))
    }

    /// Whether the other side has not closed it. Nothing is ever sent unasked, so a byte is as bad as an end.
    pub fn is_open(&self) -> bool {
        let read = self.stream.try_read(&mut [0; 1]);
        read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }
}
