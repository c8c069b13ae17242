//! Keeps one connection to PostgreSQL: waits for it, migrates, puts the first rows in, then watches changes. The API
//! starts and runs without it; this task is what notices that it is back.

use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnection;

use crate::feed::{Hub, POSTGRES_PERIOD, PostgresFeed};
use crate::{Error, Settings, seed};

/// Waits between attempts grow from the first to the last, each by chance up to a half longer, so that replicas do
/// not all knock at once.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_LAST: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Migrations of all replicas wait for each other on one lock.
const MIGRATE_TIMEOUT: Duration = Duration::from_mins(2);
/// A look that takes longer means that PostgreSQL is away.
const LOOK_TIMEOUT: Duration = Duration::from_millis(1_500);
/// How often the times of last use are written, and old changes removed.
const HOUSEKEEPING_PERIOD: Duration = Duration::from_secs(30);
/// Changes are kept for longer than any cached entry lives.
const FORGET_CHANGES: &str =
    "delete from account_changes where announced and at < now() - interval '26 hours'";

/// Runs for ever.
pub(crate) async fn keep(hub: Arc<Hub>, settings: Settings) {
    let mut feed = PostgresFeed::new(Arc::clone(&hub));
    let mut wait = BACKOFF_FIRST;
    let mut prepared = false;
    loop {
        let error = match connect(&hub, &settings, &mut prepared).await {
            Ok(connection) => {
                wait = BACKOFF_FIRST;
                watch(&hub, &mut feed, connection).await
            }
            Err(error) => error,
        };
        if hub.stores.postgres_ready() || wait == BACKOFF_FIRST {
            tracing::warn!(%error, "PostgreSQL is away; known keys go on working");
        }
        hub.stores.lost_postgres(error.to_string());
        tokio::time::sleep(jittered(wait)).await;
        wait = (wait * 2).min(BACKOFF_LAST);
    }
}

async fn connect(hub: &Hub, settings: &Settings, prepared: &mut bool) -> Result<PgConnection, Error> {
    let mut connection = tokio::time::timeout(CONNECT_TIMEOUT, hub.stores.options.connect()).await??;
    if !*prepared {
        let mut migrations = sqlx::migrate!("./migrations");
        // An older API beside a newer one, in a roll-out or a roll-back, goes on.
        migrations.set_ignore_missing(true);
        // Not `run`, whose future is Send for one lifetime of the connection only and cannot be spawned.
        let migrated = migrations.run_direct(None, &mut connection, false);
        tokio::time::timeout(MIGRATE_TIMEOUT, migrated)
            .await?
            .map_err(|error| Error::System(format!("a migration failed: {error}")))?;
        seed::first_rows(&mut connection, settings).await?;
        *prepared = true;
        tracing::info!("PostgreSQL is ready: migrated, first key and administrator in place");
    }
    Ok(connection)
}

async fn watch(hub: &Hub, feed: &mut PostgresFeed, mut connection: PgConnection) -> Error {
    let mut ticks = tokio::time::interval(POSTGRES_PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut cleaned = tokio::time::Instant::now();
    loop {
        ticks.tick().await;
        match tokio::time::timeout(LOOK_TIMEOUT, feed.look(&mut connection)).await {
            Ok(Ok(orphans)) => {
                for change in orphans {
                    match change.announce(hub).await {
                        Ok(()) => tracing::info!(
                            subject = change.subject,
                            "announced a change that its author had not"
                        ),
                        Err(_) => break, // Redis is full or away: at the next look again
                    }
                }
            }
            Ok(Err(error)) => return error.into(),
            // The answer may still come, so this connection is not used again.
            Err(elapsed) => return elapsed.into(),
        }
        if cleaned.elapsed() > HOUSEKEEPING_PERIOD {
            cleaned = tokio::time::Instant::now();
            let work = async {
                hub.write_last_use(&mut connection).await?;
                sqlx::query(FORGET_CHANGES).execute(&mut connection).await.map(|_| ())
            };
            match tokio::time::timeout(LOOK_TIMEOUT, work).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error.into(),
                Err(elapsed) => return elapsed.into(),
            }
        }
    }
}

fn jittered(wait: Duration) -> Duration {
    let share = getrandom::u32().unwrap_or(0) % 500;
    wait + wait * share / 1_000
}
