//! What a person chose in the console: small, typed, their own.

use serde::{Deserialize, Serialize};
use sqlx::types::Uuid;

use crate::Error;
use crate::feed::Hub;
use crate::stores::CHANGE_TIMEOUT;

/// Characters of the name of a time zone; the longest in use has 32.
pub const TIME_ZONE_CHARACTERS_MAX: usize = 64;
/// Rows of a page in lists.
pub const PAGE_ROWS: std::ops::RangeInclusive<u32> = 10..=1_000;

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// See the module. What is left out is the default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Preferences {
    /// Light or dark.
    pub theme: Theme,
    /// An IANA name such as `Europe/Vienna`, or `local` for that of the browser.
    pub time_zone: String,
    /// Rows of a page in lists, 10 to 1,000.
    pub page_rows: u32,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { theme: Theme::System, time_zone: "local".into(), page_rows: 100 }
    }
}

impl Preferences {
    fn check(&self) -> Result<(), Error> {
        let zone = &self.time_zone;
        let good = (1..=TIME_ZONE_CHARACTERS_MAX).contains(&zone.len())
            && zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte));
        if !good {
            return Err(Error::invalid("timeZone", "an IANA name such as Europe/Vienna, or local"));
        }
        if !PAGE_ROWS.contains(&self.page_rows) {
            let (least, most) = (PAGE_ROWS.start(), PAGE_ROWS.end());
            return Err(Error::invalid("pageRows", format!("{least} to {most}")));
        }
        Ok(())
    }
}

impl Hub {
    pub(crate) async fn preferences(&self, person: Uuid) -> Result<Preferences, Error> {
        self.stores.require_postgres()?;
        let work = sqlx::query_scalar("select settings::text from user_settings where user_id = $1")
            .bind(person)
            .fetch_optional(&self.stores.pool);
        let stored: Option<String> = tokio::time::timeout(CHANGE_TIMEOUT, work).await??;
        // What an older or newer version wrote and this one cannot read is as good as nothing.
        Ok(stored.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    pub(crate) async fn set_preferences(&self, person: Uuid, new: &Preferences) -> Result<(), Error> {
        new.check()?;
        self.stores.require_postgres()?;
        let text = serde_json::to_string(new).map_err(|error| Error::System(error.to_string()))?;
        let work = sqlx::query(
            "insert into user_settings (user_id, settings) values ($1, $2::text::jsonb) \
             on conflict (user_id) do update set settings = excluded.settings, updated_at = now()",
        )
        .bind(person)
        .bind(text)
        .execute(&self.stores.pool);
        match tokio::time::timeout(CHANGE_TIMEOUT, work).await? {
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                Err(Error::NotFound("user"))
            }
            other => Ok(other.map(|_| ())?),
        }
    }
}
