//! `saslStart` and `saslContinue`, alone or riding on the first `hello`.

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};

use super::{Login, Server, Session, program};
use crate::codes;
use crate::flags::Program;
use crate::refusal::Refusal;
use crate::scram::{Credential, Exchange, Mechanism};

/// The only conversation of a connection.
const CONVERSATION: i32 = 1;

/// All failures look alike.
fn failed() -> Refusal {
    Refusal::new(codes::AUTHENTICATION_FAILED, "Authentication failed.")
}

fn payload(command: &Document) -> Result<&[u8], Refusal> {
    match command.get("payload") {
        Some(Bson::Binary(payload)) => Ok(&payload.bytes),
        Some(Bson::String(payload)) => Ok(payload.as_bytes()),
        _ => Err(Refusal::new(codes::MISSING_FIELD, "BSON field 'saslStart.payload' is missing but a required field")),
    }
}

fn answer(payload: Vec<u8>, done: bool) -> Document {
    let payload = Binary { subtype: BinarySubtype::Generic, bytes: payload };
    doc! {"conversationId": CONVERSATION, "done": done, "payload": payload}
}

/// The first step.
pub async fn start(
    server: &impl Server,
    session: &mut Session,
    command: &Document,
    db: &str,
) -> Result<Document, Refusal> {
    session.exchange = None;
    let name = command.get_str("mechanism").unwrap_or_default();
    let mechanism = Mechanism::parse(name).ok_or_else(|| {
        Refusal::new(codes::MECHANISM_UNAVAILABLE, format!("Unsupported mechanism '{name}' on authentication database '{db}'"))
    })?;
    if db == "local" && program(server) == Program::Mongos {
        return Err(Refusal::new(codes::ILLEGAL_OPERATION, "Can't use 'local' database through mongos"));
    }
    let first = payload(command)?;
    let user = Exchange::user(first).map_err(|_| failed())?;
    let (login, credentials) = if user == "__system" && db == "local" {
        (Login::system(), server.node().system_credentials(mechanism))
    } else {
        let record = server.user(db, &user).await?.ok_or_else(failed)?;
        let stored = record.credentials.get_document(mechanism.name()).map_err(|_| failed())?;
        (record.login, Credential::of_document(stored).into_iter().collect())
    };
    let begun = Exchange::begin(mechanism, first, |_| Some(credentials));
    let (_, exchange, second) = begun.map_err(|_| failed())?;
    session.exchange = Some((exchange, login));
    session.skip_empty =
        command.get_document("options").is_ok_and(|options| options.get_bool("skipEmptyExchange") == Ok(true));
    Ok(answer(second, false))
}

/// The next steps.
pub fn go_on(session: &mut Session, command: &Document) -> Result<Document, Refusal> {
    if let Some(login) = session.proved.take() {
        // The empty message of a client that does not leave it out.
        session.login = Some(login);
        return Ok(answer(Vec::new(), true));
    }
    let (mut exchange, login) = session.exchange.take().ok_or_else(|| {
        Refusal::new(codes::PROTOCOL_ERROR, "No SASL session state found")
    })?;
    let proof = exchange.finish(payload(command)?).map_err(|_| failed())?;
    if session.skip_empty {
        session.login = Some(login);
    } else {
        session.proved = Some(login);
    }
    Ok(answer(proof, session.skip_empty))
}

/// What `hello` adds for a client that will log in: the mechanisms of its user, and the answer to its first step.
pub async fn in_hello(server: &impl Server, session: &mut Session, command: &Document, reply: &mut Document) {
    if let Ok(name) = command.get_str("saslSupportedMechs")
        && let Some((db, user)) = name.split_once('.')
    {
        let system = user == "__system" && db == "local";
        let names: Vec<String> = if system {
            Mechanism::ALL.iter().map(|mechanism| mechanism.name().to_owned()).collect()
        } else {
            match server.user(db, user).await {
                Ok(Some(record)) => record.credentials.keys().cloned().collect(),
                _ => Vec::new(),
            }
        };
        if !names.is_empty() {
            reply.insert("saslSupportedMechs", names);
        }
    }
    if let Ok(first) = command.get_document("speculativeAuthenticate") {
        let db = first.get_str("db").unwrap_or("admin").to_owned();
        // A failure is silent here: the client then logs in the long way and hears of it.
        if let Ok(answer) = start(server, session, first, &db).await {
            reply.insert("speculativeAuthenticate", answer);
        }
    }
}
