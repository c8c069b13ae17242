//! One look at everything: members at once, then users on the config set's primary, then routers, then the cluster.

use std::collections::BTreeMap;

use futures::future::join_all;
use plan::mongo::Wanted;
use plan::mongo::observed::{
    Cluster, Initiated, Login as Accepted, Member, Observed, Read, Router, RouterState, UserSeen,
};

use crate::client::Server;
use crate::login::Login;
use crate::record::Record;
use crate::{Error, members, routers, users};

/// Reads the record and every server. Fails only when the record cannot be read: what a server does not tell is part
/// of what was observed.
pub async fn observe<R: Record>(wanted: &Wanted, login: &Login, record: &R) -> Result<Observed, Error> {
    // Read first: a set that is initiated after this is seen with its configuration, never as empty and unknown.
    let record: Initiated = record.read().await?;
    let looks = wanted.sets().map(async |set| {
        let members = join_all(set.hosts.iter().map(|host| members::look(host, login))).await;
        (set.name.clone(), members)
    });
    let sets: BTreeMap<String, Vec<Member>> = join_all(looks).await.into_iter().collect();
    let mut observed = Observed { sets, users: None, routers: Vec::new(), cluster: None, record };
    if let Some(primary) = observed.primary(&wanted.config.name).map(str::to_owned) {
        observed.users = Some(users::look(wanted, &primary, login).await);
    }
    (observed.routers, observed.cluster) = if operator_is_there(wanted, observed.users.as_ref()) {
        ask_routers(wanted, login).await
    } else {
        // Asking would only fill the server's log with failed logins.
        let unasked = |address: &String| Router { address: address.clone(), state: RouterState::NotAsked };
        (wanted.routers.iter().map(unasked).collect(), None)
    };
    Ok(observed)
}

fn operator_is_there(wanted: &Wanted, users: Option<&Read<BTreeMap<String, UserSeen>>>) -> bool {
    let operator = users.and_then(|users| users.as_ref().ok()?.get(&wanted.operator.name));
    operator.is_some_and(|user| user.login != Accepted::Refused)
}

async fn ask_routers(wanted: &Wanted, login: &Login) -> (Vec<Router>, Option<Cluster>) {
    let greetings = wanted.routers.iter().map(|address| routers::greet(wanted, address, login));
    let (routers, servers): (Vec<Router>, Vec<Option<Server>>) =
        join_all(greetings).await.into_iter().unzip();
    let ready = routers.iter().zip(&servers).find_map(|(router, server)| Some((router, server.as_ref()?)));
    let cluster = match ready {
        Some((router, server)) => Some(routers::look(wanted, &router.address, server).await),
        None => None,
    };
    join_all(servers.into_iter().flatten().map(Server::close)).await;
    (routers, cluster)
}
