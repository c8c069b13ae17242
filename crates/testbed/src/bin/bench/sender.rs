//! The sender: as little of an HTTP client as will do, so that what is measured is not the client.

use std::fmt::Write as _;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Failure;

/// Bytes of an event as JSON, about.
pub const EVENT_BYTES: usize = 460;

/// One connection to the API.
pub struct Connection {
    stream: TcpStream,
    key: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    /// Connects to the API at `http://…`.
    pub async fn open(api: &str, key: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(api.trim_start_matches("http://")).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, key: key.to_owned(), request: Vec::new(), answer: Vec::new() })
    }

    /// Sends `events` events and waits for the answer: how many were accepted.
    pub async fn send(&mut self, body: &str, events: usize) -> Result<u64, Failure> {
        let path = if events == 1 { "/api/v1/events" } else { "/api/v1/events/batch" };
        self.request.clear();
        self.request.extend_from_slice(
            format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                self.key,
                body.len()
            )
            .as_bytes(),
        );
        self.request.extend_from_slice(body.as_bytes());
        self.stream.write_all(&self.request).await?;
        let body_at = self.read().await?;
        let answer = std::str::from_utf8(&self.answer)?;
        if !answer.starts_with("HTTP/1.1 202") {
            return Err(answer.into());
        }
        let reply = &answer[body_at..];
        if events == 1 {
            return Ok(u64::from(reply.contains("\"accepted\"")));
        }
        number_after(reply, "\"accepted\":").ok_or_else(|| reply.into())
    }

    /// Reads one whole answer; answers where its body begins.
    async fn read(&mut self) -> Result<usize, Failure> {
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err("the API closed the connection".into());
            }
            let Some(end) = self.answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&self.answer[..end])?.to_ascii_lowercase();
            let length = number_after(&head, "content-length: ").ok_or("an answer without a length")?;
            if self.answer.len() >= end + 4 + usize::try_from(length)? {
                return Ok(end + 4);
            }
        }
    }
}

fn number_after(text: &str, what: &str) -> Option<u64> {
    let rest = &text[text.find(what)? + what.len()..];
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// A body of `events` events whose ids are those of no other connection and round.
pub fn body(connection: usize, round: u64, events: usize) -> String {
    let mut body = String::with_capacity(events * (EVENT_BYTES + 20));
    if events > 1 {
        body.push('[');
    }
    for n in 0..events {
        if n > 0 {
            body.push(',');
        }
        let user = (round * 31 + n as u64) % 5000;
        let _ = write!(
            body,
            r#"{{"id":"{connection}-{round}-{n}","type":"order.paid","userId":"user-{user}","timestamp":"2026-01-31T12:00:00.123Z","properties":{{"order":{{"number":{round},"currency":"EUR","total":129.95,"items":[{{"sku":"A-1001","quantity":1,"price":79.95}},{{"sku":"B-2002","quantity":2,"price":25.0}}]}},"page":{{"url":"https://shop.example.com/checkout/thanks","referrer":"https://shop.example.com/cart"}},"agent":"Mozilla/5.0 (X11; Linux x86_64; rv:143.0)","logged_in":true}}}}"#
        );
    }
    if events > 1 {
        body.push(']');
    }
    body
}
