//! The session of a person in a browser: the token in a cookie that no script can read, good on the console's listener
//! alone. What a cookie says counts for a change only when the console itself asks, so that no other page can.

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::code::Code;
use crate::problem::Problem;

/// The cookie's name.
const COOKIE: &str = "ep_session";
/// Sent by the console with every request. A page of another origin cannot: a browser asks us first, and CORS says no.
const ASKED_BY: HeaderName = HeaderName::from_static("x-requested-with");

/// The token of the cookie, for handlers of the console's listener.
#[derive(Clone)]
pub struct Session(pub String);

/// Reads the cookie. Only the console's listener has this layer.
pub async fn read(mut request: Request, next: Next) -> Response {
    if let Some(token) = token(request.headers()) {
        request.extensions_mut().insert(Session(token));
    }
    next.run(request).await
}

fn token(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, value)| *name == COOKIE && !value.is_empty()).map(|(_, value)| value.to_owned())
}

/// Whether the console asks: its requests carry the header.
pub fn is_console(headers: &HeaderMap) -> bool {
    headers.contains_key(ASKED_BY)
}

/// The token of the session, if there is one and this request may use it.
pub fn credential(parts: &Parts) -> Result<Option<&str>, Problem> {
    let Some(Session(token)) = parts.extensions.get() else { return Ok(None) };
    if matches!(parts.method, Method::GET | Method::HEAD) || from_own_page(&parts.headers) {
        return Ok(Some(token));
    }
    let detail = "a change by a session needs the header X-Requested-With and a page of this origin; \
                  programs send a key or a token instead";
    Err(Problem::new(Code::CrossSite, detail))
}

/// The header, and what the browser itself says of the page: `Sec-Fetch-Site`, or of an older browser `Origin`.
fn from_own_page(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let site = text("sec-fetch-site").is_none_or(|site| site == "same-origin");
    let origin = text("origin").is_none_or(|origin| {
        let host = origin.split_once("://").map(|(_, host)| host);
        // An ingress that ends TLS may call us by another name and say the first one here.
        host.is_some() && (host == text("host") || host == text("x-forwarded-host"))
    });
    is_console(headers) && site && origin
}

/// `Set-Cookie` of a new session.
pub fn cookie(token: &str, seconds: u32, headers: &HeaderMap) -> Option<HeaderValue> {
    // Over plain HTTP, as on a laptop, a Secure cookie would not come back.
    let tls = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let secure = if tls { "; Secure" } else { "" };
    let text = format!("{COOKIE}={token}; Path=/api; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&text).ok()
}

/// `Set-Cookie` that ends the session.
pub fn no_cookie(headers: &HeaderMap) -> Option<HeaderValue> {
    cookie("", 0, headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri("/api/v1/keys");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(axum::body::Body::empty()).unwrap();
        if let Some(token) = token(request.headers()) {
            request.extensions_mut().insert(Session(token));
        }
        request.into_parts().0
    }

    const OURS: (&str, &str) = ("cookie", "theme=dark; ep_session=a.b.c");
    const HOST: (&str, &str) = ("host", "127.0.0.1:3000");
    const BY: (&str, &str) = ("x-requested-with", "console");

    #[test]
    fn a_session_reads_from_anywhere_and_changes_only_from_its_own_page() {
        assert_eq!(credential(&parts("GET", &[OURS, HOST])).unwrap(), Some("a.b.c"));
        assert_eq!(credential(&parts("POST", &[HOST, BY])).unwrap(), None, "no cookie");
        let same = ("sec-fetch-site", "same-origin");
        for good in [
            vec![OURS, HOST, BY],
            vec![OURS, HOST, BY, same, ("origin", "http://127.0.0.1:3000")],
            vec![
                OURS,
                BY,
                ("host", "api"),
                ("x-forwarded-host", "c.example"),
                ("origin", "https://c.example"),
            ],
        ] {
            assert_eq!(credential(&parts("DELETE", &good)).unwrap(), Some("a.b.c"), "{good:?}");
        }
        for bad in [
            vec![OURS, HOST],
            vec![OURS, HOST, same],
            vec![OURS, HOST, BY, ("sec-fetch-site", "same-site")],
            vec![OURS, HOST, BY, ("sec-fetch-site", "cross-site")],
            vec![OURS, HOST, BY, ("origin", "http://127.0.0.1:8080")],
            vec![OURS, HOST, BY, ("origin", "null")],
        ] {
            let refused = credential(&parts("POST", &bad)).unwrap_err();
            assert_eq!((refused.status, refused.code), (403, "cross_site"), "{bad:?}");
        }
    }

    #[test]
    fn the_cookie_is_out_of_reach_of_scripts_and_of_other_sites() {
        let plain = HeaderMap::new();
        let text = cookie("t", 1800, &plain).unwrap();
        assert_eq!(text, "ep_session=t; Path=/api; HttpOnly; SameSite=Strict; Max-Age=1800");
        let tls = HeaderMap::from_iter([(
            HeaderName::from_static("x-forwarded-proto"),
            HeaderValue::from_static("https"),
        )]);
        assert!(cookie("t", 1800, &tls).unwrap().to_str().unwrap().ends_with("; Secure"));
        assert!(no_cookie(&plain).unwrap().to_str().unwrap().contains("Max-Age=0"));
    }
}
