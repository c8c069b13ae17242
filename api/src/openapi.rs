//! The OpenAPI document. Answers that every protected route shares are added here once, not written at each route.

use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder, SecurityRequirement};
use utoipa::{IntoParams, OpenApi};

/// Paths that ask nobody who they are.
const OPEN: &[&str] =
    &["/api/live", "/api/ready", "/api/health", "/api/v1/auth/login", "/api/v1/auth/logout"];
/// Answers of every other path.
const SHARED: &[(&str, &str)] = &[
    ("401", "No key or token, or one that is not good (any more)"),
    ("403", "The key's scopes or the person's role do not allow it"),
    ("503", "A store is away; the detail says which"),
];

#[derive(OpenApi)]
#[openapi(info(
    title = "EventPipeline",
    description = "Events in, each stored once. What was acknowledged is stored or in the dead letters, for good."
))]
struct Document;

/// The document before any route.
pub fn start() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Paging, the same in every list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "only described; `query::Params` reads them")]
pub struct Paging {
    /// 1 to 1,000; 100 when left out. A page of large rows may be shorter
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// nextCursor of the answer before
    cursor: Option<String>,
}

/// Adds to each protected route who may ask and what refusals look like.
pub fn finish(document: &mut utoipa::openapi::OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let operations = [
            ("get", &mut item.get),
            ("post", &mut item.post),
            ("put", &mut item.put),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            operation.operation_id = Some(operation_id(method, path));
            // The routes of ingest say more of their bodies themselves, as 4XX.
            if operation.request_body.is_some() && !operation.responses.responses.contains_key("4XX") {
                describe(operation, OF_BODIES);
            }
            let of_query =
                |p: &RefOr<Parameter>| matches!(p, RefOr::T(p) if p.parameter_in == ParameterIn::Query);
            if operation.parameters.iter().flatten().any(of_query) {
                describe(operation, &[("400", "A query parameter that cannot be")]);
            }
            if !OPEN.contains(&path.as_str()) {
                protect(operation);
            }
        }
    }
    let components = document.components.get_or_insert_default();
    let key = ApiKeyValue::with_description("X-Api-Key", "An API key, `epk_…`; also taken as a Bearer token");
    components.add_security_scheme("apiKey", SecurityScheme::ApiKey(ApiKey::Header(key)));
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.add_security_scheme("person", SecurityScheme::Http(token));
}

/// `get` of `/api/v1/dlq/{id}` is `getDlqById`: the name of a handler is not unique, and generators rely on that.
fn operation_id(method: &str, path: &str) -> String {
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "api" | "v1"));
    parts.fold(method.to_owned(), |mut id, part| {
        let (by, name) = match part.strip_prefix('{') {
            Some(name) => ("By", name.trim_end_matches('}')),
            None => ("", part),
        };
        let (first, rest) = name.split_at(1);
        id.extend([by, &first.to_ascii_uppercase(), rest]);
        id
    })
}

/// What a body can be refused for, whichever route reads it.
const OF_BODIES: &[(&str, &str)] = &[
    ("400", "No JSON"),
    ("408", "The body did not arrive in time"),
    ("413", "The body is too large"),
    ("415", "Another content type, charset or encoding"),
    ("422", "JSON of another shape, or a value that cannot be; the pointer says where"),
];

fn describe(operation: &mut Operation, answers: &[(&str, &str)]) {
    for (status, description) in answers {
        let responses = &mut operation.responses.responses;
        responses.entry((*status).to_owned()).or_insert_with(|| RefOr::T(problem(description)));
    }
}

fn protect(operation: &mut Operation) {
    let who = ["apiKey", "person"].map(|scheme| SecurityRequirement::new::<_, [&str; 0], &str>(scheme, []));
    operation.security = Some(who.into());
    describe(operation, SHARED);
}

fn problem(description: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}
