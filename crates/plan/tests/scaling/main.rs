//! The law on a plant, on every kind of line, and against its own promises.

#![allow(missing_docs, reason = "a test says what it is about in its name")]

mod keda;
mod plant;
mod properties;
mod reasons;
mod restart;
mod robustness;
mod scenarios;
mod simulated;
mod startup;
mod unobeyed;
