//! The loop of `eventpipeline dev`: look, decide, act, until ready or the time is over. The operator has its own.

use std::time::Duration;

use plan::mongo::{Class, Pace, Progress, Step, Wanted, next_step, progress};
use tokio::time::{Instant, sleep};

use crate::act::act;
use crate::error::Error;
use crate::login::Login;
use crate::observe::observe;
use crate::record::Record;

/// How long it may take, and how often to look.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// All of it together.
    pub deadline: Duration,
    /// Between two looks at something that passes by itself.
    pub pause: Duration,
    /// Between two looks at something that someone may have to mend.
    pub long_pause: Duration,
}

impl Default for Patience {
    /// For processes on one machine: an election of three takes twelve seconds, of one a twentieth.
    fn default() -> Self {
        Self {
            deadline: Duration::from_mins(2),
            pause: Duration::from_millis(100),
            long_pause: Duration::from_secs(1),
        }
    }
}

impl Patience {
    fn of(&self, pace: Pace) -> Duration {
        match pace {
            Pace::Soon => self.pause,
            Pace::Slowly => self.long_pause,
        }
    }
}

/// Goes up the ladder. `on_step` sees every step before it is done. Dropping the future at any point is safe: the next
/// call looks again and goes on from what the servers say.
pub async fn converge<R: Record>(
    wanted: &Wanted,
    login: &Login,
    record: &R,
    patience: Patience,
    mut on_step: impl FnMut(&Step, &Progress),
) -> Result<Progress, Error> {
    let deadline = Instant::now() + patience.deadline;
    loop {
        let observed = observe(wanted, login, record).await?;
        let step = next_step(wanted, &observed);
        let progress = progress(wanted, &observed, &step);
        on_step(&step, &progress);
        let (last, pause) = match act(&step, wanted, login, record).await {
            Ok(_) => match &step {
                Step::Ready => return Ok(progress),
                Step::Wait(wait) => (wait.message.clone(), patience.of(wait.pace)),
                _ => (step.to_string(), Duration::ZERO),
            },
            Err(error) => {
                let pause = match error.class() {
                    Class::Permanent => return Err(error),
                    Class::RetrySlowly => patience.long_pause,
                    Class::Done | Class::RetrySoon | Class::AppliedNotDurable => patience.pause,
                };
                (error.to_string(), pause)
            }
        };
        if Instant::now() + pause >= deadline {
            return Err(Error::TimedOut { after: patience.deadline, last });
        }
        sleep(pause).await;
    }
}
