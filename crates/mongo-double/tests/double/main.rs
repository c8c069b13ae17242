//! The built programs on free ports, driven with the MongoDB driver.

mod bootstrap;
mod common;
mod data;
mod durability;
mod faults;
mod golden;
mod programs;
mod spread;
