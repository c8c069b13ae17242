//! `getParameter`: the parameters that a bootstrap looks at.

use bson::{Document, doc};

use super::Mongod;
use super::replication::Phase;
use crate::arguments::Arguments;
use crate::codes;
use crate::flags::Role;
use crate::refusal::Refusal;

impl Mongod {
    pub(super) fn get_parameter(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        if arguments.db != "admin" {
            return Err(crate::refusal::only_on_admin("getParameter"));
        }
        let asked = arguments.fields.keys().filter(|name| !name.starts_with('$') && *name != "getParameter");
        let mut reply = Document::new();
        for name in asked {
            match name.as_str() {
                "featureCompatibilityVersion" => {
                    reply.insert(name, doc! {"version": self.feature_version()?});
                }
                "lsid" | "comment" | "maxTimeMS" | "readConcern" | "txnNumber" | "apiVersion" => (),
                other => {
                    if let Some(value) = self.node.flags.parameters.get(other) {
                        reply.insert(other, value);
                    }
                }
            }
        }
        if reply.is_empty() {
            return Err(Refusal::new(codes::INVALID_OPTIONS, "no option found to get"));
        }
        Ok(reply)
    }

    /// A shard's member is behind by a version until it was added to a cluster.
    fn feature_version(&self) -> Result<&'static str, Refusal> {
        if matches!(self.replication.state().phase, Phase::Ghost | Phase::Removed) {
            return Err(Refusal::new(
                codes::UNKNOWN_FEATURE_COMPATIBILITY_VERSION,
                "FCV is not yet known: the member has no configuration",
            ));
        }
        let waits = self.node.flags.role == Role::Shard && self.identity().is_none();
        Ok(if waits { "6.0" } else { "7.0" })
    }
}
