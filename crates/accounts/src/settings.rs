//! What the crate needs to be told, and the faults of it. Does not read the environment: the API does.

use std::fmt;

use crate::{passwords, secret, users};

/// An HS256 secret shorter than its hash weakens it (RFC 7518, 3.2).
pub const JWT_SECRET_BYTES_MIN: usize = 32;
/// What `.env.example` shows. Everybody knows it.
pub const JWT_SECRET_EXAMPLE: &str = "at-least-32-bytes-from-openssl-rand-hex-32";
/// Tokens live this long at least: shorter ones would sign people out in the middle of a form.
pub const TOKEN_MINUTES_MIN: u32 = 15;
/// Tokens live this long at most: there is no refresh yet, and a stolen one should not last a working day.
pub const TOKEN_MINUTES_MAX: u32 = 60;

/// Settings of keys, people and their stores.
#[derive(Clone)]
pub struct Settings {
    /// `namespace/name`: part of the names in Redis, and the audience of tokens.
    pub pipeline: String,
    /// `postgres://user:password@host:port/database`.
    pub postgres_url: String,
    /// Secret that signs people's tokens; the same in all API replicas, at least 32 bytes.
    pub jwt_secret: String,
    /// How long a token lives, 15 to 60 minutes.
    pub token_minutes: u32,
    /// A key that exists from the start, with all scopes. Inserted once, never overwritten.
    pub first_api_key: Option<String>,
    /// E-mail of an administrator who exists from the start. Inserted while there is nobody, never overwritten.
    pub admin_email: Option<String>,
    /// The password of that administrator, used only when it is inserted.
    pub admin_password: Option<String>,
    /// Rate of keys that have none of their own, in events a second; `None`: no limit.
    pub default_rate: Option<u32>,
    /// The largest batch the API takes, in events: what a rate limit's burst must hold.
    pub batch_events_max: u32,
    /// Keys and people remembered in memory, at most this many each (about 300 bytes an entry).
    pub cache_entries_max: usize,
    /// Connections of the pool, at most, one more is kept for watching changes.
    pub postgres_connections_max: u32,
}

impl Settings {
    /// Everything wrong with the settings at once, each with the name of the environment variable; empty: all good.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let schemes = ["postgres://", "postgresql://"];
        if !schemes.iter().any(|scheme| self.postgres_url.starts_with(scheme)) {
            faults.push("POSTGRES_URL does not begin with postgres:// or postgresql://".into());
        } else if let Err(error) = self.postgres_url.parse::<sqlx::postgres::PgConnectOptions>() {
            faults.push(format!("POSTGRES_URL is no URL of PostgreSQL: {error}"));
        }
        if self.jwt_secret.len() < JWT_SECRET_BYTES_MIN {
            faults.push(format!("JWT_SECRET needs at least {JWT_SECRET_BYTES_MIN} bytes, for example from `openssl rand -hex 32`"));
        }
        if self.jwt_secret == JWT_SECRET_EXAMPLE {
            faults.push("JWT_SECRET is the published example, with which anybody could sign tokens: make one with `openssl rand -hex 32`".into());
        }
        if !(TOKEN_MINUTES_MIN..=TOKEN_MINUTES_MAX).contains(&self.token_minutes) {
            faults
                .push(format!("TOKEN_MINUTES must lie between {TOKEN_MINUTES_MIN} and {TOKEN_MINUTES_MAX}"));
        }
        if self.first_api_key.as_deref().is_some_and(|key| secret::parse(key).is_none()) {
            faults.push(
                "FIRST_API_KEY must look like epk_<12 letters or digits>_<40 letters or digits>".into(),
            );
        }
        if let Some(email) = &self.admin_email
            && let Err(error) = users::email(email)
        {
            faults.push(format!("ADMIN_EMAIL: {error}"));
        }
        match (&self.admin_email, &self.admin_password) {
            (Some(_), Some(password)) => {
                if let Err(error) = passwords::check("password", password) {
                    faults.push(format!("ADMIN_PASSWORD: {error}"));
                }
            }
            (None, None) => {}
            _ => faults.push("ADMIN_EMAIL and ADMIN_PASSWORD belong together: set both or neither".into()),
        }
        if self.cache_entries_max == 0 || self.postgres_connections_max == 0 || self.batch_events_max == 0 {
            faults
                .push("the limits of the key cache, the PostgreSQL pool and a batch must be above 0".into());
        }
        faults
    }
}

impl fmt::Debug for Settings {
    /// Leaves out every secret, the URL of PostgreSQL included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("pipeline", &self.pipeline)
            .field("token_minutes", &self.token_minutes)
            .field("first_api_key", &self.first_api_key.as_deref().and_then(secret::parse))
            .field("admin_email", &self.admin_email)
            .field("default_rate", &self.default_rate)
            .field("cache_entries_max", &self.cache_entries_max)
            .field("postgres_connections_max", &self.postgres_connections_max)
            .finish_non_exhaustive()
    }
}
