//! What holds data: it is never an orphan, grows and never shrinks, and its secrets are made once.

mod common;

use common::valid;
use plan::names::Part;
use plan::orphans::{Owned, orphans};
use plan::ownership::{self, Whose};
use plan::resources::{self, Kind, volumes};
use plan::secrets::{self, Content, Kept};
use serde_json::json;

fn owned(kind: Kind, name: &str) -> Owned {
    Owned { kind, name: name.into(), owner_uid: common::UID.into() }
}

#[test]
fn what_is_left_over_goes_and_what_holds_data_stays() {
    let before = resources::objects(&valid(
        "{networkPolicy: Enabled, ingress: {host: a.example}, mongodb: {shards: 3}}",
    ));
    let after = resources::objects(&valid("{console: {access: Disabled}}"));
    let mut cluster: Vec<Owned> = before.iter().map(|object| owned(object.kind, &object.name)).collect();
    cluster.push(Owned { owner_uid: "another".into(), ..owned(Kind::Service, "clicks-old") });
    let gone = orphans(&after, &cluster, common::UID);
    let kinds = |kind| gone.iter().filter(|o| o.kind == kind).map(|o| o.name.as_str()).collect::<Vec<_>>();
    assert_eq!(kinds(Kind::Service), ["clicks-console"]);
    assert_eq!(kinds(Kind::Ingress), ["clicks-api"]);
    assert_eq!(kinds(Kind::NetworkPolicy).len(), 7);
    assert!(kinds(Kind::StatefulSet).is_empty());
    assert!(!gone.iter().any(|object| object.name == "clicks-shard-2"), "a shard and its name stay");
    assert!(orphans(&before, &cluster, common::UID).is_empty());
}

#[test]
fn every_volume_is_named_with_its_size() {
    let objects = resources::objects(&valid("{mongodb: {shards: 1, membersPerShard: 3}}"));
    let claims: Vec<(String, String)> =
        volumes::claims(&objects).into_iter().map(|c| (c.name, c.size)).collect();
    let expected = [
        ("data-clicks-redis-0", "2Gi"),
        ("data-clicks-postgres-0", "1Gi"),
        ("data-clicks-config-0", "1Gi"),
        ("data-clicks-shard-0-0", "5Gi"),
        ("data-clicks-shard-0-1", "5Gi"),
        ("data-clicks-shard-0-2", "5Gi"),
    ];
    assert_eq!(claims, expected.map(|(name, size)| (name.to_owned(), size.to_owned())));
}

#[test]
fn a_volume_grows_and_never_shrinks() {
    let claim = &volumes::claims(&resources::objects(&valid("{}")))[0];
    assert_eq!(claim.growth("1Gi"), Some(json!({"spec": {"resources": {"requests": {"storage": "2Gi"}}}})));
    for present in ["2Gi", "2048Mi", "3Gi"] {
        assert_eq!(claim.growth(present), None, "{present}");
    }
}

#[test]
fn volumes_are_compared_until_all_are_there_as_large_as_wanted_and_while_a_store_starts() {
    let wanted = volumes::claims(&resources::objects(&valid(
        "{redis: {storageSize: 9Gi}, mongodb: {external: {secretName: a}}}",
    )));
    let growth = |redis: &str, postgres: Option<&str>| {
        let redis = Some(("data-clicks-redis-0".to_owned(), redis.to_owned()));
        let postgres = postgres.map(|size| ("data-clicks-postgres-0".to_owned(), size.to_owned()));
        let growth = volumes::growth(&wanted, &redis.into_iter().chain(postgres).collect::<Vec<_>>());
        (growth.patches.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), growth.settled)
    };
    assert_eq!(growth("2Gi", Some("1Gi")), (vec!["data-clicks-redis-0".to_owned()], false));
    assert_eq!(growth("9Gi", Some("1Gi")), (vec![], true));
    assert_eq!(growth("9Gi", None), (vec![], false), "it may come with the older size");
    let set = |ready: u8| json!({"spec": {"replicas": 1}, "status": {"readyReplicas": ready}});
    assert!(volumes::stand([&set(1), &set(1)]) && !volumes::stand([&set(1), &set(0)]));
}

#[test]
fn a_store_keeps_the_templates_that_it_was_made_with() {
    let set = |spec: &str| {
        let objects = resources::objects(&valid(spec));
        objects.into_iter().find(|o| o.kind == Kind::StatefulSet && o.name == "clicks-redis").unwrap()
    };
    let (old, new) = (set("{}"), set("{redis: {storageSize: 9Gi}}"));
    assert_ne!(old.body, new.body);
    assert_eq!(volumes::with_living_templates(new, &old.body).body, old.body);
}

#[test]
fn generated_secrets_have_no_owner_and_every_key_that_pods_ask_for() {
    let pipeline = valid("{}");
    let wanted = secrets::wanted(&pipeline);
    let asked_for =
        serde_json::to_value(resources::objects(&pipeline).iter().map(|o| &o.body).collect::<Vec<_>>())
            .unwrap();
    let mut nodes = vec![&asked_for];
    let mut seen = 0;
    while let Some(node) = nodes.pop() {
        if let Some(name) = node["secretKeyRef"]["name"].as_str() {
            let secret = wanted
                .iter()
                .find(|secret| secret.name == name)
                .unwrap_or_else(|| panic!("{name} is not made"));
            assert!(secret.keys.iter().any(|(key, _)| node["secretKeyRef"]["key"] == *key), "{node}");
            seen += 1;
        }
        if let Some(name) = node["secret"]["secretName"].as_str() {
            let secret = wanted
                .iter()
                .find(|secret| secret.name == name)
                .unwrap_or_else(|| panic!("{name} is not made"));
            let items = node["secret"]["items"].as_array().unwrap();
            assert!(
                items.iter().all(|item| secret.keys.iter().any(|(key, _)| item["key"] == *key)),
                "{node}"
            );
            seen += 1;
        }
        nodes.extend(node.as_object().into_iter().flat_map(|object| object.values()));
        nodes.extend(node.as_array().into_iter().flatten());
    }
    assert!(seen > 10, "{seen}");
    let key_file = wanted.iter().flat_map(|s| &s.keys).find(|(key, _)| *key == "keyfile").unwrap();
    let Content::Base64(bytes) = key_file.1 else { panic!("{key_file:?}") };
    assert!((6..=1024).contains(&(bytes.div_ceil(3) * 4)));
}

#[test]
fn a_secret_that_lacks_a_key_is_reported_not_mended() {
    let wanted = secrets::wanted(&valid("{}"));
    assert_eq!(
        secrets::missing(&wanted[0], ["api-key", "admin-email", "more"]),
        ["admin-password", "jwt-secret"]
    );
}

#[test]
fn a_secret_whose_store_has_data_is_not_made_anew_and_one_without_is() {
    let wanted = secrets::wanted(&valid("{}"));
    let kept = |kind, name: &str, part: Part| Kept { kind, name: name.into(), part: part.word().into() };
    let locked = |names: &[&str], kept: &[Kept]| {
        let absent = wanted.iter().filter(|secret| names.contains(&secret.name.as_str()));
        secrets::locked("clicks", absent, kept)
    };
    let all = ["clicks-credentials", "clicks-redis", "clicks-postgres", "clicks-mongodb"];
    let volumes = [
        kept("PersistentVolumeClaim", "data-clicks-redis-0", Part::Redis),
        kept("PersistentVolumeClaim", "data-clicks-postgres-0", Part::Postgres),
        kept("PersistentVolumeClaim", "data-clicks-shard-0-0", Part::Shard),
    ];
    assert_eq!(locked(&all, &[]), None, "a fresh pipeline");
    assert_eq!(locked(&[], &volumes), None, "a pipeline that was deleted and made again with its Secrets");
    assert_eq!(locked(&["clicks-mongodb"], &volumes[..2]), None, "the data of others");
    let said = locked(&["clicks-mongodb"], &volumes).unwrap();
    assert!(
        said.starts_with(
            "Secret clicks-mongodb is not there, but PersistentVolumeClaim data-clicks-shard-0-0 is"
        ),
        "{said}"
    );
    assert!(said.contains("restore it from a copy, or delete the volumes"), "{said}");
    assert!(said.ends_with("app.kubernetes.io/component in (config,shard)'"), "{said}");
    let set = [kept("StatefulSet", "clicks-config", Part::Config)];
    assert!(locked(&["clicks-mongodb"], &set).unwrap().contains("StatefulSet clicks-config"));
    assert!(locked(&["clicks-credentials"], &volumes).unwrap().contains("data-clicks-postgres-0"));
    let said = locked(&all, &volumes).unwrap();
    assert!(said.ends_with("(config,postgres,redis,shard)'") && said.len() < 1024, "{said}");
}

#[test]
fn an_object_is_ours_by_its_owner_or_without_one_by_its_labels_and_else_a_strangers() {
    let pipeline = valid("{}");
    let ours = resources::objects(&pipeline).remove(0).body;
    let labels = ours["metadata"]["labels"].clone();
    let of = |uid: &str, kind: &str, name: &str, labels: &serde_json::Value| {
        json!({"metadata": {"labels": labels, "ownerReferences": [
            {"apiVersion": crd::API_VERSION, "kind": kind, "name": name, "uid": uid}
        ]}})
    };
    let none = json!(null);
    for (object, expected) in [
        (ours.clone(), Whose::Ours),
        (of(common::UID, crd::KIND, "clicks", &none), Whose::Ours),
        (of("older", crd::KIND, "clicks", &labels), Whose::Predecessors),
        (of("older", crd::KIND, "views", &labels), Whose::Strangers),
        (of("other", "Shop", "clicks", &labels), Whose::Strangers),
        (json!({"metadata": {"labels": labels}}), Whose::Ours),
        (json!({"metadata": {"labels": {"app.kubernetes.io/instance": "clicks"}}}), Whose::Strangers),
        (json!({"metadata": {"name": "clicks-api"}}), Whose::Strangers),
    ] {
        assert_eq!(ownership::whose(&object, &pipeline), expected, "{object}");
    }
    let told = ownership::taken(Kind::ConfigMap, "clicks-postgres");
    assert!(
        told.message.starts_with("ConfigMap clicks-postgres exists and is not this pipeline's"),
        "{told:?}"
    );
}
