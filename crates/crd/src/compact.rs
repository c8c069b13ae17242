//! Makes the derived schema small and plain. Nothing is lost: `null` counts as absent where a field is not nullable,
//! and blocks without rules get their defaults from their fields.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::json;

/// Lists of Kubernetes' own types, which are explained there and would be here several times over.
const WELL_KNOWN: [&str; 3] = ["conditions", "tolerations", "topologySpread"];

pub(crate) fn definition(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        if let Some(schema) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) {
            node(schema);
        }
    }
    definition
}

fn node(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    // Bounds say more than the width of a number.
    schema.format.take_if(|format| format.starts_with("int"));
    for (name, property) in schema.properties.iter_mut().flatten() {
        node(property);
        if WELL_KNOWN.contains(&name.as_str()) {
            unexplained(property);
        }
        // Kubernetes fills in the fields of a block that it made from a default, but after it has put the default to
        // the block's rules: there it must be whole.
        let ruled = property.x_kubernetes_validations.is_some();
        if property.properties.is_some() && property.default.is_some() && !ruled {
            property.default = Some(JSON(json!({})));
        }
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => {
            // The list says it already.
            item.description = None;
            node(item);
        }
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(node),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(value)) = &mut schema.additional_properties {
        node(value);
    }
}

fn unexplained(list: &mut JSONSchemaProps) {
    if let Some(JSONSchemaPropsOrArray::Schema(item)) = &mut list.items {
        for field in item.properties.iter_mut().flat_map(|fields| fields.values_mut()) {
            field.description = None;
        }
    }
}
