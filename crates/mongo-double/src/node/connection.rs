//! Connections: accepted within a limit, one request after the other, each answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bson::Document;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::commands::{BEFORE_THE_FIRST_USER, Need, need};
use super::{Server, Session, common, program};
use crate::arguments::Request;
use crate::codes;
use crate::refusal::Refusal;
use crate::wire::{Incoming, Reply, legacy_reply, read_message, reply};

/// Connections at once. A pipeline has some dozens; past this a client leaks them.
const CONNECTIONS_MAX: i32 = 5_000;
/// A header and a short command in one read; a batch of inserts is read straight into its own memory.
const READ_BYTES: usize = 8 * 1024;

/// Accepts until told to stop.
pub async fn accept<S: Server>(server: Arc<S>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, most likely: it passes when connections close.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        let node = server.node();
        if node.connections.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
            node.connections.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let (server, stop) = (Arc::clone(&server), stop.clone());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            serve(&*server, stream, peer, stop).await;
            server.node().connections.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

async fn serve<S: Server>(server: &S, stream: TcpStream, peer: SocketAddr, mut stop: watch::Receiver<bool>) {
    let mut stream = BufReader::with_capacity(READ_BYTES, stream);
    let id = server.node().connection_ids.fetch_add(1, Ordering::Relaxed) + 1;
    let mut session =
        Session { id, peer, login: None, internal: false, exchange: None, skip_empty: false, proved: None };
    loop {
        let read = tokio::select! {
            read = read_message(&mut stream) => read,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        // What is no message ends the connection, as does its other end.
        let Ok(Some(incoming)) = read else { return };
        let (request_id, legacy, silent) = (incoming.id, incoming.legacy, incoming.more_to_come);
        let Some(document) = answer(server, &mut session, incoming).await else { return };
        if silent {
            continue;
        }
        let bytes = if legacy { legacy_reply(request_id, &document) } else { reply(request_id, &document) };
        if stream.get_mut().write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// The answer; `None` ends the connection.
async fn answer<S: Server>(server: &S, session: &mut Session, incoming: Incoming) -> Option<Vec<u8>> {
    let legacy = incoming.legacy;
    let tail = || if server.has_times() { server.node().times() } else { Document::new() };
    let request = match Request::read(incoming) {
        Ok(request) => request,
        Err(refusal) => return Some(Reply::from(refusal.document()).encode(&tail())),
    };
    let hit = server.node().fail.hit(&request.name, session.internal);
    if let Some(time) = hit.as_ref().and_then(|hit| hit.block) {
        tokio::time::sleep(time).await;
    }
    let result = match &hit {
        Some(hit) if hit.close => return None,
        Some(super::failpoint::Hit { refusal: Some((code, labels)), .. }) => {
            let message = "Failing command via 'failCommand' failpoint";
            Err(Refusal { labels: labels.clone(), ..Refusal::new(*code, message) })
        }
        _ => run(server, session, &request, legacy).await,
    };
    if hit.is_some_and(|hit| hit.close_after) {
        return None;
    }
    let reply = result.unwrap_or_else(|refusal| Reply::from(labelled(&request, refusal).document()));
    Some(reply.encode(&tail()))
}

/// A retryable write that may be sent again says so.
fn labelled(request: &Request, mut refusal: Refusal) -> Refusal {
    const LABEL: &str = "RetryableWriteError";
    let is_new = !refusal.labels.iter().any(|label| label == LABEL);
    if is_new && request.has("txnNumber") && codes::is_retryable_write(refusal.code) {
        refusal.labels.push(LABEL.into());
    }
    refusal
}

async fn run<S: Server>(
    server: &S,
    session: &mut Session,
    request: &Request,
    legacy: bool,
) -> Result<Reply, Refusal> {
    let name = request.name.as_str();
    if legacy && !matches!(name, "hello" | "isMaster" | "ismaster") {
        return Err(Refusal::new(
            codes::UNSUPPORTED_OP_QUERY_COMMAND,
            format!("Unsupported OP_QUERY command: {name}. The client driver may require an upgrade."),
        ));
    }
    let Some(need) = need(name, program(server)) else {
        return Err(Refusal::new(codes::COMMAND_NOT_FOUND, format!("no such command: '{name}'")));
    };
    authorise(server, session, request, need)?;
    match common::run(server, session, request).await {
        Some(answered) => answered,
        None => server.run(session, request).await,
    }
}

fn authorise(server: &impl Server, session: &Session, request: &Request, need: Need) -> Result<(), Refusal> {
    let node = server.node();
    let (name, db) = (&request.name, &request.db);
    if need == Need::Nothing || !node.has_auth() {
        return Ok(());
    }
    let unauthorized = |message| Err(Refusal::new(codes::UNAUTHORIZED, message));
    match &session.login {
        Some(login) if login.may(need, db) => Ok(()),
        Some(_) => unauthorized(format!("not authorized on {db} to execute command {name}")),
        None => {
            let first_steps = session.peer.ip().is_loopback()
                && BEFORE_THE_FIRST_USER.contains(&name.as_str())
                && node.flags.on("enableLocalhostAuthBypass", true)
                && !server.has_users();
            if first_steps { Ok(()) } else { unauthorized(format!("Command {name} requires authentication")) }
        }
    }
}
