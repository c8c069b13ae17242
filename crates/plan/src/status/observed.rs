//! What was seen of a pipeline, as plain values. What could not be read is said to be unknown, never assumed.

use crd::Certainty;

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Redis.
    pub redis: Store,
    /// PostgreSQL.
    pub postgres: Store,
    /// MongoDB.
    pub mongodb: Mongodb,
    /// The API's pods.
    pub api: Pods,
    /// The workers.
    pub worker: Pods,
    /// Events that wait, and how sure that is; `None` when nobody looked.
    pub lag: Option<(Option<i64>, Certainty)>,
    /// Dead letters; `None` when they could not be counted.
    pub dead_letters: Option<i64>,
    /// Workloads of MongoDB whose change waits for that of another.
    pub waiting: Vec<String>,
    /// What keeps the pass from its end and is not a part's own: a missing Secret, a refused apply.
    pub trouble: Option<Trouble>,
}

/// The pods of a part, as its workload and they themselves tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pods {
    /// Whether there is a workload.
    pub exists: bool,
    /// Pods that it should have.
    pub wanted: i32,
    /// Pods that it has, starting and stopping ones included.
    pub present: i32,
    /// Pods that are ready.
    pub ready: i32,
    /// Whether the workload's controller has seen the last change and every pod is of the present template.
    pub up_to_date: bool,
    /// What keeps a pod from getting ready and will not pass by itself.
    pub trouble: Option<Trouble>,
}

impl Pods {
    /// Whether as many are ready as should be.
    pub fn all_ready(&self) -> bool {
        self.exists && self.ready >= self.wanted
    }
}

/// Something that somebody must mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// One of [`crd::conditions::reasons`].
    pub reason: &'static str,
    /// Which object, what it said, and what to do.
    pub message: String,
}

impl Trouble {
    /// The first of each reason: the pods of a part mostly say the same.
    pub fn by_reason(troubles: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut kinds: Vec<Self> = Vec::new();
        for trouble in troubles {
            if kinds.iter().all(|known| known.reason != trouble.reason) {
                kinds.push(trouble);
            }
        }
        Self::all(kinds)
    }

    /// All of them in one, under the first one's reason.
    pub fn all(troubles: impl IntoIterator<Item = Self>) -> Option<Self> {
        troubles
            .into_iter()
            .reduce(|all, next| Self { message: format!("{}; {}", all.message, next.message), ..all })
    }
}

/// Redis or PostgreSQL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Store {
    /// Its pod; of an external one nothing.
    pub pods: Pods,
    /// What it said to the operator.
    pub answer: Answer,
}

/// What a store said to the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// It was not asked: who cannot be reached by the operator may still be by the services.
    #[default]
    NotAsked,
    /// It answered.
    Answered,
    /// It did not answer; where and why.
    Unreachable(String),
    /// It refused user or password.
    Refused(String),
    /// It answered, and takes no events for now: its memory or its disk is full.
    Full(String),
    /// It answered, and is set up so that acknowledged events could be lost, or is something else.
    Unsuitable(String),
}

/// MongoDB.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mongodb {
    /// The config servers' pods.
    pub config: Pods,
    /// The pods of all shards.
    pub members: Pods,
    /// The routers' pods.
    pub routers: Pods,
    /// What an external one said.
    pub answer: Answer,
    /// The word for where the bootstrap stands, such as `AddShards` or `Ready`; empty before the first look.
    pub step: String,
    /// What is done next or waited for.
    pub message: String,
    /// Whether nothing is left to do.
    pub settled: bool,
    /// Whether events are stored, whatever is left to do.
    pub serves: bool,
    /// Why nothing will be done until a person decides.
    pub refusal: Option<Trouble>,
    /// The shards.
    pub shards: Vec<ShardSeen>,
    /// The collections.
    pub collections: Vec<CollectionSeen>,
}

/// A shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardSeen {
    /// Its name.
    pub name: String,
    /// `set/host,host`.
    pub host: String,
    /// `Ready`, or what it lacks: `Unreachable`, `Uninitiated`, `NoPrimary`, `NotAdded`, `Degraded`, `Draining`.
    pub state: String,
    /// Whether the cluster knows it, whatever else it lacks.
    pub added: bool,
}

impl ShardSeen {
    /// Registered, with a primary.
    pub fn is_ready(&self) -> bool {
        self.state == "Ready"
    }
}

/// A collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionSeen {
    /// Its name.
    pub name: String,
    /// Whether it is sharded; `None` when no router could say.
    pub sharded: Option<bool>,
}
