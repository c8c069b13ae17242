//! The history of scaling decisions on a real redis-server.
#![allow(clippy::unwrap_used, reason = "a test ends this way")]

mod server;

use serde_json::json;
use stream::decisions::{Mode, Recorder, Stored, read};

use server::Server;

const PIPELINE: &str = "default/test";

#[tokio::test]
async fn the_history_has_a_row_a_decision_keeps_the_last_fifty_and_survives_what_it_cannot_read() {
    let mut server = Server::start(None).await;
    let url = server.url("");
    let mut redis = stream::connect(&url).await.unwrap();
    assert!(read(&mut redis, PIPELINE).await.unwrap().is_empty());

    let mut told = Recorder::default();
    let mut note = async |what: &str, at: u64| {
        let made = Stored::new(at, Mode::Lag, format!("{what} at {at}"), json!({"desired": at}));
        told.note(&mut redis, PIPELINE, what, made).await.unwrap();
        read(&mut redis, PIPELINE).await.unwrap()
    };
    note("steady", 1).await;
    let list = note("steady", 2).await;
    assert_eq!(list.len(), 1);
    assert_eq!((list[0].since_ms, list[0].at_ms, list[0].sentence.as_str()), (1, 2, "steady at 2"));
    let list = note("more", 3).await;
    assert_eq!(list.iter().map(|row| row.at_ms).collect::<Vec<_>>(), [3, 2]);
    for n in 0..60 {
        note(&n.to_string(), 10 + n).await;
    }
    let list = note("last", 100).await;
    assert_eq!((list.len(), list[0].at_ms, list[49].at_ms), (50, 100, 21));

    // Another process, such as an operator that was restarted, knows nothing of the head and leaves it.
    let mut other = Recorder::default();
    let made = |at, mode| Stored::new(at, mode, "1 → 2 workers".to_owned(), json!({}));
    other.note(&mut redis, PIPELINE, "last", made(101, Mode::Lag)).await.unwrap();
    let () = redis::cmd("LPUSH")
        .arg(event::keys::scaling(PIPELINE))
        .arg("no JSON")
        .query_async(&mut redis)
        .await
        .unwrap();
    let list = read(&mut redis, PIPELINE).await.unwrap();
    assert_eq!((list.len(), list[0].at_ms, list[1].at_ms), (49, 101, 100));

    // The same decision, obeyed no more, is a row of its own.
    other.note(&mut redis, PIPELINE, "last", made(102, Mode::Paused)).await.unwrap();
    let list = read(&mut redis, PIPELINE).await.unwrap();
    assert_eq!((list[0].since_ms, list[0].mode, list[1].mode), (102, Some(Mode::Paused), Some(Mode::Lag)));
    assert_eq!(list[0].sentence, "`desiredState` is Paused: there are to be no workers");
    // An older release wrote no mode.
    let () = redis::cmd("LPUSH")
        .arg(event::keys::scaling(PIPELINE))
        .arg(r#"{"sinceMs": 1, "atMs": 2, "sentence": "old", "record": {}}"#)
        .query_async(&mut redis)
        .await
        .unwrap();
    let list = read(&mut redis, PIPELINE).await.unwrap();
    assert_eq!((list[0].sentence.as_str(), list[0].mode), ("old", None));
    server.process.stop().await;
}
