//! Assertion 2: 100,000 events through the port of the node, one in twenty ids twice, each stored once and read back.

use std::time::Duration;

use eventpipeline::sender::Event;
use reqwest::Client;
use serde_json::Value;

use crate::error::{Error, Result, ensure};
use crate::load;
use crate::report::{Report, note, scenario};
use crate::world::World;

/// Different events.
const EVENTS: u64 = 100_000;
/// The run's name, of which ids are made.
const RUN: &str = "events";
/// Events that are read back.
const SAMPLE: u64 = 200;
/// Between two of them: prime to the users and to the repeats of a load, so that many users are asked for, and events
/// that were sent once as well as those that were sent twice.
const STEP: u64 = 499;
/// One answer takes milliseconds.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Carries it out.
pub async fn run(world: &mut World, report: &mut Report) {
    scenario("2. Events in, each stored once");
    let sent = async {
        let sender = world.sender().await?;
        let numbers = load::with_repeats(EVENTS);
        let outcome = load::send(&sender, RUN, &numbers).await?;
        outcome.all_acknowledged(usize::try_from(EVENTS).unwrap_or_default())?;
        Ok(outcome)
    };
    let what = format!("{} takes 100,000 events, 5 % of ids twice, and acknowledges each", world.api);
    let Some(outcome) = report.check(&what, sent).await else { return };
    let what = "each acknowledged id is stored once, on one shard, and nothing else is";
    if let Some(figures) = report.check(what, world.stored_once(outcome)).await {
        note(&figures);
    }
    report.check("200 of them are read back through the API as they were sent", read_back(world)).await;
}

/// Reads a sample of these events through the API and compares it with what was sent.
pub async fn read_back(world: &World) -> Result<()> {
    let key = world.pipeline.api_key().await?;
    let client = Client::builder().timeout(READ_TIMEOUT).build().map_err(Error::http("make a client"))?;
    for n in (0..SAMPLE).map(|n| n * STEP) {
        let event = Event::numbered(RUN, n);
        let url = format!("{}/api/v1/events/{}", world.api, event.id);
        let request = client.get(&url).query(&[("userId", &event.user_id)]).header("x-api-key", &key);
        let response = request.send().await.map_err(Error::http(format!("read event {}", event.id)))?;
        let status = response.status();
        let body: Value = response.json().await.map_err(Error::http(format!("read event {}", event.id)))?;
        ensure(status.is_success(), || format!("event {}: {status} {body}", event.id))?;
        same(&event, &body)?;
    }
    Ok(())
}

fn same(event: &Event, body: &Value) -> Result<()> {
    ensure(body["state"] == "stored", || format!("event {} is {}", event.id, body["state"]))?;
    for field in ["id", "type", "userId", "properties"] {
        let (sent, read) = (&event.json[field], &body["event"][field]);
        ensure(sent == read, || format!("event {}: {field} was sent as {sent}, and is {read}", event.id))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_read_back_must_be_stored_and_the_same() {
        let event = Event::numbered(RUN, 7);
        let mut body = json!({"state": "stored", "event": event.json});
        same(&event, &body).unwrap();
        body["event"]["properties"]["n"] = json!(8);
        assert!(same(&event, &body).unwrap_err().to_string().contains("properties was sent"));
        body["state"] = json!("queued");
        assert_eq!(same(&event, &body).unwrap_err().to_string(), "event events-7 is \"queued\"");
    }
}
