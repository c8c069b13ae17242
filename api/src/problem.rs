//! Every refusal of the API: RFC 9457 problem details with a stable `code` and whether to send again.
//!
//! | Status | Resend? |
//! |---|---|
//! | 400 401 403 404 405 409 413 415 422 | no: mend it first; nothing was queued |
//! | 400 `body_cut`, 408 | yes: the body was not whole; nothing was queued |
//! | 429 | yes, after `Retry-After`; nothing was queued |
//! | 503 504 | yes, the same ids: the outcome is unknown |

use std::borrow::Cow;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::code::Code;

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";
/// Of a batch's refused events, this many are listed; `errorCount` has the number of all.
pub const ERRORS_LISTED_MAX: usize = 100;

/// A problem as it goes over the wire.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// A stable URI of the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "https://eventpipeline.dev/problems/invalid_json")]
    pub kind: String,
    /// The status in words.
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 400)]
    pub status: u16,
    /// The kind of problem, for programs.
    #[schema(example = "invalid_json")]
    pub code: &'static str,
    /// What is wrong and what to do, for people.
    pub detail: String,
    /// Whether sending the same again can succeed.
    pub retryable: bool,
    /// JSON pointer into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The query parameter or header that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<Cow<'static, str>>,
    /// The refused events of a batch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemItem>,
    /// How many events of the batch were refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_count: Option<usize>,
    /// Seconds to wait; also the `Retry-After` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    #[serde(skip)]
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// One refused event of a batch.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProblemItem {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// The kind of problem.
    pub code: &'static str,
    /// JSON pointer into the body.
    pub pointer: String,
    /// What is wrong and what to do.
    pub detail: String,
}

impl Problem {
    /// A problem; its code says the status and whether sending again can mend it.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let status = code.status();
        Self {
            kind: format!("https://eventpipeline.dev/problems/{}", code.as_str()),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code: code.as_str(),
            detail: detail.into(),
            retryable: code.retryable(),
            pointer: None,
            parameter: None,
            errors: Vec::new(),
            error_count: None,
            retry_after_seconds: None,
            headers: Vec::new(),
        }
    }

    /// 400 for a query parameter or a header.
    pub fn bad_parameter(parameter: &'static str, detail: impl Into<String>) -> Self {
        Self { parameter: Some(parameter.into()), ..Self::new(Code::BadParameter, detail) }
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(Code::NotFound, detail)
    }

    /// 503 with the seconds to wait.
    pub fn unavailable(code: Code, detail: impl Into<String>, retry_after_seconds: u64) -> Self {
        Self::new(code, detail).retry_after(retry_after_seconds)
    }

    /// The other status that the code comes with, where it has two.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.title = status.canonical_reason().unwrap_or("Error");
        self.status = status.as_u16();
        self
    }

    /// Names the place in the body.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// Adds `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self.headers.push((header::RETRY_AFTER, HeaderValue::from(seconds)));
        self
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }
}

/// The code of a problem, left with its answer for whoever counts.
#[derive(Clone, Copy, Debug)]
pub struct ProblemCode(pub &'static str);

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = std::mem::take(&mut self.headers);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        response.headers_mut().extend(headers);
        response.extensions_mut().insert(ProblemCode(self.code));
        response
    }
}

impl From<accounts::AuthError> for Problem {
    fn from(error: accounts::AuthError) -> Self {
        use accounts::AuthError as E;
        let code = match error {
            E::Malformed => Code::CredentialMalformed,
            E::Unknown => Code::CredentialUnknown,
            E::Revoked => Code::CredentialRevoked,
            E::Expired => Code::TokenExpired,
            E::Unavailable => return Self::unavailable(Code::AccountsUnavailable, error.to_string(), 2),
        };
        Self::unauthorized(code, error.to_string())
    }
}

impl Problem {
    /// 401 with the challenge that RFC 9110 asks for.
    pub fn unauthorized(code: Code, detail: impl Into<String>) -> Self {
        Self::new(code, detail).header(header::WWW_AUTHENTICATE, "Bearer")
    }
}

/// The answer to a path that is nothing.
pub async fn no_such_path() -> Problem {
    let detail = "there is nothing at this path of this listener; /api/openapi.json on it lists what there is \
                  (keys, people, statistics and scaling are on the console's listener)";
    Problem::not_found(detail)
}

/// The answer to a method that a path does not take; the router adds `Allow`.
pub async fn no_such_method() -> Problem {
    let detail = "this path does not take this method; see the Allow header";
    Problem::new(Code::MethodNotAllowed, detail)
}
