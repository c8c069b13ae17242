//! Who may do what: API keys of programs and the people of the console, in PostgreSQL, behind caches in memory and in
//! Redis. Knows nothing of HTTP.
//!
//! What holds, and where:
//! - A key in memory costs one hash and one look-up ([`Accounts::api_key`]), and waits for nothing.
//! - A revoked key, and the token of a disabled or deleted person, stop working within a second of the answer to the
//!   revocation, in every API process: `feed` hears of changes through Redis and through PostgreSQL, `memory` is
//!   believed only while one of the two was heard less than a second ago, and two fences (`memory`, `shared`) keep
//!   out what was read before a change and would be written after it.
//! - With PostgreSQL away known credentials go on working (`lookup`), unknown ones are
//!   [`AuthError::Unavailable`], not refused.
//! - Secrets are stored as hashes only, compared in constant time, and never in a `Debug` or a log.

mod audit;
mod changes;
mod error;
mod feed;
mod keeper;
mod keys;
mod limiter;
mod login;
mod lookup;
mod memory;
mod passwords;
mod people;
mod preferences;
mod scopes;
mod secret;
mod seed;
mod settings;
mod shared;
mod stores;
mod throttle;
mod tokens;
mod users;

use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

pub use audit::{Actor, Origin};
pub use error::{AuthError, Error, LoginError};
pub use keys::{KeyFacts, KeyInfo, LIVE_KEYS_MAX, NAME_CHARACTERS_MAX, NewKey, RATE_MAX};
pub use limiter::{AboveRate, Limiter};
pub use passwords::{PASSWORD_BYTES_MAX, PASSWORD_BYTES_MIN};
pub use people::{Person, Role};
pub use preferences::{Preferences, Theme};
pub use scopes::{Scope, Scopes};
pub use secret::KeyId;
pub use settings::{
    JWT_SECRET_BYTES_MIN, JWT_SECRET_EXAMPLE, Settings, TOKEN_MINUTES_MAX, TOKEN_MINUTES_MIN,
};
pub use stores::Health;
pub use tokens::Token;
pub use users::{NewUser, USERS_MAX, UserChange, UserInfo};

use feed::Hub;
use lookup::{Lookup, Missing};
use stores::wall_clock;

/// A person signs in again after this, however often the token was renewed: a working day, and no night.
pub const SESSION_SECONDS_MAX: i64 = 12 * 3_600;

/// Rows of one page, at most.
pub const PAGE_ROWS_MAX: u32 = 1_000;

/// Some of many, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// These.
    pub items: Vec<T>,
    /// What to give as `after` for the next ones; `None`: there are no more.
    pub next: Option<String>,
}

/// A page of at most `limit` out of what was read, which is one more when there are more.
pub(crate) fn page<T>(mut items: Vec<T>, limit: u32, name: impl Fn(&T) -> String) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(name);
    Page { items, next }
}

/// Keys and people. Cheap to clone; its background tasks end with the last clone.
#[derive(Clone)]
pub struct Accounts {
    inner: Arc<Inner>,
}

struct Inner {
    hub: Arc<Hub>,
    passwords: passwords::Passwords,
    throttle: throttle::Throttle,
    signer: tokens::Signer,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl Accounts {
    /// Starts, whether PostgreSQL is there or not: a background task migrates and seeds it once it comes. Fails only
    /// for settings that can never work. `redis` is used with short commands only.
    pub async fn connect(settings: &Settings, redis: redis::aio::ConnectionManager) -> Result<Self, Error> {
        if let Some(fault) = settings.faults().into_iter().next() {
            return Err(Error::invalid("settings", fault));
        }
        let stores = Arc::new(stores::Stores::new(settings, redis)?);
        let entries = settings.cache_entries_max;
        let keys =
            keys::Keys { default_rate: settings.default_rate, batch_events_max: settings.batch_events_max };
        let hub = Arc::new(Hub {
            keys: Arc::new(Lookup::new(keys, Arc::clone(&stores), entries, true)),
            people: Arc::new(Lookup::new(people::People, Arc::clone(&stores), entries, false)),
            stores,
        });
        let signer = tokens::Signer::new(&settings.jwt_secret, &settings.pipeline, settings.token_minutes);
        let tasks = [
            AbortOnDropHandle::new(tokio::spawn(Arc::clone(&hub).watch_redis())),
            AbortOnDropHandle::new(tokio::spawn(keeper::keep(Arc::clone(&hub), settings.clone()))),
        ];
        let (passwords, throttle) = (passwords::Passwords::new().await, throttle::Throttle::default());
        Ok(Self { inner: Arc::new(Inner { hub, passwords, throttle, signer, _tasks: tasks }) })
    }

    /// The facts of an API key. With the key in memory this is one hash and one look-up, and it does not yield.
    pub async fn api_key(&self, presented: &str) -> Result<Arc<KeyFacts>, AuthError> {
        let id = secret::parse(presented).ok_or(AuthError::Malformed)?;
        let hash = secret::hash(presented);
        let hub = &self.inner.hub;
        let facts = hub.keys.find(id).await?.ok_or(AuthError::Revoked)?;
        if !facts.is(&hash) {
            return Err(AuthError::Unknown);
        }
        facts.used(wall_clock());
        Ok(facts)
    }

    /// Whether a text has the form of an API key, as against a person's token.
    pub fn is_api_key(presented: &str) -> bool {
        secret::parse(presented).is_some()
    }

    /// The person of a token, with the role of this moment.
    pub async fn person(&self, token: &str) -> Result<Person, AuthError> {
        let tokens::Read { id, version, .. } = self.inner.signer.read(token)?;
        let facts = self.inner.hub.people.find(id).await?.ok_or(AuthError::Revoked)?;
        if facts.token_version == version { Ok(facts.person.clone()) } else { Err(AuthError::Revoked) }
    }

    /// A new token for one that is still good, as long as its person signed in less than [`SESSION_SECONDS_MAX`] ago.
    pub async fn renew(&self, token: &str) -> Result<Token, AuthError> {
        let person = self.person(token).await?;
        let tokens::Read { version, since, .. } = self.inner.signer.read(token)?;
        let now = wall_clock();
        if now - since > SESSION_SECONDS_MAX {
            return Err(AuthError::Expired);
        }
        self.inner.signer.sign(person, version, now, since).map_err(|error| {
            tracing::error!(%error, "a token was not renewed");
            AuthError::Unavailable
        })
    }

    /// A new API key: what is listed of it, and its whole text, which cannot be had again.
    pub async fn create_key(&self, origin: &Origin, new: NewKey) -> Result<(KeyInfo, String), Error> {
        self.inner.hub.create_key(origin, new).await
    }

    /// Keys, newest first, revoked ones too; `after` is the `next` of the page before.
    pub async fn list_keys(&self, after: Option<&str>, limit: u32) -> Result<Page<KeyInfo>, Error> {
        self.inner.hub.list_keys(after, limit.clamp(1, PAGE_ROWS_MAX)).await
    }

    /// Revokes a key for good; on `Ok` it works nowhere a second later. Again is no error, and announces again. On
    /// [`Error::NotAnnounced`] it is revoked all the same.
    pub async fn revoke_key(&self, origin: &Origin, id: &str) -> Result<KeyInfo, Error> {
        let id = KeyId::parse(id).ok_or(Error::NotFound("API key"))?;
        self.inner.hub.revoke_key(origin, id).await
    }

    /// A new person.
    pub async fn create_user(&self, origin: &Origin, new: NewUser) -> Result<UserInfo, Error> {
        new.check()?;
        let hash = self.inner.passwords.hash(new.password.clone()).await?;
        self.inner.hub.create_user(origin, new, hash).await
    }

    /// People, newest first; `after` is the `next` of the page before.
    pub async fn list_users(&self, after: Option<Uuid>, limit: u32) -> Result<Page<UserInfo>, Error> {
        self.inner.hub.list_users(after, limit.clamp(1, PAGE_ROWS_MAX)).await
    }

    /// One person.
    pub async fn user(&self, id: Uuid) -> Result<UserInfo, Error> {
        self.inner.hub.user(id).await
    }

    /// Changes a person; what ends rights holds everywhere within a second.
    pub async fn update_user(
        &self,
        origin: &Origin,
        id: Uuid,
        change: UserChange,
    ) -> Result<UserInfo, Error> {
        change.check()?;
        let hash = match &change.password {
            Some(password) => Some(self.inner.passwords.hash(password.clone()).await?),
            None => None,
        };
        self.inner.hub.update_user(origin, id, change, hash).await
    }

    /// Deletes a person; their tokens stop working within a second.
    pub async fn delete_user(&self, origin: &Origin, id: Uuid) -> Result<(), Error> {
        self.inner.hub.delete_user(origin, id).await
    }

    /// What a person chose in the console.
    pub async fn preferences(&self, person: Uuid) -> Result<Preferences, Error> {
        self.inner.hub.preferences(person).await
    }

    /// Replaces what a person chose.
    pub async fn set_preferences(&self, person: Uuid, new: &Preferences) -> Result<(), Error> {
        self.inner.hub.set_preferences(person, new).await
    }

    /// Writes into the audit log what was done elsewhere (dead letters replayed). A PostgreSQL that is away does not
    /// hold that up: then the log of the process has it.
    pub async fn note(&self, origin: &Origin, action: &'static str, subject: &str, detail: &str) {
        if let Err(error) = audit::note(&self.inner.hub.stores, origin, action, subject, detail).await {
            let actor = origin.actor.to_string();
            tracing::warn!(%error, actor, action, subject, detail, request_id = origin.request_id, "not in the audit log");
        }
    }

    /// How PostgreSQL is, from its last real answer.
    pub fn health(&self) -> Health {
        self.inner.hub.stores.health()
    }

    /// Keys remembered in memory.
    pub fn keys_in_memory(&self) -> usize {
        self.inner.hub.keys.memory.len()
    }
}

impl From<Missing> for AuthError {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Unknown => Self::Unknown,
            Missing::Unavailable => Self::Unavailable,
        }
    }
}
