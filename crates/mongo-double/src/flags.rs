//! The command line, with the names of the real servers. What the double does not model and what is harmless to leave
//! out is accepted and ignored; anything else unknown is an error.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Which program reads the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// A server with data.
    Mongod,
    /// A router.
    Mongos,
}

/// What a `mongod` is in its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// No part of a sharded cluster.
    Plain,
    /// A config server.
    ConfigServer,
    /// A shard's member.
    Shard,
}

/// `SET/host:port,host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionString {
    /// The replica set's name.
    pub set: String,
    /// Its hosts, at least one.
    pub hosts: Vec<String>,
}

impl ConnectionString {
    /// Reads `SET/host:port,…`; `None` without a set or without hosts.
    pub fn parse(text: &str) -> Option<Self> {
        let (set, hosts) = text.split_once('/')?;
        let hosts: Vec<String> = hosts.split(',').map(with_port).collect();
        let fits = !set.is_empty() && hosts.iter().all(|host| !host.starts_with(':'));
        fits.then(|| Self { set: set.to_owned(), hosts })
    }

    /// Back to text.
    pub fn text(&self) -> String {
        format!("{}/{}", self.set, self.hosts.join(","))
    }
}

/// A host with the port that is meant when none is written.
pub fn with_port(host: &str) -> String {
    if host.contains(':') { host.to_owned() } else { format!("{host}:27017") }
}

/// What a server was started with.
#[derive(Clone, Debug)]
pub struct Flags {
    /// Which program.
    pub program: Program,
    /// Addresses to listen on; names are resolved.
    pub bind: Vec<String>,
    /// Port to listen on.
    pub port: u16,
    /// The cluster's shared key. Without one nobody has to log in.
    pub key_file: Option<PathBuf>,
    /// Where state is kept.
    pub db_path: PathBuf,
    /// The replica set's name.
    pub replica_set: Option<String>,
    /// What it is in its cluster.
    pub role: Role,
    /// Where the router's config set is.
    pub config_db: Option<ConnectionString>,
    /// `--setParameter`.
    pub parameters: BTreeMap<String, String>,
    /// The whole command line.
    pub argv: Vec<String>,
}

/// What the command line asks for.
#[derive(Clone, Debug)]
pub enum Asked {
    /// To run.
    Run(Box<Flags>),
    /// To print the version.
    Version,
}

/// A command line that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("Error parsing command line: {0}")]
pub struct FlagError(String);

/// Flags with a value that change nothing here.
const IGNORED_VALUES: &[&str] =
    &["wiredTigerCacheSizeGB", "logpath", "oplogSize", "networkMessageCompressors"];
/// Flags without a value that change nothing here.
const IGNORED: &[&str] =
    &["quiet", "logappend", "noauth", "auth", "nounixsocket", "directoryperdb", "journal"];
/// Parameters that are modelled, or harmless to leave out.
const PARAMETERS: &[&str] = &[
    "enableLocalhostAuthBypass",
    "enableTestCommands",
    "ttlMonitorSleepSecs",
    "authenticationMechanisms",
    "diagnosticDataCollectionEnabled",
    "shutdownTimeoutMillisForSignaledShutdown",
    "mongosShutdownTimeoutMillisForSignaledShutdown",
];

impl Flags {
    /// Flags of a server that is started inside a test: free port of 127.0.0.1, no key file.
    pub fn local(program: Program, port: u16) -> Self {
        Self {
            program,
            bind: vec!["127.0.0.1".into()],
            port,
            key_file: None,
            db_path: PathBuf::from("/data/db"),
            replica_set: None,
            role: Role::Plain,
            config_db: None,
            parameters: BTreeMap::new(),
            argv: Vec::new(),
        }
    }

    /// Whether a parameter is on; `default` when it was not given.
    pub fn on(&self, parameter: &str, default: bool) -> bool {
        self.parameters.get(parameter).map_or(default, |value| !matches!(value.as_str(), "0" | "false"))
    }

    /// Reads the arguments after the program's name.
    pub fn parse(program: Program, arguments: impl Iterator<Item = String>) -> Result<Asked, FlagError> {
        let argv: Vec<String> = arguments.collect();
        let mut flags = Self::local(program, 0);
        let (mut port, mut db_path) = (None, None);
        let mut rest = argv.iter();
        while let Some(argument) = rest.next() {
            let Some(text) = argument.strip_prefix("--") else {
                return Err(FlagError(format!("too many positional options: {argument}")));
            };
            let (name, joined) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (text, None),
            };
            let mut value = || {
                let next = joined.clone().or_else(|| rest.next().cloned());
                next.ok_or_else(|| {
                    FlagError(format!("the required argument for option '--{name}' is missing"))
                })
            };
            match (name, program) {
                ("version", _) => return Ok(Asked::Version),
                ("bind_ip_all", _) => flags.bind = vec!["0.0.0.0".into()],
                ("bind_ip", _) => flags.bind = value()?.split(',').map(str::to_owned).collect(),
                ("port", _) => {
                    let text = value()?;
                    let number = text.parse().map_err(|_| FlagError(format!("--port {text} is no port")))?;
                    port = Some(number);
                }
                ("keyFile", _) => flags.key_file = Some(PathBuf::from(value()?)),
                ("setParameter", _) => {
                    let text = value()?;
                    let (name, value) = text
                        .split_once('=')
                        .ok_or_else(|| FlagError(format!("--setParameter {text} is not name=value")))?;
                    if !PARAMETERS.contains(&name) {
                        return Err(FlagError(format!("Unknown --setParameter '{name}'")));
                    }
                    flags.parameters.insert(name.to_owned(), value.to_owned());
                }
                ("clusterAuthMode", _) => {
                    if value()? != "keyFile" {
                        return Err(FlagError("--clusterAuthMode: this double knows keyFile only".into()));
                    }
                }
                ("replSet", Program::Mongod) => flags.replica_set = Some(value()?),
                ("configsvr", Program::Mongod) => flags.role = Role::ConfigServer,
                ("shardsvr", Program::Mongod) => flags.role = Role::Shard,
                ("dbpath", Program::Mongod) => db_path = Some(PathBuf::from(value()?)),
                ("configdb", Program::Mongos) => {
                    let text = value()?;
                    flags.config_db = Some(
                        ConnectionString::parse(&text)
                            .ok_or_else(|| FlagError(format!("--configdb {text} is not SET/host:port,…")))?,
                    );
                }
                (name, _) if IGNORED_VALUES.contains(&name) => drop(value()?),
                (name, _) if IGNORED.contains(&name) => (),
                _ => return Err(FlagError(format!("unrecognised option '{argument}'"))),
            }
        }
        flags.finish(port, db_path, argv)
    }

    fn finish(
        mut self,
        port: Option<u16>,
        db_path: Option<PathBuf>,
        argv: Vec<String>,
    ) -> Result<Asked, FlagError> {
        let (default_port, default_path) = match self.role {
            Role::ConfigServer => (27019, "/data/configdb"),
            Role::Shard => (27018, "/data/db"),
            Role::Plain => (27017, "/data/db"),
        };
        self.port = port.unwrap_or(default_port);
        self.db_path = db_path.unwrap_or_else(|| default_path.into());
        self.argv = argv;
        if self.role != Role::Plain && self.replica_set.is_none() {
            return Err(FlagError(
                "Cannot start a shardsvr or configsvr as a standalone server. Please use the option --replSet"
                    .into(),
            ));
        }
        if self.program == Program::Mongos && self.config_db.is_none() {
            return Err(FlagError("no args for --configdb".into()));
        }
        Ok(Asked::Run(Box::new(self)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(program: Program, line: &str) -> Result<Asked, FlagError> {
        Flags::parse(program, line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn the_flags_of_a_shard_are_read_and_harmless_ones_are_ignored() {
        let line = "--replSet rs0 --shardsvr --keyFile /k --bind_ip_all --port=1234 --dbpath /d \
                    --wiredTigerCacheSizeGB 0.25 --setParameter enableLocalhostAuthBypass=0 --quiet";
        let Ok(Asked::Run(flags)) = parse(Program::Mongod, line) else { panic!("not read") };
        assert_eq!((flags.port, flags.role, flags.replica_set.as_deref()), (1234, Role::Shard, Some("rs0")));
        assert_eq!(flags.bind, ["0.0.0.0"]);
        assert!(!flags.on("enableLocalhostAuthBypass", true) && !flags.on("enableTestCommands", false));
    }

    #[test]
    fn what_is_unknown_or_does_not_fit_the_program_is_an_error() {
        for (program, line) in [
            (Program::Mongod, "--fork"),
            (Program::Mongod, "--configdb c/h:1"),
            (Program::Mongod, "--shardsvr"),
            (Program::Mongod, "--port x"),
            (Program::Mongod, "--setParameter nonsense=1"),
            (Program::Mongos, "--replSet rs0"),
            (Program::Mongos, "--configdb h:1"),
            (Program::Mongos, ""),
        ] {
            assert!(parse(program, line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_host_without_a_port_means_27017() {
        let parsed = ConnectionString::parse("rs0/a,b:2").unwrap();
        assert_eq!(parsed.text(), "rs0/a:27017,b:2");
    }
}
