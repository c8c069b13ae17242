//! Decisions, input → value: no async, no client, no clock, no environment. Whoever calls reads the world and acts on it.

pub mod mongo;
