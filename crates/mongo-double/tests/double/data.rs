//! Documents on one server: what the pipeline asks for, and what is refused.

use bson::{Bson, DateTime, Document, doc};
use futures::TryStreamExt;
use mongodb::error::ErrorKind;
use mongodb::options::ReturnDocument;
use mongodb::{Client, Database};

use crate::common::{Folder, Server, code, event};

fn server() -> (Folder, Server, Client) {
    let folder = Folder::new();
    let server = Server::up("mongod", &["--dbpath", &folder.data("d")]);
    let client = server.client(None);
    (folder, server, client)
}

async fn run(database: &Database, command: Document) -> i32 {
    code(database.run_command(command).await)
}

#[tokio::test]
async fn duplicates_are_refused_each_by_its_index_and_the_rest_is_stored() {
    let (_folder, _server, client) = server();
    let events = client.database("ep").collection::<Document>("events");
    events.insert_many([event(1, 1), event(3, 1)]).await.unwrap();
    let batch: Vec<Document> = (0..6).map(|n| event(n, 1)).collect();
    let error = events.insert_many(&batch).ordered(false).await.unwrap_err();
    let ErrorKind::InsertMany(error) = *error.kind else { panic!("{error}") };
    let errors: Vec<_> = error.write_errors.unwrap().iter().map(|e| (e.index, e.code)).collect();
    assert_eq!(errors, [(1, 11000), (3, 11000)]);
    assert_eq!(events.count_documents(doc! {}).await.unwrap(), 6);
    let ordered: Vec<Document> = [7, 1, 8].map(|n| event(n, 1)).to_vec();
    events.insert_many(&ordered).await.unwrap_err();
    assert_eq!(events.count_documents(doc! {}).await.unwrap(), 7, "an ordered insert stops");
    let raw = doc! {"insert": "events", "documents": [{"_id": 1}]};
    let reply = client.database("ep").run_command(raw).await.unwrap();
    let error = reply.get_array("writeErrors").unwrap()[0].as_document().unwrap().clone();
    assert_eq!(error.get_document("keyPattern"), Ok(&doc! {"_id": 1}));
    assert_eq!(error.get_document("keyValue"), Ok(&doc! {"_id": 1}));
}

#[tokio::test]
async fn pages_of_one_user_are_read_newest_first_with_and_without_an_index() {
    let (_folder, _server, client) = server();
    let events = client.database("ep").collection::<Document>("events");
    let documents: Vec<Document> = (0..300).map(|n| event(n, n % 3)).collect();
    events.insert_many(&documents).await.unwrap();
    for indexed in [false, true] {
        if indexed {
            let keys = doc! {"userId": 1, "timestamp": -1, "_id": -1};
            events.create_index(mongodb::IndexModel::builder().keys(keys).build()).await.unwrap();
        }
        let mut seen = Vec::new();
        let mut before: Option<(DateTime, i32)> = None;
        loop {
            let mut filter = doc! {"userId": "user-1", "type": "page_view"};
            if let Some((at, id)) = before {
                filter.insert(
                    "$or",
                    [doc! {"timestamp": {"$lt": at}}, doc! {"timestamp": at, "_id": {"$lt": id}}].to_vec(),
                );
            }
            let page = events.find(filter).sort(doc! {"timestamp": -1, "_id": -1}).limit(30).batch_size(7);
            let page: Vec<Document> = page.await.unwrap().try_collect().await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some((*last.get_datetime("timestamp").unwrap(), last.get_i32("_id").unwrap()));
            seen.extend(page.iter().map(|document| document.get_i32("_id").unwrap()));
        }
        let expected: Vec<i32> = (0..300).rev().filter(|n| n % 3 == 1).collect();
        assert_eq!(seen, expected, "indexed: {indexed}");
        let at = |n: i64| DateTime::from_millis(1_700_000_000_000 + n);
        let range = doc! {"userId": "user-0", "timestamp": {"$gte": at(30), "$lt": at(60)}};
        assert_eq!(events.count_documents(range).await.unwrap(), 10, "indexed: {indexed}");
    }
}

#[tokio::test]
async fn a_long_answer_comes_in_batches_and_a_cursor_that_is_gone_is_43() {
    let (_folder, _server, client) = server();
    let database = client.database("ep");
    let events = database.collection::<Document>("events");
    let documents: Vec<Document> = (0..1_000).map(|n| event(n, 0)).collect();
    events.insert_many(&documents).await.unwrap();
    let fields = events.find(doc! {}).projection(doc! {"userId": 1}).batch_size(90);
    let all: Vec<Document> = fields.await.unwrap().try_collect().await.unwrap();
    assert_eq!(all.len(), 1_000);
    assert_eq!(all[999], doc! {"_id": 999, "userId": "user-0"});
    let all: Vec<Document> =
        events.find(doc! {}).skip(10).limit(500).await.unwrap().try_collect().await.unwrap();
    assert_eq!((all.len(), all[0].get_i32("_id")), (500, Ok(10)));
    let first = database.run_command(doc! {"find": "events", "batchSize": 2}).await.unwrap();
    let id = first.get_document("cursor").unwrap().get_i64("id").unwrap();
    let killed = database.run_command(doc! {"killCursors": "events", "cursors": [id, 1_i64]}).await.unwrap();
    assert_eq!(killed.get_array("cursorsKilled").unwrap(), &[Bson::Int64(id)]);
    assert_eq!(killed.get_array("cursorsNotFound").unwrap(), &[Bson::Int64(1)]);
    assert_eq!(run(&database, doc! {"getMore": id, "collection": "events"}).await, 43);
}

#[tokio::test]
async fn dead_letters_are_written_counted_grouped_and_closed() {
    let (_folder, _server, client) = server();
    let letters = client.database("ep").collection::<Document>("events_dlq");
    for n in 0..12 {
        let filter = doc! {"_id": n % 4, "userId": "u"};
        let update = doc! {
            "$setOnInsert": {"type": if n % 4 == 0 { "a" } else { "b" }, "payload": "bytes"},
            "$set": {"status": "open", "lastFailedAt": DateTime::from_millis(i64::from(n)), "reason": {"class": "refused", "code": "c"}},
            "$inc": {"attempts": 1},
        };
        let done = letters.update_one(filter, update).upsert(true).await.unwrap();
        assert_eq!((done.upserted_id.is_some(), done.matched_count), (n < 4, u64::from(n >= 4)));
    }
    let one = letters.find_one(doc! {"_id": 1}).projection(doc! {"payload": 0}).await.unwrap().unwrap();
    assert_eq!(one.get_i32("attempts"), Ok(3));
    assert!(!one.contains_key("payload") && one.contains_key("type"));
    let stages = [
        doc! {"$match": {"status": "open"}},
        doc! {"$group": {"_id": {"class": "$reason.class", "code": "$reason.code", "type": "$type"}, "count": {"$sum": 1}}},
        doc! {"$sort": {"count": -1}},
        doc! {"$limit": 10_i64},
    ];
    let rows: Vec<Document> = letters.aggregate(stages).await.unwrap().try_collect().await.unwrap();
    let row = |kind: &str, count: i32| doc! {"_id": {"class": "refused", "code": "c", "type": kind}, "count": count};
    assert_eq!(rows, [row("b", 3), row("a", 1)]);
    let ids: Vec<i32> = vec![1, 2, 99];
    let set = doc! {"$set": {"status": "replayed", "handledAt": DateTime::now(), "handledBy": "me"}};
    let closed = letters.update_many(doc! {"_id": {"$in": ids}, "attempts": 3}, set).await.unwrap();
    assert_eq!((closed.matched_count, closed.modified_count), (2, 2));
    assert_eq!(letters.count_documents(doc! {"status": "open"}).limit(10_001).await.unwrap(), 2);
    assert_eq!(letters.count_documents(doc! {"status": "open"}).limit(1).await.unwrap(), 1);
    assert_eq!(letters.estimated_document_count().await.unwrap(), 4);
    assert_eq!(letters.distinct("status", doc! {}).await.unwrap(), ["open", "replayed"].map(Bson::from));
    let found = letters
        .find_one_and_update(doc! {"_id": 3}, doc! {"$inc": {"attempts": 1}})
        .return_document(ReturnDocument::After)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.get_i32("attempts"), Ok(4));
    assert_eq!(letters.find_one_and_delete(doc! {"_id": 3}).await.unwrap().unwrap().get_i32("_id"), Ok(3));
    letters.replace_one(doc! {"_id": 0}, doc! {"x": 1}).await.unwrap();
    assert_eq!(letters.find_one(doc! {"_id": 0}).await.unwrap(), Some(doc! {"_id": 0, "x": 1}));
    assert_eq!(letters.delete_many(doc! {"_id": {"$gte": 1}}).await.unwrap().deleted_count, 2);
}

#[tokio::test]
async fn indexes_are_made_once_and_conflicts_have_their_codes() {
    let (_folder, _server, client) = server();
    let database = client.database("ep");
    let create = |key: Document, name: &str, expire: Option<i32>| {
        let mut index = doc! {"key": key, "name": name};
        if let Some(seconds) = expire {
            index.insert("expireAfterSeconds", seconds);
        }
        doc! {"createIndexes": "events", "indexes": [index]}
    };
    for (command, expected) in [
        (create(doc! {"receivedAt": 1}, "ttl", Some(60)), 0),
        (create(doc! {"receivedAt": 1}, "ttl", Some(60)), 0),
        (create(doc! {"receivedAt": 1}, "ttl", Some(61)), 85),
        (create(doc! {"receivedAt": 1}, "other", Some(60)), 85),
        (create(doc! {"userId": 1}, "ttl", None), 86),
        (create(doc! {"userId": "hashed"}, "h", None), 0),
        (create(doc! {"userId": "text"}, "t", None), 67),
        (create(doc! {"a": 1, "b": 1}, "two", Some(1)), 67),
        (doc! {"createIndexes": "events", "indexes": [{"key": {"a": 1}, "name": "n", "nonsense": 1}]}, 197),
        (doc! {"createIndexes": "events", "indexes": [{"key": {"a": 1}, "name": "n", "sparse": true}]}, 67),
        (doc! {"collMod": "events", "index": {"keyPattern": {"receivedAt": 1}, "expireAfterSeconds": 61}}, 0),
        (create(doc! {"receivedAt": 1}, "ttl", Some(61)), 0),
        (doc! {"collMod": "events", "index": {"name": "none", "expireAfterSeconds": 61}}, 27),
        (doc! {"collMod": "none", "index": {"name": "ttl", "expireAfterSeconds": 61}}, 26),
        (doc! {"listIndexes": "none"}, 26),
        (doc! {"create": "events"}, 48),
        (doc! {"drop": "none"}, 0),
    ] {
        assert_eq!(run(&database, command.clone()).await, expected, "{command}");
    }
    let names = database.collection::<Document>("events").list_index_names().await.unwrap();
    assert_eq!(names, ["_id_", "ttl", "h"]);
    let events = database.collection::<Document>("events");
    events.drop_index("h").await.unwrap();
    let unique = mongodb::options::IndexOptions::builder().unique(true).build();
    events
        .create_index(mongodb::IndexModel::builder().keys(doc! {"u": 1}).options(unique).build())
        .await
        .unwrap();
    events.insert_one(doc! {"u": 1}).await.unwrap();
    assert!(events.insert_one(doc! {"u": 1}).await.is_err());
    assert_eq!(database.list_collection_names().await.unwrap(), ["events"]);
    assert!(client.list_database_names().await.unwrap().contains(&"ep".to_owned()));
    database.drop().await.unwrap();
    assert!(!client.list_database_names().await.unwrap().contains(&"ep".to_owned()));
}

#[tokio::test]
async fn what_is_not_modelled_is_refused_with_the_servers_codes() {
    let (_folder, _server, client) = server();
    let database = client.database("ep");
    for (command, expected) in [
        (doc! {"find": "c", "filter": {"a": {"$near": 1}}}, 2),
        (doc! {"find": "c", "filter": {"$where": "1"}}, 2),
        (doc! {"find": "c", "nonsense": 1}, 40415),
        (doc! {"find": "c", "sort": {"a": 5}}, 15975),
        (doc! {"find": "a$b"}, 73),
        (doc! {"aggregate": "c", "pipeline": [{"$lookup": {}}], "cursor": {}}, 40324),
        (doc! {"aggregate": "c", "pipeline": [], "explain": true}, 40415),
        (doc! {"aggregate": "c", "pipeline": []}, 9),
        (doc! {"aggregate": "c", "pipeline": [{"$group": {"_id": {"$year": "$a"}}}], "cursor": {}}, 168),
        (doc! {"insert": "c", "documents": []}, 16),
        (doc! {"bulkWrite": 1, "ops": [], "nsInfo": []}, 59),
        (doc! {"replSetStepDown": 1}, 59),
        (doc! {"mapReduce": "c"}, 59),
    ] {
        assert_eq!(run(&database, command.clone()).await, expected, "{command}");
    }
    let reply = database
        .run_command(doc! {"update": "c", "updates": [{"q": {}, "u": {"$push": {"a": 1}}}]})
        .await
        .unwrap();
    assert_eq!(reply.get_array("writeErrors").unwrap()[0].as_document().unwrap().get_i32("code"), Ok(9));
    let large = database
        .run_command(doc! {"insert": "c", "documents": [{"_id": [1]}, {"a": 1}], "ordered": false})
        .await
        .unwrap();
    assert_eq!(large.get_i32("n"), Ok(1));
    assert_eq!(large.get_array("writeErrors").unwrap()[0].as_document().unwrap().get_i32("code"), Ok(53));
}

#[tokio::test]
async fn one_user_among_many_is_found_at_once() {
    let (_folder, _server, client) = server();
    let events = client.database("ep").collection::<Document>("events");
    let keys = doc! {"userId": 1, "timestamp": -1, "_id": -1};
    events.create_index(mongodb::IndexModel::builder().keys(keys).build()).await.unwrap();
    for thousand in 0..50 {
        let batch: Vec<Document> =
            (0..1_000).map(|n| event(thousand * 1_000 + n, thousand * 1_000 + n)).collect();
        events.insert_many(&batch).ordered(false).await.unwrap();
    }
    let began = std::time::Instant::now();
    for n in 0..100 {
        let filter = doc! {"userId": format!("user-{}", n * 487)};
        let sort = doc! {"timestamp": -1, "_id": -1};
        let found: Vec<Document> =
            events.find(filter).sort(sort).limit(101).await.unwrap().try_collect().await.unwrap();
        assert_eq!(found.len(), 1);
    }
    // A walk over all 50,000 takes some ten milliseconds each.
    assert!(began.elapsed() < std::time::Duration::from_millis(700), "{:?}", began.elapsed());
}

#[tokio::test]
async fn old_documents_expire() {
    let folder = Folder::new();
    let data = folder.data("d");
    let server = Server::up("mongod", &["--dbpath", &data, "--setParameter", "ttlMonitorSleepSecs=1"]);
    let events = server.client(None).database("ep").collection::<Document>("events");
    let expiry =
        mongodb::options::IndexOptions::builder().expire_after(std::time::Duration::from_hours(1)).build();
    events
        .create_index(mongodb::IndexModel::builder().keys(doc! {"at": 1}).options(expiry).build())
        .await
        .unwrap();
    let old = DateTime::from_millis(DateTime::now().timestamp_millis() - 3_601_000);
    events
        .insert_many([doc! {"_id": 1, "at": old}, doc! {"_id": 2, "at": DateTime::now()}, doc! {"_id": 3}])
        .await
        .unwrap();
    for _ in 0..100 {
        if events.count_documents(doc! {}).await.unwrap() == 2 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("nothing expired");
}
