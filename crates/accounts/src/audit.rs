//! Who changed what: one row a change, in the transaction of the change, so that neither is there without the other.

use std::fmt;

use sqlx::PgConnection;

use crate::stores::{CHANGE_TIMEOUT, Stores};
use crate::{Error, KeyId, Person};

/// Characters of the actor and the subject; the tables check the same.
const NAME_CHARACTERS_MAX: usize = 300;
/// Characters of the detail.
const DETAIL_CHARACTERS_MAX: usize = 1_000;
/// Characters of a request id.
const REQUEST_ID_CHARACTERS_MAX: usize = 128;

/// Who asks for a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person, by a token.
    Person(Person),
    /// A program, by an API key.
    Key(KeyId),
    /// The settings, when the process starts.
    Settings,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(person) => write!(f, "user:{} {}", person.id, person.email),
            Self::Key(id) => write!(f, "key:{id}"),
            Self::Settings => f.write_str("settings"),
        }
    }
}

/// Who asks, and in which request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who.
    pub actor: Actor,
    /// The id of the request, as the log has it; empty for none.
    pub request_id: String,
}

impl Origin {
    /// The settings at the start of the process.
    pub(crate) fn settings() -> Self {
        Self { actor: Actor::Settings, request_id: String::new() }
    }
}

/// Writes the row. Texts that are too long are cut, never refused: a change shall not fail for its record.
pub(crate) async fn record(
    connection: &mut PgConnection,
    origin: &Origin,
    action: &'static str,
    subject: &str,
    detail: &str,
) -> Result<(), Error> {
    sqlx::query(
        "insert into audit_log (actor, action, subject, detail, request_id) values ($1, $2, $3, $4, $5)",
    )
    .bind(cut(&origin.actor.to_string(), NAME_CHARACTERS_MAX))
    .bind(action)
    .bind(cut(subject, NAME_CHARACTERS_MAX))
    .bind(cut(detail, DETAIL_CHARACTERS_MAX))
    .bind(cut(&origin.request_id, REQUEST_ID_CHARACTERS_MAX))
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes the row on its own, for a change that is not in PostgreSQL.
pub(crate) async fn note(
    stores: &Stores,
    origin: &Origin,
    action: &'static str,
    subject: &str,
    detail: &str,
) -> Result<(), Error> {
    stores.require_postgres()?;
    let work = async {
        let mut connection = stores.pool.acquire().await?;
        record(&mut connection, origin, action, subject, detail).await
    };
    tokio::time::timeout(CHANGE_TIMEOUT, work).await?
}

/// At most `max` characters, without NUL, which PostgreSQL refuses in a text.
fn cut(text: &str, max: usize) -> String {
    text.chars().filter(|c| *c != '\0').take(max).collect()
}
