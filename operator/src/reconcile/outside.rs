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
    /// PostgreSQL.
    pub postgres: Answer,
    /// MongoDB.
    pub mongodb: Answer,
}

impl Answers {
    /// Whether what the Secrets hold is as good as anybody knows: none refused it, and none was asked in vain.
    pub fn all_trusted(&self) -> bool {
        let all = [&self.redis, &self.postgres, &self.mongodb];
        all.into_iter().all(|answer| matches!(answer, Answer::Answered | Answer::NotAsked))
    }
}

/// Asks those that are external; of managed ones, once their pods are ready, whether they take the password that stands
/// in their Secret: it may have been changed, and pods that run do not notice.
pub async fn ask(valid: &ValidatedPipeline, secrets: &Secrets, live: &Live, context: &Context) -> Answers {
    let spec = valid.spec();
    let url = |external: &Option<crd::External>| secrets.value(&external.as_ref()?.secret_name, URL_KEY);
    let mut answers = Answers::default();
    if let Some(url) = url(&spec.redis.external) {
        answers.redis = redis(&url).await;
    } else if let Some(url) = managed(valid, secrets, live, Part::Redis) {
        answers.redis = if_refused(redis(&url).await);
    }
    let memory = context.memory(&valid.names().key());
    let known = || lock(&memory).postgres.clone();
    if let Some(url) = url(&spec.postgres.external) {
        let (answer, login) = postgres::ask(&url, known()).await;
        answers.postgres = answer;
        lock(&memory).postgres = login;
    } else if let Some(url) = managed(valid, secrets, live, Part::Postgres) {
        let (answer, login) = postgres::ask(&url, known()).await;
        answers.postgres = if_refused(answer);
        lock(&memory).postgres = login;
    }
    if let Some(url) = url(&spec.mongodb.external) {
        let (answer, dead_letters) = mongodb(&url).await;
        answers.mongodb = answer;
        lock(&memory).dead_letters = dead_letters;
    }
    answers
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
fn if_refused(answer: Answer) -> Answer {
    if matches!(answer, Answer::Refused(_)) { answer } else { Answer::NotAsked }
}

async fn redis(url: &str) -> Answer {
    if let Some(fault) = stream::url_fault(url) {
        return Answer::Unsuitable(format!(
            "the address in its Secret is none of Redis's: {fault}; correct it"
        ));
    }
    let asked = tokio::time::timeout(ANSWER_TIMEOUT, async {
        let mut redis = stream::connect(url).await?;
        stream::check_server(&mut redis).await
    });
    match asked.await {
        Ok(Ok(_)) => Answer::Answered,
        Ok(Err(error)) if error.is_permanent() => Answer::Unsuitable(error.to_string()),
        Ok(Err(error)) if error.is_refused_login() => Answer::Refused(error.to_string()),
        Ok(Err(error)) => Answer::Unreachable(error.to_string()),
        Err(_) => Answer::Unreachable(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())),
    }
}

async fn mongodb(url: &str) -> (Answer, Option<i64>) {
    let Ok(store) = store::connect(url, plan::names::MONGODB_DATABASE).await else {
        return (
            Answer::Unsuitable("the address in its Secret is none of MongoDB's; correct it".into()),
            None,
        );
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
