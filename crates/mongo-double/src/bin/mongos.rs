//! A router.

use std::process::ExitCode;

fn main() -> ExitCode {
    mongo_double::server::main(mongo_double::Program::Mongos)
}
