//! What a member says of itself: `hello`, `replSetGetStatus`, `replSetGetConfig`.

use bson::{Bson, DateTime, Document, doc};

use super::Mongod;
use super::replication::{Phase, State};
use crate::codes;
use crate::flags::Role;
use crate::refusal::Refusal;

impl Mongod {
    pub(super) fn describe(&self) -> Document {
        let state = self.replication.state();
        let mut hello = doc! {"isWritablePrimary": matches!(state.phase, Phase::Primary | Phase::Alone)};
        match (state.phase, &state.config) {
            (Phase::Alone, _) => (),
            (Phase::Primary | Phase::Secondary, Some(config)) => {
                let host = state.host().unwrap_or_default();
                let now = self.node.now();
                let at = doc! {"ts": now, "t": state.term};
                hello.extend(doc! {
                    "setName": config.get_str("_id").unwrap_or_default(),
                    "setVersion": config.get_i32("version").unwrap_or(1),
                    "secondary": state.phase == Phase::Secondary,
                    "hosts": [host],
                    "me": host,
                    "lastWrite": {
                        "opTime": at.clone(), "lastWriteDate": DateTime::now(),
                        "majorityOpTime": at, "majorityWriteDate": DateTime::now(),
                    },
                });
                if state.phase == Phase::Primary {
                    hello.insert("primary", host);
                    hello.insert("electionId", state.election_id);
                }
            }
            _ => {
                let info = "Does not have a valid replica set config";
                hello.extend(doc! {"secondary": false, "isreplicaset": true, "info": info});
            }
        }
        if self.node.flags.role == Role::ConfigServer {
            hello.insert("configsvr", 2);
        }
        hello
    }

    /// The configuration, or the refusal of a member that has none.
    fn configured(&self) -> Result<(State, Document), Refusal> {
        let state = self.replication.state().clone();
        match (state.phase, state.config.clone()) {
            (Phase::Alone, _) => Err(Refusal::new(codes::NO_REPLICATION_ENABLED, "not running with --replSet")),
            (Phase::Removed, Some(_)) => Err(Refusal::new(
                codes::INVALID_REPLICA_SET_CONFIG,
                "Our replica set config is invalid or we are not a member of it",
            )),
            (_, Some(config)) => Ok((state, config)),
            (_, None) => Err(Refusal::new(codes::NOT_YET_INITIALIZED, "no replset config has been received")),
        }
    }

    pub(super) fn config(&self) -> Result<Document, Refusal> {
        self.configured().map(|(_, config)| doc! {"config": config})
    }

    pub(super) fn status(&self) -> Result<Document, Refusal> {
        let (state, config) = self.configured()?;
        let (number, word) = if state.phase == Phase::Primary { (1, "PRIMARY") } else { (2, "SECONDARY") };
        let at = doc! {"ts": self.node.now(), "t": state.term};
        let uptime = i32::try_from(self.node.uptime_seconds()).unwrap_or(i32::MAX);
        let mut own = doc! {
            "_id": 0,
            "name": state.host().unwrap_or_default(),
            "health": 1.0,
            "state": number,
            "stateStr": word,
            "uptime": uptime,
            "optime": at.clone(),
            "optimeDate": DateTime::now(),
            "syncSourceHost": "",
            "infoMessage": "",
            "configVersion": config.get_i32("version").unwrap_or(1),
            "configTerm": state.term,
            "self": true,
            "lastHeartbeatMessage": "",
        };
        if let Ok(members) = config.get_array("members")
            && let Some(id) = members.first().and_then(Bson::as_document).and_then(|member| member.get("_id"))
        {
            own.insert("_id", id.clone());
        }
        if let Some(elected) = state.elected_at.filter(|_| number == 1) {
            own.insert("electionDate", elected);
        }
        Ok(doc! {
            "set": config.get_str("_id").unwrap_or_default(),
            "date": DateTime::now(),
            "myState": number,
            "term": state.term,
            "syncSourceHost": "",
            "syncSourceId": -1,
            "heartbeatIntervalMillis": 2000_i64,
            "majorityVoteCount": 1,
            "writeMajorityCount": 1,
            "votingMembersCount": 1,
            "writableVotingMembersCount": 1,
            "optimes": {"lastCommittedOpTime": at.clone(), "appliedOpTime": at.clone(), "durableOpTime": at},
            "members": [own],
        })
    }
}
