//! `/api/v1/users`: people are made, listed, changed and deleted. One enabled administrator always stays.

use accounts::{NewUser, UserChange, UserInfo};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::admin::{Admin, Json, may_look, not_read, origin};
use crate::app::Shared;
use crate::auth::Caller;
use crate::openapi::Paging;
use crate::problem::Problem;
use crate::query::{Id, Params};
use crate::routes::auth::RoleName;
use crate::routes::keys::moment;

/// The routes of this file.
pub fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(update, delete))
}

/// A person to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    #[schema(example = "ada@example.com", max_length = 254)]
    email: String,
    /// 8 to 256 bytes.
    #[schema(format = Password, min_length = 8, max_length = 256)]
    password: String,
    role: RoleName,
}

/// What shall be different; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateUser {
    #[schema(max_length = 254)]
    email: Option<String>,
    /// 8 to 256 bytes. Signs the person out everywhere.
    #[schema(format = Password, min_length = 8, max_length = 256)]
    password: Option<String>,
    role: Option<RoleName>,
    /// `true` keeps the person out, and signs them out everywhere.
    disabled: Option<bool>,
}

/// A person.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    #[schema(format = "uuid")]
    id: String,
    email: String,
    role: RoleName,
    disabled: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    #[schema(format = DateTime)]
    last_login_at: Option<String>,
}

/// People, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserList {
    users: Vec<User>,
    /// `null`: there are no more.
    next_cursor: Option<String>,
}

impl From<UserInfo> for User {
    fn from(user: UserInfo) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email,
            role: user.role.into(),
            disabled: user.disabled,
            created_at: moment(user.created_at),
            updated_at: moment(user.updated_at),
            last_login_at: user.last_login_at.map(moment),
        }
    }
}

/// People, newest first.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", params(
    Paging,
), responses(
    (status = 200, description = "Some people", body = UserList),
))]
async fn list(
    State(app): State<Shared>,
    caller: Caller,
    mut params: Params,
) -> Result<axum::Json<UserList>, Problem> {
    may_look(&caller)?;
    let limit = params.limit()?;
    let after = params.cursor_of(|text| text.parse().ok())?;
    params.finish()?;
    let page = app.accounts.list_users(after, limit).await.map_err(not_read)?;
    Ok(axum::Json(UserList {
        users: page.items.into_iter().map(User::from).collect(),
        next_cursor: page.next,
    }))
}

/// Make a person.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", request_body = CreateUser, responses(
    (status = 201, description = "Made", body = User),
    (status = 409, description = "The e-mail is taken", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A value that cannot be", body = Problem, content_type = "application/problem+json"),
))]
async fn create(
    State(app): State<Shared>,
    Admin(caller): Admin,
    headers: HeaderMap,
    Json(body): Json<CreateUser>,
) -> Result<(StatusCode, axum::Json<User>), Problem> {
    let new = NewUser { email: body.email, password: body.password, role: body.role.into() };
    let made = app.accounts.create_user(&origin(&caller, &headers), new).await?;
    Ok((StatusCode::CREATED, axum::Json(made.into())))
}

/// Change a person.
#[utoipa::path(patch, path = "/api/v1/users/{id}", tag = "users", params(
    ("id" = String, Path, description = "Whom"),
), request_body = UpdateUser, responses(
    (status = 200, description = "As they are now", body = User),
    (status = 404, description = "Nobody of that id", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The last administrator, or the e-mail is taken", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A value that cannot be", body = Problem, content_type = "application/problem+json"),
))]
async fn update(
    State(app): State<Shared>,
    Admin(caller): Admin,
    headers: HeaderMap,
    Id(id): Id,
    Json(body): Json<UpdateUser>,
) -> Result<axum::Json<User>, Problem> {
    let change = UserChange {
        email: body.email,
        password: body.password,
        role: body.role.map(Into::into),
        disabled: body.disabled,
    };
    let changed = app.accounts.update_user(&origin(&caller, &headers), user_id(&id)?, change).await?;
    Ok(axum::Json(changed.into()))
}

/// Delete a person.
#[utoipa::path(delete, path = "/api/v1/users/{id}", tag = "users", params(
    ("id" = String, Path, description = "Whom"),
), responses(
    (status = 204, description = "Deleted"),
    (status = 404, description = "Nobody of that id", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The last administrator", body = Problem, content_type = "application/problem+json"),
))]
async fn delete(
    State(app): State<Shared>,
    Admin(caller): Admin,
    headers: HeaderMap,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    app.accounts.delete_user(&origin(&caller, &headers), user_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Nobody has an id that is no UUID.
fn user_id(text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| Problem::not_found("there is no such user"))
}
