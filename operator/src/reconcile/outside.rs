//! Whether the stores answer, and take the password that stands in their Secrets.

use std::time::Duration;

use plan::names::Part;
use plan::resources::Kind;
use plan::secrets::URL_KEY;
use plan::status::Answer;
use plan::validate::ValidatedPipeline;

use super::live::Live;
use super::postgres;
use super::secrets::Secrets;
use crate::context::{Context, lock};

/// One that takes longer is not reached.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// What they said. Of managed ones mostly their pods tell.
#[derive(Default)]
pub struct Answers {
    /// Redis.
    pub redis: Answer,
    /// Memory that Redis uses; `None` when it did not say.
    pub redis_used_bytes: Option<u64>,
    /// PostgreSQL.
    pub postgres: Answer,
    /// MongoDB.
    pub mongodb: Answer,
}

impl Answers {
    /// Whether what the Secrets hold is as good as anybody knows: none refused it, and none was asked in vain.
    pub fn all_trusted(&self) -> bool {
        let all = [&self.redis, &self.postgres, &self.mongodb];
        all.into_iter().all(|answer| matches!(answer, Answer::Answered | Answer::Full(_) | Answer::NotAsked))
    }
}

/// Asks those that are external; of managed ones, once their pods are ready, whether they take the password that stands
/// in their Secret: it may have been changed, and pods that run do not notice.
pub async fn ask(valid: &ValidatedPipeline, secrets: &Secrets, live: &Live, context: &Context) -> Answers {
    let spec = valid.spec();
    let url = |external: &Option<crd::External>| secrets.value(&external.as_ref()?.secret_name, URL_KEY);
    let memory = context.memory(&valid.names().key());
    // For the scaler; also of one whose pod is not ready.
    lock(&memory).redis_url = match &spec.redis.external {
        Some(_) => url(&spec.redis.external),
        None => {
            secrets.value(&valid.names().of(Part::Redis), "password").map(|it| valid.names().redis_url(&it))
        }
    };
    let of_redis = async {
        if let Some(url) = url(&spec.redis.external) {
            redis(&url, valid).await
        } else if let Some(url) = managed(valid, secrets, live, Part::Redis) {
            let (answer, used) = redis(&url, valid).await;
            (of_ours(answer), used)
        } else {
            (Answer::NotAsked, None)
        }
    };
    let of_postgres = async {
        let external = url(&spec.postgres.external);
        let own = || managed(valid, secrets, live, Part::Postgres);
        let is_external = external.is_some();
        let Some(url) = external.or_else(own) else { return Answer::NotAsked };
        let known = lock(&memory).postgres.clone();
        let (answer, login) = postgres::ask(&url, known).await;
        lock(&memory).postgres = login;
        if is_external { answer } else { of_ours(answer) }
    };
    let of_mongodb = async {
        let Some(url) = url(&spec.mongodb.external) else { return Answer::NotAsked };
        let (answer, dead_letters) = mongodb(&url).await;
        lock(&memory).dead_letters = dead_letters;
        answer
    };
    // At once: each may take its whole time.
    let ((redis, redis_used_bytes), postgres, mongodb) = tokio::join!(of_redis, of_postgres, of_mongodb);
    Answers { redis, redis_used_bytes, postgres, mongodb }
}

/// The address of a store of ours whose pod is ready.
fn managed(valid: &ValidatedPipeline, secrets: &Secrets, live: &Live, part: Part) -> Option<String> {
    let name = valid.names().of(part);
    let ready = live.get(Kind::StatefulSet, &name)?["status"]["readyReplicas"].as_i64()?;
    let password = secrets.value(&name, "password").filter(|_| ready > 0)?;
    Some(match part {
        Part::Redis => valid.names().redis_url(&password),
        _ => valid.names().postgres_url(&password),
    })
}

/// Of a store of ours the pods tell the rest.
fn of_ours(answer: Answer) -> Answer {
    if matches!(answer, Answer::Refused(_) | Answer::Full(_)) { answer } else { Answer::NotAsked }
}

/// What it says, and how much memory it uses.
async fn redis(url: &str, valid: &ValidatedPipeline) -> (Answer, Option<u64>) {
    if let Some(fault) = stream::url_fault(url) {
        let words = format!("the address in its Secret is none of Redis's: {fault}; correct it");
        return (Answer::Unsuitable(words), None);
    }
    let asked = tokio::time::timeout(ANSWER_TIMEOUT, async {
        let mut redis = stream::connect(url).await?;
        let server = stream::check_server(&mut redis).await?;
        let partitions = valid.spec().redis.partitions.unsigned_abs();
        let queued = stream::queued_bytes(&mut redis, &valid.names().key(), partitions).await?;
        Ok::<_, stream::Error>((server.used_memory, server.takes_no_events(queued)))
    });
    let answer = match asked.await {
        Ok(Ok((used, None))) => return (Answer::Answered, Some(used)),
        Ok(Ok((used, Some(why)))) => return (Answer::Full(why), Some(used)),
        Ok(Err(error)) if error.is_permanent() => Answer::Unsuitable(error.to_string()),
        Ok(Err(error)) if error.is_refused_login() => Answer::Refused(error.to_string()),
        Ok(Err(error)) => Answer::Unreachable(error.to_string()),
        Err(_) => Answer::Unreachable(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())),
    };
    (answer, None)
}

async fn mongodb(url: &str) -> (Answer, Option<i64>) {
    // The servers behind `mongodb+srv` are looked up by name first.
    let connected = tokio::time::timeout(ANSWER_TIMEOUT, store::connect(url, plan::names::MONGODB_DATABASE));
    let store = match connected.await {
        Ok(Ok(store)) => store,
        Ok(Err(error)) if url.starts_with("mongodb+srv://") => {
            return (Answer::Unreachable(error.to_string()), None);
        }
        Ok(Err(_)) => {
            let words = "the address in its Secret is none of MongoDB's; correct it";
            return (Answer::Unsuitable(words.into()), None);
        }
        Err(_) => return (Answer::Unreachable("its name could not be looked up in time".into()), None),
    };
    let count = store.dead_letters.count_documents(bson::doc! {"status": "open"}).max_time(ANSWER_TIMEOUT);
    let counted = tokio::time::timeout(ANSWER_TIMEOUT * 2, async { count.await }).await;
    store.database.client().clone().shutdown().await;
    match counted {
        Ok(Ok(count)) => (Answer::Answered, i64::try_from(count).ok()),
        Ok(Err(error)) => {
            let answer = match error.kind.as_ref() {
                mongodb::error::ErrorKind::Authentication { .. } => Answer::Refused(store::words(&error)),
                _ => Answer::Unreachable(store::words(&error)),
            };
            (answer, None)
        }
        Err(_) => (Answer::Unreachable("no answer in time".into()), None),
    }
}
