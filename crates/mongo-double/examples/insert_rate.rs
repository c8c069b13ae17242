//! Inserts through a router, measured: `cargo run --release --example insert_rate -- [events] [writers] [uri]`.
//! Without an address it starts a cluster of two shards from the binaries beside it (build them first with `--bins`).
//! The collection `bench.events` is dropped, sharded by user where that is possible, and filled.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bson::{Binary, Document, RawDocumentBuf, doc, spec::BinarySubtype};
use mongodb::options::{Acknowledgment, CollectionOptions, WriteConcern};
use mongodb::{Client, IndexModel};

/// As many as a worker inserts at once.
const BATCH: usize = 1_000;
/// Ports of the cluster that is started here: router, config server, two shards.
const PORTS: [u16; 4] = [29_500, 29_501, 29_502, 29_503];

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| arguments.next().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (events, writers) = (number(200_000), number(4));
    let folder = tempfile::tempdir()?;
    let (uri, cluster) = match arguments.next() {
        Some(uri) => (uri, Vec::new()),
        None => start(folder.path()).await?,
    };
    let done = measure(&uri, events, writers).await;
    for mut server in cluster {
        let seconds = cpu_seconds(server.id());
        println!("  process {}: {seconds:.2} s of processor time", server.id());
        server.kill()?;
        server.wait()?;
    }
    done
}

/// Processor time of a process so far, in ticks of a hundredth.
fn cpu_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u32>().ok());
    f64::from(ticks.sum::<u32>()) / 100.0
}

async fn start(folder: &Path) -> Result<(String, Vec<Child>), Failure> {
    let beside =
        std::env::current_exe()?.parent().and_then(Path::parent).map(Path::to_owned).unwrap_or_default();
    let run = |program: &str, port: u16, args: &[&str]| {
        let mut command = Command::new(beside.join(program));
        command.args(args).args(["--bind_ip", "127.0.0.1", "--port", &port.to_string()]);
        command.stdout(Stdio::null()).spawn()
    };
    let mut servers = Vec::new();
    let [router, config, shards @ ..] = PORTS;
    for (port, set, role) in
        [(config, "cfg", "--configsvr"), (shards[0], "rs0", "--shardsvr"), (shards[1], "rs1", "--shardsvr")]
    {
        let data = folder.join(set);
        std::fs::create_dir(&data)?;
        servers.push(run(
            "mongod",
            port,
            &["--replSet", set, role, "--dbpath", &data.display().to_string()],
        )?);
        let member =
            Client::with_uri_str(format!("mongodb://127.0.0.1:{port}/?directConnection=true")).await?;
        let members = vec![doc! {"_id": 0, "host": format!("127.0.0.1:{port}")}];
        member
            .database("admin")
            .run_command(doc! {"replSetInitiate": {"_id": set, "members": members}})
            .await?;
    }
    servers.push(run("mongos", router, &["--configdb", &format!("cfg/127.0.0.1:{config}")])?);
    let uri = format!("mongodb://127.0.0.1:{router}/");
    let client = Client::with_uri_str(&uri).await?;
    for (port, set) in [(shards[0], "rs0"), (shards[1], "rs1")] {
        let add = doc! {"addShard": format!("{set}/127.0.0.1:{port}"), "maxTimeMS": 10_000};
        client.database("admin").run_command(add).await?;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    Ok((uri, servers))
}

async fn measure(uri: &str, events: usize, writers: usize) -> Result<(), Failure> {
    let client = Client::with_uri_str(uri).await?;
    let database = client.database("bench");
    database.collection::<Document>("events").drop().await?;
    let shard = doc! {"shardCollection": "bench.events", "key": {"userId": "hashed"}};
    if let Err(error) = client.database("admin").run_command(shard).await {
        println!("not sharded: {error}");
    }
    let rows = database.collection::<Document>("events");
    rows.create_index(IndexModel::builder().keys(doc! {"userId": 1, "timestamp": -1, "_id": -1}).build())
        .await?;
    rows.create_index(IndexModel::builder().keys(doc! {"receivedAt": 1}).build()).await?;
    let documents: Vec<RawDocumentBuf> = (0..events).map(event).collect::<Result<_, _>>()?;
    let bytes = documents[0].as_bytes().len();
    let majority = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
    let options = CollectionOptions::builder().write_concern(majority).build();
    let rows = database.collection_with_options::<RawDocumentBuf>("events", options);
    let part_of_each = documents.len().div_ceil(writers);
    let parts: Vec<Vec<RawDocumentBuf>> = documents.chunks(part_of_each).map(<[_]>::to_vec).collect();
    let began = Instant::now();
    let mut tasks = Vec::new();
    for part in parts {
        let rows = rows.clone();
        tasks.push(tokio::spawn(async move {
            for batch in part.chunks(BATCH) {
                rows.insert_many(batch).ordered(false).await?;
            }
            Ok::<_, mongodb::error::Error>(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    let seconds = began.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = events as f64 / seconds;
    println!("{events} events of {bytes} bytes in {seconds:.2} s by {writers} writers: {rate:.0} a second");
    println!("  this process: {:.2} s of processor time", cpu_seconds(std::process::id()));
    let began = Instant::now();
    let found = rows.count_documents(doc! {"userId": "user-4711"}).await?;
    println!("  {found} events of one user counted in {:.2} ms", began.elapsed().as_secs_f64() * 1_000.0);
    let began = Instant::now();
    let found = rows.count_documents(doc! {}).await?;
    println!("  all {found} counted in {:.2} ms", began.elapsed().as_secs_f64() * 1_000.0);
    Ok(())
}

fn event(number: usize) -> bson::raw::Result<RawDocumentBuf> {
    let mixed = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let id = [mixed.to_be_bytes(), (number as u64).to_be_bytes()].concat();
    let at = bson::DateTime::from_millis(1_700_000_000_000 + i64::try_from(number).unwrap_or(0));
    RawDocumentBuf::from_document(&doc! {
        "_id": Binary { subtype: BinarySubtype::Generic, bytes: id },
        "userId": format!("user-{}", number % 10_000),
        "id": format!("client-{number}"),
        "type": "page_view",
        "timestamp": at,
        "receivedAt": at,
        "properties": {"path": "/products/42", "referrer": "https://example.org", "text": "x".repeat(230)},
    })
}
