//! Who is calling: an API key or a person's token, and what it may do.

use std::sync::Arc;

use accounts::{Accounts, KeyFacts, Person, Role, Scope};
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use crate::access::Access;
use crate::app::Shared;
use crate::code::Code;
use crate::problem::Problem;
use crate::session;

/// The caller, once known.
#[derive(Clone)]
pub enum Caller {
    /// A program with an API key.
    Key(Arc<KeyFacts>),
    /// A person with a token.
    Person(Person),
}

impl Caller {
    /// Refuses a change by a person where people only look.
    pub fn require_change(&self, access: Access) -> Result<(), Problem> {
        match self {
            Self::Key(_) => Ok(()),
            Self::Person(_) => access.permit_change(),
        }
    }

    /// Refuses a caller without the scope. A viewer reads; an administrator does everything.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        let may = match self {
            Self::Key(key) => key.scopes.contains(scope),
            Self::Person(person) => scope == Scope::Read || person.role == Role::Admin,
        };
        if may {
            return Ok(());
        }
        let detail = match self {
            Self::Key(_) => format!("this API key lacks the scope `{}`", scope.name()),
            Self::Person(_) => "this needs the role `admin`".to_owned(),
        };
        Err(Problem::new(Code::Forbidden, detail))
    }
}

/// What the caller sent to say who it is, not yet looked at.
pub struct Credential(pub String);

impl FromRequestParts<Shared> for Credential {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        credential(parts).map(|text| Self(text.to_owned()))
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let credential = credential(parts)?;
        if Accounts::is_api_key(credential) || credential.starts_with("epk_") {
            return Ok(Self::Key(app.accounts.api_key(credential).await?));
        }
        let person = app.accounts.person(credential).await?;
        app.access.permit(&parts.method, parts.uri.path())?;
        Ok(Self::Person(person))
    }
}

/// `X-Api-Key`, or `Authorization: Bearer`; both at once must agree. Without either, the session of the console.
fn credential(parts: &Parts) -> Result<&str, Problem> {
    let text = |name: header::HeaderName| parts.headers.get(name).map(|v| v.to_str().unwrap_or("").trim());
    let key = text(header::HeaderName::from_static("x-api-key"));
    let bearer = match text(header::AUTHORIZATION) {
        Some(value) => match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(token.trim()),
            _ => {
                return Err(Problem::unauthorized(
                    Code::CredentialMalformed,
                    "Authorization is `Bearer <key or token>`",
                ));
            }
        },
        None => None,
    };
    match (key, bearer) {
        (Some(key), Some(bearer)) if key != bearer => Err(Problem::unauthorized(
            Code::CredentialMalformed,
            "X-Api-Key and Authorization differ; send one",
        )),
        (Some(credential), _) | (None, Some(credential)) if !credential.is_empty() => Ok(credential),
        _ => session::credential(parts)?.ok_or_else(|| {
            let detail = "send an API key as X-Api-Key, or a key or token as Authorization: Bearer";
            Problem::unauthorized(Code::CredentialMissing, detail)
        }),
    }
}
