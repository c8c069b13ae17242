//! What people run: a pipeline on this machine, load with a verdict, a look at what runs.

pub mod check;
pub mod dev;
pub mod ledger;
pub mod load;
pub mod manifest;
pub mod reference;
pub mod scale;
pub mod secrets;
pub mod sender;
pub mod status;
