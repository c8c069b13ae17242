//! The files of the console, read once at the start: nothing that is asked for ever names a file on the disk. Paths
//! that the console's own router knows get `index.html`. Knows nothing of what the console shows.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::problem::{no_such_method, no_such_path};

/// A built console has about 1 MB; a folder far above it is another one, given by mistake.
const BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Files of it, for the same reason.
const FILES_MAX: usize = 500;
/// Names under this folder carry a hash of their content.
const HASHED: &str = "/assets/";
/// Only our own files, and our own API: no inline script or style, no other origin.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                   connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// What is shown when there is no console to show.
const ABSENT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>EventPipeline</title>\
    <h1>The console is not built</h1><p>The API runs, and serves the whole of <a href=\"/api/openapi.json\">/api</a> here.</p>\
    <p>To build the console (Node 20.19 or newer):</p><pre>npm --prefix frontend ci\nnpm --prefix frontend run build</pre>\
    <p>Then start the API again. It looks in CONSOLE_DIR, in the folder <code>console</code> beside the program, and in \
    <code>frontend/dist</code>.</p></html>";

/// The console's files. Cheap to clone.
#[derive(Clone)]
pub struct Console(Arc<HashMap<String, File>>);

struct File {
    kind: &'static str,
    plain: Bytes,
    /// Where it is smaller.
    gzip: Option<Bytes>,
    etag: HeaderValue,
}

impl Console {
    /// Reads the files of `folder`, or of the usual places when none is named. Without any the console says how it is
    /// built; a folder that is named and cannot be read is a fault.
    pub fn load(folder: &str) -> Result<Self, String> {
        let Some(folder) = Self::find_in(folder)? else {
            tracing::info!("no console is built; port 3000 serves /api and says how to build it");
            return Ok(Self(Arc::default()));
        };
        let mut files = HashMap::new();
        let mut room = BYTES_MAX;
        read(&folder, "", &mut files, &mut room)
            .map_err(|error| format!("CONSOLE_DIR={}: {error}", folder.display()))?;
        Ok(Self(Arc::new(files)))
    }

    /// The folder with its files: the one that is named, or one of the usual places. `None`: it is not built.
    pub fn find_in(folder: &str) -> Result<Option<PathBuf>, String> {
        let is_built = |folder: &PathBuf| folder.join("index.html").is_file();
        if !folder.is_empty() {
            let named = Some(PathBuf::from(folder)).filter(is_built);
            let fault = || format!("CONSOLE_DIR={folder} holds no index.html; is it built?");
            return named.map(Some).ok_or_else(fault);
        }
        let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("console")));
        let usual = [beside, Some(PathBuf::from("frontend/dist"))];
        Ok(usual.into_iter().flatten().find(is_built))
    }

    fn find(&self, path: &str) -> Option<(&str, &File)> {
        let get = |name: &str| self.0.get_key_value(name).map(|(name, file)| (name.as_str(), file));
        // A name with a dot is a file, and there or not; any other is a place in the console.
        let is_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
        get(path).or_else(|| if is_file { None } else { get("/index.html") })
    }
}

fn read(folder: &Path, at: &str, files: &mut HashMap<String, File>, room: &mut u64) -> Result<(), String> {
    let fault = |error: std::io::Error| error.to_string();
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let (kind, meta) = (entry.file_type().map_err(fault)?, entry.metadata().map_err(fault)?);
        let Ok(name) = entry.file_name().into_string() else { continue };
        if kind.is_dir() {
            read(&entry.path(), &format!("{at}/{name}"), files, room)?;
        } else if kind.is_file() {
            let left = room.checked_sub(meta.len()).filter(|_| files.len() < FILES_MAX);
            *room = left.ok_or_else(|| format!("more than {FILES_MAX} files or {BYTES_MAX} bytes"))?;
            let plain = std::fs::read(entry.path()).map_err(fault)?;
            files.insert(format!("{at}/{name}"), File::new(&name, plain));
        }
    }
    Ok(())
}

impl File {
    fn new(name: &str, plain: Vec<u8>) -> Self {
        // Tells two builds apart; nothing trusts it.
        let mut hasher = DefaultHasher::new();
        plain.hash(&mut hasher);
        let etag = format!("\"{:x}-{:016x}\"", plain.len(), hasher.finish());
        let kind = match name.rsplit('.').next().unwrap_or_default() {
            "html" => "text/html; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "json" | "webmanifest" => "application/json",
            "svg" => "image/svg+xml",
            "woff2" => "font/woff2",
            "png" => "image/png",
            "ico" => "image/x-icon",
            "txt" => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        };
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let packed = encoder.write_all(&plain).and_then(|()| encoder.finish()).ok();
        Self {
            kind,
            gzip: packed.filter(|packed| packed.len() < plain.len() / 10 * 9).map(Bytes::from),
            plain: plain.into(),
            etag: HeaderValue::from_str(&etag).unwrap_or_else(|_| HeaderValue::from_static("\"0\"")),
        }
    }
}

/// Everything of the console's listener that is not `/api`.
pub async fn serve(State(console): State<Console>, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return no_such_path().await.into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return no_such_method().await.into_response();
    }
    if console.0.is_empty() {
        return page(StatusCode::OK, "text/html; charset=utf-8", ABSENT.into());
    }
    match console.find(path) {
        Some((name, file)) => answer(name, file, request.headers()),
        None => page(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "there is no such file\n".into()),
    }
}

fn page(status: StatusCode, kind: &'static str, body: Body) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert(
        "permissions-policy",
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    );
    response
}

fn answer(name: &str, file: &File, asked: &HeaderMap) -> Response {
    let text =
        |name: header::HeaderName| asked.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let tag = file.etag.to_str().unwrap_or_default();
    let known =
        text(header::IF_NONE_MATCH).split(',').any(|known| known.trim().trim_start_matches("W/") == tag);
    let takes_gzip = text(header::ACCEPT_ENCODING).split(',').any(|coding| coding.trim().starts_with("gzip"));
    let mut response = match (&file.gzip, known) {
        (_, true) => page(StatusCode::NOT_MODIFIED, file.kind, Body::empty()),
        (Some(gzip), _) if takes_gzip => {
            let mut response = page(StatusCode::OK, file.kind, Body::from(gzip.clone()));
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response
        }
        _ => page(StatusCode::OK, file.kind, Body::from(file.plain.clone())),
    };
    // A name with a hash never changes its content; everything else is asked for again, and answered with 304.
    let keep = if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.insert(header::ETAG, file.etag.clone());
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn built() -> (tempfile::TempDir, Console) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("assets")).unwrap();
        std::fs::write(folder.path().join("index.html"), "<!doctype html>the console").unwrap();
        std::fs::write(folder.path().join("assets/a-1f.js"), "let a = 1;\n".repeat(100)).unwrap();
        let console = Console::load(folder.path().to_str().unwrap()).unwrap();
        (folder, console)
    }

    async fn get(
        console: &Console,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (StatusCode, HeaderMap, Vec<u8>) {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let (parts, body) = serve(State(console.clone()), request).await.into_parts();
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
    }

    #[tokio::test]
    async fn places_of_the_console_get_its_page_and_files_get_themselves() {
        let (_folder, console) = built();
        for path in ["/", "/keys", "/events?userId=a", "/assets"] {
            let (status, headers, body) = get(&console, path, &[]).await;
            assert_eq!(
                (status.as_u16(), body.as_slice()),
                (200, b"<!doctype html>the console".as_slice()),
                "{path}"
            );
            assert_eq!(headers["cache-control"], "no-cache");
            assert!(!headers["content-security-policy"].to_str().unwrap().contains("unsafe"));
        }
        let (status, headers, body) =
            get(&console, "/assets/a-1f.js", &[("accept-encoding", "br, gzip")]).await;
        assert_eq!((status.as_u16(), &headers["content-encoding"]), (200, &"gzip".parse().unwrap()));
        assert_eq!(headers["cache-control"], "public, max-age=31536000, immutable");
        assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
        assert!(body.len() < 200, "{}", body.len());
    }

    #[tokio::test]
    async fn what_the_browser_has_already_is_not_sent_again() {
        let (_folder, console) = built();
        let (_, headers, _) = get(&console, "/", &[]).await;
        let tag = headers["etag"].to_str().unwrap().to_owned();
        let (status, headers, body) =
            get(&console, "/", &[("if-none-match", &format!("W/\"x\", {tag}"))]).await;
        assert_eq!((status.as_u16(), body.len(), headers["etag"].to_str().unwrap()), (304, 0, tag.as_str()));
        assert_eq!(get(&console, "/", &[("if-none-match", "\"other\"")]).await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn nothing_outside_the_folder_is_a_file() {
        let (_folder, console) = built();
        for path in [
            "/../beside.txt",
            "/assets/../../beside.txt",
            "/%2e%2e/beside.txt",
            "/none.js",
            "/assets/none.js",
        ] {
            assert_eq!(get(&console, path, &[]).await.0, StatusCode::NOT_FOUND, "{path}");
        }
        assert_eq!(get(&console, "/api/none", &[]).await.1["content-type"], "application/problem+json");
    }

    #[tokio::test]
    async fn without_a_console_the_page_says_how_it_is_built() {
        let (status, headers, body) = get(&Console(Arc::default()), "/", &[]).await;
        assert_eq!(
            (status, &headers["content-type"]),
            (StatusCode::OK, &"text/html; charset=utf-8".parse().unwrap())
        );
        assert!(String::from_utf8(body).unwrap().contains("npm --prefix frontend run build"));
        let fault = Console::load("/nowhere").err().unwrap();
        assert!(fault.starts_with("CONSOLE_DIR=/nowhere holds no index.html"), "{fault}");
    }
}
