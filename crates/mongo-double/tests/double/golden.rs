//! Answers that were seen on a real server, code by code.

use bson::doc;

use crate::common::{
    Cluster, Folder, Server, admin, code, config, free_port, initiate, primary, system, system_with, user,
};

#[tokio::test]
async fn without_login_only_greetings_are_answered() {
    let folder = Folder::new();
    let member = folder.member("rs0", "--shardsvr");
    let client = member.client(None);
    for open in [doc! {"hello": 1}, doc! {"ping": 1}, doc! {"buildInfo": 1}] {
        assert_eq!(admin(&client, open.clone()).await, 0, "{open}");
    }
    for closed in [
        config("rs0", &member.host()),
        doc! {"replSetGetStatus": 1},
        doc! {"find": "c"},
        doc! {"insert": "c", "documents": [{}]},
        doc! {"createUser": "u", "pwd": "p", "roles": []},
        doc! {"getParameter": 1, "featureCompatibilityVersion": 1},
        doc! {"serverStatus": 1},
    ] {
        assert_eq!(admin(&client, closed.clone()).await, 13, "{closed}");
    }
    assert_eq!(admin(&client, doc! {"noSuchThing": 1}).await, 59);
    assert_eq!(admin(&member.client(Some(system_with("bm90IHRoZSBrZXk="))), doc! {"ping": 1}).await, 18);
}

#[tokio::test]
async fn the_first_user_may_be_made_from_this_machine_unless_that_is_off() {
    let folder = Folder::new();
    let (key, data) = (folder.key().display().to_string(), folder.data("d"));
    let member = Server::up("mongod", &["--replSet", "rs0", "--keyFile", &key, "--dbpath", &data]);
    let client = member.client(None);
    assert_eq!(admin(&client, config("rs0", &member.host())).await, 0);
    primary(&client).await;
    let create = |name: &str| doc! {"createUser": name, "pwd": "p", "roles": ["root"]};
    assert_eq!(admin(&client, create("a")).await, 0);
    assert_eq!(admin(&client, create("b")).await, 13);
    assert_eq!(admin(&member.client(Some(user("a", "p"))), create("b")).await, 0);
}

#[tokio::test]
async fn an_uninitiated_member_answers_as_a_ghost() {
    let folder = Folder::new();
    let member = folder.member("rs0", "--shardsvr");
    let client = member.client(Some(system()));
    for (command, expected) in [
        (doc! {"replSetGetStatus": 1}, 94),
        (doc! {"replSetGetConfig": 1}, 94),
        (doc! {"find": "c"}, 13436),
        (doc! {"insert": "c", "documents": [{}]}, 10107),
        (doc! {"createUser": "u", "pwd": "p", "roles": []}, 10107),
        (doc! {"getParameter": 1, "featureCompatibilityVersion": 1}, 258),
        (doc! {"replSetReconfig": {}}, 59),
        (doc! {"shardCollection": "d.c", "key": {"a": "hashed"}}, 59),
        (doc! {"listShards": 1}, 59),
        (doc! {"ping": 1, "nonsense": 1}, 40415),
    ] {
        assert_eq!(admin(&client, command.clone()).await, expected, "{command}");
    }
    let hello = client.database("admin").run_command(doc! {"hello": 1}).await.unwrap();
    assert!(!hello.get_bool("isWritablePrimary").unwrap() && !hello.get_bool("secondary").unwrap());
    assert_eq!(hello.get_bool("isreplicaset"), Ok(true));
    assert_eq!(hello.get_str("info"), Ok("Does not have a valid replica set config"));
    assert!(!hello.contains_key("setName") && !hello.contains_key("topologyVersion"));
    assert_eq!(hello.get_i32("logicalSessionTimeoutMinutes"), Ok(30));
}

#[tokio::test]
async fn a_server_without_a_set_says_so() {
    let folder = Folder::new();
    let server = Server::up("mongod", &["--dbpath", &folder.data("d")]);
    let client = server.client(None);
    for command in [config("rs0", &server.host()), doc! {"replSetGetStatus": 1}, doc! {"replSetGetConfig": 1}]
    {
        assert_eq!(admin(&client, command.clone()).await, 76, "{command}");
    }
}

#[tokio::test]
async fn every_wrong_configuration_has_its_code_and_leaves_the_member_as_it_was() {
    let folder = Folder::new();
    let other = folder.member("rs1", "--shardsvr");
    initiate(&other, "rs1").await;
    let ghost = folder.member("rs2", "--shardsvr");
    let member = folder.member("rs0", "--shardsvr");
    let client = member.client(Some(system()));
    let (own, port) = (member.host(), member.port);
    let two = |first: i32, second: i32, host: &str| {
        let members = vec![doc! {"_id": first, "host": &own}, doc! {"_id": second, "host": host}];
        doc! {"replSetInitiate": {"_id": "rs0", "version": 1, "members": members}}
    };
    let down = format!("127.0.0.1:{}", free_port());
    let mut newly_added = config("rs0", &own);
    let member_of =
        newly_added.get_document_mut("replSetInitiate").unwrap().get_array_mut("members").unwrap();
    member_of[0].as_document_mut().unwrap().insert("newlyAdded", true);
    let mut for_config_server = config("rs0", &own);
    for_config_server.get_document_mut("replSetInitiate").unwrap().insert("configsvr", true);
    for (command, expected) in [
        (config("other", &own), 93),
        (config("rs0", &down), 93),
        (config("rs0", &format!("no-such-host.invalid:{port}")), 93),
        (newly_added, 93),
        (for_config_server, 93),
        (two(0, 1, &down), 74),
        (two(0, 0, &ghost.host()), 74),
        (two(0, 1, &other.host()), 103),
        (two(0, 1, &ghost.host()), 74),
        (doc! {"replSetGetStatus": 1}, 94),
    ] {
        assert_eq!(admin(&client, command.clone()).await, expected, "{command}");
    }
    assert_eq!(admin(&client, config("rs0", &own)).await, 0);
    assert_eq!(admin(&client, config("rs0", &own)).await, 23);
    primary(&client).await;
    assert_eq!(admin(&client, config("rs0", &own)).await, 23);
    assert_eq!(code(client.database("d").run_command(config("rs0", &own)).await), 13, "only on admin");
}

#[tokio::test]
async fn an_initiated_member_tells_its_configuration_and_keeps_it() {
    let folder = Folder::new();
    let mut member = folder.member("rs0", "--shardsvr");
    let client = initiate(&member, "rs0").await;
    let database = client.database("admin");
    let status = database.run_command(doc! {"replSetGetStatus": 1}).await.unwrap();
    let own = status.get_array("members").unwrap()[0].as_document().unwrap().clone();
    assert_eq!((status.get_i32("myState"), own.get_str("stateStr")), (Ok(1), Ok("PRIMARY")));
    let config = database.run_command(doc! {"replSetGetConfig": 1}).await.unwrap();
    let config = config.get_document("config").unwrap().clone();
    let id = config.get_document("settings").unwrap().get_object_id("replicaSetId").unwrap();
    assert_eq!(config.get_str("_id"), Ok("rs0"));
    let fcv = database.run_command(doc! {"getParameter": 1, "featureCompatibilityVersion": 1}).await.unwrap();
    let fcv = fcv.get_document("featureCompatibilityVersion").unwrap().get_str("version").unwrap().to_owned();
    assert_eq!(fcv, "6.0", "behind until it is added to a cluster");
    let hello = database.run_command(doc! {"hello": 1}).await.unwrap();
    assert_eq!(hello.get_str("me"), Ok(member.host().as_str()));
    assert_eq!(hello.get_str("primary"), Ok(member.host().as_str()));
    assert!(hello.contains_key("$clusterTime") && hello.contains_key("electionId"));

    member.kill9();
    member.again();
    let client = member.client(Some(system()));
    primary(&client).await;
    let again = client.database("admin").run_command(doc! {"replSetGetConfig": 1}).await.unwrap();
    let settings = again.get_document("config").unwrap().get_document("settings").unwrap().clone();
    assert_eq!(settings.get_object_id("replicaSetId"), Ok(id));
}

#[tokio::test]
async fn users_of_the_config_set_log_in_at_the_router_and_not_at_shards() {
    let cluster = Cluster::start(1).await;
    let system_at_router = cluster.router.client(Some(system()));
    assert_eq!(admin(&system_at_router, doc! {"ping": 1}).await, 20);
    let of_local = cluster.client.database("local").run_command(doc! {"find": "c"}).await;
    assert_eq!(code(of_local), 13, "no role of the operator reads it");
    let members = cluster.config.client(Some(system()));
    let create = doc! {"createUser": "operator", "pwd": "other", "roles": []};
    assert_eq!(admin(&members, create.clone()).await, 51003);
    assert_eq!(admin(&cluster.client, create).await, 51003);
    assert_eq!(
        admin(&cluster.shards[0].client(Some(user("operator", "secret"))), doc! {"ping": 1}).await,
        18
    );
    assert_eq!(admin(&cluster.router.client(Some(user("operator", "wrong"))), doc! {"ping": 1}).await, 18);

    let app = doc! {"createUser": "app", "pwd": "p", "roles": [{"role": "readWrite", "db": "ep"}]};
    assert_eq!(admin(&cluster.client, app).await, 0);
    let client = cluster.router.client(Some(user("app", "p")));
    let insert = |db: &str| {
        let client = client.clone();
        let db = db.to_owned();
        async move { code(client.database(&db).run_command(doc! {"insert": "c", "documents": [{"a": 1}]}).await) }
    };
    assert_eq!((insert("ep").await, insert("other").await), (0, 13));
    assert_eq!(admin(&client, doc! {"listShards": 1}).await, 13);
    assert_eq!(admin(&cluster.client, doc! {"updateUser": "app", "pwd": "q"}).await, 0);
    assert_eq!(admin(&cluster.router.client(Some(user("app", "q"))), doc! {"ping": 1}).await, 0);
    let info = cluster.client.database("admin").run_command(doc! {"usersInfo": "app"}).await.unwrap();
    let users = info.get_array("users").unwrap();
    assert!(users.len() == 1 && !users[0].as_document().unwrap().contains_key("credentials"));
    assert_eq!(admin(&cluster.client, doc! {"dropUser": "app"}).await, 0);
    assert_eq!(admin(&cluster.client, doc! {"dropUser": "app"}).await, 11);
    let unknown = doc! {"createUser": "x", "pwd": "p", "roles": ["noSuchRole"]};
    assert_eq!(admin(&cluster.client, unknown).await, 31);
}

#[tokio::test]
async fn adding_a_shard_follows_the_rules_of_the_real_cluster() {
    let cluster = Cluster::start(2).await;
    let client = &cluster.client;
    let (first, second) = (cluster.shards[0].host(), cluster.shards[1].host());
    let add = |text: String| doc! {"addShard": text, "maxTimeMS": 1_000};
    let down = format!("127.0.0.1:{}", free_port());
    let foreign = Cluster::start(0).await;
    let stranger = doc! {"addShard": format!("rs0/{first}"), "maxTimeMS": 5_000};
    assert_eq!(admin(&foreign.client, stranger).await, 20, "it carries the identity of another cluster");
    for (command, expected) in [
        (add(format!("rs0/{first}")), 0),
        (add(format!("rs0/{first},{down}")), 0),
        (doc! {"addShard": format!("rs0/{first}"), "name": "rs0"}, 0),
        (doc! {"addShard": format!("rs0/{first}"), "name": "other"}, 20),
        (doc! {"addShard": format!("new/{down}"), "name": "rs0"}, 20),
        (add(format!("rs0/{down}")), 20),
        (add(format!("rs9/{first}")), 20),
        (add(first.clone()), 96),
        (add(format!("cfg/{}", cluster.config.host())), 96),
        (add(format!("rs9/{}", cluster.router.host())), 20),
        (doc! {"addShard": format!("rs9/{down}"), "name": "config"}, 2),
        (add(format!("rs9/{down}")), 50),
        (doc! {"removeShard": "rs0"}, 59),
    ] {
        assert_eq!(admin(client, command.clone()).await, expected, "{command}");
    }
    let listed =
        client.database("admin").run_command(doc! {"listShards": 1, "maxTimeMS": 30_000}).await.unwrap();
    let hosts: Vec<&str> = listed
        .get_array("shards")
        .unwrap()
        .iter()
        .map(|shard| shard.as_document().unwrap().get_str("host").unwrap())
        .collect();
    assert_eq!(hosts, [format!("rs0/{first}"), format!("rs1/{second}")]);
    let fcv = cluster.shards[0]
        .client(Some(system()))
        .database("admin")
        .run_command(doc! {"getParameter": 1, "featureCompatibilityVersion": 1})
        .await
        .unwrap();
    assert_eq!(fcv.get_document("featureCompatibilityVersion").unwrap().get_str("version"), Ok("7.0"));
}

#[tokio::test]
async fn a_set_that_is_not_initiated_is_not_found_and_one_just_initiated_is() {
    let cluster = Cluster::start(0).await;
    let shard = cluster.folder.member("rs0", "--shardsvr");
    let add = doc! {"addShard": format!("rs0/{}", shard.host()), "maxTimeMS": 600};
    assert_eq!(admin(&cluster.client, add.clone()).await, 50);
    let client = shard.client(Some(system()));
    assert_eq!(admin(&client, config("rs0", &shard.host())).await, 0);
    // The search of the first one still has the lock, and now finds the set.
    let mut patient = add;
    patient.insert("maxTimeMS", 25_000);
    assert_eq!(admin(&cluster.client, patient).await, 0);
}

#[tokio::test]
async fn databases_and_collections_are_sharded_as_on_the_real_router() {
    let cluster = Cluster::start(0).await;
    let client = &cluster.client;
    let shard = |ns: &str, key: bson::Document| doc! {"shardCollection": ns, "key": key, "maxTimeMS": 10_000};
    let hashed = || doc! {"userId": "hashed"};
    assert_eq!(admin(client, doc! {"enableSharding": "ep", "maxTimeMS": 5_000}).await, 70);
    assert_eq!(admin(client, shard("ep.events", hashed())).await, 70);

    let mut members = Vec::new();
    for name in ["rs0", "rs1"] {
        let member = cluster.folder.member(name, "--shardsvr");
        initiate(&member, name).await;
        assert_eq!(admin(client, doc! {"addShard": format!("{name}/{}", member.host())}).await, 0);
        members.push(member);
    }
    let database = client.database("ep");
    for (command, expected) in [
        (doc! {"enableSharding": "ep", "primaryShard": "rs0"}, 0),
        (doc! {"enableSharding": "ep"}, 0),
        (doc! {"enableSharding": "ep", "primaryShard": "rs1"}, 48),
        (doc! {"enableSharding": "new", "primaryShard": "rs9"}, 70),
        (doc! {"enableSharding": "EP"}, 13297),
        (doc! {"enableSharding": "admin"}, 72),
        (shard("ep.events", hashed()), 0),
        (shard("ep.events", hashed()), 0),
        (shard("ep.events", doc! {"other": "hashed"}), 23),
        (shard("ep.events", doc! {"userId": 1}), 23),
        (doc! {"shardCollection": "ep.unique", "key": hashed(), "unique": true}, 72),
        (shard("nodot", hashed()), 73),
    ] {
        assert_eq!(admin(client, command.clone()).await, expected, "{command}");
    }
    assert_eq!(code(database.run_command(doc! {"enableSharding": "ep"}).await), 13);
    let mut done = client.database("admin").run_command(shard("ep.events", hashed())).await.unwrap();
    assert_eq!(done.remove("collectionsharded").unwrap().as_str(), Some("ep.events"));

    assert_eq!(code(database.run_command(doc! {"insert": "full", "documents": [{"userId": "u"}]}).await), 0);
    assert_eq!(admin(client, shard("ep.full", hashed())).await, 72);
    let index = doc! {"createIndexes": "full", "indexes": [{"key": hashed(), "name": "h"}]};
    assert_eq!(code(database.run_command(index).await), 0);
    assert_eq!(admin(client, shard("ep.full", hashed())).await, 0);
    let row = client
        .database("config")
        .collection::<bson::Document>("collections")
        .find_one(doc! {"_id": "ep.events"})
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.get_document("key"), Ok(&hashed()));
    let status = client.database("admin").run_command(doc! {"balancerStatus": 1}).await.unwrap();
    assert_eq!((status.get_str("mode"), status.get_bool("inBalancerRound")), (Ok("full"), Ok(false)));
}

#[tokio::test]
async fn default_concerns_can_be_set_and_never_unset() {
    let cluster = Cluster::start(0).await;
    let database = cluster.client.database("admin");
    let get = || async { database.run_command(doc! {"getDefaultRWConcern": 1}).await.unwrap() };
    let before = get().await;
    assert_eq!(before.get_str("defaultWriteConcernSource"), Ok("implicit"));
    let set = doc! {
        "setDefaultRWConcern": 1, "defaultWriteConcern": {"w": "majority"}, "defaultReadConcern": {"level": "majority"}
    };
    assert_eq!(admin(&cluster.client, set).await, 0);
    let after = get().await;
    assert_eq!(after.get_str("defaultWriteConcernSource"), Ok("global"));
    assert_eq!(after.get_document("defaultReadConcern").unwrap().get_str("level"), Ok("majority"));
    for (command, expected) in [
        (doc! {"setDefaultRWConcern": 1, "defaultWriteConcern": {}}, 20),
        (doc! {"setDefaultRWConcern": 1, "defaultWriteConcern": {"w": 0}}, 2),
        (doc! {"setDefaultRWConcern": 1, "defaultReadConcern": {"level": "snapshot"}}, 2),
        (doc! {"setDefaultRWConcern": 1}, 2),
    ] {
        assert_eq!(admin(&cluster.client, command.clone()).await, expected, "{command}");
    }
}
