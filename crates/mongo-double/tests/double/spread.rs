//! A collection on two shards, seen through the router as one.

use bson::{Bson, Document, doc};
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::error::ErrorKind;

use crate::common::{Cluster, code, event, system};

async fn filled() -> (Cluster, Collection<Document>) {
    let cluster = Cluster::sharded(2).await;
    let events = cluster.client.database("ep").collection::<Document>("events");
    let documents: Vec<Document> = (0..400).map(|n| event(n, n % 40)).collect();
    events.insert_many(&documents).ordered(false).await.unwrap();
    (cluster, events)
}

#[tokio::test]
async fn duplicates_keep_the_index_they_came_with() {
    let (_cluster, events) = filled().await;
    let batch: Vec<Document> = (390..410).map(|n| event(n, n % 40)).collect();
    let error = events.insert_many(&batch).ordered(false).await.unwrap_err();
    let ErrorKind::InsertMany(error) = *error.kind else { panic!("{error}") };
    let mut places: Vec<usize> = error.write_errors.unwrap().iter().map(|e| e.index).collect();
    places.sort_unstable();
    assert_eq!(places, (0..10).collect::<Vec<_>>());
    assert_eq!(events.count_documents(doc! {}).await.unwrap(), 410);
    let ordered: Vec<Document> = [500, 501, 390, 502].map(|n| event(n, n % 40)).to_vec();
    events.insert_many(&ordered).await.unwrap_err();
    assert_eq!(
        events.count_documents(doc! {"_id": {"$gte": 500}}).await.unwrap(),
        2,
        "an ordered insert stops"
    );
}

#[tokio::test]
async fn one_id_of_two_users_is_stored_twice_when_they_live_apart() {
    let (cluster, events) = filled().await;
    let first = cluster.shards[0].client(Some(system())).database("ep").collection::<Document>("events");
    let home = first.find_one(doc! {}).await.unwrap().unwrap();
    let stranger = (0..40).map(|n| format!("user-{n}"));
    let mut apart = None;
    for user in stranger {
        if first.find_one(doc! {"userId": &user}).await.unwrap().is_none() {
            apart = Some(user);
        }
    }
    let mut copy = home.clone();
    copy.insert("userId", apart.unwrap());
    events.insert_one(copy).await.unwrap();
    assert_eq!(events.count_documents(doc! {"_id": home.get_i32("_id").unwrap()}).await.unwrap(), 2);
}

#[tokio::test]
async fn a_shard_key_is_no_array() {
    let (_cluster, events) = filled().await;
    let error = events
        .insert_many([doc! {"_id": 1_000, "userId": ["a"]}, event(1_001, 1)])
        .ordered(false)
        .await
        .unwrap_err();
    let ErrorKind::InsertMany(error) = *error.kind else { panic!("{error}") };
    let errors = error.write_errors.unwrap();
    assert_eq!((errors.len(), errors[0].index, errors[0].code), (1, 0, 61));
    assert_eq!(events.count_documents(doc! {"_id": {"$gte": 1_000}}).await.unwrap(), 1);
}

#[tokio::test]
async fn what_names_the_user_asks_one_shard() {
    let (mut cluster, events) = filled().await;
    let second = cluster.shards[1].client(Some(system())).database("ep").collection::<Document>("events");
    let mut here = None;
    for n in 0..40 {
        if second.find_one(doc! {"userId": format!("user-{n}")}).await.unwrap().is_none() {
            here = Some(format!("user-{n}"));
        }
    }
    cluster.shards[1].kill9();
    let user = here.unwrap();
    assert_eq!(events.count_documents(doc! {"userId": &user}).await.unwrap(), 10);
    let found: Vec<Document> =
        events.find(doc! {"userId": &user}).await.unwrap().try_collect().await.unwrap();
    assert_eq!(found.len(), 10);
    let all = doc! {"find": "events", "filter": {"type": "page_view"}, "maxTimeMS": 400};
    assert_eq!(code(cluster.client.database("ep").run_command(all).await), 50);
}

#[tokio::test]
async fn sorted_pages_of_both_shards_are_merged() {
    let (_cluster, events) = filled().await;
    let ids =
        |rows: &[Document]| -> Vec<i32> { rows.iter().map(|row| row.get_i32("_id").unwrap()).collect() };
    let sorted =
        events.find(doc! {}).sort(doc! {"timestamp": -1, "_id": -1}).skip(5).limit(250).batch_size(13);
    let rows: Vec<Document> = sorted.await.unwrap().try_collect().await.unwrap();
    assert_eq!(ids(&rows), (145..395).rev().collect::<Vec<_>>());
    // The sort field is not shown, and still decides.
    let hidden =
        events.find(doc! {"_id": {"$lt": 9}}).sort(doc! {"timestamp": 1}).projection(doc! {"type": 1});
    let rows: Vec<Document> = hidden.await.unwrap().try_collect().await.unwrap();
    assert_eq!(ids(&rows), (0..9).collect::<Vec<_>>());
    assert_eq!(rows[0], doc! {"_id": 0, "type": "page_view"});
    let unsorted: Vec<Document> = events
        .find(doc! {})
        .projection(doc! {"_id": 1})
        .batch_size(30)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    let mut all = ids(&unsorted);
    all.sort_unstable();
    assert_eq!(all, (0..400).collect::<Vec<_>>());
}

#[tokio::test]
async fn groups_counts_and_distinct_values_of_both_shards_are_one() {
    let (cluster, events) = filled().await;
    let stages = [
        doc! {"$match": {"_id": {"$lt": 100}}},
        doc! {"$group": {"_id": "$type", "count": {"$sum": 1}, "low": {"$min": "$_id"}, "high": {"$max": "$_id"}}},
        doc! {"$sort": {"count": -1}},
    ];
    let rows: Vec<Document> = events.aggregate(stages).await.unwrap().try_collect().await.unwrap();
    assert_eq!(rows, [doc! {"_id": "page_view", "count": 100, "low": 0, "high": 99}]);
    let stages = [doc! {"$group": {"_id": Bson::Null, "mean": {"$avg": "$_id"}}}];
    let rows: Vec<Document> = events.aggregate(stages).await.unwrap().try_collect().await.unwrap();
    assert_eq!(rows, [doc! {"_id": Bson::Null, "mean": 199.5}]);
    let counted: Vec<Document> =
        events.aggregate([doc! {"$count": "all"}]).await.unwrap().try_collect().await.unwrap();
    assert_eq!(counted, [doc! {"all": 400}]);
    assert_eq!(events.count_documents(doc! {}).limit(250).await.unwrap(), 250);
    assert_eq!(events.count_documents(doc! {}).skip(10).await.unwrap(), 390);
    assert_eq!(events.estimated_document_count().await.unwrap(), 400);
    assert_eq!(events.distinct("userId", doc! {}).await.unwrap().len(), 40);
    let names = cluster.client.database("ep").list_collection_names().await.unwrap();
    assert_eq!(names, ["events"]);
    assert!(cluster.client.list_database_names().await.unwrap().contains(&"ep".to_owned()));
}

#[tokio::test]
async fn updates_and_deletes_go_where_the_real_router_sends_them() {
    let (_cluster, events) = filled().await;
    let set = || doc! {"$set": {"seen": true}};
    let one = events.update_one(doc! {"_id": 5, "userId": "user-5"}, set()).await.unwrap();
    assert_eq!((one.matched_count, one.modified_count), (1, 1));
    assert_eq!(
        events.update_one(doc! {"_id": 6}, set()).await.unwrap().matched_count,
        1,
        "an _id asks every shard"
    );
    assert_eq!(events.update_many(doc! {"_id": {"$lt": 50}}, set()).await.unwrap().matched_count, 50);
    let failed = |result: mongodb::error::Result<_>| match *result.unwrap_err().kind {
        ErrorKind::Write(mongodb::error::WriteFailure::WriteError(error)) => error.code,
        other => panic!("{other}"),
    };
    assert_eq!(failed(events.update_one(doc! {"type": "page_view"}, set()).await), 72);
    assert_eq!(failed(events.update_one(doc! {"_id": 9_999}, set()).upsert(true).await), 61);
    assert_eq!(failed(events.update_one(doc! {"_id": 5}, doc! {"$set": {"userId": "x"}}).await), 66);
    let made = events.update_one(doc! {"_id": 9_999, "userId": "new"}, set()).upsert(true).await.unwrap();
    assert_eq!(made.upserted_id, Some(Bson::Int32(9_999)));
    assert_eq!(events.delete_one(doc! {"_id": 9_999, "userId": "new"}).await.unwrap().deleted_count, 1);
    assert_eq!(events.delete_many(doc! {"_id": {"$gte": 300}}).await.unwrap().deleted_count, 100);
    let taken = events.find_one_and_update(doc! {"userId": "user-1", "_id": 1}, set()).await.unwrap();
    assert!(taken.is_some());
    events.find_one_and_update(doc! {"_id": 1}, set()).await.unwrap_err();
}

#[tokio::test]
async fn indexes_are_made_on_every_shard_and_unsharded_collections_live_on_one() {
    let (cluster, events) = filled().await;
    let keys = doc! {"userId": 1, "timestamp": -1, "_id": -1};
    for _ in 0..2 {
        events.create_index(mongodb::IndexModel::builder().keys(keys.clone()).build()).await.unwrap();
    }
    for shard in &cluster.shards {
        let own = shard.client(Some(system())).database("ep").collection::<Document>("events");
        assert_eq!(
            own.list_index_names().await.unwrap(),
            ["_id_", "userId_hashed", "userId_1_timestamp_-1__id_-1"]
        );
    }
    let whole = cluster.client.database("ep").collection::<Document>("whole");
    whole.insert_many((0..50).map(|n| doc! {"_id": n, "userId": format!("u{n}")})).await.unwrap();
    let mut counts = Vec::new();
    for shard in &cluster.shards {
        let own = shard.client(Some(system())).database("ep").collection::<Document>("whole");
        counts.push(own.count_documents(doc! {}).await.unwrap());
    }
    counts.sort_unstable();
    assert_eq!(counts, [0, 50]);
    events.drop().await.unwrap();
    assert_eq!((cluster.count_on(0).await, cluster.count_on(1).await), (0, 0));
    events.insert_one(event(1, 1)).await.unwrap();
    assert_eq!(events.count_documents(doc! {}).await.unwrap(), 1);
}

#[tokio::test]
async fn the_size_of_a_database_is_told_by_shard_and_in_sum() {
    let (cluster, _events) = filled().await;
    let stats = cluster.client.database("ep").run_command(doc! {"dbStats": 1}).await.unwrap();
    let raw = stats.get_document("raw").unwrap();
    assert_eq!(raw.len(), 2);
    let of_shards: i64 =
        raw.iter().map(|(_, shard)| shard.as_document().unwrap().get_i64("objects").unwrap()).sum();
    assert_eq!((of_shards, stats.get_i64("objects").unwrap()), (400, 400));
    assert!(raw.keys().all(|address| address.contains('/')), "{raw}");
    assert!(stats.get_i64("dataSize").unwrap() > 400 * 20);
}
