//! One pass over one `EventPipeline`: look, decide, act, tell. Only this folder writes a pipeline's objects; the number
//! of workers and `status.scaling` are the scaler's.

pub mod applied;
mod apply;
mod cleanup;
mod live;
mod mongo;
mod outside;
mod pods;
mod postgres;
mod record;
mod report;
mod secrets;

pub use apply::scale;
pub use postgres::Taken;
pub use secrets::{read as read_secret, value as secret_value};

use std::sync::Arc;
use std::time::{Duration, Instant};

use crd::EventPipeline;
use kube::Resource;
use kube::runtime::controller::Action;
use plan::mongo::{Pace, Step};
use plan::resources::{self, Kind};
use plan::status::{Answer, Observed, Trouble};
use plan::validate::ValidatedPipeline;

use crate::context::{Context, key, lock};
use crate::controller::Guarded;
use crate::error::Error;

/// A pipeline that is as it should be is looked at this often: pods and stores tell of changes by themselves, servers
/// do not.
const STEADY: Duration = Duration::from_mins(1);
/// While pods start, or events wait.
const MOVING: Duration = Duration::from_secs(5);
/// The next step of the bootstrap follows at once: the last one changed what there is to see.
const NEXT_STEP: Duration = Duration::from_millis(50);

/// A pass over an object that may be none of ours to read.
pub async fn guarded(pipeline: Arc<Guarded>, context: Arc<Context>) -> Result<Action, Error> {
    let began = Instant::now();
    let action = match &pipeline.0 {
        Ok(pipeline) => match reconcile(pipeline, &context).await {
            Ok(action) => action,
            Err(error) => {
                report::given_up(pipeline, &error, &context).await;
                return Err(error);
            }
        },
        Err(invalid) => {
            let name = invalid.metadata.name.as_deref().unwrap_or_default();
            tracing::warn!(
                pipeline = name,
                error = %invalid.error,
                "this EventPipeline cannot be read: an older definition let it in, or a newer one has fields that this operator lacks"
            );
            report::unreadable(&pipeline.object_ref(&()), &invalid.error, &context).await;
            cleanup::release(pipeline.as_ref(), &context).await?;
            Action::await_change()
        }
    };
    context.metrics.seconds.observe(began.elapsed().as_secs_f64());
    context.metrics.ended("ok");
    Ok(action)
}

async fn reconcile(pipeline: &EventPipeline, context: &Context) -> Result<Action, Error> {
    let key = key(pipeline);
    if pipeline.metadata.deletion_timestamp.is_some() {
        cleanup::finish(pipeline, context).await?;
        context.forget(&key);
        return Ok(Action::await_change());
    }
    cleanup::hold(pipeline, context).await?;

    let valid = match plan::validate(pipeline, &context.installation) {
        Ok(valid) => valid,
        Err(faults) => {
            report::invalid(pipeline, &faults, context).await?;
            context.backoff.forget(&key);
            return Ok(Action::await_change());
        }
    };
    let secrets = secrets::ensure(&valid, context).await?;
    let live = live::read(&valid, context).await?;
    let mut mongo = mongo::look(&valid, &secrets, &live, context).await;
    let outside = outside::ask(&valid, &secrets, &live, context).await;
    let mut objects = resources::objects(&valid);
    let workload = |name: &str| live.get(Kind::Deployment, name);
    let value = |secret: &str, key: &str| secrets.value(secret, key);
    let trusted = outside.all_trusted() && (valid.spec().mongodb.external.is_some() || mongo.users_stand());
    resources::marks::mark(&valid, &mut objects, value, workload, trusted);
    // Without a Secret pods would only fail and start again.
    let applied = if secrets.trouble.is_some() {
        apply::Done::default()
    } else {
        let used = outside.redis_used_bytes;
        apply::objects(&valid, &objects, &live, mongo.progress(), used, context).await?
    };
    let acted = mongo.act(&valid, context).await;
    let waits = applied.waits || !applied.held_back.is_empty();
    let trouble = Trouble::all(secrets.trouble.into_iter().chain(applied.troubles));
    let observed = {
        let memory = context.memory(&key);
        let mut memory = lock(&memory);
        let seen = report::observed(&valid, &live, &mongo, outside, &mut memory);
        Observed { waiting: applied.held_back, trouble, ..seen }
    };
    report::undone(pipeline, &applied.undone, context).await;
    report::status(pipeline, &valid, &observed, context).await?;
    context.backoff.forget(&key);
    Ok(Action::requeue(next(&valid, &observed, &mongo, acted, waits)))
}

/// When to look again.
fn next(
    valid: &ValidatedPipeline,
    observed: &Observed,
    mongo: &mongo::Look,
    acted: bool,
    waits_for_others: bool,
) -> Duration {
    if acted {
        return NEXT_STEP;
    }
    let managed = valid.spec().mongodb.external.is_none();
    let waits = match (mongo.pace_of_fault(), mongo.step()) {
        (Some(pace), _) => Some(pace.delay()),
        (None, Some(Step::Wait(wait))) => Some(wait.pace.delay()),
        // A person has to decide, and pods tell of it.
        (None, Some(Step::Ready | Step::Refused(_))) => None,
        _ if managed => Some(MOVING),
        _ => None,
    };
    let starting = [&observed.redis.pods, &observed.postgres.pods, &observed.api, &observed.worker]
        .into_iter()
        .any(|pods| pods.exists && !pods.all_ready());
    let lags = observed.lag.is_some_and(|(events, _)| events != Some(0));
    // A store that does not answer holds a pass for seconds.
    let away = [&observed.redis.answer, &observed.postgres.answer, &observed.mongodb.answer]
        .into_iter()
        .any(|answer| matches!(answer, Answer::Unreachable(_)));
    let pause = if away { Pace::Slowly.delay() } else { MOVING };
    let moving = (starting || lags || waits_for_others).then_some(pause);
    waits.into_iter().chain(moving).min().unwrap_or(STEADY)
}
