//! Reading users: who is there, with which roles, and whether our password is theirs.

use std::collections::BTreeMap;

use bson::{Bson, Document, doc};
use plan::mongo::Wanted;
use plan::mongo::observed::{Login as Accepted, Read, UserSeen};
use plan::mongo::topology::{ADMIN, Role};

use crate::client::{As, READ_TIME, Server};
use crate::error::AUTHENTICATION_FAILED;
use crate::login::Login;

/// The wanted users that are there, as the config set's primary has them.
pub(crate) async fn look(wanted: &Wanted, primary: &str, login: &Login) -> Read<BTreeMap<String, UserSeen>> {
    let server = Server::member(primary, login).await?;
    let names: Vec<Bson> =
        wanted.users().iter().map(|user| doc! {"user": &user.name, "db": ADMIN}.into()).collect();
    let reply = server.run(ADMIN, doc! {"usersInfo": names}, READ_TIME).await;
    server.close().await;
    let mut seen = BTreeMap::new();
    for user in reply?.get_array("users").into_iter().flatten().filter_map(Bson::as_document) {
        let Ok(name) = user.get_str("user") else { continue };
        let password = login.password(wanted, name);
        let login = accepted(login.address(primary), As::user(name, password)).await;
        seen.insert(name.to_owned(), UserSeen { roles: roles(user), login });
    }
    Ok(seen)
}

fn roles(user: &Document) -> Vec<Role> {
    let roles = user.get_array("roles").into_iter().flatten().filter_map(Bson::as_document);
    roles.filter_map(|role| Some(Role::of(role.get_str("role").ok()?, role.get_str("db").ok()?))).collect()
}

/// The config set's own members know these users, so they tell at once; a router may go by an older password for a while.
async fn accepted(address: &str, who: As<'_>) -> Accepted {
    match Server::connect(address, who).await {
        Ok(server) => {
            server.close().await;
            Accepted::Accepted
        }
        Err(fault) if fault.code == Some(AUTHENTICATION_FAILED) => Accepted::Refused,
        Err(fault) => Accepted::Unknown(fault),
    }
}

impl Login {
    /// The password of one of the two users.
    pub(crate) fn password(&self, wanted: &Wanted, user: &str) -> &str {
        if user == wanted.operator.name { &self.operator_password } else { &self.application_password }
    }
}
