//! Doing at most one thing: the step that the plan named.

use plan::mongo::observed::{Fault, Read};
use plan::mongo::{Class, Step, Wanted, class};

use crate::Error;
use crate::client::{As, Server};
use crate::commands::{Request, Target, request};
use crate::login::Login;
use crate::record::Record;

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// Someone had done it already.
    Already,
    /// There was nothing to do: a wait, or ready.
    Nothing,
}

/// Carries out a step. An error says what was attempted and carries its class; whatever it was, looking again is safe.
/// A refusal comes back as [`Error::Refused`].
pub async fn act<R: Record>(
    step: &Step,
    wanted: &Wanted,
    login: &Login,
    record: &R,
) -> Result<Outcome, Error> {
    match step {
        Step::Wait(_) | Step::Ready => return Ok(Outcome::Nothing),
        Step::Refused(refusal) => return Err(refusal.clone().into()),
        Step::Record { set, replica_set_id } => {
            record.write(set, replica_set_id).await?;
            return Ok(Outcome::Done);
        }
        _ => (),
    }
    let Some(request) = request(step, wanted, login) else { return Ok(Outcome::Nothing) };
    let (Target::Member(host) | Target::Router(host)) = &request.target;
    match send(&request, wanted, login).await {
        Ok(()) => {
            tracing::info!(%step, host, "done");
            Ok(Outcome::Done)
        }
        Err(fault) => match class_of(&request, &fault) {
            Class::Done => Ok(Outcome::Already),
            class => {
                tracing::info!(%step, host, %fault, class = class.label(), "not done");
                Err(Error::Command { attempted: step.to_string(), host: host.clone(), fault, class })
            }
        },
    }
}

async fn send(request: &Request, wanted: &Wanted, login: &Login) -> Read<()> {
    let server = match &request.target {
        Target::Member(host) => Server::member(host, login).await?,
        Target::Router(address) => {
            let who = As::user(&wanted.operator.name, &login.operator_password);
            Server::connect(login.address(address), who).await?
        }
    };
    let reply = server.run(&request.database, request.body.clone(), request.within).await;
    server.close().await;
    reply.map(|_| ())
}

/// No answer means that it may have been done: the next look tells.
fn class_of(request: &Request, fault: &Fault) -> Class {
    fault.code.map_or(Class::RetrySoon, |code| class(request.command, code))
}
