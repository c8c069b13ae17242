//! MongoDB: one look, the next step by the plan, and at most that one step done.

use plan::mongo::{Progress as Standing, Step, Wanted, next_step, progress, wanted};
use plan::names::{MONGODB_DATABASE, MONGODB_OPERATOR, MONGODB_PORT, Part};
use plan::resources::{Kind, Progress};
use plan::status::{CollectionSeen, Mongodb, ShardSeen, Trouble};
use plan::validate::ValidatedPipeline;
use std::time::Duration;

use super::live::Live;
use super::record::SecretRecord;
use super::secrets::Secrets;
use crate::context::{Context, lock};
use crate::error::Error;

/// Counting takes no longer, or is left to the next pass.
const COUNT_TIMEOUT: Duration = Duration::from_secs(5);
/// More than so many dead letters are not counted out.
const COUNT_MAX: u64 = 100_000;

/// What was seen, and what comes next. Empty where MongoDB is external, its pods are not made yet or its Secret is lost.
pub struct Look(Option<Seen>);

struct Seen {
    wanted: Wanted,
    login: bootstrap::Login,
    step: Step,
    standing: Standing,
    settled: bool,
}

impl Look {
    /// The next step.
    pub fn step(&self) -> Option<&Step> {
        self.0.as_ref().map(|seen| &seen.step)
    }

    /// What holds for the objects that wait.
    pub fn progress(&self) -> Progress {
        self.0.as_ref().map_or(Progress::default(), |seen| Progress {
            config_primary: seen.standing.config_has_primary,
            collections_sharded: seen.standing.all_sharded(),
        })
    }

    /// Does the step. Whether anything was changed.
    pub async fn act(&self, valid: &ValidatedPipeline, context: &Context) -> Result<bool, Error> {
        let Some(seen) = self.0.as_ref().filter(|seen| seen.step.is_action()) else { return Ok(false) };
        let record = record(valid, context);
        bootstrap::act(&seen.step, &seen.wanted, &seen.login, &record).await?;
        context.metrics.writes.inc();
        Ok(true)
    }

    /// For the status; pods are not among it.
    pub fn observed(&self) -> Mongodb {
        let Some(seen) = &self.0 else { return Mongodb::default() };
        let refusal = match &seen.step {
            Step::Refused(refusal) => {
                Some(Trouble { reason: reason(refusal.reason()), message: refusal.to_string() })
            }
            _ => None,
        };
        Mongodb {
            step: seen.standing.step.to_owned(),
            message: seen.standing.message.clone(),
            settled: seen.settled,
            refusal,
            shards: seen
                .standing
                .shards
                .iter()
                .map(|shard| ShardSeen {
                    name: shard.name.clone(),
                    host: shard.host.clone(),
                    state: format!("{:?}", shard.state),
                })
                .collect(),
            collections: seen
                .standing
                .collections
                .iter()
                .map(|collection| CollectionSeen {
                    name: collection.name.clone(),
                    sharded: collection.sharded,
                })
                .collect(),
            ..Mongodb::default()
        }
    }
}

/// The plan's word as one of the API's constants.
fn reason(word: &str) -> &'static str {
    use crd::conditions::reasons;
    let known = reasons::ALL.iter().find(|(reason, _)| *reason == word);
    known.map_or(reasons::INTERNAL_ERROR, |(reason, _)| reason)
}

fn record(valid: &ValidatedPipeline, context: &Context) -> SecretRecord {
    SecretRecord::new(&context.client, valid.names().namespace(), valid.names().mongodb_secret())
}

/// Looks at every server, and counts the dead letters once there are any to be counted.
pub async fn look(
    valid: &ValidatedPipeline,
    secrets: &Secrets,
    live: &Live,
    context: &Context,
) -> Result<Look, Error> {
    let secret = valid.names().mongodb_secret();
    let set = valid.names().of(Part::Config);
    if valid.spec().mongodb.external.is_some() || live.get(Kind::StatefulSet, &set).is_none() {
        return Ok(Look(None));
    }
    let value = |key: &str| secrets.value(&secret, key);
    let (Some(key_file), Some(operator), Some(password)) =
        (value("keyfile"), value("operator-password"), value("password"))
    else {
        // The trouble with the Secret says so; without it no server can be asked.
        return Ok(Look(None));
    };
    let login = bootstrap::Login::new(&key_file, &operator, &password)?;
    let wanted = wanted(valid);
    let record = record(valid, context);
    let observed = bootstrap::observe(&wanted, &login, &record).await?;
    let step = next_step(&wanted, &observed);
    let standing = progress(&wanted, &observed, &step);
    let settled = step == Step::Ready;
    if settled {
        let count = dead_letters(valid, &operator).await;
        let memory = context.memory(&valid.names().key());
        lock(&memory).dead_letters = count;
    }
    Ok(Look(Some(Seen { wanted, login, step, standing, settled })))
}

/// Open dead letters, or nothing when that could not be found out in time.
async fn dead_letters(valid: &ValidatedPipeline, password: &str) -> Option<i64> {
    let host = valid.names().host(&valid.names().of(Part::Router));
    let uri = format!("mongodb://{MONGODB_OPERATOR}:{password}@{host}:{MONGODB_PORT}/?authSource=admin");
    let store = store::connect(&uri, MONGODB_DATABASE).await.ok()?;
    let count = store
        .dead_letters
        .count_documents(bson::doc! {"status": "open"})
        .limit(COUNT_MAX)
        .max_time(COUNT_TIMEOUT);
    let count = tokio::time::timeout(COUNT_TIMEOUT, async { count.await }).await.ok()?.ok();
    store.database.client().clone().shutdown().await;
    i64::try_from(count?).ok()
}
