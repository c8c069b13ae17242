//! The built programs on free ports, driven with the MongoDB driver.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod bootstrap;
mod common;
mod data;
mod durability;
mod faults;
mod golden;
mod programs;
mod retention;
mod spread;
