//! Signing in, who one is, and one's own settings.

use std::net::SocketAddr;

use accounts::{LoginError, Person, Preferences, Role, Theme, Token};
use axum::extract::{ConnectInfo, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::Access;
use crate::admin::{Json, not_read, request_id};
use crate::app::Shared;
use crate::auth::{Caller, Credential};
use crate::code::Code;
use crate::problem::Problem;
use crate::session;

/// The routes of this file.
pub fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(refresh))
        .routes(routes!(logout))
        .routes(routes!(me))
        .routes(routes!(password))
        .routes(routes!(settings, set_settings))
}

/// E-mail and password of a person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// In any case.
    #[schema(example = "admin@example.com")]
    email: String,
    /// 8 to 256 bytes.
    #[schema(format = Password, min_length = 8, max_length = 256)]
    password: String,
}

/// A token, and whose it is. The cookie `ep_session` has the token, too, for the console's listener.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoginReply {
    /// A JWT, to be sent as `Authorization: Bearer`. Left out when the request has the header `X-Requested-With`: a
    /// page needs the cookie alone, which no script can read.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds that it lives.
    expires_in: u32,
    user: PersonReply,
}

/// A person.
#[derive(Serialize, ToSchema)]
pub struct PersonReply {
    #[schema(format = "uuid")]
    id: String,
    email: String,
    role: RoleName,
    /// `ReadOnly`: whatever the role, people change nothing here but how they see it.
    access: Access,
}

/// What a person may do.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RoleName {
    /// Everything.
    Admin,
    /// Look at everything, change nothing but their own settings.
    Viewer,
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::Admin => Self::Admin,
            Role::Viewer => Self::Viewer,
        }
    }
}

impl From<RoleName> for Role {
    fn from(role: RoleName) -> Self {
        match role {
            RoleName::Admin => Self::Admin,
            RoleName::Viewer => Self::Viewer,
        }
    }
}

impl PersonReply {
    fn of(person: Person, access: Access) -> Self {
        Self { id: person.id.to_string(), email: person.email, role: person.role.into(), access }
    }
}

/// A new password of one's own.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OwnPassword {
    /// So that a page left open is not enough.
    #[schema(format = Password, max_length = 256)]
    current_password: String,
    /// 8 to 256 bytes.
    #[schema(format = Password, min_length = 8, max_length = 256)]
    new_password: String,
}

/// Who is calling: a person, or a key.
#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Me {
    /// A person, by a token.
    Person(PersonReply),
    /// A program, by an API key.
    Key(KeyReply),
}

/// The key that is calling.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyReply {
    /// The public part of the key.
    id: String,
    name: Option<String>,
    /// `ingest`, `read`, `admin`.
    scopes: Vec<&'static str>,
    /// `null`: no limit.
    rate_events_per_second: Option<u32>,
}

/// What a person chose in the console. What is left out gets its default.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SettingsBody {
    /// `system`, `light` or `dark`.
    theme: ThemeName,
    /// An IANA name, or `local` for that of the browser.
    #[schema(example = "Europe/Vienna", max_length = 64)]
    time_zone: String,
    /// Rows of a page in lists.
    #[schema(minimum = 10, maximum = 1000)]
    page_rows: u32,
}

/// Light or dark.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ThemeName {
    /// As the system has it.
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Default for SettingsBody {
    fn default() -> Self {
        Preferences::default().into()
    }
}

impl From<Preferences> for SettingsBody {
    fn from(stored: Preferences) -> Self {
        let theme = match stored.theme {
            Theme::System => ThemeName::System,
            Theme::Light => ThemeName::Light,
            Theme::Dark => ThemeName::Dark,
        };
        Self { theme, time_zone: stored.time_zone, page_rows: stored.page_rows }
    }
}

impl From<SettingsBody> for Preferences {
    fn from(body: SettingsBody) -> Self {
        let theme = match body.theme {
            ThemeName::System => Theme::System,
            ThemeName::Light => Theme::Light,
            ThemeName::Dark => Theme::Dark,
        };
        Self { theme, time_zone: body.time_zone, page_rows: body.page_rows }
    }
}

/// Sign in.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "auth", request_body = Login, responses(
    (status = 200, description = "Signed in", body = LoginReply),
    (status = 401, description = "E-mail or password is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many failures", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "PostgreSQL is away", body = Problem, content_type = "application/problem+json"),
))]
async fn login(
    State(app): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Json(login): Json<Login>,
) -> Result<Response, Problem> {
    let token = app.accounts.login(&login.email, &login.password, peer.ip(), &request_id(&headers)).await?;
    Ok(signed_in(&app, token, &headers))
}

/// A token that lives from now on, for one that is still good.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "auth", responses(
    (status = 200, description = "Signed in for longer", body = LoginReply),
    (status = 401, description = "No good token, or signed in twelve hours ago", body = Problem, content_type = "application/problem+json"),
))]
async fn refresh(
    State(app): State<Shared>,
    headers: HeaderMap,
    Credential(token): Credential,
) -> Result<Response, Problem> {
    Ok(signed_in(&app, app.accounts.renew(&token).await?, &headers))
}

fn signed_in(app: &Shared, token: Token, headers: &HeaderMap) -> Response {
    let cookie = session::cookie(&token.text, token.expires_in, headers);
    let reply = LoginReply {
        access_token: (!session::is_console(headers)).then_some(token.text),
        token_type: "Bearer",
        expires_in: token.expires_in,
        user: PersonReply::of(token.person, app.access),
    };
    let mut response = axum::Json(reply).into_response();
    response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    response
}

/// Take another password. Everyone who signed in with the old one is signed out, but for who asks: the answer has a new
/// token, as that to signing in.
#[utoipa::path(post, path = "/api/v1/auth/password", tag = "auth", request_body = OwnPassword, responses(
    (status = 200, description = "Changed, and signed in anew", body = LoginReply),
    (status = 403, description = "A key has no password; or the console is read-only", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The present password is wrong, or the new one cannot be", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many failures", body = Problem, content_type = "application/problem+json"),
))]
async fn password(
    State(app): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Owner(person): Owner,
    headers: HeaderMap,
    Json(body): Json<OwnPassword>,
) -> Result<Response, Problem> {
    let OwnPassword { current_password, new_password } = body;
    let (peer, request_id) = (peer.ip(), request_id(&headers));
    let change = app.accounts.change_password(&person, &current_password, &new_password, peer, &request_id);
    let token = change.await.map_err(|error| match error {
        LoginError::WrongCredentials => {
            Problem::new(Code::WrongPassword, "the present password is another one").at("/currentPassword")
        }
        // Of a change, not of a question: it may have happened.
        LoginError::Store(error) => error.into(),
        error => error.into(),
    })?;
    Ok(signed_in(&app, token, &headers))
}

/// Ends the session of this browser: its cookie goes. A token that a program holds lives until it expires.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "auth", responses(
    (status = 204, description = "Signed out"),
))]
async fn logout(headers: HeaderMap) -> Result<Response, Problem> {
    // Another site cannot sign a person out, either.
    if !session::is_console(&headers) {
        let detail = "signing out is for a browser's session and needs the header X-Requested-With";
        return Err(Problem::new(Code::CrossSite, detail));
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().extend(session::no_cookie(&headers).map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}

/// Who is calling.
#[utoipa::path(get, path = "/api/v1/auth/me", tag = "auth", responses(
    (status = 200, description = "The caller", body = Me),
    (status = 401, description = "No good credential", body = Problem, content_type = "application/problem+json"),
))]
async fn me(State(app): State<Shared>, caller: Caller) -> axum::Json<Me> {
    axum::Json(match caller {
        Caller::Person(person) => Me::Person(PersonReply::of(person, app.access)),
        Caller::Key(key) => Me::Key(KeyReply {
            id: key.id.to_string(),
            name: key.name.clone(),
            scopes: key.scopes.iter().map(accounts::Scope::name).collect(),
            rate_events_per_second: key.rate,
        }),
    })
}

/// One's own settings.
#[utoipa::path(get, path = "/api/v1/settings", tag = "settings", responses(
    (status = 200, description = "The caller's settings", body = SettingsBody),
    (status = 403, description = "A key has no settings", body = Problem, content_type = "application/problem+json"),
))]
async fn settings(
    State(app): State<Shared>,
    Owner(person): Owner,
) -> Result<axum::Json<SettingsBody>, Problem> {
    let stored = app.accounts.preferences(person.id).await.map_err(not_read)?;
    Ok(axum::Json(stored.into()))
}

/// Replace one's own settings.
#[utoipa::path(put, path = "/api/v1/settings", tag = "settings", request_body = SettingsBody, responses(
    (status = 200, description = "As they are now", body = SettingsBody),
    (status = 403, description = "A key has no settings", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A value that cannot be", body = Problem, content_type = "application/problem+json"),
))]
async fn set_settings(
    State(app): State<Shared>,
    Owner(person): Owner,
    Json(body): Json<SettingsBody>,
) -> Result<axum::Json<SettingsBody>, Problem> {
    app.accounts.set_preferences(person.id, &body.clone().into()).await?;
    Ok(axum::Json(body))
}

/// The person whose settings and password they are. A key is refused before the body is looked at.
struct Owner(Person);

impl FromRequestParts<Shared> for Owner {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        match Caller::from_request_parts(parts, app).await? {
            Caller::Person(person) => Ok(Self(person)),
            Caller::Key(_) => {
                let detail = "settings and a password belong to a person; sign in and send the token";
                Err(Problem::new(Code::PeopleOnly, detail))
            }
        }
    }
}
