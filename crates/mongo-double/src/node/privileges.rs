//! Built-in roles and what they allow. Custom roles are not modelled.

use bson::{Document, doc};

use super::commands::Need;

/// A role in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub role: String,
    /// Its database.
    pub db: String,
}

/// Who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Name.
    pub user: String,
    /// The database that knows the name.
    pub db: String,
    /// What it may do.
    pub roles: Vec<Role>,
}

/// Roles that any database has.
const OF_ANY: &[&str] = &["read", "readWrite", "dbAdmin", "userAdmin", "dbOwner"];
/// Roles of `admin` alone.
const OF_ADMIN: &[&str] = &[
    "root",
    "clusterAdmin",
    "clusterManager",
    "clusterMonitor",
    "hostManager",
    "readAnyDatabase",
    "readWriteAnyDatabase",
    "dbAdminAnyDatabase",
    "userAdminAnyDatabase",
    "backup",
    "restore",
    "directShardOperations",
];

/// Whether a role exists.
pub fn known_role(role: &Role) -> bool {
    OF_ANY.contains(&role.role.as_str()) || role.db == "admin" && OF_ADMIN.contains(&role.role.as_str())
}

impl Login {
    /// The user that every member of a cluster knows, whose password is the key file's text.
    pub fn system() -> Self {
        Self { user: "__system".into(), db: "local".into(), roles: Vec::new() }
    }

    /// Whether it is that user.
    pub fn is_system(&self) -> bool {
        self.user == "__system" && self.db == "local"
    }

    /// Whether it may do this in a database.
    pub fn may(&self, need: Need, db: &str) -> bool {
        self.is_system()
            || matches!(need, Need::Nothing | Need::Login)
            || self.roles.iter().any(|role| role.allows(need, db))
    }

    /// For `connectionStatus`.
    pub fn documents(&self) -> (Document, Vec<Document>) {
        let roles = self.roles.iter().map(|role| doc! {"role": &role.role, "db": &role.db});
        (doc! {"user": &self.user, "db": &self.db}, roles.collect())
    }
}

impl Role {
    fn allows(&self, need: Need, db: &str) -> bool {
        let own = self.db == db;
        // "Any database" leaves out those of the servers themselves.
        let any = !matches!(db, "local" | "config");
        match self.role.as_str() {
            "root" => need != Need::Internal,
            "read" => own && need == Need::Read,
            "readWrite" => own && matches!(need, Need::Read | Need::Write),
            "dbAdmin" => own && need == Need::DbAdmin,
            "userAdmin" => own && need == Need::UserAdmin,
            "dbOwner" => own && matches!(need, Need::Read | Need::Write | Need::DbAdmin | Need::UserAdmin),
            "readAnyDatabase" => any && need == Need::Read,
            "readWriteAnyDatabase" => any && matches!(need, Need::Read | Need::Write),
            "dbAdminAnyDatabase" => any && need == Need::DbAdmin,
            "userAdminAnyDatabase" => need == Need::UserAdmin,
            "clusterAdmin" => {
                matches!(need, Need::Monitor | Need::Manage)
                    || db == "config" && need == Need::Read
                    || need == Need::DbAdmin && any
            }
            "clusterManager" => matches!(need, Need::Monitor | Need::Manage) || db == "config" && need == Need::Read,
            "clusterMonitor" => need == Need::Monitor || db == "config" && need == Need::Read,
            "hostManager" => need == Need::Monitor,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(roles: &[(&str, &str)]) -> Login {
        let roles = roles.iter().map(|(role, db)| Role { role: (*role).into(), db: (*db).into() }).collect();
        Login { user: "u".into(), db: "admin".into(), roles }
    }

    #[test]
    fn roles_allow_what_the_manual_says() {
        let app = login(&[("readWrite", "ep")]);
        assert!(app.may(Need::Write, "ep") && app.may(Need::Read, "ep"));
        assert!(!app.may(Need::Read, "other") && !app.may(Need::DbAdmin, "ep") && !app.may(Need::Manage, "admin"));
        let operator = login(&[
            ("clusterAdmin", "admin"),
            ("userAdminAnyDatabase", "admin"),
            ("readWriteAnyDatabase", "admin"),
            ("dbAdminAnyDatabase", "admin"),
        ]);
        for (need, db) in [
            (Need::Manage, "admin"),
            (Need::Read, "config"),
            (Need::Write, "ep"),
            (Need::UserAdmin, "admin"),
            (Need::DbAdmin, "ep"),
        ] {
            assert!(operator.may(need, db), "{need:?} on {db}");
        }
        assert!(!operator.may(Need::Internal, "admin") && !operator.may(Need::Write, "local"));
        assert!(Login::system().may(Need::Internal, "admin"));
        assert!(known_role(&operator.roles[0]));
        assert!(!known_role(&Role { role: "clusterAdmin".into(), db: "ep".into() }));
    }
}
