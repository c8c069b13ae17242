//! API keys: making, listing and revoking them, and what a request's key says. Rows stay after a revocation.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgPool};
use time::OffsetDateTime;

use crate::audit::{self, Origin};
use crate::changes::{Change, key_subject};
use crate::feed::Hub;
use crate::lookup::Source;
use crate::stores::CHANGE_TIMEOUT;
use crate::{Error, KeyId, Limiter, Page, Scope, Scopes, page, secret};

/// Keys that are not revoked, at most: more are a program that makes one per request.
pub const LIVE_KEYS_MAX: i64 = 10_000;
/// Characters of a name.
pub const NAME_CHARACTERS_MAX: usize = 100;
/// A rate may be up to this, in events a second.
pub const RATE_MAX: u32 = 1_000_000_000;

/// What a request needs to know of its key.
#[derive(Debug)]
pub struct KeyFacts {
    /// The public part of the key.
    pub id: KeyId,
    /// What its maker called it.
    pub name: Option<String>,
    /// What it may do.
    pub scopes: Scopes,
    /// Events a second: its own rate, or else the default; `None`: no limit.
    pub rate: Option<u32>,
    /// The bucket of that rate, the same one for all requests with this key in this process.
    pub limiter: Option<Limiter>,
    hash: blake3::Hash,
    used_at: AtomicI64,
}

impl KeyFacts {
    /// Whether `text` is this key; constant in time.
    pub(crate) fn is(&self, hash: &blake3::Hash) -> bool {
        self.hash == *hash
    }

    pub(crate) fn used(&self, unix_seconds: i64) {
        self.used_at.store(unix_seconds, Ordering::Relaxed);
    }
}

/// A key as it stands in PostgreSQL and travels through Redis.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeyRow {
    hash: String,
    name: Option<String>,
    scopes: Scopes,
    rate: Option<u32>,
    revoked: bool,
}

/// How keys are looked up.
pub(crate) struct Keys {
    pub default_rate: Option<u32>,
    pub batch_events_max: u32,
}

type KeyColumns = (Vec<u8>, Option<String>, Vec<String>, Option<i32>, bool);

impl Source for Keys {
    type Id = KeyId;
    type Row = KeyRow;
    type Facts = KeyFacts;

    fn subject(id: KeyId) -> String {
        key_subject(id)
    }

    fn facts(&self, id: KeyId, row: &KeyRow) -> Option<KeyFacts> {
        let hash = blake3::Hash::from_hex(&row.hash).ok().filter(|_| !row.revoked)?;
        let rate = row.rate.or(self.default_rate);
        let limiter = rate.map(|rate| Limiter::new(rate, self.batch_events_max, Instant::now()));
        let (name, scopes) = (row.name.clone(), row.scopes);
        Some(KeyFacts { id, name, scopes, rate, limiter, hash, used_at: AtomicI64::new(0) })
    }

    fn same(old: &KeyFacts, new: &KeyFacts) -> bool {
        old.hash == new.hash && old.name == new.name && old.scopes == new.scopes && old.rate == new.rate
    }

    async fn read(pool: &PgPool, id: KeyId) -> sqlx::Result<Option<KeyRow>> {
        let row: Option<KeyColumns> = sqlx::query_as(
            "select hash, name, scopes, rate_events_per_second, revoked_at is not null from api_keys where id = $1",
        )
        .bind(id.as_str())
        .fetch_optional(pool)
        .await?;
        Ok(row.map(|(hash, name, scopes, rate, revoked)| KeyRow {
            // the table's check allows no other length
            hash: blake3::Hash::from_slice(&hash).map(|hash| hash.to_hex().to_string()).unwrap_or_default(),
            name,
            scopes: scopes.iter().filter_map(|name| Scope::parse(name)).collect(),
            rate: rate.and_then(|rate| u32::try_from(rate).ok()),
            revoked,
        }))
    }
}

/// What a new key shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// 1 to 100 characters.
    pub name: Option<String>,
    /// At least one.
    pub scopes: Scopes,
    /// Events a second, above 0; `None`: the default rate of the settings.
    pub rate: Option<u32>,
}

/// A key as it is listed: without its secret, which nobody has but its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// The public part.
    pub id: String,
    /// What its maker called it.
    pub name: Option<String>,
    /// What it may do.
    pub scopes: Scopes,
    /// Events a second, when it has a rate of its own.
    pub rate: Option<u32>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Who made it.
    pub created_by: String,
    /// When it was last used, to half a minute; `None`: never.
    pub last_used_at: Option<OffsetDateTime>,
    /// When it was revoked.
    pub revoked_at: Option<OffsetDateTime>,
}

#[derive(FromRow)]
struct InfoRow {
    id: String,
    name: Option<String>,
    scopes: Vec<String>,
    rate_events_per_second: Option<i32>,
    created_at: OffsetDateTime,
    created_by: String,
    last_used_at: Option<OffsetDateTime>,
    revoked_at: Option<OffsetDateTime>,
}

impl From<InfoRow> for KeyInfo {
    fn from(row: InfoRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            scopes: row.scopes.iter().filter_map(|name| Scope::parse(name)).collect(),
            rate: row.rate_events_per_second.and_then(|rate| u32::try_from(rate).ok()),
            created_at: row.created_at,
            created_by: row.created_by,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        }
    }
}

fn check(key: &NewKey) -> Result<(), Error> {
    if let Some(name) = &key.name
        && (name.trim().is_empty()
            || name.chars().count() > NAME_CHARACTERS_MAX
            || name.chars().any(char::is_control))
    {
        return Err(Error::invalid(
            "name",
            format!("1 to {NAME_CHARACTERS_MAX} characters, none of them control characters"),
        ));
    }
    if key.scopes.is_empty() {
        return Err(Error::invalid("scopes", "at least one of ingest, read, admin"));
    }
    if key.rate.is_some_and(|rate| rate == 0 || rate > RATE_MAX) {
        return Err(Error::invalid("rateEventsPerSecond", format!("1 to {RATE_MAX}, or left out")));
    }
    Ok(())
}

impl Hub {
    /// A new key and its whole text, which nobody will see again.
    pub(crate) async fn create_key(&self, origin: &Origin, new: NewKey) -> Result<(KeyInfo, String), Error> {
        check(&new)?;
        self.stores.require_postgres()?;
        let (id, text) = secret::generate().map_err(|error| Error::System(error.to_string()))?;
        let work = async {
            let mut transaction = self.stores.pool.begin().await?;
            let live: i64 = sqlx::query_scalar("select count(*) from api_keys where revoked_at is null")
                .fetch_one(&mut *transaction)
                .await?;
            if live >= LIVE_KEYS_MAX {
                return Err(Error::Full { what: "API keys", max: LIVE_KEYS_MAX });
            }
            let scopes: Vec<&str> = new.scopes.iter().map(Scope::name).collect();
            let row: InfoRow = sqlx::query_as(
                "insert into api_keys (id, hash, name, scopes, rate_events_per_second, created_by) \
                 values ($1, $2, $3, $4, $5, $6) returning *",
            )
            .bind(id.as_str())
            .bind(secret::hash(&text).as_bytes().as_slice())
            .bind(&new.name)
            .bind(&scopes)
            .bind(new.rate.and_then(|rate| i32::try_from(rate).ok()))
            .bind(origin.actor.to_string())
            .fetch_one(&mut *transaction)
            .await?;
            let detail = format!("scopes {}, rate {:?}, name {:?}", scopes.join(" "), new.rate, new.name);
            audit::record(&mut transaction, origin, "key.create", id.as_str(), &detail).await?;
            transaction.commit().await?;
            self.keys.memory.forget_unknown(&id);
            Ok(row.into())
        };
        let info = tokio::time::timeout(CHANGE_TIMEOUT, work).await??;
        Ok((info, text))
    }

    /// Newest first, revoked ones too.
    pub(crate) async fn list_keys(&self, after: Option<&str>, limit: u32) -> Result<Page<KeyInfo>, Error> {
        self.stores.require_postgres()?;
        let work = sqlx::query_as::<_, InfoRow>(
            "select * from api_keys where $1::text is null \
             or (created_at, id) < (select created_at, id from api_keys where id = $1) \
             order by created_at desc, id desc limit $2",
        )
        .bind(after)
        .bind(i64::from(limit) + 1)
        .fetch_all(&self.stores.pool);
        let rows = tokio::time::timeout(CHANGE_TIMEOUT, work).await??;
        Ok(page(rows.into_iter().map(KeyInfo::from).collect(), limit, |key| key.id.clone()))
    }

    /// Revokes it for good. A second time is no error, and announces again.
    pub(crate) async fn revoke_key(&self, origin: &Origin, id: KeyId) -> Result<KeyInfo, Error> {
        self.stores.require_postgres()?;
        let work = async {
            let mut transaction = self.stores.pool.begin().await?;
            let revoked: Option<InfoRow> = sqlx::query_as(
                "update api_keys set revoked_at = now() where id = $1 and revoked_at is null returning *",
            )
            .bind(id.as_str())
            .fetch_optional(&mut *transaction)
            .await?;
            let row = match revoked {
                Some(row) => {
                    let detail = row.name.as_deref().unwrap_or_default();
                    audit::record(&mut transaction, origin, "key.revoke", id.as_str(), detail).await?;
                    row
                }
                None => sqlx::query_as("select * from api_keys where id = $1")
                    .bind(id.as_str())
                    .fetch_optional(&mut *transaction)
                    .await?
                    .ok_or(Error::NotFound("API key"))?,
            };
            let change = Change::record(&mut transaction, key_subject(id)).await?;
            transaction.commit().await?;
            Ok::<_, Error>((row.into(), change))
        };
        let (info, change) = tokio::time::timeout(CHANGE_TIMEOUT, work).await??;
        change.announce(self).await?;
        Ok(info)
    }

    /// Writes when the keys in memory were last used.
    pub(crate) async fn write_last_use(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        let mut used: Vec<(String, i64)> = self
            .keys
            .memory
            .live()
            .into_iter()
            .map(|(id, facts)| (id.to_string(), facts.used_at.swap(0, Ordering::Relaxed)))
            .filter(|(_, at)| *at != 0)
            .collect();
        // in one order in all replicas, so that two of them never wait for each other
        used.sort_unstable();
        let (ids, times): (Vec<_>, Vec<_>) = used.into_iter().unzip();
        sqlx::query(
            "update api_keys set last_used_at = greatest(last_used_at, to_timestamp(used.at)) \
             from unnest($1::text[], $2::bigint[]) as used (id, at) where api_keys.id = used.id",
        )
        .bind(ids)
        .bind(times)
        .execute(connection)
        .await
        .map(|_| ())
    }
}
