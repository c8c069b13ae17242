//! A whole cluster comes up, is used, goes down and comes back.

use std::time::Duration;

use bson::{Document, doc};
use mongodb::options::{Acknowledgment, WriteConcern};

use crate::common::{Cluster, admin, event, primary, system, user};

#[tokio::test]
async fn events_of_fifty_users_are_spread_over_two_shards_and_read_back() {
    let cluster = Cluster::sharded(2).await;
    let events = cluster.client.database("ep").collection::<Document>("events");
    let majority = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
    let documents: Vec<Document> = (0..2_000).map(|n| event(n, n % 50)).collect();
    events.insert_many(&documents).ordered(false).write_concern(majority).await.unwrap();
    let (first, second) = (cluster.count_on(0).await, cluster.count_on(1).await);
    assert_eq!(first + second, 2_000);
    assert!(first > 500 && second > 500, "{first} and {second}");
    assert_eq!(events.count_documents(doc! {}).await.unwrap(), 2_000);
    assert_eq!(events.count_documents(doc! {"userId": "user-7"}).await.unwrap(), 40);
    let read = events.find_one(doc! {"_id": 777}).await.unwrap().unwrap();
    assert_eq!(read, documents[777], "keys with '.', '$' and nothing are stored as they came");
}

#[tokio::test]
async fn everything_is_still_there_after_all_servers_were_killed() {
    let mut cluster = Cluster::sharded(2).await;
    let events = cluster.client.database("ep").collection::<Document>("events");
    let documents: Vec<Document> = (0..500).map(|n| event(n, n % 20)).collect();
    events.insert_many(&documents).ordered(false).await.unwrap();
    let on_first = cluster.count_on(0).await;
    let servers = || -> Vec<usize> { (0..2).collect() };
    cluster.router.kill9();
    cluster.config.kill9();
    for shard in servers() {
        cluster.shards[shard].kill9();
    }
    // In any order: the router waits for the config set, the config set needs nobody.
    for shard in servers() {
        cluster.shards[shard].again();
    }
    cluster.config.again();
    cluster.router.again();
    primary(&cluster.config.client(Some(system()))).await;
    let client = cluster.router.client(Some(user("operator", "secret")));
    let shard = doc! {"shardCollection": "ep.events", "key": {"userId": "hashed"}, "maxTimeMS": 10_000};
    assert_eq!(admin(&client, shard).await, 0);
    let events = client.database("ep").collection::<Document>("events");
    assert_eq!(events.count_documents(doc! {}).await.unwrap(), 500);
    assert_eq!(cluster.count_on(0).await, on_first);
    let again = events.insert_many(&documents).ordered(false).await.unwrap_err();
    let mongodb::error::ErrorKind::InsertMany(error) = *again.kind else { panic!("{again}") };
    assert_eq!(error.write_errors.unwrap().len(), 500, "users are routed as before");
}

#[tokio::test]
async fn with_the_config_set_away_administration_waits_and_traffic_goes_on() {
    let mut cluster = Cluster::sharded(2).await;
    let events = cluster.client.database("ep").collection::<Document>("events");
    events.insert_one(event(1, 1)).await.unwrap();
    cluster.config.kill9();
    for command in [
        doc! {"listShards": 1, "maxTimeMS": 300},
        doc! {"addShard": "rs0/127.0.0.1:1", "maxTimeMS": 300},
        doc! {"shardCollection": "ep.more", "key": {"userId": "hashed"}, "maxTimeMS": 300},
    ] {
        assert_eq!(admin(&cluster.client, command.clone()).await, 50, "{command}");
    }
    events.insert_one(event(2, 2)).await.unwrap();
    assert_eq!(events.count_documents(doc! {}).await.unwrap(), 2);
    cluster.config.again();
    assert_eq!(admin(&cluster.client, doc! {"listShards": 1, "maxTimeMS": 10_000}).await, 0);
}

#[tokio::test]
async fn a_second_router_learns_of_a_sharded_collection_before_it_writes_to_the_wrong_shard() {
    let cluster = Cluster::start(2).await;
    let key = cluster.folder.key().display().to_string();
    let configdb = format!("cfg/{}", cluster.config.host());
    let second = crate::common::Server::up("mongos", &["--configdb", &configdb, "--keyFile", &key]);
    let other = second.client(Some(user("operator", "secret")));
    let seen = |client: &mongodb::Client| client.database("ep").collection::<Document>("events");
    // The second router knows the database, and the collection as not sharded.
    assert_eq!(admin(&cluster.client, doc! {"enableSharding": "ep"}).await, 0);
    assert_eq!(seen(&other).count_documents(doc! {}).await.unwrap(), 0);
    let shard = doc! {"shardCollection": "ep.events", "key": {"userId": "hashed"}, "maxTimeMS": 10_000};
    assert_eq!(admin(&cluster.client, shard).await, 0);
    let documents: Vec<Document> = (0..200).map(|n| event(n, n)).collect();
    seen(&other).insert_many(&documents).ordered(false).await.unwrap();
    for n in [0, 50, 199] {
        let filter = doc! {"userId": format!("user-{n}")};
        assert_eq!(seen(&cluster.client).count_documents(filter).await.unwrap(), 1, "user-{n}");
    }
    assert!(cluster.count_on(0).await > 50 && cluster.count_on(1).await > 50);
}

#[tokio::test]
async fn a_shard_that_comes_back_is_waited_for() {
    let mut cluster = Cluster::sharded(1).await;
    let events = cluster.client.database("ep").collection::<Document>("events");
    events.insert_one(event(1, 1)).await.unwrap();
    cluster.shards[0].kill9();
    let insert = {
        let events = events.clone();
        tokio::spawn(async move { events.insert_one(event(2, 2)).await })
    };
    tokio::time::sleep(Duration::from_millis(700)).await;
    cluster.shards[0].again();
    insert.await.unwrap().unwrap();
    assert_eq!(events.count_documents(doc! {}).await.unwrap(), 2);
    cluster.shards[0].kill9();
    let insert = doc! {"insert": "events", "documents": [event(3, 3)], "maxTimeMS": 300};
    assert_eq!(crate::common::code(cluster.client.database("ep").run_command(insert).await), 50);
}
