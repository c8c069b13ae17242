//! The commands that are modelled, where they exist, and what a caller needs for them. Any other is 59.

use crate::flags::Program;

/// What a caller needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Not even to be logged in.
    Nothing,
    /// To be logged in.
    Login,
    /// To read the database.
    Read,
    /// To write the database.
    Write,
    /// To administrate the database.
    DbAdmin,
    /// To manage its users.
    UserAdmin,
    /// To look at the cluster.
    Monitor,
    /// To change the cluster.
    Manage,
    /// To be a member of the cluster.
    Internal,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    Both,
    Mongod,
    Mongos,
}

const COMMANDS: &[(&str, On, Need)] = &[
    ("hello", On::Both, Need::Nothing),
    ("isMaster", On::Both, Need::Nothing),
    ("ismaster", On::Both, Need::Nothing),
    ("ping", On::Both, Need::Nothing),
    ("buildInfo", On::Both, Need::Nothing),
    ("buildinfo", On::Both, Need::Nothing),
    ("saslStart", On::Both, Need::Nothing),
    ("saslContinue", On::Both, Need::Nothing),
    ("logout", On::Both, Need::Nothing),
    ("connectionStatus", On::Both, Need::Login),
    ("startSession", On::Both, Need::Login),
    ("refreshSessions", On::Both, Need::Login),
    ("endSessions", On::Both, Need::Login),
    ("hostInfo", On::Both, Need::Monitor),
    ("serverStatus", On::Both, Need::Monitor),
    ("getCmdLineOpts", On::Both, Need::Monitor),
    ("getParameter", On::Both, Need::Monitor),
    ("configureFailPoint", On::Both, Need::Manage),
    ("createUser", On::Both, Need::UserAdmin),
    ("updateUser", On::Both, Need::UserAdmin),
    ("dropUser", On::Both, Need::UserAdmin),
    ("grantRolesToUser", On::Both, Need::UserAdmin),
    ("usersInfo", On::Both, Need::UserAdmin),
    ("replSetInitiate", On::Mongod, Need::Manage),
    ("replSetGetStatus", On::Mongod, Need::Monitor),
    ("replSetGetConfig", On::Mongod, Need::Monitor),
    ("insert", On::Both, Need::Write),
    ("update", On::Both, Need::Write),
    ("delete", On::Both, Need::Write),
    ("findAndModify", On::Both, Need::Write),
    ("findandmodify", On::Both, Need::Write),
    ("find", On::Both, Need::Read),
    ("aggregate", On::Both, Need::Read),
    ("count", On::Both, Need::Read),
    ("distinct", On::Both, Need::Read),
    ("getMore", On::Both, Need::Login),
    ("killCursors", On::Both, Need::Login),
    ("listIndexes", On::Both, Need::Read),
    ("listCollections", On::Both, Need::Read),
    ("listDatabases", On::Both, Need::Login),
    ("dbStats", On::Both, Need::Read),
    ("createIndexes", On::Both, Need::Write),
    ("dropIndexes", On::Both, Need::Write),
    ("create", On::Both, Need::Write),
    ("drop", On::Both, Need::Write),
    ("collMod", On::Both, Need::DbAdmin),
    ("dropDatabase", On::Both, Need::DbAdmin),
    ("addShard", On::Mongos, Need::Manage),
    ("listShards", On::Mongos, Need::Monitor),
    ("enableSharding", On::Mongos, Need::Manage),
    ("shardCollection", On::Mongos, Need::Manage),
    ("balancerStatus", On::Mongos, Need::Monitor),
    ("setDefaultRWConcern", On::Mongos, Need::Manage),
    ("getDefaultRWConcern", On::Mongos, Need::Monitor),
    ("_addShard", On::Mongod, Need::Internal),
    ("_shardsvrSetRevision", On::Mongod, Need::Internal),
    ("_configsvrRouting", On::Mongod, Need::Internal),
    ("_configsvrAddShard", On::Mongod, Need::Internal),
    ("_configsvrCreateDatabase", On::Mongod, Need::Internal),
    ("_configsvrDropDatabase", On::Mongod, Need::Internal),
    ("_configsvrShardCollection", On::Mongod, Need::Internal),
    ("_configsvrDropCollection", On::Mongod, Need::Internal),
    ("_configsvrSetDefaultRWConcern", On::Mongod, Need::Internal),
    ("_configsvrGetDefaultRWConcern", On::Mongod, Need::Internal),
];

/// What a command needs; `None` where it does not exist.
pub fn need(name: &str, program: Program) -> Option<Need> {
    let here = |on: On| match on {
        On::Both => true,
        On::Mongod => program == Program::Mongod,
        On::Mongos => program == Program::Mongos,
    };
    COMMANDS.iter().find(|(known, on, _)| *known == name && here(*on)).map(|(_, _, need)| *need)
}

/// Whether a program knows a command.
pub fn is_known(name: &str, program: Program) -> bool {
    need(name, program).is_some()
}

/// Commands that a caller from this machine may run while the server has no user yet.
pub const BEFORE_THE_FIRST_USER: &[&str] =
    &["createUser", "replSetInitiate", "replSetGetStatus", "replSetGetConfig", "addShard"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_exists_where_it_belongs() {
        assert_eq!(need("shardCollection", Program::Mongod), None);
        assert_eq!(need("shardCollection", Program::Mongos), Some(Need::Manage));
        assert_eq!(need("replSetInitiate", Program::Mongos), None);
        for refused in ["replSetReconfig", "removeShard", "movePrimary", "bulkWrite", "replSetStepDown"] {
            assert_eq!(need(refused, Program::Mongod).or(need(refused, Program::Mongos)), None, "{refused}");
        }
    }
}
