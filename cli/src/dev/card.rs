//! The card at the end of the start: everything a person needs for the first event.

use std::path::Path;

use local::mongo::Kind;

use super::pipeline::Pipeline;
use super::scaler::Fleet;

/// Prints it.
pub fn print(pipeline: &Pipeline, data: &Path, key_works: bool, fleet: &Fleet) {
    let (api, key) = (pipeline.api(0), &pipeline.setup.secrets.api_key);
    let stores = &pipeline.stores;
    let secrets = &pipeline.setup.secrets;
    let mongo = match stores.mongo.kind {
        // All but the config server and the router.
        Kind::MongoDb => format!(
            "MongoDB: a router, a config server, {} shard(s)",
            stores.mongo.servers.len().saturating_sub(2)
        ),
        Kind::FerretDb => "FerretDB on SQLite, in place of MongoDB".to_owned(),
    };
    println!("\n  {} is running\n", pipeline.setup.manifest.pipeline());
    println!("  API       {api}");
    println!("  console   {}", pipeline.console(0));
    println!("  login     {}  {}", secrets.admin_email, secrets.admin_password);
    if key_works {
        println!("  API key   {key}");
    } else {
        println!("  API key   the first one was revoked: make another as the login above, or `make reset`");
    }
    println!("  Redis     {}", stores.redis_url());
    println!("  Postgres  127.0.0.1:{}", stores.postgres.spec.port);
    println!("  MongoDB   {}  ({mongo})", stores.mongodb_uri());
    println!("  workers   {}", fleet.words(&pipeline.setup.manifest));
    println!("  logs      {}", data.join("logs").display());
    if stores.mongo.kind == Kind::FerretDb {
        println!(
            "\n  FerretDB has no TTL and no shards: events are kept for ever, in one collection. Events with `.` or a"
        );
        println!(
            "  leading `$` in a key, or with an array in an array, become dead letters here; MongoDB takes them. Its"
        );
        println!(
            "  queries use no index: with tens of thousands of events a look-up takes seconds, then ends with 503."
        );
    }
    println!("\n  Send an event, and read it back:\n");
    let key = if key_works { key } else { "YOUR-KEY" };
    println!("  curl -sS {api}/api/v1/events -H 'X-Api-Key: {key}' -H 'Content-Type: application/json' \\");
    println!(
        "    -d '{{\"id\":\"first\",\"type\":\"hello\",\"userId\":\"me\",\"properties\":{{\"from\":\"a laptop\"}}}}'"
    );
    println!("  curl -sS '{api}/api/v1/events?userId=me' -H 'X-Api-Key: {key}'\n");
    println!("  Ctrl-C stops all of it; `make reset` forgets the data.\n");
}
