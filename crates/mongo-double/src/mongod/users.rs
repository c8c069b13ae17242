//! Users of this server; those of the config set are the cluster's. Passwords are stored salted and hashed.

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};

use super::Mongod;
use super::concern::Concern;
use crate::arguments::{Arguments, truthy};
use crate::codes;
use crate::engine::Deletion;
use crate::node::{Login, Role, UserRecord, known_role};
use crate::query::Sort;
use crate::refusal::{Refusal, bad_value};
use crate::scram::{Credential, Mechanism, random};

/// Where users are kept.
pub const USERS: &str = "admin.system.users";

impl Mongod {
    /// A user as it is stored.
    pub(super) fn stored_user(&self, db: &str, user: &str) -> Option<UserRecord> {
        user_record(&self.engine.get(USERS, &format!("{db}.{user}"))?)
    }

    pub(super) async fn change_users(&self, name: &str, arguments: &Arguments) -> Result<Document, Refusal> {
        let concern = Concern::parse(arguments)?;
        self.must_be_primary()?;
        let user = arguments.text(name)?;
        if user.is_empty() || arguments.db == "local" {
            return Err(bad_value("a user needs a name, and a database other than local"));
        }
        let id = format!("{}.{user}", arguments.db);
        let stored = self.engine.get(USERS, &id);
        let missing = || {
            Refusal::new(codes::USER_NOT_FOUND, format!("Could not find user \"{user}\" for db \"{}\"", arguments.db))
        };
        match name {
            "createUser" => {
                arguments.only(&["pwd", "roles", "mechanisms", "customData", "digestPassword"])?;
                arguments.required("roles")?;
                if stored.is_some() {
                    return Err(Refusal::new(
                        codes::USER_EXISTS,
                        format!("User \"{user}@{}\" already exists", arguments.db),
                    ));
                }
                let uuid = Binary { subtype: BinarySubtype::Uuid, bytes: random(16) };
                let mut record = doc! {"_id": &id, "userId": uuid, "user": user, "db": &arguments.db};
                arguments.text("pwd")?;
                change(&mut record, arguments, user)?;
                self.engine.put(USERS, &record);
            }
            "updateUser" => {
                arguments.only(&["pwd", "roles", "mechanisms", "customData", "digestPassword"])?;
                let mut record = stored.ok_or_else(missing)?;
                change(&mut record, arguments, user)?;
                self.engine.put(USERS, &record);
            }
            "grantRolesToUser" => {
                arguments.only(&["roles"])?;
                let mut record = stored.ok_or_else(missing)?;
                let mut roles = record.get_array("roles").cloned().unwrap_or_default();
                for role in roles_of(arguments)? {
                    let role = Bson::Document(role);
                    if !roles.contains(&role) {
                        roles.push(role);
                    }
                }
                record.insert("roles", roles);
                self.engine.put(USERS, &record);
            }
            _ => {
                arguments.only(&[])?;
                stored.ok_or_else(missing)?;
                let gone = Deletion { filter: doc! {"_id": id}, sort: Sort::default(), multi: false };
                self.engine.delete(USERS, &gone)?;
            }
        }
        self.conclude(&concern, Document::new()).await
    }

    pub(super) fn users_info(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        arguments.only(&["showCredentials", "showPrivileges", "showCustomData"])?;
        if arguments.flag("showPrivileges", false)? {
            return Err(bad_value("this double does not list privileges"));
        }
        let wanted = Wanted::read(arguments.required("usersInfo")?, &arguments.db)?;
        let credentials = arguments.flag("showCredentials", false)?;
        let mut users = Vec::new();
        for mut record in self.engine.all(USERS) {
            if !wanted.fits(&record) {
                continue;
            }
            let stored = record.remove("credentials");
            let names = stored.as_ref().and_then(Bson::as_document).map(|all| all.keys().cloned().collect::<Vec<_>>());
            record.insert("mechanisms", names.unwrap_or_default());
            if let (true, Some(stored)) = (credentials, stored) {
                record.insert("credentials", stored);
            }
            users.push(record);
        }
        Ok(doc! {"users": users})
    }
}

/// Reads a stored user.
pub fn user_record(record: &Document) -> Option<UserRecord> {
    let roles = record.get_array("roles").ok()?.iter().filter_map(Bson::as_document);
    let roles = roles.filter_map(|role| {
        Some(Role { role: role.get_str("role").ok()?.to_owned(), db: role.get_str("db").ok()?.to_owned() })
    });
    let login = Login {
        user: record.get_str("user").ok()?.to_owned(),
        db: record.get_str("db").ok()?.to_owned(),
        roles: roles.collect(),
    };
    Some(UserRecord { login, credentials: record.get_document("credentials").ok()?.clone() })
}

fn change(record: &mut Document, arguments: &Arguments, user: &str) -> Result<(), Refusal> {
    if arguments.fields.contains_key("roles") {
        record.insert("roles", roles_of(arguments)?);
    }
    if let Some(data) = arguments.document("customData")? {
        record.insert("customData", data.clone());
    }
    let Some(password) = arguments.optional_text("pwd")? else { return Ok(()) };
    if password.is_empty() {
        return Err(bad_value("User passwords must not be empty"));
    }
    if !arguments.flag("digestPassword", true)? {
        return Err(bad_value("this double takes passwords as they are, not digested"));
    }
    let mechanisms = match arguments.array("mechanisms")? {
        None => Mechanism::ALL.to_vec(),
        Some(names) => {
            let known = names.iter().map(|name| name.as_str().and_then(Mechanism::parse)).collect::<Option<Vec<_>>>();
            known.filter(|known| !known.is_empty()).ok_or_else(|| bad_value("mechanisms: SCRAM-SHA-1 and SCRAM-SHA-256"))?
        }
    };
    let mut credentials = Document::new();
    for mechanism in mechanisms {
        credentials.insert(mechanism.name(), Credential::new(mechanism, user, password).document());
    }
    record.insert("credentials", credentials);
    Ok(())
}

fn roles_of(arguments: &Arguments) -> Result<Vec<Document>, Refusal> {
    let roles = arguments.array("roles")?.cloned().unwrap_or_default();
    let read = |role: &Bson| {
        let (name, db) = match role {
            Bson::String(name) => (name.clone(), arguments.db.clone()),
            Bson::Document(role) => (
                role.get_str("role").unwrap_or_default().to_owned(),
                role.get_str("db").unwrap_or(&arguments.db).to_owned(),
            ),
            _ => return Err(bad_value("Role names must be either strings or objects")),
        };
        let role = Role { role: name, db };
        if !known_role(&role) {
            return Err(Refusal::new(
                codes::ROLE_NOT_FOUND,
                format!("Could not find role: {}@{}", role.role, role.db),
            ));
        }
        Ok(doc! {"role": role.role, "db": role.db})
    };
    roles.iter().map(read).collect()
}

/// Whom `usersInfo` asks for.
enum Wanted {
    All,
    Database(String),
    Ids(Vec<String>),
}

impl Wanted {
    fn read(asked: &Bson, db: &str) -> Result<Self, Refusal> {
        let one = |user: &Bson| match user {
            Bson::String(name) => Some(format!("{db}.{name}")),
            Bson::Document(user) => {
                Some(format!("{}.{}", user.get_str("db").unwrap_or(db), user.get_str("user").ok()?))
            }
            _ => None,
        };
        let bad = || bad_value("usersInfo wants 1, a name, {user, db}, a list of them, or {forAllDBs: true}");
        Ok(match asked {
            Bson::Document(all) if truthy(all.get("forAllDBs")) => Self::All,
            Bson::Array(users) => Self::Ids(users.iter().map(one).collect::<Option<_>>().ok_or_else(bad)?),
            Bson::Int32(1) | Bson::Int64(1) => Self::Database(db.to_owned()),
            Bson::Double(n) if (*n - 1.0).abs() < f64::EPSILON => Self::Database(db.to_owned()),
            user => Self::Ids(vec![one(user).ok_or_else(bad)?]),
        })
    }

    fn fits(&self, record: &Document) -> bool {
        match self {
            Self::All => true,
            Self::Database(db) => record.get_str("db") == Ok(db),
            Self::Ids(ids) => record.get_str("_id").is_ok_and(|id| ids.iter().any(|own| own == id)),
        }
    }
}
