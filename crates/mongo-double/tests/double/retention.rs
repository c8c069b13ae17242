//! What a worker does with the indexes of an external MongoDB that were made for another retention.

use bson::{Document, doc};
use mongodb::Client;

use crate::common::{Folder, Server};

const DAY: i64 = 86_400;

/// Days after which events are deleted, as the server lists it.
async fn days(client: &Client) -> i64 {
    let listed = client.database("ep").run_command(doc! {"listIndexes": "events"}).await.unwrap();
    let indexes = listed.get_document("cursor").unwrap().get_array("firstBatch").unwrap().clone();
    let ttl = indexes
        .into_iter()
        .filter_map(|index| index.as_document().cloned())
        .find(|index: &Document| index.contains_key("expireAfterSeconds"))
        .unwrap();
    let seconds = ttl.get("expireAfterSeconds").unwrap();
    seconds.as_i64().or(seconds.as_i32().map(i64::from)).unwrap() / DAY
}

#[tokio::test]
async fn another_retention_is_changed_and_one_that_may_not_be_changed_stops_no_worker() {
    let folder = Folder::new();
    let tests = ["--setParameter", "enableTestCommands=1"];
    let server = Server::up("mongod", &[&["--dbpath", &folder.data("d")], &tests[..]].concat());
    let client = server.client(None);
    let store = store::connect(&format!("mongodb://{}/", server.host()), "ep").await.unwrap();
    assert!(store::ensure_indexes(&store, 30).await.unwrap().retention);
    assert!(store::ensure_indexes(&store, 30).await.unwrap().retention, "again without harm");
    assert_eq!(days(&client).await, 30);
    assert!(store::ensure_indexes(&store, 7).await.unwrap().retention);
    assert_eq!(days(&client).await, 7);

    // A user who may not run collMod.
    let refuse = doc! {
        "configureFailPoint": "failCommand",
        "mode": "alwaysOn",
        "data": {"failCommands": ["collMod"], "errorCode": 13},
    };
    client.database("admin").run_command(refuse).await.unwrap();
    assert!(!store::ensure_indexes(&store, 90).await.unwrap().retention);
    assert_eq!(days(&client).await, 7, "the one that is there holds");

    // An election in between is waited for.
    let not_now = doc! {
        "configureFailPoint": "failCommand",
        "mode": "alwaysOn",
        "data": {"failCommands": ["collMod"], "errorCode": 10107},
    };
    client.database("admin").run_command(not_now).await.unwrap();
    assert!(store::ensure_indexes(&store, 90).await.is_err());
}
