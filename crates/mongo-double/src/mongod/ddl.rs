//! Collections and indexes made, changed and dropped by command.

use bson::{Bson, Document, doc};

use super::Mongod;
use super::concern::Concern;
use super::inserts::int;
use crate::arguments::{Arguments, whole};
use crate::codes;
use crate::refusal::{Refusal, bad_value};
use crate::values::order::encoded;

impl Mongod {
    pub(super) async fn ddl(&self, name: &str, arguments: &Arguments) -> Result<Document, Refusal> {
        let concern = Concern::parse(arguments)?;
        self.must_be_primary()?;
        let reply = match name {
            "createIndexes" => self.create_indexes(arguments),
            "dropIndexes" => self.drop_indexes(arguments),
            "collMod" => self.modify_collection(arguments),
            "create" => self.create(arguments),
            "drop" => self.drop_one(arguments),
            _ => self.drop_database(arguments),
        }?;
        self.conclude(&concern, reply).await
    }

    fn create_indexes(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        arguments.only(&["indexes", "commitQuorum", "ignoreUnknownIndexOptions"])?;
        let ns = arguments.ns()?;
        let specs = arguments.required("indexes")?.as_array().filter(|specs| !specs.is_empty());
        let specs = specs.ok_or_else(|| bad_value("Must specify at least one index to create"))?;
        let specs: Option<Vec<Document>> = specs.iter().map(|spec| spec.as_document().cloned()).collect();
        let specs = specs.ok_or_else(|| bad_value("an index specification must be a document"))?;
        let _routed = self.at_revision(&ns, arguments)?;
        let made = self.engine.create_indexes(&ns, &specs).map_err(|fault| fault.refusal)?;
        let mut reply = doc! {
            "numIndexesBefore": int(made.before),
            "numIndexesAfter": int(made.after),
            "createdCollectionAutomatically": made.created_collection,
        };
        if made.before == made.after {
            reply.insert("note", "all indexes already exist");
        }
        Ok(reply)
    }

    fn drop_indexes(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        arguments.only(&["index"])?;
        let ns = arguments.ns()?;
        let collection = self.engine.collection(&ns).ok_or_else(|| {
            Refusal::new(codes::NAMESPACE_NOT_FOUND, format!("ns not found {ns}"))
        })?;
        let known: Vec<(String, Vec<u8>)> = {
            let data = collection.read();
            data.indexes.iter().map(|index| (index.name.clone(), encoded(&index.key.clone().into()))).collect()
        };
        let before = int(known.len());
        let names: Vec<String> = match arguments.required("index")? {
            Bson::String(all) if all == "*" => known.into_iter().skip(1).map(|(name, _)| name).collect(),
            Bson::String(name) => vec![name.clone()],
            Bson::Document(key) => {
                let key = encoded(&key.clone().into());
                let found = known.into_iter().find(|(_, own)| *own == key);
                vec![found.ok_or_else(|| Refusal::new(codes::INDEX_NOT_FOUND, "can't find index with that key"))?.0]
            }
            _ => return Err(bad_value("'index' must be a name, a key or '*'")),
        };
        for name in names {
            self.engine.drop_index(&ns, &name)?;
        }
        Ok(doc! {"nIndexesWas": before})
    }

    fn modify_collection(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        arguments.only(&["index"])?;
        let ns = arguments.ns()?;
        let missing = Refusal::new(codes::NAMESPACE_NOT_FOUND, format!("ns does not exist: {ns}"));
        self.engine.collection(&ns).ok_or(missing)?;
        let Some(index) = arguments.document("index")? else { return Ok(Document::new()) };
        let known = ["name", "keyPattern", "expireAfterSeconds"];
        if let Some(name) = index.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(Refusal::new(
                codes::UNKNOWN_FIELD,
                format!("BSON field 'collMod.index.{name}' is an unknown field."),
            ));
        }
        let seconds = index.get("expireAfterSeconds").and_then(whole);
        let seconds = seconds.filter(|seconds| (0..=i64::from(i32::MAX)).contains(seconds)).ok_or_else(|| {
            Refusal::new(codes::INVALID_OPTIONS, "no expireAfterSeconds, hidden, unique, or prepareUnique field")
        })?;
        let key = index.get_document("keyPattern").ok().map(|key| encoded(&key.clone().into()));
        let name = index.get_str("name").ok().map(str::to_owned);
        if key.is_some() == name.is_some() {
            return Err(Refusal::new(codes::INVALID_OPTIONS, "must specify either index name or key pattern"));
        }
        let before = self.engine.set_expiry(
            &ns,
            |own| name.as_ref() == Some(&own.name) || key.as_ref() == Some(&encoded(&own.key.clone().into())),
            seconds,
        )?;
        let mut reply = doc! {"expireAfterSeconds_new": seconds};
        if let Some(before) = before {
            reply.insert("expireAfterSeconds_old", before);
        }
        Ok(reply)
    }

    fn create(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        // Options such as `capped` or `timeseries` would change what is stored, and are refused as unknown.
        arguments.only(&["idIndex"])?;
        let ns = arguments.ns()?;
        let (_, created) = self.engine.collection_or_create(&ns);
        if created {
            return Ok(Document::new());
        }
        Err(Refusal::new(codes::NAMESPACE_EXISTS, format!("Collection {ns} already exists.")))
    }

    fn drop_one(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        arguments.only(&[])?;
        let ns = arguments.ns()?;
        let indexes = self.engine.collection(&ns).map_or(0, |collection| collection.read().indexes.len());
        // Since 7.0 dropping what is not there is no error.
        if self.engine.drop_collection(&ns) {
            return Ok(doc! {"nIndexesWas": int(indexes), "ns": ns});
        }
        Ok(Document::new())
    }

    fn drop_database(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        arguments.only(&[])?;
        if matches!(arguments.db.as_str(), "admin" | "local" | "config") {
            return Err(Refusal::new(
                codes::ILLEGAL_OPERATION,
                format!("Dropping the '{}' database is prohibited.", arguments.db),
            ));
        }
        for ns in self.engine.namespaces(Some(&arguments.db)) {
            self.engine.drop_collection(&ns);
        }
        Ok(doc! {"dropped": &arguments.db})
    }
}
