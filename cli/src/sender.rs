//! A sender as it should be: always ids, and the same ids again after a 429, 503, 504 or a cut connection.

use std::time::Duration;

use event::EventId;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::ledger::Told;

/// One answer takes no longer; the API's own limit is 15 s.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// An API that is there answers the first question within this.
const FIRST_ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest pause before sending again, whatever `Retry-After` says: a test should not sit for a minute.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// An event to send.
#[derive(Clone, Debug)]
pub struct Event {
    /// The idempotency key.
    pub id: String,
    /// The shard key.
    pub user_id: String,
    /// The whole event as JSON.
    pub json: Value,
}

impl Event {
    /// An event of about 300 bytes, number `n` of a run; `n` also chooses one of 1,000 users.
    pub fn numbered(run: &str, n: u64) -> Self {
        let (id, user_id) = (format!("{run}-{n}"), format!("user-{}", n % 1000));
        let kind = match n % 3 {
            0 => "page.viewed",
            1 => "order.paid",
            _ => "cart.changed",
        };
        let json = json!({
            "id": id, "userId": user_id, "type": kind,
            "properties": {"n": n, "price": 12.5, "currency": "EUR", "items": [1, 2, 3], "path": "/shop/shoes/size-43",
                "agent": {"name": "Firefox", "version": "143.0", "mobile": false}},
        });
        Self { id, user_id, json }
    }

    /// Its `_id`.
    pub fn event_id(&self) -> EventId {
        EventId::derive(&self.user_id, &self.id)
    }
}

/// Where and as whom to send.
#[derive(Clone)]
pub struct Sender {
    http: Client,
    api: String,
    url: String,
    key: String,
    /// Give up sending an event again after this long.
    pub patience: Duration,
    /// Send nothing again after this moment, whatever patience is left.
    pub until: Option<Instant>,
}

/// What came of sending some events.
#[derive(Debug, Default, Clone)]
pub struct Sent {
    /// Requests that were answered with 429, 503, 504 or not at all.
    pub resent: u64,
    /// Events accepted.
    pub accepted: u64,
    /// Events that were there already.
    pub duplicates: u64,
    /// What the API said when it refused a request for good.
    pub refusal: Option<String>,
}

impl Sender {
    /// For the API at `api`, such as `http://127.0.0.1:3001`.
    pub fn new(api: &str, key: &str) -> reqwest::Result<Self> {
        let http = Client::builder().timeout(REQUEST_TIMEOUT).build()?;
        Ok(Self {
            http,
            api: api.into(),
            url: format!("{api}/api/v1/events/batch"),
            key: key.into(),
            patience: Duration::from_mins(2),
            until: None,
        })
    }

    /// The same sender, sending to another process of the API.
    #[must_use]
    pub fn to(&self, api: &str) -> Self {
        Self { api: api.into(), url: format!("{api}/api/v1/events/batch"), ..self.clone() }
    }

    /// Whether there is an API that knows the key; else why not. Asked once, before the first event: nothing can be
    /// lost yet, so there is nothing to be patient for.
    pub async fn reachable(&self) -> Result<(), String> {
        let request = self.http.get(format!("{}/api/v1/limits", self.api)).header("x-api-key", &self.key);
        let response = request
            .timeout(FIRST_ANSWER_TIMEOUT)
            .send()
            .await
            .map_err(|error| format!("the API at {} does not answer: {}", self.api, innermost(&error)))?;
        // A server that is busy or lacks a store may be the very thing that is tried out.
        if response.status().is_success() || response.status().is_server_error() {
            return Ok(());
        }
        let status = response.status();
        let problem: Value = response.json().await.unwrap_or_default();
        let detail = problem["detail"].as_str().unwrap_or("is this the address of an EventPipeline's API?");
        Err(format!("the API at {} refused: {status}: {detail}", self.api))
    }

    /// Sends a batch until each event has an answer or patience is over; what was told stands in the order of `events`.
    pub async fn send(&self, events: &[Event]) -> (Vec<Told>, Sent) {
        let mut told = vec![Told::Unknown; events.len()];
        let mut open: Vec<usize> = (0..events.len()).collect();
        let mut sent = Sent::default();
        let patience = Instant::now() + self.patience;
        let deadline = self.until.map_or(patience, |until| until.min(patience));
        while !open.is_empty() {
            let body: Vec<&Value> = open.iter().map(|n| &events[*n].json).collect();
            let pause = match self.post(&json!(body)).await {
                Ok((StatusCode::ACCEPTED, body, pause)) => {
                    sent.accepted += body["accepted"].as_u64().unwrap_or(0);
                    sent.duplicates += body["duplicates"].as_u64().unwrap_or(0);
                    open = settle(&open, &body, &mut told);
                    pause
                }
                Ok((
                    StatusCode::TOO_MANY_REQUESTS
                    | StatusCode::SERVICE_UNAVAILABLE
                    | StatusCode::GATEWAY_TIMEOUT,
                    _,
                    pause,
                )) => pause,
                Ok((status, problem, _)) => {
                    let detail = problem["detail"].as_str().unwrap_or_default();
                    sent.refusal = Some(format!("{status}: {detail}"));
                    open.drain(..).for_each(|n| told[n] = Told::Rejected);
                    break;
                }
                Err(_) => None,
            };
            if open.is_empty() || Instant::now() > deadline {
                break;
            }
            sent.resent += 1;
            tokio::time::sleep(pause.unwrap_or(Duration::from_millis(100)).min(PAUSE_MAX)).await;
        }
        (told, sent)
    }

    async fn post(&self, body: &Value) -> reqwest::Result<(StatusCode, Value, Option<Duration>)> {
        let response = self.http.post(&self.url).header("x-api-key", &self.key).json(body).send().await?;
        let status = response.status();
        let seconds = response.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse().ok());
        Ok((status, response.json().await?, seconds.map(Duration::from_secs)))
    }
}

/// The cause below all that libraries say around it, such as `Connection refused (os error 111)`.
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .last()
        .map_or_else(String::new, ToString::to_string)
}

/// Notes what a 202 says of each event; answers the events that are to be sent again.
fn settle(sent: &[usize], body: &Value, told: &mut [Told]) -> Vec<usize> {
    sent.iter().for_each(|n| told[*n] = Told::Acknowledged);
    let mut again = Vec::new();
    for result in body["results"].as_array().into_iter().flatten() {
        let place = result["index"].as_u64().and_then(|index| sent.get(usize::try_from(index).ok()?));
        let Some(&n) = place else { continue };
        match result["status"].as_str() {
            Some("rejected") => told[n] = Told::Rejected,
            Some("retry") => {
                told[n] = Told::Unknown;
                again.push(n);
            }
            _ => (),
        }
    }
    again
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_answer_settles_each_event_by_its_index() {
        let body = json!({"results": [
            {"index": 0, "status": "rejected"}, {"index": 2, "status": "retry"}, {"index": 9, "status": "retry"},
        ]});
        let mut told = vec![Told::Unknown; 8];
        assert_eq!(settle(&[3, 5, 7], &body, &mut told), vec![7]);
        assert_eq!((told[3], told[5], told[7]), (Told::Rejected, Told::Acknowledged, Told::Unknown));
    }
}
