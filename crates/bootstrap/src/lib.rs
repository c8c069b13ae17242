//! The bootstrap of a sharded MongoDB, carried out: look at every server, do the one step that `plan::mongo` names.
//! Decides nothing. Used by the operator, a step a pass, and by `eventpipeline dev`, in one loop.
//!
//! Members are administered as `__system` with the key file, which works before anything is initiated and on every
//! member for ever; routers refuse `__system`, so there the operator's own user does it.

mod act;
mod client;
mod commands;
mod converge;
mod error;
mod login;
mod members;
mod observe;
mod record;
mod routers;
mod users;

pub use act::{Outcome, act};
pub use converge::{Patience, converge};
pub use error::Error;
pub use login::Login;
pub use observe::observe;
pub use record::{FileRecord, Record, RecordError, enter};
