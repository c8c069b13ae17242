//! MongoDB: one look, the next step by the plan, and at most that one step done.

use plan::mongo::{Class, Pace, Progress as Standing, Rung, Step, Wanted, next_step, progress, wanted};
use plan::names::{MONGODB_DATABASE, MONGODB_OPERATOR, MONGODB_PORT, Part};
use plan::resources::{Kind, Progress};
use plan::status::{CollectionSeen, Mongodb, ShardSeen, Trouble};
use plan::validate::ValidatedPipeline;
use std::time::Duration;

use super::live::Live;
use super::record::SecretRecord;
use super::secrets::Secrets;
use crate::context::{Context, lock};

/// Counting takes no longer, or is left to the next pass.
const COUNT_TIMEOUT: Duration = Duration::from_secs(5);
/// More than so many dead letters are not counted out.
const COUNT_MAX: u64 = 100_000;

/// What was seen, and what comes next. Nothing of it where MongoDB is external, its pods are not made yet or its Secret
/// is lost.
#[derive(Default)]
pub struct Look {
    seen: Option<Seen>,
    /// Why it could not be looked at, or why the step was not done.
    fault: Option<bootstrap::Error>,
}

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
        self.seen.as_ref().map(|seen| &seen.step)
    }

    /// How soon to look again after a fault.
    pub fn pace_of_fault(&self) -> Option<Pace> {
        self.fault.as_ref().map(|fault| match fault.class() {
            Class::Done | Class::RetrySoon | Class::AppliedNotDurable => Pace::Soon,
            Class::RetrySlowly | Class::Permanent => Pace::Slowly,
        })
    }

    /// Whether the users have the passwords of the Secret.
    pub fn users_stand(&self) -> bool {
        self.step().is_some_and(|step| step.rung() > Rung::Record)
    }

    /// What holds for the objects that wait.
    pub fn progress(&self) -> Progress {
        self.seen.as_ref().map_or(Progress::default(), |seen| Progress {
            config_primary: seen.standing.config_has_primary,
            collections_sharded: seen.standing.all_sharded(),
            catching_up: seen.standing.catching_up,
        })
    }

    /// Does the step. Whether anything was changed; a fault is kept, for the status.
    pub async fn act(&mut self, valid: &ValidatedPipeline, context: &Context) -> bool {
        let Some(seen) = self.seen.as_ref().filter(|seen| seen.step.is_action()) else { return false };
        let record = record(valid, context);
        match bootstrap::act(&seen.step, &seen.wanted, &seen.login, &record).await {
            Ok(_) => {
                context.metrics.writes.inc();
                true
            }
            Err(fault) => {
                self.fault = Some(fault);
                false
            }
        }
    }

    /// For the status; pods are not among it.
    pub fn observed(&self) -> Mongodb {
        let fault = self.fault.as_ref();
        let lasting = fault.filter(|fault| fault.class() == Class::Permanent);
        let lasting =
            lasting.map(|fault| Trouble { reason: reason(fault.reason()), message: fault.to_string() });
        let Some(seen) = &self.seen else {
            // Without the record or a login no server is asked.
            let message = fault.map(ToString::to_string).unwrap_or_default();
            let step = if fault.is_some() { Rung::Record.word() } else { "" };
            return Mongodb { step: step.to_owned(), message, refusal: lasting, ..Mongodb::default() };
        };
        let refusal = match &seen.step {
            Step::Refused(refusal) => {
                Some(Trouble { reason: reason(refusal.reason()), message: refusal.to_string() })
            }
            _ => lasting,
        };
        Mongodb {
            step: seen.standing.step.to_owned(),
            message: fault.map_or_else(|| seen.standing.message.clone(), ToString::to_string),
            settled: seen.settled,
            serves: seen.standing.serves,
            refusal,
            shards: seen
                .standing
                .shards
                .iter()
                .map(|shard| ShardSeen {
                    name: shard.name.clone(),
                    host: shard.host.clone(),
                    state: format!("{:?}", shard.state),
                    added: shard.added,
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

/// Looks at every server, and counts the dead letters where that can be: else their number is not known.
pub async fn look(valid: &ValidatedPipeline, secrets: &Secrets, live: &Live, context: &Context) -> Look {
    let secret = valid.names().mongodb_secret();
    let set = valid.names().of(Part::Config);
    if valid.spec().mongodb.external.is_some() || live.get(Kind::StatefulSet, &set).is_none() {
        return Look::default();
    }
    let memory = context.memory(&valid.names().key());
    lock(&memory).dead_letters = None;
    let value = |key: &str| secrets.value(&secret, key);
    let (Some(key_file), Some(operator), Some(password)) =
        (value("keyfile"), value("operator-password"), value("password"))
    else {
        // The trouble with the Secret says so; without it no server can be asked.
        return Look::default();
    };
    let wanted = wanted(valid);
    let seen = async {
        let login = bootstrap::Login::new(&key_file, &operator, &password)?;
        let observed = bootstrap::observe(&wanted, &login, &record(valid, context)).await?;
        Ok((login, observed))
    };
    let (login, observed) = match seen.await {
        Ok(seen) => seen,
        Err(fault) => {
            tracing::warn!(pipeline = valid.names().key(), %fault, "MongoDB could not be looked at");
            return Look { seen: None, fault: Some(fault) };
        }
    };
    let step = next_step(&wanted, &observed);
    let standing = progress(&wanted, &observed, &step);
    let settled = step == Step::Ready;
    if standing.serves {
        let count = dead_letters(valid, &operator).await;
        lock(&memory).dead_letters = count;
    }
    Look { seen: Some(Seen { wanted, login, step, standing, settled }), fault: None }
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
