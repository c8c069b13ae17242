//! Stores that somebody else runs: whether they answer.

use std::time::Duration;

use plan::secrets::URL_KEY;
use plan::status::Answer;
use plan::validate::ValidatedPipeline;
use tokio::net::TcpStream;

use super::secrets::Secrets;
use crate::context::{Context, lock};

/// One that takes longer is not reached.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// What they said; managed ones are not asked, their pods tell.
#[derive(Default)]
pub struct Answers {
    /// Redis.
    pub redis: Answer,
    /// PostgreSQL.
    pub postgres: Answer,
    /// MongoDB.
    pub mongodb: Answer,
}

/// Asks those that are external.
pub async fn ask(valid: &ValidatedPipeline, secrets: &Secrets, context: &Context) -> Answers {
    let spec = valid.spec();
    let url = |external: &Option<crd::External>| secrets.value(&external.as_ref()?.secret_name, URL_KEY);
    let mut answers = Answers::default();
    if let Some(url) = url(&spec.redis.external) {
        answers.redis = redis(&url).await;
    }
    if let Some(url) = url(&spec.postgres.external) {
        answers.postgres = port(&url, 5432).await;
    }
    if let Some(url) = url(&spec.mongodb.external) {
        let (answer, dead_letters) = mongodb(&url).await;
        answers.mongodb = answer;
        lock(&context.memory(&valid.names().key())).dead_letters = dead_letters;
    }
    answers
}

async fn redis(url: &str) -> Answer {
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

/// Whether somebody listens: the operator does not speak PostgreSQL, the API does.
async fn port(url: &str, usual: u16) -> Answer {
    let address = url.split_once("://").map_or(url, |(_, rest)| rest);
    let address = address.split(['/', '?']).next().unwrap_or(address);
    let address = address.rsplit_once('@').map_or(address, |(_, host)| host);
    let address = if address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        address.to_owned()
    } else {
        format!("{address}:{usual}")
    };
    match tokio::time::timeout(ANSWER_TIMEOUT, TcpStream::connect(&address)).await {
        Ok(Ok(_)) => Answer::Answered,
        Ok(Err(error)) => Answer::Unreachable(format!("{address}: {error}")),
        Err(_) => Answer::Unreachable(format!("{address}: no answer within {} s", ANSWER_TIMEOUT.as_secs())),
    }
}
