//! An empty cluster becomes a sharded one; what was lost, mistaken or changed is noticed. On real servers when there are.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod cluster;

use std::time::Duration;

use bootstrap::{Error, Login, Outcome};
use bson::{Document, doc};
use cluster::{Cluster, Programs};
use plan::mongo::{Class, Step};

#[tokio::test]
async fn an_empty_cluster_becomes_ready_and_after_that_nothing_is_done() {
    let mut cluster = Cluster::start(Programs::Best).await;
    let progress = cluster.converge().await.unwrap_or_else(|error| panic!("{error}\n{}", cluster.logs()));
    assert!(progress.is_ready() && progress.all_sharded());
    cluster.assert_ready().await;
    assert_eq!(cluster.act(&Step::Ready).await.unwrap(), Outcome::Nothing);
    cluster.converge().await.unwrap();
    cluster.assert_ready().await;

    // The services' user writes through the router, and both shards get their part.
    let client = cluster.services();
    let events = client.database("eventpipeline").collection::<Document>("events");
    let documents: Vec<Document> =
        (0..400).map(|n| doc! {"_id": n, "userId": format!("user-{n}"), "timestamp": n}).collect();
    events.insert_many(documents).await.unwrap();
    for shard in ["shard-0", "shard-1"] {
        let client = cluster.client(&cluster.host(shard));
        let events = client.database("eventpipeline").collection::<Document>("events");
        let count = events.count_documents(doc! {}).await.unwrap();
        assert!((50..=350).contains(&count), "{shard} has {count} of 400");
    }
}

#[tokio::test]
async fn a_restart_of_every_server_needs_no_new_initiation() {
    let mut cluster = Cluster::start(Programs::Best).await;
    cluster.converge().await.unwrap();
    cluster.assert_ready().await;
    for name in ["shard-0", "shard-1", "config-set"] {
        cluster.kill(name);
        cluster.start_again(name).await;
    }
    cluster.converge().await.unwrap();
    cluster.assert_ready().await;
}

#[tokio::test]
async fn a_wiped_volume_of_a_known_set_is_lost_data_and_is_never_initiated() {
    let mut cluster = Cluster::start(Programs::Best).await;
    cluster.converge().await.unwrap();
    cluster.wipe("shard-1").await;
    for _ in 0..3 {
        let error = cluster.converge().await.unwrap_err();
        assert_eq!(error.class(), Class::Permanent);
        let said = error.to_string();
        assert!(
            said.contains("shard-1 is known (recorded as") && said.contains("Restore the volumes"),
            "{said}"
        );
    }
    let member = cluster.client(&cluster.host("shard-1"));
    let status = member.database("admin").run_command(doc! {"replSetGetStatus": 1}).await.unwrap_err();
    assert!(
        status.to_string().contains("94") || status.to_string().contains("NotYetInitialized"),
        "{status}"
    );
}

#[tokio::test]
async fn a_member_that_still_reads_its_volume_is_waited_for_and_not_called_empty() {
    let mut cluster = Cluster::start(Programs::Double).await;
    cluster.converge().await.unwrap();
    for set in ["shard-0", "config-set"] {
        let asked = ["replSetGetStatus", "replSetGetConfig"];
        cluster.faults(&cluster.host(set), &asked, 2, doc! {"errorCode": 94}).await;
        let step = cluster.next().await;
        assert!(matches!(step, Step::Wait(_)), "{set}: {step}");
        assert_eq!(cluster.disarm(&cluster.host(set)).await, 2);
    }
    cluster.converge().await.unwrap();
    cluster.assert_ready().await;
}

#[tokio::test]
async fn volumes_of_two_shards_that_were_exchanged_are_told_of_and_right_again_when_exchanged_back() {
    let mut cluster = Cluster::start(Programs::Best).await;
    cluster.converge().await.unwrap();
    cluster.exchange("shard-0", "shard-1").await;
    let error = cluster.converge().await.unwrap_err();
    assert_eq!(error.class(), Class::Permanent);
    let said = error.to_string();
    assert!(said.contains("has a volume of another set: it says shard-"), "{said}");
    cluster.exchange("shard-0", "shard-1").await;
    cluster.converge().await.unwrap();
    cluster.assert_ready().await;
}

#[tokio::test]
async fn a_volume_of_another_cluster_is_told_of_and_nothing_is_done_to_it() {
    let mut cluster = Cluster::start(Programs::Best).await;
    cluster.converge().await.unwrap();
    cluster.observe().await;
    let foreign = cluster.identities["shard-0"].clone();
    cluster.begin_anew("shard-0").await;
    cluster.converge().await.unwrap();
    cluster.observe().await;
    let recorded = cluster.identities["shard-0"].clone();
    cluster.bring_back("shard-0").await;
    for _ in 0..2 {
        let error = cluster.converge().await.unwrap_err();
        assert_eq!(error.class(), Class::Permanent);
        let said = error.to_string();
        assert!(said.contains(&foreign) && said.contains(&recorded), "{said}");
    }
    let member = cluster.client(&cluster.host("shard-0"));
    let config = member.database("admin").run_command(doc! {"replSetGetConfig": 1}).await.unwrap();
    let settings = config.get_document("config").unwrap().get_document("settings").unwrap();
    assert_eq!(settings.get_object_id("replicaSetId").unwrap().to_hex(), foreign);
}

#[tokio::test]
async fn a_known_set_that_is_down_is_waited_for_and_comes_back_with_its_data() {
    let mut cluster = Cluster::start(Programs::Best).await;
    cluster.converge().await.unwrap();
    cluster.kill("shard-0");
    let error = cluster.converge_within(Duration::from_secs(2)).await.unwrap_err();
    let Error::TimedOut { last, .. } = &error else { panic!("{error}") };
    assert!(last.contains("no member shows its data") && last.contains("unreachable"), "{last}");
    cluster.start_again("shard-0").await;
    cluster.converge().await.unwrap();
    cluster.assert_ready().await;
}

#[tokio::test]
async fn a_wrong_key_is_said_and_nothing_is_initiated() {
    let mut cluster = Cluster::start(Programs::Best).await;
    let right = cluster.login.clone();
    cluster.login = Login::new("bm90IHRoZSBrZXkgb2YgdGhlc2Ugc2VydmVycw==", "a", "b").unwrap();
    let Step::Wait(wait) = cluster.next().await else { panic!("no wait") };
    assert!(wait.message.contains("refuses the key"), "{}", wait.message);
    assert!(wait.message.contains("key file and the one in the Secret must be the same"), "{}", wait.message);
    cluster.login = right;
    assert!(matches!(cluster.next().await, Step::Initiate { .. }));
}

#[tokio::test]
async fn while_keys_are_rotated_either_of_two_works() {
    let mut cluster = Cluster::start(Programs::Best).await;
    let file = format!("- bmV3IGtleSB0aGF0IGlzIG5vdCB0aGVyZSB5ZXQ=\n- {}\n", cluster::KEY);
    cluster.login = Login::new(&file, "operators password", "services password").unwrap();
    cluster.converge().await.unwrap();
    cluster.assert_ready().await;
}

#[tokio::test]
async fn passwords_of_the_secret_hold_and_another_retention_is_taken_over() {
    let mut cluster = Cluster::start(Programs::Best).await;
    cluster.converge().await.unwrap();
    let config = cluster.client(&cluster.host("config-set"));
    let change = doc! {"updateUser": "services", "pwd": "changed by someone"};
    config.database("admin").run_command(change).await.unwrap();
    assert!(matches!(cluster.next().await, Step::UpdateUser { user, .. } if user.name == "services"));
    cluster.converge().await.unwrap();
    cluster.assert_ready().await;
    cluster.wanted.collections[0].indexes[1].expire_after_seconds = Some(7 * 86400);
    assert!(matches!(cluster.next().await, Step::ChangeTtl { .. }));
    cluster.converge().await.unwrap();
    cluster.assert_ready().await;
}

#[tokio::test]
async fn a_collection_with_documents_is_sharded_and_keeps_them() {
    let mut cluster = Cluster::start(Programs::Best).await;
    loop {
        let step = cluster.next().await;
        if matches!(step, Step::ShardCollection { .. }) {
            break;
        }
        // A real server refuses for a moment what it is not ready for.
        if let Err(error) = cluster.act(&step).await {
            assert_ne!(error.class(), Class::Permanent, "{error}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let router = cluster.client(&cluster.wanted.routers[0]);
    let events = router.database("eventpipeline").collection::<Document>("events");
    let documents: Vec<Document> = (0..100).map(|n| doc! {"_id": n, "userId": format!("user-{n}")}).collect();
    events.insert_many(documents).await.unwrap();
    let step = cluster.next().await;
    assert!(matches!(&step, Step::CreateIndex { name, .. } if name == "userId_hashed"), "{step:?}");
    cluster.converge().await.unwrap();
    cluster.assert_ready().await;
    assert_eq!(events.count_documents(doc! {}).await.unwrap(), 100);
}
