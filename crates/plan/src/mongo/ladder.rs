//! The ladder: from what is wanted and what was seen to the one next step. The first rung that does not hold decides.

use super::observed::{Cluster, Login, Observed, RouterState, State};
use super::step::{Pace, Rung, Step};
use super::topology::Wanted;
use super::{collections, sets};

/// The one next step.
pub fn next_step(wanted: &Wanted, observed: &Observed) -> Step {
    if let Err(invalid) = wanted.check() {
        return Step::invalid(invalid.to_string());
    }
    let ladder = sets::config(wanted, observed)
        .or_else(|| users(wanted, observed))
        .or_else(|| sets::shards(wanted, observed));
    if let Some(step) = ladder {
        return step;
    }
    let cluster = match routers(observed) {
        Ok(cluster) => cluster,
        Err(step) => return step,
    };
    concern(cluster)
        .or_else(|| add_shards(wanted, cluster))
        .or_else(|| collections::sharded(wanted, cluster))
        .or_else(|| collections::indexed(wanted, cluster))
        .or_else(|| strangers(wanted, cluster))
        .or_else(|| members(wanted, observed))
        .unwrap_or(Step::Ready)
}

fn users(wanted: &Wanted, observed: &Observed) -> Option<Step> {
    let unseen = || Step::wait(Rung::Users, Pace::Soon, "the users were not read yet");
    let (Some(primary), Some(read)) = (observed.primary(&wanted.config.name), observed.users.as_ref()) else {
        return Some(unseen());
    };
    let seen = match read {
        Ok(seen) => seen,
        Err(fault) => return Some(Step::unread(Rung::Users, "the users", fault)),
    };
    wanted.users().into_iter().find_map(|user| {
        let (primary, user) = (primary.to_owned(), user.clone());
        let Some(there) = seen.get(&user.name) else { return Some(Step::CreateUser { primary, user }) };
        let lacks_role = user.roles.iter().any(|role| !there.roles.contains(role));
        let refused = there.login == Login::Refused;
        (lacks_role || refused).then_some(Step::UpdateUser { primary, user })
    })
}

fn routers(observed: &Observed) -> Result<&Cluster, Step> {
    let stranger = observed.routers.iter().find(|router| router.state == RouterState::NotARouter);
    if let Some(stranger) = stranger {
        let address = &stranger.address;
        return Err(Step::invalid(format!("{address} should be a router (mongos) and is something else")));
    }
    observed.cluster.as_ref().ok_or_else(|| {
        let failed = observed.routers.iter().any(|router| matches!(router.state, RouterState::Failed(_)));
        let list: Vec<String> = observed
            .routers
            .iter()
            .map(|router| match &router.state {
                RouterState::Unreachable(fault) => format!("{} is unreachable: {fault}", router.address),
                // A router that knows an older password asks again after its half-minute.
                RouterState::Failed(fault) => format!("{} refuses the operator: {fault}", router.address),
                _ => format!("{} was not asked yet", router.address),
            })
            .collect();
        let pace = if failed { Pace::Slowly } else { Pace::Soon };
        Step::wait(Rung::Routers, pace, format!("no router is ready: {}", list.join("; ")))
    })
}

fn concern(cluster: &Cluster) -> Option<Step> {
    match &cluster.default_concern {
        Err(fault) => Some(Step::unread(Rung::DefaultConcern, "the default read and write concern", fault)),
        Ok(seen) if seen.write_majority && seen.read_majority => None,
        Ok(_) => Some(Step::SetDefaultConcern { router: cluster.router.clone() }),
    }
}

fn add_shards(wanted: &Wanted, cluster: &Cluster) -> Option<Step> {
    let rows = match &cluster.shards {
        Ok(rows) => rows,
        Err(fault) => return Some(Step::unread(Rung::AddShards, "the list of shards", fault)),
    };
    wanted.shards.iter().find_map(|shard| {
        let Some(row) = rows.iter().find(|row| row.id == shard.name) else {
            if let Some(other) = rows.iter().find(|row| overlaps(&row.host, &shard.hosts)) {
                return Some(Step::invalid(format!(
                    "members of shard {} are in the cluster as shard {} already: shards are never renamed",
                    shard.name, other.id
                )));
            }
            return Some(Step::AddShard {
                router: cluster.router.clone(),
                name: shard.name.clone(),
                connection: shard.connection(),
            });
        };
        (!overlaps(&row.host, &shard.hosts)).then(|| {
            Step::invalid(format!(
                "the cluster knows shard {} as {}, wanted is {}: hosts are never renamed. Give the members their old \
                 names again",
                shard.name,
                row.host,
                shard.connection()
            ))
        })
    })
}

/// Whether a `set/host,host` has one of these hosts.
fn overlaps(connection: &str, hosts: &[String]) -> bool {
    let list = connection.rsplit_once('/').map_or(connection, |(_, list)| list);
    list.split(',').any(|host| hosts.iter().any(|wanted| wanted == host))
}

fn strangers(wanted: &Wanted, cluster: &Cluster) -> Option<Step> {
    let rows = cluster.shards.as_ref().ok()?;
    rows.iter().find_map(|row| {
        if !wanted.shards.iter().any(|shard| shard.name == row.id) {
            return Some(Step::invalid(format!(
                "the cluster has a shard {} that is not wanted: raise the number of shards again, or drain it by hand",
                row.id
            )));
        }
        let message = || format!("shard {} is being drained; stop that, it is wanted", row.id);
        row.draining.then(|| Step::wait(Rung::Members, Pace::Slowly, message()))
    })
}

fn members(wanted: &Wanted, observed: &Observed) -> Option<Step> {
    let away = wanted.sets().flat_map(|set| observed.members(&set.name)).find(|member| {
        let up = matches!(member.state, State::Primary | State::Secondary);
        !up
    });
    if let Some(member) = away {
        let message = format!("{} is not up yet: {}", member.host, sets::describe(member));
        return Some(Step::wait(Rung::Members, Pace::Soon, message));
    }
    wanted.sets().find_map(|set| sets::differing(set, observed.members(&set.name))).or_else(|| {
        let router = observed.routers.iter().find(|router| router.state != RouterState::Ready)?;
        let message = format!("router {} is not ready yet", router.address);
        Some(Step::wait(Rung::Members, Pace::Soon, message))
    })
}
