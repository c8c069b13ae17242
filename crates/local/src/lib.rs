//! Stores and services as processes of this machine: started on 127.0.0.1, watched, stopped by id, and never left
//! behind. Used by `eventpipeline dev` and by tests. Knows nothing of what runs on them.

pub mod disk;
mod error;
pub mod mongo;
pub mod ports;
pub mod postgres;
pub mod process;
mod programs;
pub mod redis;
pub mod stores;

pub use error::Error;
pub use process::{Process, Spec};
pub use programs::{beside, ferretdb, on_path};
