//! `eventpipeline dev` as people run it: a sharded MongoDB, and workers that come and go with the lag.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends this way")]

mod run;
mod scaling;
mod sharded;
mod tutorial;
