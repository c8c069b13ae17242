//! What is decided, as functions from what was observed to what should be done. Pure: no clients, no clock, no
//! async, no environment, no randomness; time comes in with the observation.

pub mod scaling;
