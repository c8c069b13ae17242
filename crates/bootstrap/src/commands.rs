//! From a step to the command that does it: who is asked, in which database, with which limit. No I/O.

use std::time::Duration;

use bson::{Document, doc};
use plan::mongo::observed::Keys;
use plan::mongo::topology::{ADMIN, Role, User};
use plan::mongo::{Command, Step, Wanted};

use crate::login::Login;

/// A quorum check, a DDL lock, a shard that is looked for: the server gives up in this time and the step is looked at again.
const ACTION_TIME: Duration = Duration::from_secs(20);
/// An index over documents that are there already takes as long as they are many; giving up would start it anew.
const INDEX_TIME: Duration = Duration::from_mins(5);
/// A majority confirms within milliseconds or is not there.
const MAJORITY_WAIT_MS: i32 = 10_000;

/// Whom a command asks, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A member as `__system`.
    Member(String),
    /// A router as the operator's user.
    Router(String),
}

/// A command to run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) command: Command,
    pub(crate) target: Target,
    pub(crate) database: String,
    pub(crate) body: Document,
    pub(crate) within: Duration,
}

/// The command of a step that is one.
pub(crate) fn request(step: &Step, wanted: &Wanted, login: &Login) -> Option<Request> {
    let member = |host: &String| Target::Member(host.clone());
    let router = |address: &String| Target::Router(address.clone());
    let (command, target, database, body) = match step {
        Step::Initiate { set, via, hosts, config_server } => {
            (Command::Initiate, member(via), ADMIN, initiate(set, hosts, *config_server))
        }
        Step::CreateUser { primary, user } => {
            let mut body = doc! {"createUser": &user.name};
            body.extend(user_fields(user, login.password(wanted, &user.name)));
            body.insert("mechanisms", vec!["SCRAM-SHA-256"]);
            (Command::CreateUser, member(primary), ADMIN, body)
        }
        Step::UpdateUser { primary, user } => {
            let mut body = doc! {"updateUser": &user.name};
            body.extend(user_fields(user, login.password(wanted, &user.name)));
            (Command::UpdateUser, member(primary), ADMIN, body)
        }
        Step::SetDefaultConcern { router: address } => {
            let body = doc! {
                "setDefaultRWConcern": 1,
                "defaultWriteConcern": {"w": "majority"},
                "defaultReadConcern": {"level": "majority"},
                "writeConcern": majority(),
            };
            (Command::SetDefaultConcern, router(address), ADMIN, body)
        }
        Step::AddShard { router: address, name, connection } => {
            (Command::AddShard, router(address), ADMIN, doc! {"addShard": connection, "name": name})
        }
        Step::EnableSharding { router: address, database } => {
            (Command::EnableSharding, router(address), ADMIN, doc! {"enableSharding": database})
        }
        Step::ShardCollection { router: address, namespace, hashed_field } => {
            let body = doc! {"shardCollection": namespace, "key": {hashed_field: "hashed"}};
            (Command::ShardCollection, router(address), ADMIN, body)
        }
        Step::CreateIndex { router: address, database, collection, name, keys, expire_after_seconds } => {
            let mut index = doc! {"key": key(keys), "name": name};
            if let Some(seconds) = expire_after_seconds {
                index.insert("expireAfterSeconds", number(*seconds));
            }
            let body = doc! {"createIndexes": collection, "indexes": [index], "writeConcern": majority()};
            (Command::CreateIndex, router(address), database.as_str(), body)
        }
        Step::ChangeTtl { router: address, database, collection, keys, expire_after_seconds } => {
            let index = doc! {"keyPattern": key(keys), "expireAfterSeconds": number(*expire_after_seconds)};
            let body = doc! {"collMod": collection, "index": index, "writeConcern": majority()};
            (Command::ChangeTtl, router(address), database.as_str(), body)
        }
        Step::Record { .. } | Step::Wait(_) | Step::Refused(_) | Step::Ready => return None,
    };
    let within = if command == Command::CreateIndex { INDEX_TIME } else { ACTION_TIME };
    Some(Request { command, target, database: database.to_owned(), body, within })
}

/// All members at once: one election and no chain of reconfigurations.
fn initiate(set: &str, hosts: &[String], config_server: bool) -> Document {
    let members: Vec<Document> =
        (0_i32..).zip(hosts).map(|(id, host)| doc! {"_id": id, "host": host}).collect();
    let mut config = doc! {"_id": set, "version": 1};
    if config_server {
        config.insert("configsvr", true);
    }
    config.insert("members", members);
    doc! {"replSetInitiate": config}
}

fn user_fields(user: &User, password: &str) -> Document {
    let role = |role: &Role| doc! {"role": &role.role, "db": &role.db};
    let roles: Vec<Document> = user.roles.iter().map(role).collect();
    doc! {"pwd": password, "roles": roles, "writeConcern": majority()}
}

fn majority() -> Document {
    doc! {"w": "majority", "wtimeout": MAJORITY_WAIT_MS}
}

fn key(keys: &Keys) -> Document {
    let mut document = Document::new();
    for (field, way) in keys {
        match way.parse::<i32>() {
            Ok(direction) => document.insert(field.clone(), direction),
            Err(_) => document.insert(field.clone(), way.clone()),
        };
    }
    document
}

fn number(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        let set = |name: &str| plan::mongo::topology::ReplicaSet {
            name: name.to_owned(),
            hosts: vec![format!("{name}-0:27017"), format!("{name}-1:27017")],
        };
        Wanted {
            config: set("c"),
            shards: vec![set("s")],
            routers: vec!["r:27017".into()],
            database: "ep".into(),
            collections: Vec::new(),
            operator: Wanted::operator_user("operator"),
            application: Wanted::application_user("services", "ep"),
        }
    }

    fn body(step: &Step) -> Request {
        let login = Login::new("keykeykey", "of the operator", "of the services").unwrap();
        request(step, &wanted(), &login).unwrap()
    }

    #[test]
    fn a_config_set_is_initiated_as_one_with_all_members_and_a_shard_is_not() {
        let step = |set: &str, config_server| Step::Initiate {
            set: set.into(),
            via: "h0:1".into(),
            hosts: vec!["h0:1".into(), "h1:1".into()],
            config_server,
        };
        let members = vec![doc! {"_id": 0, "host": "h0:1"}, doc! {"_id": 1, "host": "h1:1"}];
        let request = body(&step("c", true));
        let config = doc! {"_id": "c", "version": 1, "configsvr": true, "members": members.clone()};
        assert_eq!(request.body, doc! {"replSetInitiate": config});
        assert_eq!(request.target, Target::Member("h0:1".into()));
        let config = doc! {"_id": "s", "version": 1, "members": members};
        assert_eq!(body(&step("s", false)).body, doc! {"replSetInitiate": config});
    }

    #[test]
    fn each_user_gets_its_own_password_on_the_primary_and_waits_for_a_majority() {
        for (user, password) in [("operator", "of the operator"), ("services", "of the services")] {
            let wanted = wanted();
            let user = wanted.users().into_iter().find(|known| known.name == user).unwrap().clone();
            let create = body(&Step::CreateUser { primary: "c-0:1".into(), user: user.clone() });
            let update = body(&Step::UpdateUser { primary: "c-0:1".into(), user: user.clone() });
            for request in [create, update] {
                assert_eq!(request.body.get_str("pwd"), Ok(password));
                assert_eq!(request.body.get_array("roles").unwrap().len(), user.roles.len());
                assert_eq!(request.body.get_document("writeConcern").unwrap().get_str("w"), Ok("majority"));
                assert_eq!(request.target, Target::Member("c-0:1".into()));
            }
        }
    }

    #[test]
    fn indexes_have_numbers_for_directions_and_words_for_hashes() {
        let keys = vec![("a".to_owned(), "1".to_owned()), ("b".to_owned(), "-1".to_owned())];
        let step = Step::CreateIndex {
            router: "r:1".into(),
            database: "ep".into(),
            collection: "events".into(),
            name: "n".into(),
            keys,
            expire_after_seconds: Some(60),
        };
        let request = body(&step);
        let index = doc! {"key": {"a": 1, "b": -1}, "name": "n", "expireAfterSeconds": 60_i64};
        assert_eq!(request.body.get_array("indexes").unwrap(), &vec![index.into()]);
        assert_eq!((request.database.as_str(), request.within), ("ep", INDEX_TIME));
        assert_eq!(key(&vec![("userId".to_owned(), "hashed".to_owned())]), doc! {"userId": "hashed"});
    }

    #[test]
    fn what_is_no_command_asks_nobody() {
        let login = Login::new("keykeykey", "a", "b").unwrap();
        assert!(request(&Step::Ready, &wanted(), &login).is_none());
        let record = Step::Record { set: "s".into(), replica_set_id: "1".into() };
        assert!(request(&record, &wanted(), &login).is_none());
    }
}
