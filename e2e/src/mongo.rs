//! What MongoDB itself says, each server asked by itself: who was initiated, what is sharded, what is stored.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bson::{Document, doc};
use eventpipeline::ledger::{Ledger, Told, Verdict};
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use mongodb::options::{AuthMechanism, ClientOptions, Credential, ServerAddress};
use mongodb::{Client, Database};

use crate::cluster::{Look, until};
use crate::error::{Error, Result, ensure};
use crate::forward::Forward;
use crate::operator;
use crate::pipeline::Pipeline;

/// Of every server.
const PORT: u16 = 27017;
/// The code of `replSetGetConfig` on a member that nobody initiated.
const NOT_YET_INITIALIZED: i32 = 94;
/// The database of the events.
const DATABASE: &str = "eventpipeline";
/// The collections that the workers write.
const COLLECTIONS: [&str; 2] = ["events", "events_dlq"];
/// A server that is there is found at once.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Workers store some thousands a second; a backlog of a slowed worker takes longest.
const STORED_TIMEOUT: Duration = Duration::from_mins(5);
/// Documents of one answer while all are read.
const READ_BATCH: u32 = 5_000;

/// A server that is asked directly, and the way to it.
struct Server {
    client: Client,
    _way: Forward,
}

impl Server {
    async fn of(pod: &Pod, credential: Credential) -> Result<Self> {
        let way = Forward::to(pod, PORT).await?;
        let address = ServerAddress::Tcp { host: "127.0.0.1".to_owned(), port: Some(way.port) };
        let options = ClientOptions::builder()
            .hosts(vec![address])
            .credential(credential)
            .direct_connection(true)
            .server_selection_timeout(SELECTION_TIMEOUT)
            .build();
        let client = Client::with_options(options).map_err(Error::mongodb("make a client"))?;
        Ok(Self { client, _way: way })
    }

    /// Where the events are.
    fn events(&self) -> Database {
        self.client.database(DATABASE)
    }
}

fn user(name: &str, password: &str, source: &str) -> Credential {
    Credential::builder()
        .username(name.to_owned())
        .password(password.to_owned())
        .source(source.to_owned())
        .mechanism(AuthMechanism::ScramSha256)
        .build()
}

/// A router, as one of the cluster's users: `eventpipeline`, whom API and workers are, or the operator's.
async fn router(pipeline: &Pipeline, name: &str, password_key: &str) -> Result<Server> {
    let password = pipeline.secret("mongodb", password_key).await?;
    let pods = pipeline.pods(Some("router")).await?;
    let pod = pods.first().ok_or_else(|| Error::Otherwise("there is no router".to_owned()))?;
    Server::of(pod, user(name, &password, "admin")).await
}

/// One member of each replica set by the set's name, as the user that every member knows by the key file.
async fn members(pipeline: &Pipeline) -> Result<BTreeMap<String, Server>> {
    let key = pipeline.secret("mongodb", "keyfile").await?;
    let key: String = key.split_whitespace().collect();
    let mut pods = pipeline.pods(Some("config")).await?;
    pods.extend(pipeline.pods(Some("shard")).await?);
    let mut members = BTreeMap::new();
    for pod in &pods {
        if let Some(set) = pod.name_any().strip_suffix("-0") {
            members.insert(set.to_owned(), Server::of(pod, user("__system", &key, "local")).await?);
        }
    }
    Ok(members)
}

/// The names of the shards that a pipeline has.
async fn shards(pipeline: &Pipeline) -> Result<Vec<String>> {
    let count = pipeline.get().await?.spec.mongodb.shards;
    Ok((0..count).map(|index| format!("{}-shard-{index}", pipeline.name)).collect())
}

/// Both shards are registered and both collections are spread over them by hashed userId, in the cluster's own words.
pub async fn sharded(pipeline: &Pipeline) -> Result<()> {
    let router = router(pipeline, "eventpipeline-operator", "operator-password").await?;
    let list = router.client.database("admin").run_command(doc! {"listShards": 1}).await;
    let list = list.map_err(Error::mongodb("list the shards"))?;
    let entries =
        list.get_array("shards").map_err(|error| Error::Otherwise(format!("listShards: {error}")))?;
    let name = |entry: &bson::Bson| entry.as_document()?.get_str("_id").ok().map(str::to_owned);
    let mut registered: Vec<String> = entries.iter().filter_map(name).collect();
    registered.sort();
    let wanted = shards(pipeline).await?;
    ensure(registered == wanted, || format!("registered are {registered:?}, wanted {wanted:?}"))?;
    for collection in COLLECTIONS {
        let namespace = format!("{DATABASE}.{collection}");
        let found = router
            .client
            .database("config")
            .collection::<Document>("collections")
            .find_one(doc! {"_id": &namespace})
            .await
            .map_err(Error::mongodb(format!("read how {namespace} is sharded")))?;
        let key = found.as_ref().and_then(|entry| entry.get_document("key").ok());
        let hashed = key == Some(&doc! {"userId": "hashed"});
        ensure(hashed, || format!("{namespace} is sharded by {key:?}, wanted {{userId: \"hashed\"}}"))?;
    }
    Ok(())
}

/// Each replica set was initiated once: the record has each with the identity that its server has now, and the
/// operator's log (all that could be read of it; a killed operator's last words are lost) tells of no second one.
pub async fn initiated_once(pipeline: &Pipeline, log: &str) -> Result<()> {
    let text = pipeline.secret("mongodb", "initiated").await?;
    let record: BTreeMap<String, String> = serde_json::from_str(&text)
        .map_err(|error| Error::Otherwise(format!("the record of initiated sets is {text:?}: {error}")))?;
    let mut sets = shards(pipeline).await?;
    sets.push(format!("{}-config", pipeline.name));
    sets.sort();
    let recorded: Vec<&String> = record.keys().collect();
    ensure(recorded.iter().copied().eq(&sets), || format!("recorded are {recorded:?}, wanted {sets:?}"))?;
    let members = members(pipeline).await?;
    for set in &sets {
        let member = members.get(set).ok_or_else(|| Error::Otherwise(format!("{set} has no member 0")))?;
        let reply = member.client.database("admin").run_command(doc! {"replSetGetConfig": 1}).await;
        let reply = reply.map_err(Error::mongodb(format!("read the configuration of {set}")))?;
        let settings = reply.get_document("config").and_then(|config| config.get_document("settings"));
        let id = settings.and_then(|settings| settings.get_object_id("replicaSetId"));
        let id =
            id.map_err(|error| Error::Otherwise(format!("the configuration of {set}: {error}")))?.to_hex();
        ensure(record[set] == id, || format!("{set} is {id}, and recorded as {}", record[set]))?;
        let times = operator::initiations(log, set);
        ensure(times <= 1, || format!("the operator initiated {set} {times} times"))?;
    }
    Ok(())
}

/// Asks member 0 of a set itself: it is there, and nobody initiated it.
pub async fn uninitiated(pipeline: &Pipeline, set: &str) -> Result<()> {
    until(&format!("member 0 of {set} answers"), SELECTION_TIMEOUT * 3, async || {
        let members = members(pipeline).await?;
        let member = members.get(set).ok_or_else(|| Error::Otherwise(format!("{set} has no member 0")))?;
        let reply = member.client.database("admin").run_command(doc! {"replSetGetConfig": 1}).await;
        match reply.map_err(|error| *error.kind) {
            Err(mongodb::error::ErrorKind::Command(error)) if error.code == NOT_YET_INITIALIZED => {
                Ok(Look::There(()))
            }
            other => Ok(Look::NotYet(format!("{other:?}"))),
        }
    })
    .await
}

/// Waits until everything acknowledged is stored, and holds every event against what is there: each once, nothing else,
/// no dead letter, and no `_id` on two shards.
pub async fn stored_once(pipeline: &Pipeline, ledger: &Ledger) -> Result<Verdict> {
    let router = router(pipeline, "eventpipeline", "password").await?;
    let database = router.events();
    let acknowledged = ledger.count(Told::Acknowledged) as u64;
    until("everything acknowledged is stored", STORED_TIMEOUT, async || {
        let mut there = 0;
        for collection in COLLECTIONS {
            let count = database.collection::<Document>(collection).count_documents(doc! {}).await;
            there += count.map_err(Error::mongodb(format!("count {collection}")))?;
        }
        let seen = || format!("{there} of {acknowledged}");
        Ok(if there >= acknowledged { Look::There(()) } else { Look::NotYet(seen()) })
    })
    .await?;
    let verdict = ledger.verify(&database).await.map_err(Error::mongodb("read all events"))?;
    let exact = verdict.holds() && verdict.dead == 0 && verdict.strangers == 0 && verdict.unknown == 0;
    ensure(exact, || {
        let missing: Vec<String> = verdict.missing.iter().take(3).map(|id| format!("{id:?}")).collect();
        format!(
            "acknowledged is not stored once\n{verdict}strangers {}, missing first: {missing:?}",
            verdict.strangers
        )
    })?;
    on_one_shard_each(pipeline, &verdict).await?;
    Ok(verdict)
}

/// Asks the shards themselves: a router would not show what lies where it does not belong.
async fn on_one_shard_each(pipeline: &Pipeline, verdict: &Verdict) -> Result<()> {
    let members = members(pipeline).await?;
    let mut seen: HashMap<Vec<u8>, &str> = HashMap::with_capacity(verdict.stored);
    let mut counts = Vec::new();
    let shards = shards(pipeline).await?;
    for shard in &shards {
        let member =
            members.get(shard).ok_or_else(|| Error::Otherwise(format!("{shard} has no member 0")))?;
        let attempted = || format!("read the ids on {shard}");
        let cursor = member
            .events()
            .collection::<Document>("events")
            .find(doc! {})
            .projection(doc! {"_id": 1})
            .batch_size(READ_BATCH)
            .await;
        let mut cursor = cursor.map_err(Error::mongodb(attempted()))?;
        let mut count = 0;
        while let Some(row) = cursor.try_next().await.map_err(Error::mongodb(attempted()))? {
            let id = row.get_binary_generic("_id").map_err(|error| {
                Error::Otherwise(format!("{shard} has an event whose _id is not 16 bytes: {error}"))
            })?;
            count += 1;
            if let Some(other) = seen.insert(id.clone(), shard) {
                return Err(Error::Otherwise(format!("_id {id:02x?} is on {other} and on {shard}")));
            }
        }
        counts.push(count);
    }
    let sum: usize = counts.iter().sum();
    ensure(sum == verdict.stored, || {
        format!("the shards have {counts:?}, the router shows {}", verdict.stored)
    })?;
    ensure(counts.iter().all(|count| *count > 0 || verdict.stored < 1000), || {
        format!("events are not spread: {counts:?} on {shards:?}")
    })
}
