//! Schemas of the texts and lists that several blocks share. Every text, list and number of the API has a bound: it
//! keeps objects small and lets the API server work out that the rules are cheap.

use schemars::{Schema, SchemaGenerator, json_schema};

/// An amount such as `512Mi` or `250m`, without sign and exponent.
const QUANTITY: &str = r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi)?$";
/// A name of an object in Kubernetes.
const NAME: &str = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$";

pub(crate) fn quantity(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 20, "pattern": QUANTITY})
}

pub(crate) fn object_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 253, "pattern": NAME})
}

/// An image reference: long enough for a registry with a path and a digest.
pub(crate) fn image(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 512})
}

pub(crate) fn node_port(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "format": "int32", "minimum": 30000, "maximum": 32767})
}

/// Amounts by resource: `cpu`, `memory`, and what else a cluster has.
pub(crate) fn amounts(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "maxProperties": 8, "additionalProperties": {"type": "string", "maxLength": 20}})
}

/// Labels and node selectors.
pub(crate) fn labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "maxProperties": 32, "additionalProperties": {"type": "string", "maxLength": 63}})
}

pub(crate) fn annotations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "maxProperties": 32, "additionalProperties": {"type": "string", "maxLength": 1024}})
}

/// Exact origins of browsers.
pub(crate) fn origins(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "maxItems": 32, "x-kubernetes-list-type": "set",
        "items": {"type": "string", "minLength": 1, "maxLength": 253}})
}

pub(crate) fn toleration_effect(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 16, "enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"]})
}
