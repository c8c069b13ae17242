//! What was acknowledged with majority and journal survives `kill -9`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use bson::{Document, doc};
use mongodb::options::{Acknowledgment, WriteConcern};

use crate::common::{Folder, Server, event, initiate, primary, system};

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_event_is_lost_when_the_server_is_killed_under_load() {
    let folder = Folder::new();
    let mut member = folder.member("rs0", "--shardsvr");
    let client = initiate(&member, "rs0").await;
    let majority = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
    let options = mongodb::options::CollectionOptions::builder().write_concern(majority).build();
    let events = client.database("ep").collection_with_options::<Document>("events", options);
    let next = Arc::new(AtomicI32::new(0));
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let (events, next) = (events.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                loop {
                    let from = next.fetch_add(50, Ordering::Relaxed);
                    let batch: Vec<Document> = (from..from + 50).map(|n| event(n, n % 7)).collect();
                    if events.insert_many(&batch).ordered(false).await.is_err() {
                        return acknowledged;
                    }
                    acknowledged.extend(from..from + 50);
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(600)).await;
    member.kill9();
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    assert!(acknowledged.len() > 500, "only {} were written", acknowledged.len());
    member.again();
    let client = member.client(Some(system()));
    primary(&client).await;
    let events = client.database("ep").collection::<Document>("events");
    let stored = events.distinct("_id", doc! {}).await.unwrap();
    let stored: std::collections::HashSet<i32> = stored.iter().filter_map(bson::Bson::as_i32).collect();
    let lost = acknowledged.iter().filter(|id| !stored.contains(id)).count();
    assert_eq!(lost, 0, "of {} acknowledged", acknowledged.len());
}

#[tokio::test]
async fn updates_deletes_indexes_and_drops_survive_and_a_torn_end_is_cut_off() {
    let folder = Folder::new();
    let data = folder.data("d");
    let mut server = Server::up("mongod", &["--dbpath", &data]);
    let database = server.client(None).database("ep");
    let rows = database.collection::<Document>("rows");
    rows.insert_many((0..10).map(|n| doc! {"_id": n, "n": n})).await.unwrap();
    rows.update_many(doc! {"n": {"$lt": 5}}, doc! {"$inc": {"n": 100}}).await.unwrap();
    rows.delete_many(doc! {"_id": {"$gte": 8}}).await.unwrap();
    rows.create_index(mongodb::IndexModel::builder().keys(doc! {"n": 1}).build()).await.unwrap();
    database.collection::<Document>("gone").insert_one(doc! {"_id": 1}).await.unwrap();
    database.collection::<Document>("gone").drop().await.unwrap();
    server.kill9();
    let journal = std::path::Path::new(&data).join("journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes.extend([200, 0, 0, 0, 1, 2, 3, 4, 5, 6]);
    std::fs::write(&journal, bytes).unwrap();
    for _ in 0..2 {
        server.again();
        let database = server.client(None).database("ep");
        let rows = database.collection::<Document>("rows");
        assert_eq!(rows.count_documents(doc! {}).await.unwrap(), 8);
        assert_eq!(rows.count_documents(doc! {"n": {"$gte": 100}}).await.unwrap(), 5);
        assert_eq!(rows.list_index_names().await.unwrap(), ["_id_", "n_1"]);
        assert_eq!(database.list_collection_names().await.unwrap(), ["rows"]);
        assert_eq!(server.terminate().code(), Some(0));
    }
}
