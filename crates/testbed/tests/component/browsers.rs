//! What browsers ask and are told: exact origins, and headers on every answer.

use testbed::{Options, Pipeline};

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_origins_may_call_and_every_answer_has_its_headers() {
    let spec = "{api: {allowedOrigins: [\"https://console.example.com\", \"http://localhost:5173\"]}}";
    let pipeline = Pipeline::start(Options { spec, ..Options::default() }).await;
    let url = format!("{}/api/v1/events/batch", pipeline.api());
    let preflight = |origin: &'static str| {
        let request = pipeline.http.request(reqwest::Method::OPTIONS, &url).header("origin", origin);
        let asked = request
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "x-api-key,content-type");
        async { asked.send().await.unwrap() }
    };
    for origin in ["https://console.example.com", "http://localhost:5173"] {
        let answer = preflight(origin).await;
        assert!(answer.status().is_success());
        assert_eq!(answer.headers()["access-control-allow-origin"], origin);
        assert!(answer.headers()["access-control-allow-headers"].to_str().unwrap().contains("x-api-key"));
        assert!(!answer.headers().contains_key("access-control-allow-credentials"));
    }
    for origin in [
        "https://evil.example.com",
        "https://console.example.com.evil.com",
        "http://console.example.com",
        "null",
    ] {
        assert!(!preflight(origin).await.headers().contains_key("access-control-allow-origin"), "{origin}");
    }
    let answer = pipeline
        .http
        .get(format!("{}/api/live", pipeline.api()))
        .header("x-request-id", "trace-42")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["x-request-id"], "trace-42");
    let made = pipeline
        .http
        .get(format!("{}/api/live", pipeline.api()))
        .header("x-request-id", "a\tb<script>")
        .send()
        .await
        .unwrap();
    assert_eq!(made.headers()["x-request-id"].len(), 36);
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(made.headers()[name], value);
    }
    assert!(!made.headers().contains_key("server"));
    pipeline.stop().await;
}
