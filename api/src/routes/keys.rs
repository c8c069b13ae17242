//! `/api/v1/keys`: API keys are made, listed and revoked. A key's text is in one answer only, that to its making.

use accounts::{KeyId, KeyInfo, NewKey, Scope};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::admin::{Admin, Json, may_look, not_read, origin};
use crate::app::Shared;
use crate::auth::Caller;
use crate::openapi::Paging;
use crate::problem::Problem;
use crate::query::{Id, Params};
use crate::stored::rfc3339;

/// The routes of this file.
pub fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

/// What a key may do.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScopeName {
    /// Send events.
    Ingest,
    /// Read events, dead letters and figures.
    Read,
    /// Change keys, people and dead letters.
    Admin,
}

impl From<Scope> for ScopeName {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Ingest => Self::Ingest,
            Scope::Read => Self::Read,
            Scope::Admin => Self::Admin,
        }
    }
}

impl From<ScopeName> for Scope {
    fn from(scope: ScopeName) -> Self {
        match scope {
            ScopeName::Ingest => Self::Ingest,
            ScopeName::Read => Self::Read,
            ScopeName::Admin => Self::Admin,
        }
    }
}

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateKey {
    /// What it is for, 1 to 100 characters.
    #[schema(example = "checkout service", min_length = 1, max_length = 100)]
    name: Option<String>,
    /// At least one.
    #[schema(min_items = 1)]
    scopes: Vec<ScopeName>,
    /// Events a second; left out: the rate of the settings.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    rate_events_per_second: Option<u32>,
}

/// A key, without its secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// Its public part.
    #[schema(example = "4mQ0xPz81kLs")]
    id: String,
    name: Option<String>,
    scopes: Vec<ScopeName>,
    /// `null`: the rate of the settings.
    rate_events_per_second: Option<u32>,
    #[schema(format = DateTime)]
    created_at: String,
    /// `user:…`, `key:…` or `settings`.
    created_by: String,
    /// To half a minute.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
pub struct CreatedKey {
    /// The whole key. It is stored nowhere and cannot be shown again.
    #[schema(example = "epk_4mQ0xPz81kLs_…")]
    key: String,
    #[serde(flatten)]
    info: Key,
}

/// Keys, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyList {
    keys: Vec<Key>,
    /// `null`: there are no more.
    next_cursor: Option<String>,
}

impl From<KeyInfo> for Key {
    fn from(key: KeyInfo) -> Self {
        Self {
            id: key.id,
            name: key.name,
            scopes: key.scopes.iter().map(ScopeName::from).collect(),
            rate_events_per_second: key.rate,
            created_at: moment(key.created_at),
            created_by: key.created_by,
            last_used_at: key.last_used_at.map(moment),
            revoked_at: key.revoked_at.map(moment),
        }
    }
}

/// A moment of PostgreSQL's for JSON.
pub fn moment(at: OffsetDateTime) -> String {
    rfc3339(i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX))
}

/// API keys, newest first, revoked ones too.
#[utoipa::path(get, path = "/api/v1/keys", tag = "keys", params(
    Paging,
), responses(
    (status = 200, description = "Some keys", body = KeyList),
))]
async fn list(
    State(app): State<Shared>,
    caller: Caller,
    mut params: Params,
) -> Result<axum::Json<KeyList>, Problem> {
    may_look(&caller)?;
    let limit = params.limit()?;
    let after = params.cursor_of(KeyId::parse)?;
    params.finish()?;
    let after = after.as_ref().map(KeyId::as_str);
    let page = app.accounts.list_keys(after, limit).await.map_err(not_read)?;
    Ok(axum::Json(KeyList { keys: page.items.into_iter().map(Key::from).collect(), next_cursor: page.next }))
}

/// Make an API key.
#[utoipa::path(post, path = "/api/v1/keys", tag = "keys", request_body = CreateKey, responses(
    (status = 201, description = "Made; the only answer with the whole key", body = CreatedKey),
    (status = 422, description = "A value that cannot be", body = Problem, content_type = "application/problem+json"),
))]
async fn create(
    State(app): State<Shared>,
    Admin(caller): Admin,
    headers: HeaderMap,
    Json(body): Json<CreateKey>,
) -> Result<(StatusCode, axum::Json<CreatedKey>), Problem> {
    let scopes = body.scopes.into_iter().map(Scope::from).collect();
    let new = NewKey { name: body.name, scopes, rate: body.rate_events_per_second };
    let (info, key) = app.accounts.create_key(&origin(&caller, &headers), new).await?;
    Ok((StatusCode::CREATED, axum::Json(CreatedKey { key, info: info.into() })))
}

/// Revoke an API key for good. A second later no replica takes it.
#[utoipa::path(delete, path = "/api/v1/keys/{id}", tag = "keys", params(
    ("id" = String, Path, description = "The public part of the key"),
), responses(
    (status = 200, description = "Revoked, now or before", body = Key),
    (status = 404, description = "No such key", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Ask again", body = Problem, content_type = "application/problem+json"),
))]
async fn revoke(
    State(app): State<Shared>,
    Admin(caller): Admin,
    headers: HeaderMap,
    Id(id): Id,
) -> Result<axum::Json<Key>, Problem> {
    let revoked = app.accounts.revoke_key(&origin(&caller, &headers), &id).await?;
    Ok(axum::Json(revoked.into()))
}
