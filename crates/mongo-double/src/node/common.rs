//! Commands that both programs answer alike.

use bson::{Bson, Document, doc};

use super::{Server, Session, VERSION, login, program};
use crate::arguments::{Arguments, Request};
use crate::codes;
use crate::flags::Program;
use crate::refusal::{Refusal, only_on_admin};
use crate::wire::Reply;

/// Answers a command that is common; `None` where it is the program's own.
pub async fn run(
    server: &impl Server,
    session: &mut Session,
    request: &Request,
) -> Option<Result<Reply, Refusal>> {
    let name = request.name.as_str();
    let is_common = matches!(
        name,
        "hello" | "isMaster" | "ismaster" | "ping" | "buildInfo" | "buildinfo" | "saslStart" | "saslContinue"
            | "logout" | "connectionStatus" | "startSession" | "refreshSessions" | "endSessions" | "hostInfo"
            | "getCmdLineOpts" | "configureFailPoint" | "serverStatus"
    );
    if !is_common {
        return None;
    }
    let arguments = match request.arguments() {
        Ok(arguments) => arguments,
        Err(refusal) => return Some(Err(refusal)),
    };
    Some(answer(server, session, name, &arguments).await.map(Reply::from))
}

async fn answer(
    server: &impl Server,
    session: &mut Session,
    name: &str,
    arguments: &Arguments,
) -> Result<Document, Refusal> {
    let fields = &arguments.fields;
    let node = server.node();
    match name {
        "hello" | "isMaster" | "ismaster" => Ok(hello(server, session, name, fields).await),
        "ping" | "startSession" | "refreshSessions" | "endSessions" => {
            arguments.only(&[])?;
            Ok(Document::new())
        }
        "buildInfo" | "buildinfo" => Ok(doc! {
            "version": VERSION,
            "gitVersion": "double",
            "modules": [],
            "versionArray": [7, 0, 99, 0],
            "bits": 64,
            "debug": false,
            "maxBsonObjectSize": 16 * 1024 * 1024,
            "storageEngines": ["double"],
        }),
        "saslStart" => login::start(server, session, fields, &arguments.db).await,
        "saslContinue" => login::go_on(session, fields),
        "logout" => {
            session.login = None;
            Ok(Document::new())
        }
        "connectionStatus" => {
            let (users, roles) = match &session.login {
                None => (Vec::new(), Vec::new()),
                Some(login) => {
                    let (user, roles) = login.documents();
                    (vec![user], roles)
                }
            };
            Ok(doc! {"authInfo": {"authenticatedUsers": users, "authenticatedUserRoles": roles}})
        }
        "hostInfo" => {
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            Ok(doc! {
                "system": {"hostname": host_name(), "numCores": i32::try_from(cores).unwrap_or(i32::MAX)},
                "os": {"type": "Linux"},
            })
        }
        "getCmdLineOpts" => {
            let program = if program(server) == Program::Mongod { "mongod" } else { "mongos" };
            let argv: Vec<String> =
                std::iter::once(program.to_owned()).chain(node.flags.argv.iter().cloned()).collect();
            Ok(doc! {"argv": argv, "parsed": {"net": {"port": i32::from(node.flags.port)}}})
        }
        "serverStatus" => {
            let program = if program(server) == Program::Mongod { "mongod" } else { "mongos" };
            let current = node.connections.load(std::sync::atomic::Ordering::Relaxed);
            Ok(doc! {
                "host": format!("{}:{}", host_name(), node.flags.port),
                "version": VERSION,
                "process": program,
                "pid": i64::from(std::process::id()),
                "uptime": node.started.elapsed().as_secs_f64(),
                "localTime": bson::DateTime::now(),
                "connections": {"current": current},
            })
        }
        "configureFailPoint" => {
            if !node.flags.on("enableTestCommands", false) {
                return Err(Refusal::new(codes::COMMAND_NOT_FOUND, "no such command: 'configureFailPoint'"));
            }
            if arguments.db != "admin" {
                return Err(only_on_admin(name));
            }
            node.fail.configure(fields)
        }
        _ => Err(Refusal::new(codes::COMMAND_NOT_FOUND, format!("no such command: '{name}'"))),
    }
}

/// The name of this machine.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "localhost".into() } else { name.trim().to_owned() }
}

async fn hello(server: &impl Server, session: &mut Session, name: &str, command: &Document) -> Document {
    let mut reply = server.hello();
    if name != "hello" {
        let writable = reply.remove("isWritablePrimary").unwrap_or(Bson::Boolean(false));
        reply.insert("ismaster", writable);
    }
    if crate::arguments::truthy(command.get("helloOk")) {
        reply.insert("helloOk", true);
    }
    if command.contains_key("internalClient") {
        session.internal = true;
    }
    reply.extend(server.node().limits(session.id));
    login::in_hello(server, session, command, &mut reply).await;
    reply
}
