//! Senders that are slow, endless, or stop halfway.

use std::time::{Duration, Instant};

use testbed::{Options, Pipeline};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn connect(pipeline: &Pipeline) -> TcpStream {
    TcpStream::connect(pipeline.api().trim_start_matches("http://")).await.unwrap()
}

/// Reads until the other side closes, at most 10 s.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_and_endless_senders_are_cut_off_and_others_go_on() {
    let api_env =
        vec![("BODY_TIMEOUT_SECONDS", "1"), ("HEADER_TIMEOUT_SECONDS", "1"), ("MAX_BODY_BYTES", "100000")];
    let pipeline = Pipeline::start(Options { api_env, ..Options::default() }).await;
    let head = format!(
        "POST /api/v1/events/batch HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\ncontent-type: application/json\r\n",
        pipeline.key
    );

    let mut slow_body = connect(&pipeline).await;
    slow_body.write_all(format!("{head}content-length: 50000\r\n\r\n[").as_bytes()).await.unwrap();
    let mut slow_head = connect(&pipeline).await;
    slow_head.write_all(b"POST /api/v1/events HTTP/1.1\r\nhost: x\r\nx-slow").await.unwrap();
    let began = Instant::now();
    let answer = rest(&mut slow_body).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body_timeout"), "{answer}");
    rest(&mut slow_head).await;
    assert!(began.elapsed() < Duration::from_secs(8), "a slow head was waited for");

    // An endless body without a length: refused once it is above the limit.
    let mut endless = connect(&pipeline).await;
    endless.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes()).await.unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 8192, " ".repeat(8192));
    for _ in 0..20 {
        if endless.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let answer = rest(&mut endless).await;
    assert!(answer.is_empty() || answer.contains("body_too_large"), "{answer}");

    let mut cut = connect(&pipeline).await;
    cut.write_all(format!("{head}content-length: 50000\r\n\r\n[{{").as_bytes()).await.unwrap();
    drop(cut);
    let mut many_headers = connect(&pipeline).await;
    let headers: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    many_headers
        .write_all(format!("GET /api/live HTTP/1.1\r\nhost: x\r\n{headers}\r\n").as_bytes())
        .await
        .unwrap();
    assert!(rest(&mut many_headers).await.starts_with("HTTP/1.1 431"));

    let event = serde_json::json!({"type": "t", "userId": "u"});
    let answer = pipeline
        .http
        .post(format!("{}/api/v1/events", pipeline.api()))
        .header("x-api-key", &pipeline.key)
        .json(&event)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    assert_eq!(pipeline.queued_events().await, 1);
    pipeline.stop().await;
}
