//! Which objects of a pipeline are left over from an older spec and may go. What holds data is never among them.

use crate::resources::{Kind, Object};

/// An object of the cluster that is this pipeline's by label and by owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The uid of its owner.
    pub owner_uid: String,
}

/// Those that are not desired. A StatefulSet is a store, and stays with the Service of its name: whoever wants it
/// gone says so. Secrets and claims have no owner and no [`Kind`], so they cannot even be asked about.
pub fn orphans(desired: &[Object], owned: &[Owned], pipeline_uid: &str) -> Vec<Owned> {
    let is_desired = |object: &Owned| desired.iter().any(|d| d.kind == object.kind && d.name == object.name);
    let of_store = |object: &Owned| {
        let set = |other: &&Owned| other.kind == Kind::StatefulSet && other.name == object.name;
        object.kind == Kind::StatefulSet
            || (matches!(object.kind, Kind::Service | Kind::ConfigMap)
                && owned.iter().any(|other| set(&other)))
    };
    owned
        .iter()
        .filter(|object| object.owner_uid == pipeline_uid && !is_desired(object) && !of_store(object))
        .cloned()
        .collect()
}
