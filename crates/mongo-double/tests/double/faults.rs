//! Faults on demand, over the wire and inside a process.

use std::time::{Duration, Instant};

use bson::{Document, doc};
use mongo_double::{Fault, Flags, Program, Running};
use mongodb::Client;

use crate::common::{Cluster, Folder, admin, code, event, free_port};

#[tokio::test]
async fn a_command_fails_as_often_as_it_was_told() {
    let cluster = Cluster::sharded(1).await;
    let client = &cluster.client;
    let fault = Fault::on(&["listShards", "addShard"]).code(133).times(2);
    assert_eq!(admin(client, fault.document()).await, 0);
    let list = || doc! {"listShards": 1};
    assert_eq!(
        [admin(client, list()).await, admin(client, list()).await, admin(client, list()).await],
        [133, 133, 0]
    );
    let fault = Fault::on(&["listShards"]).block(Duration::from_millis(200)).times(1);
    assert_eq!(admin(client, fault.document()).await, 0);
    let began = Instant::now();
    assert_eq!(admin(client, list()).await, 0);
    assert!(began.elapsed() >= Duration::from_millis(200));
    let off = doc! {"configureFailPoint": "failCommand", "mode": "off"};
    let count = client.database("admin").run_command(off).await.unwrap().get_i64("count");
    assert_eq!(count, Ok(3));
}

#[tokio::test]
async fn an_insert_whose_answer_is_lost_is_applied_and_not_applied_again() {
    let cluster = Cluster::sharded(2).await;
    let events = cluster.client.database("ep").collection::<Document>("events");
    let fault = Fault::on(&["insert"]).close_after().times(1);
    assert_eq!(admin(&cluster.client, fault.document()).await, 0);
    let documents: Vec<Document> = (0..20).map(|n| event(n, n)).collect();
    events.insert_many(&documents).await.unwrap();
    assert_eq!(events.count_documents(doc! {}).await.unwrap(), 20);
    let inc = Fault::on(&["update"]).close_after().times(1);
    assert_eq!(admin(&cluster.client, inc.document()).await, 0);
    let update =
        events.update_one(doc! {"_id": 3, "userId": "user-3"}, doc! {"$inc": {"n": 1}}).await.unwrap();
    assert_eq!(update.modified_count, 1);
    let read = events.find_one(doc! {"_id": 3}).await.unwrap().unwrap();
    assert_eq!(read.get_i32("n"), Ok(1), "a retried increment counts once");
}

#[tokio::test]
async fn an_addition_whose_answer_is_lost_is_found_done_the_next_time() {
    let cluster = Cluster::start(1).await;
    let fault = Fault::on(&["shardCollection"]).close_after().times(1);
    assert_eq!(admin(&cluster.client, fault.document()).await, 0);
    let shard = || doc! {"shardCollection": "ep.events", "key": {"userId": "hashed"}};
    assert_eq!(admin(&cluster.client, shard()).await, -1);
    assert_eq!(admin(&cluster.client, shard()).await, 0);
}

#[tokio::test]
async fn a_half_added_shard_is_completed_by_the_same_command() {
    let cluster = Cluster::start(0).await;
    let shard = cluster.folder.member("rs0", "--shardsvr");
    let client = crate::common::initiate(&shard, "rs0").await;
    // The shard learns whose it is, and the config server does not hear of it.
    let fault = Fault::on(&["_addShard"]).close_after().internal_too();
    assert_eq!(admin(&client, fault.document()).await, 0);
    let add = |ms: i32| doc! {"addShard": format!("rs0/{}", shard.host()), "maxTimeMS": ms};
    assert_eq!(admin(&cluster.client, add(400)).await, 50);
    let listed = cluster.client.database("admin").run_command(doc! {"listShards": 1}).await.unwrap();
    assert!(listed.get_array("shards").unwrap().is_empty());
    let identity = client.database("admin").collection::<Document>("system.version");
    assert!(identity.find_one(doc! {"_id": "shardIdentity"}).await.unwrap().is_some());
    assert_eq!(admin(&client, doc! {"configureFailPoint": "failCommand", "mode": "off"}).await, 0);
    assert_eq!(admin(&cluster.client, add(25_000)).await, 0);
}

#[tokio::test]
async fn without_test_commands_there_is_no_fail_point_over_the_wire() {
    let folder = Folder::new();
    let server = crate::common::Server::up("mongod", &["--dbpath", &folder.data("d")]);
    assert_eq!(admin(&server.client(None), Fault::on(&["ping"]).code(1).document()).await, 59);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_inside_the_process_fails_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut flags = Flags::local(Program::Mongod, port);
    flags.db_path = folder.path().to_owned();
    let running = Running::start(flags.clone()).await.unwrap();
    let client =
        Client::with_uri_str(format!("mongodb://127.0.0.1:{port}/?directConnection=true&retryReads=false"))
            .await
            .unwrap();
    let database = client.database("d");
    running.faults().set(Some(Fault::on(&["find"]).code(91).times(1)));
    assert_eq!(code(database.run_command(doc! {"find": "c"}).await), 91);
    assert_eq!(code(database.run_command(doc! {"find": "c"}).await), 0);
    running.faults().set(Some(Fault::on(&["insert"]).close().times(1)));
    assert_eq!(code(database.run_command(doc! {"insert": "c", "documents": [{}]}).await), -1);
    assert_eq!(database.collection::<Document>("c").count_documents(doc! {}).await.unwrap(), 0);
    assert_eq!(running.faults().entered(), 2);
    running.stop().await;
    let again = Running::start(flags).await.expect("stopping gives the folder back");
    again.stop().await;
}
