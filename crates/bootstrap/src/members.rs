//! Reading one member: greeting, status, configuration. Codes say what an empty one is.

use bson::{Document, doc};
use plan::mongo::observed::{Fault, Member, Read, SetConfig, State};

use crate::client::{READ_TIME, Server};
use crate::login::Login;

const INVALID_REPLICA_SET_CONFIG: i32 = 93;
const NOT_YET_INITIALIZED: i32 = 94;

/// Looks at a member of a wanted set.
pub(crate) async fn look(host: &str, login: &Login) -> Member {
    let member = |state, config| Member { host: host.to_owned(), state, config };
    let server = match Server::member(host, login).await {
        Ok(server) => server,
        Err(fault) => return member(without_answer(fault), None),
    };
    let read = read(&server).await;
    server.close().await;
    match read {
        Ok((state, config)) => member(state, config),
        Err(fault) => member(without_answer(fault), None),
    }
}

fn without_answer(fault: Fault) -> State {
    if fault.code.is_some() { State::Failed(fault) } else { State::Unreachable(fault) }
}

async fn read(server: &Server) -> Read<(State, Option<SetConfig>)> {
    let hello = server.run("admin", doc! {"hello": 1}, READ_TIME).await?;
    let status = server.run("admin", doc! {"replSetGetStatus": 1}, READ_TIME).await;
    let (config, says_empty) = match server.run("admin", doc! {"replSetGetConfig": 1}, READ_TIME).await {
        Ok(reply) => (Some(parse(&reply)?), false),
        // Empty, or started a moment ago and still reading what its volume holds.
        Err(fault) if fault.code == Some(NOT_YET_INITIALIZED) => {
            let stored = stored(server).await;
            let says_empty = stored.is_none();
            (stored, says_empty)
        }
        // It has one, and is not in it: its host does not find its own name, or its volume is another set's.
        Err(fault) if fault.code == Some(INVALID_REPLICA_SET_CONFIG) => (stored(server).await, false),
        Err(fault) => return Err(fault),
    };
    let is = |field: &str| hello.get_bool(field).unwrap_or(false);
    let state = match status {
        // Only both answers and an empty database together make a member empty: one answer may have been given before a
        // heartbeat brought the other.
        Err(fault) if fault.code == Some(NOT_YET_INITIALIZED) && says_empty => State::Ghost,
        Err(fault) if fault.code == Some(NOT_YET_INITIALIZED) => State::Other,
        Err(fault) if fault.code == Some(INVALID_REPLICA_SET_CONFIG) => State::Removed,
        Err(fault) => return Err(fault),
        Ok(_) if config.is_none() => State::Other,
        Ok(_) if is("isWritablePrimary") => State::Primary,
        Ok(_) if is("secondary") => State::Secondary,
        Ok(_) => State::Other,
    };
    Ok((state, config))
}

/// The configuration as it stands in the member's own database; nothing when it is not shown.
async fn stored(server: &Server) -> Option<SetConfig> {
    let find = doc! {"find": "system.replset", "limit": 1, "singleBatch": true};
    let reply = server.run("local", find, READ_TIME).await.ok()?;
    let first = reply.get_document("cursor").ok()?.get_array("firstBatch").ok()?.first()?;
    parse(&doc! {"config": first.as_document()?}).ok()
}

fn parse(reply: &Document) -> Read<SetConfig> {
    let unreadable = || Fault::of_network("the member's configuration has not the fields it should have");
    let config = reply.get_document("config").map_err(|_| unreadable())?;
    let settings = config.get_document("settings").map_err(|_| unreadable())?;
    let members = config.get_array("members").map_err(|_| unreadable())?;
    let hosts =
        members.iter().filter_map(|member| Some(member.as_document()?.get_str("host").ok()?.to_owned()));
    Ok(SetConfig {
        id: config.get_str("_id").map_err(|_| unreadable())?.to_owned(),
        replica_set_id: settings.get_object_id("replicaSetId").map_err(|_| unreadable())?.to_hex(),
        hosts: hosts.collect(),
    })
}
