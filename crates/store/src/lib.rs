//! MongoDB: the connection, the two collections and their indexes, dead letters, and what its errors mean.
//! Decides nothing: the worker does.

mod class;
mod dead_letter;
mod indexes;
mod words;

use std::time::Duration;

use bson::{Document, RawDocumentBuf};
use mongodb::options::{Acknowledgment, ClientOptions, CollectionOptions, ConnectionString, WriteConcern};
use mongodb::{Client, Collection, Database};

pub use class::{Class, EventFault, InsertFault, class, insert_fault, is_of_document};
pub use dead_letter::{DeadLetter, PayloadKind, Place, Reason, Status, write_dead_letter};
pub use indexes::{Indexes, ensure_indexes};
pub use words::words;

/// Collection of the events.
pub const EVENTS: &str = "events";
/// Collection of the dead letters.
pub const DEAD_LETTERS: &str = "events_dlq";

/// Finding a primary may take an election; longer than this, the caller should know and decide.
const SERVER_SELECTION_TIMEOUT: Duration = Duration::from_secs(5);
/// A TCP connection that takes longer is not coming.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Inserts at once per process are few; queries bound themselves.
const POOL_SIZE_MAX: u32 = 16;

/// The database and its collections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    /// The pipeline's database.
    pub database: Database,
    /// Events, as they were encoded at the edge.
    pub events: Collection<RawDocumentBuf>,
    /// Dead letters.
    pub dead_letters: Collection<Document>,
}

/// Why an address can never be one of a MongoDB; the address itself is not told, it may hold a password.
pub fn uri_fault(uri: &str) -> Option<String> {
    ConnectionString::parse(uri).err().map(|error| error.to_string())
}

/// Why a database cannot have this name (MongoDB's manual, "Naming Restrictions").
pub fn database_fault(name: &str) -> Option<&'static str> {
    const NOT_IN_NAMES: &[char] = &['/', '\\', '.', ' ', '"', '$', '*', '<', '>', ':', '|', '?', '\0'];
    match name {
        "admin" | "config" | "local" => Some("is a database of the server's own"),
        _ if name.is_empty() || name.len() > 63 => Some("is not 1 to 63 bytes long"),
        _ if name.contains(NOT_IN_NAMES) => Some("has a character that names of databases cannot have"),
        _ => None,
    }
}

/// Connects lazily: fails only for a URI that can never work.
///
/// Every write has write concern majority with journal: with `w: 1` a killed primary was seen to lose acknowledged
/// events on a real server.
pub async fn connect(uri: &str, database: &str) -> mongodb::error::Result<Store> {
    let mut options = ClientOptions::parse(uri).await?;
    options.app_name.get_or_insert_with(|| "eventpipeline".into());
    options.server_selection_timeout.get_or_insert(SERVER_SELECTION_TIMEOUT);
    options.connect_timeout.get_or_insert(CONNECT_TIMEOUT);
    options.max_pool_size.get_or_insert(POOL_SIZE_MAX);
    let database = Client::with_options(options)?.database(database);
    let majority = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
    let options = CollectionOptions::builder().write_concern(majority).build();
    Ok(Store {
        events: database.collection_with_options(EVENTS, options.clone()),
        dead_letters: database.collection_with_options(DEAD_LETTERS, options),
        database,
    })
}
