//! Inserts through a router, measured: `cargo run --release --example insert_rate -- mongodb://… [events] [writers]`.
//! The collection `bench.events` is dropped, sharded by user if the address is a router's, and filled.

use std::time::Instant;

use bson::{Binary, Document, RawDocumentBuf, doc, spec::BinarySubtype};
use mongodb::options::{Acknowledgment, CollectionOptions, WriteConcern};
use mongodb::{Client, IndexModel};

/// As many as a worker inserts at once.
const BATCH: usize = 1_000;

#[tokio::main]
async fn main() -> mongodb::error::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let uri = arguments.next().unwrap_or_else(|| "mongodb://127.0.0.1:27017".into());
    let mut number = |default: usize| arguments.next().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (events, writers) = (number(200_000), number(4));
    let client = Client::with_uri_str(&uri).await?;
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
    let began = Instant::now();
    let mut tasks = Vec::new();
    let portion = documents.len().div_ceil(writers);
    for part in documents.chunks(portion) {
        let (rows, part) = (rows.clone(), part.to_vec());
        tasks.push(tokio::spawn(async move {
            for batch in part.chunks(BATCH) {
                rows.insert_many(batch).ordered(false).await?;
            }
            Ok::<_, mongodb::error::Error>(())
        }));
    }
    for task in tasks {
        task.await.map_err(|error| mongodb::error::Error::custom(error.to_string()))??;
    }
    let seconds = began.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = events as f64 / seconds;
    println!("{events} events of {bytes} bytes in {seconds:.2} s by {writers} writers: {rate:.0} a second");
    let began = Instant::now();
    let filter = doc! {"userId": "user-4711"};
    let found = rows.count_documents(filter).await?;
    println!("{found} events of one user counted in {:.2} ms", began.elapsed().as_secs_f64() * 1_000.0);
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
