//! Version v1alpha1. Fields are only added, never renamed: there is one stored version.

mod api;
mod component;
mod mongodb;
mod outside;
mod spec;
mod status;
mod stores;
mod workers;

pub use api::{Api, Authentication, Console, ConsoleAccess, RateLimit, ServiceType};
pub use component::{
    Component, Resources, Toleration, TolerationOperator, TopologySpread, WhenUnsatisfiable,
};
pub use mongodb::Mongodb;
pub use outside::{Ingress, NetworkPolicyMode, Observability, PodMonitorMode, Tracing};
pub use spec::{DeletionPolicy, DesiredState, EventPipeline, EventPipelineSpec, Image, PullPolicy};
pub use status::{
    Certainty, Clamp, CollectionStatus, Endpoints, EventPipelineStatus, LagStatus, MongodbStatus,
    ScalingStatus, ScalingTerms, ShardStatus, WorkersStatus,
};
pub use stores::{Durability, External, Postgres, Redis};
pub use workers::{ScaleDown, ScaleUp, Scaling, Workers};
