//! Bad requests, each with its exact status, code and pointer: what a sender's program branches on.

use std::fmt::Write as _;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use testbed::{Options, Pipeline};

/// How a request is made from a base address and a good key.
struct Row {
    name: &'static str,
    request: RequestBuilder,
    status: u16,
    code: &'static str,
    pointer: Option<&'static str>,
}

struct Table {
    http: Client,
    base: String,
    key: String,
    rows: Vec<Row>,
}

const ONE: &str = "/api/v1/events";
const BATCH: &str = "/api/v1/events/batch";

impl Table {
    fn plain(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    fn with_key(&self, method: Method, path: &str) -> RequestBuilder {
        self.plain(method, path).header("x-api-key", &self.key)
    }

    fn json(&self, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.with_key(Method::POST, path).header("content-type", "application/json").body(body)
    }

    fn row(
        &mut self,
        name: &'static str,
        request: RequestBuilder,
        status: u16,
        code: &'static str,
        pointer: impl Into<Option<&'static str>>,
    ) {
        self.rows.push(Row { name, request, status, code, pointer: pointer.into() });
    }

    fn one(
        &mut self,
        name: &'static str,
        body: impl Into<reqwest::Body>,
        status: u16,
        code: &'static str,
        pointer: impl Into<Option<&'static str>>,
    ) {
        let request = self.json(ONE, body);
        self.row(name, request, status, code, pointer);
    }

    fn batch(
        &mut self,
        name: &'static str,
        body: impl Into<reqwest::Body>,
        status: u16,
        code: &'static str,
        pointer: impl Into<Option<&'static str>>,
    ) {
        let request = self.json(BATCH, body);
        self.row(name, request, status, code, pointer);
    }

    fn get(&mut self, name: &'static str, path: &str, status: u16, code: &'static str) {
        let request = self.with_key(Method::GET, path);
        self.row(name, request, status, code, None);
    }
}

fn event(extra: &str) -> String {
    format!(r#"{{"type":"t","userId":"u"{extra}}}"#)
}

fn credentials(table: &mut Table) {
    let body = || event("");
    let post = |t: &Table| t.plain(Method::POST, ONE).header("content-type", "application/json").body(body());
    let request = post(table);
    table.row("no credential", request, 401, "credential_missing", None);
    let request = post(table).header("x-api-key", "");
    table.row("empty key", request, 401, "credential_missing", None);
    let request = post(table).header("x-api-key", "epk_short");
    table.row("key of another form", request, 401, "credential_malformed", None);
    let request = post(table).header("x-api-key", format!("epk_{}_{}", "a".repeat(12), "b".repeat(40)));
    table.row("key that nobody has", request, 401, "credential_unknown", None);
    let wrong =
        format!("{}{}", &table.key[..table.key.len() - 1], if table.key.ends_with('A') { 'B' } else { 'A' });
    let request = post(table).header("x-api-key", wrong);
    table.row("right id, wrong secret", request, 401, "credential_unknown", None);
    let request = post(table).header("authorization", "Basic dTpw");
    table.row("another scheme", request, 401, "credential_malformed", None);
    let request = post(table).header("authorization", "Bearer");
    table.row("a scheme and nothing else", request, 401, "credential_malformed", None);
    let request = post(table).header("authorization", "Bearer x.y.z");
    table.row("no token", request, 401, "credential_malformed", None);
    let request = post(table).header("authorization", "Bearer other").header("x-api-key", table.key.clone());
    table.row("two that differ", request, 401, "credential_malformed", None);
    let request = table.plain(Method::GET, "/api/v1/events?userId=u");
    table.row("read without credential", request, 401, "credential_missing", None);
    let request = table.plain(Method::GET, "/api/v1/dlq");
    table.row("dead letters without credential", request, 401, "credential_missing", None);
    let request = table.plain(Method::GET, "/api/v1/limits");
    table.row("limits without credential", request, 401, "credential_missing", None);
}

fn http(table: &mut Table) {
    let request = table.with_key(Method::POST, ONE).body(event(""));
    table.row("no content type", request, 415, "unsupported_media_type", None);
    let request = table
        .with_key(Method::POST, ONE)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(event(""));
    table.row("form", request, 415, "unsupported_media_type", None);
    let request = table.with_key(Method::POST, BATCH).header("content-type", "text/plain").body("[]");
    table.row("text", request, 415, "unsupported_media_type", None);
    let request = table.json(ONE, event("")).header("content-encoding", "br");
    table.row("brotli", request, 415, "unsupported_encoding", None);
    let request = table.json(ONE, event("")).header("content-encoding", "gzip, gzip");
    table.row("two encodings", request, 415, "unsupported_encoding", None);
    let request = table.json(ONE, event("")).header("content-encoding", "gzip");
    table.row("gzip that is none", request, 400, "bad_encoding", None);
    let request = table.json(ONE, event("")).header("content-encoding", "zstd");
    table.row("zstd that is none", request, 400, "bad_encoding", None);
    let request = table.json(ONE, event("")).header("prefer", "ack=stored");
    table.row("an ack that cannot be had", request, 400, "ack_unavailable", None);
    let request = table.json(ONE, event("")).header("prefer", "ack=fast");
    table.row("an ack that is none", request, 400, "ack_unavailable", None);
    let request = table.with_key(Method::GET, BATCH);
    table.row("reading a batch", request, 405, "method_not_allowed", None);
    let request = table.with_key(Method::DELETE, ONE);
    table.row("deleting events", request, 405, "method_not_allowed", None);
    let request = table.with_key(Method::PUT, BATCH);
    table.row("putting a batch", request, 405, "method_not_allowed", None);
    let request = table.with_key(Method::POST, "/api/live");
    table.row("posting to live", request, 405, "method_not_allowed", None);
    table.get("no such path", "/api/v1/nothing", 404, "not_found");
    table.get("the root", "/", 404, "not_found");
    table.get("another version", "/api/v2/events", 404, "not_found");
    table.one("too large", " ".repeat(5 * 1024 * 1024 + 1), 413, "body_too_large", None);
    let bomb = zstd::encode_all(&vec![b' '; 21 * 1024 * 1024][..], 1).expect("compresses");
    let request = table.json(BATCH, bomb).header("content-encoding", "zstd");
    table.row("inflates too far", request, 413, "inflated_too_large", None);
}

fn single(table: &mut Table) {
    table.one("empty", "", 400, "invalid_json", "");
    table.one("blank", "   ", 400, "invalid_json", "");
    table.one("cut", "{\"type\":", 400, "invalid_json", "");
    table.one("two events", format!("{}{}", event(""), event("")), 400, "invalid_json", "");
    table.one("not UTF-8", &b"{\"type\":\"\xff\",\"userId\":\"u\"}"[..], 400, "invalid_json", "");
    table.one("single quotes", "{'type':'t'}", 400, "invalid_json", "");
    table.one("a comma too many", event(","), 400, "invalid_json", "");
    table.one("NaN", event(r#","properties":{"a":NaN}"#), 400, "invalid_json", "");
    table.one("leading zero", event(r#","properties":{"a":01}"#), 400, "invalid_json", "");
    table.one("lone surrogate", event(r#","id":"\ud800""#), 400, "invalid_json", "");
    table.one("control character", event(",\"id\":\"a\u{2}\""), 400, "invalid_json", "");
    table.one("an array", "[]", 422, "wrong_type", "");
    table.one("a number", "7", 422, "wrong_type", "");
    table.one("null", "null", 422, "wrong_type", "");
    table.one("a text", "\"event\"", 422, "wrong_type", "");
    table.one("no type", r#"{"userId":"u"}"#, 422, "missing_field", "/type");
    table.one("no userId", r#"{"type":"t"}"#, 422, "missing_field", "/userId");
    table.one("nothing", "{}", 422, "missing_field", "/type");
    table.one("empty type", r#"{"type":"","userId":"u"}"#, 422, "empty_field", "/type");
    table.one("empty userId", r#"{"type":"t","userId":""}"#, 422, "empty_field", "/userId");
    table.one("empty id", event(r#","id":"""#), 422, "empty_field", "/id");
    table.one("type a number", r#"{"type":1,"userId":"u"}"#, 422, "wrong_type", "/type");
    table.one("userId an object", r#"{"type":"t","userId":{}}"#, 422, "wrong_type", "/userId");
    table.one("userId null", r#"{"type":"t","userId":null}"#, 422, "wrong_type", "/userId");
    table.one("id a number", event(r#","id":7"#), 422, "wrong_type", "/id");
    table.one("id null", event(r#","id":null"#), 422, "wrong_type", "/id");
    table.one("timestamp a number", event(r#","timestamp":1700000000"#), 422, "wrong_type", "/timestamp");
    table.one("properties an array", event(r#","properties":[]"#), 422, "wrong_type", "/properties");
    table.one("properties null", event(r#","properties":null"#), 422, "wrong_type", "/properties");
    table.one(
        "type too long",
        format!(r#"{{"type":"{}","userId":"u"}}"#, "t".repeat(201)),
        422,
        "too_long",
        "/type",
    );
    table.one(
        "userId too long",
        format!(r#"{{"type":"t","userId":"{}"}}"#, "é".repeat(101)),
        422,
        "too_long",
        "/userId",
    );
    table.one("id too long", event(&format!(r#","id":"{}""#, "i".repeat(129))), 422, "too_long", "/id");
    table.one("a field of no event", event(r#","user_id":"u""#), 422, "unknown_field", "/user_id");
    table.one("_id of one's own", event(r#","_id":"x""#), 422, "unknown_field", "/_id");
    table.one("a name to escape", event(r#","a/b~c":1"#), 422, "unknown_field", "/a~1b~0c");
    table.one("type twice", event(r#","type":"t""#), 422, "duplicate_key", "/type");
    table.one(
        "properties twice",
        event(r#","properties":{},"properties":{}"#),
        422,
        "duplicate_key",
        "/properties",
    );
    table.one("a date alone", event(r#","timestamp":"2026-01-31""#), 422, "bad_timestamp", "/timestamp");
    table.one("no zone", event(r#","timestamp":"2026-01-31T12:00:00""#), 422, "bad_timestamp", "/timestamp");
    table.one("31 June", event(r#","timestamp":"2026-06-31T12:00:00Z""#), 422, "bad_timestamp", "/timestamp");
    let beyond = event(r#","timestamp":"9999-12-31T23:59:59-23:59""#);
    table.one("a year that RFC 3339 cannot write", beyond, 422, "bad_timestamp", "/timestamp");
    table.one("words for a time", event(r#","timestamp":"now""#), 422, "bad_timestamp", "/timestamp");
    table.one(
        "2^63",
        event(r#","properties":{"n":9223372036854775808}"#),
        422,
        "number_out_of_range",
        "/properties/n",
    );
    table.one(
        "below −2^63",
        event(r#","properties":{"a":[1,-9223372036854775809]}"#),
        422,
        "number_out_of_range",
        "/properties/a/1",
    );
    table.one("1e309", event(r#","properties":{"n":1e309}"#), 422, "number_out_of_range", "/properties/n");
    table.one(
        "a key twice",
        event(r#","properties":{"o":{"k":1,"k":2}}"#),
        422,
        "duplicate_key",
        "/properties/o/k",
    );
    table.one("NUL in a key", event(r#","properties":{"a\u0000b":1}"#), 422, "bad_key", "/properties");
    let deep = format!("{}{}", r#"{"a":"#.repeat(32), "{}");
    table.one(
        "33 levels",
        event(&format!(r#","properties":{deep}{}"#, "}".repeat(32))),
        422,
        "too_deep",
        concat!(
            "/properties",
            "/a/a/a/a/a/a/a/a",
            "/a/a/a/a/a/a/a/a",
            "/a/a/a/a/a/a/a/a",
            "/a/a/a/a/a/a/a/a"
        ),
    );
    table.one(
        "300 levels",
        event(&format!(r#","properties":{{"a":{}"#, "[".repeat(300))),
        400,
        "too_deep",
        "",
    );
    table.one(
        "257 KiB",
        event(&format!(r#","properties":{{"a":"{}"}}"#, "x".repeat(257 * 1024))),
        413,
        "event_too_large",
        "",
    );
    table.one(
        "grows beyond 256 KiB",
        event(&format!(r#","properties":{{"a":[{}0]}}"#, "0,".repeat(40_000))),
        413,
        "event_too_large",
        "",
    );
}

fn batches(table: &mut Table) {
    table.batch("empty", "", 400, "invalid_json", "");
    table.batch("no event", "[]", 422, "empty_batch", "");
    table.batch("no event, wrapped", r#"{"events":[]}"#, 422, "empty_batch", "");
    table.batch("a text", "\"x\"", 422, "wrong_type", "");
    table.batch("a number", "12", 422, "wrong_type", "");
    table.batch("no events field", "{}", 422, "missing_field", "/events");
    table.batch("a single event", event(""), 422, "unknown_field", "/type");
    table.batch("events an object", r#"{"events":{}}"#, 422, "wrong_type", "/events");
    table.batch(
        "events twice",
        format!(r#"{{"events":[{0}],"events":[{0}]}}"#, event("")),
        422,
        "duplicate_key",
        "/events",
    );
    table.batch("cut within", format!("[{},{{\"type\"", event("")), 400, "invalid_json", "");
    table.batch("cut at the end", format!("[{}", event("")), 400, "invalid_json", "");
    table.batch("lines", format!("{}\n{}", event(""), event("")), 422, "unknown_field", "/type");
    table.batch("1001 events", format!("[{}]", vec![event(""); 1001].join(",")), 413, "too_many_events", "");
    table.batch("one, and bad", "[{}]", 422, "all_rejected", None);
    table.batch("all bad", r#"{"events":[1,null,{"type":"t"}]}"#, 422, "all_rejected", None);
}

fn queries(table: &mut Table) {
    table.get("events of nobody", "/api/v1/events", 400, "bad_parameter");
    table.get("events of an empty user", "/api/v1/events?userId=", 400, "bad_parameter");
    table.get("no such limit", "/api/v1/events?userId=u&limit=0", 400, "bad_parameter");
    table.get("a limit too high", "/api/v1/events?userId=u&limit=100000", 400, "bad_parameter");
    table.get("a limit of words", "/api/v1/events?userId=u&limit=many", 400, "bad_parameter");
    table.get("a time of words", "/api/v1/events?userId=u&from=yesterday", 400, "bad_parameter");
    table.get("a cursor of one's own", "/api/v1/events?userId=u&cursor=abc", 400, "bad_parameter");
    table.get("one event of nobody", "/api/v1/events/e1", 400, "bad_parameter");
    table.get("an event that is not there", "/api/v1/events/none?userId=u", 404, "not_found");
    table.get(
        "a dead letter that is not there",
        "/api/v1/dlq/00000000000000000000000000000000",
        404,
        "not_found",
    );
    table.get("a dead letter by another name", "/api/v1/dlq/xyz", 404, "not_found");
    table.get("a status of no dead letter", "/api/v1/dlq?status=lost", 400, "bad_parameter");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_request_has_its_exact_status_code_and_pointer() {
    let pipeline = Pipeline::start(Options::default()).await;
    let mut table = Table {
        http: pipeline.http.clone(),
        base: pipeline.api(),
        key: pipeline.key.clone(),
        rows: Vec::new(),
    };
    credentials(&mut table);
    http(&mut table);
    single(&mut table);
    batches(&mut table);
    queries(&mut table);
    assert!(table.rows.len() >= 80, "only {} rows", table.rows.len());

    let mut wrong = String::new();
    let count = table.rows.len();
    for row in table.rows {
        let response = row.request.send().await.expect(row.name);
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a body");
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        let pointer = row.pointer.map_or(body["pointer"].clone(), Value::from);
        let expected = json!([row.status, row.code, pointer, row.status]);
        let got = json!([status, body["code"], body["pointer"], body["status"]]);
        let kind = headers.get("content-type").map_or("", |v| v.to_str().unwrap_or_default());
        if got != expected
            || kind != "application/problem+json"
            || body["detail"].as_str().unwrap_or_default().is_empty()
        {
            let _ = writeln!(wrong, "{}: expected {expected}, got {got} as {kind}: {body}", row.name);
        }
        for header in ["x-request-id", "x-content-type-options", "referrer-policy", "content-security-policy"]
        {
            if !headers.contains_key(header) {
                let _ = writeln!(wrong, "{}: no {header}", row.name);
            }
        }
        if status == 401 && !headers.contains_key("www-authenticate") {
            let _ = writeln!(wrong, "{}: 401 without a challenge", row.name);
        }
    }
    assert!(wrong.is_empty(), "of {count} requests:\n{wrong}");
    assert_eq!(pipeline.queued_events().await, 0, "a refused request queued something");
    pipeline.stop().await;
}

/// What a client sees that writes `request` as it is.
async fn raw(pipeline: &Pipeline, request: String) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = pipeline.api().replace("http://", "");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A client that has not sent all may see a reset after the answer.
    let _ = tokio::time::timeout(std::time::Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// README: what is no HTTP is refused by the server below the API, with a status and no body, and the connection ends.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_as_http_is_a_status_without_a_body_and_the_next_connection_is_served() {
    let pipeline = Pipeline::start(Options { workers: 0, ..Options::default() }).await;
    let many: String = (0..70).fold(String::new(), |mut text, n| {
        let _ = write!(text, "x-{n}: 1\r\n");
        text
    });
    for (name, request, status) in [
        ("no HTTP", "what is this\r\n\r\n".to_owned(), 400),
        ("70 headers", format!("GET /api/live HTTP/1.1\r\nhost: a\r\n{many}\r\n"), 431),
        ("a path of 70,000 bytes", format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(70_000)), 414),
    ] {
        let answer = raw(&pipeline, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{name}: {answer}");
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
        assert_eq!(body, Some(""), "{name}: {answer}");
    }
    let live = pipeline.http.get(format!("{}/api/live", pipeline.api())).send().await.unwrap();
    assert_eq!(live.status(), 200);
    pipeline.stop().await;
}
