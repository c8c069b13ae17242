//! What holds for every object of every example, and what must never be there.

mod common;

use std::collections::BTreeSet;

use plan::resources::{self, Kind, Object, labels};
use serde_json::{Value, json};

/// Every object of every example, and of a pipeline with nothing external and all that can be switched on.
fn everything() -> Vec<(String, Object)> {
    let mut list: Vec<(String, Object)> = Vec::new();
    for name in common::EXAMPLES {
        let objects = resources::objects(&common::example(name));
        list.extend(
            objects.into_iter().map(|object| (format!("{name}: {:?} {}", object.kind, object.name), object)),
        );
    }
    let full = "{networkPolicy: Enabled, api: {replicas: 3, labels: {team: a, app.kubernetes.io/name: x}, \
                annotations: {a: b}}, workers: {minReplicas: 2}, \
                mongodb: {membersPerShard: 3, configMembers: 3, routers: 2}, ingress: {host: a.example}}";
    let objects = resources::objects(&common::valid(full));
    list.extend(
        objects.into_iter().map(|object| (format!("full: {:?} {}", object.kind, object.name), object)),
    );
    list
}

fn pods(object: &Object) -> Option<&Value> {
    matches!(object.kind, Kind::Deployment | Kind::StatefulSet).then(|| &object.body["spec"]["template"])
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    let lists = [&pod["spec"]["containers"], &pod["spec"]["initContainers"]];
    lists.into_iter().filter_map(Value::as_array).flatten()
}

#[test]
fn the_worker_deployment_never_mentions_replicas() {
    let mut seen = 0;
    for (what, object) in everything() {
        if object.kind == Kind::Deployment && object.name.ends_with("-worker") {
            assert!(object.body["spec"].get("replicas").is_none(), "{what}");
            seen += 1;
        } else if pods(&object).is_some() {
            assert!(object.body["spec"]["replicas"].as_i64().unwrap() >= 1, "{what}");
        }
    }
    assert_eq!(seen, common::EXAMPLES.len() + 1);
}

#[test]
fn every_object_has_its_labels_its_namespace_and_its_owner() {
    for (what, object) in everything() {
        let meta = &object.body["metadata"];
        for key in [labels::NAME, labels::INSTANCE, labels::COMPONENT, labels::MANAGED_BY] {
            assert!(meta["labels"][key].is_string(), "{what} lacks {key}");
        }
        assert_eq!(meta["namespace"], "default", "{what}");
        assert_eq!(meta["ownerReferences"][0]["uid"], common::UID, "{what}");
        assert_eq!(meta["ownerReferences"][0]["controller"], true, "{what}");
        let (group, version) = object.kind.group_version();
        let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        assert_eq!(object.body["apiVersion"], api_version, "{what}");
        assert_eq!(object.body["kind"], object.kind.word(), "{what}");
    }
}

#[test]
fn every_pod_meets_pod_security_restricted() {
    for (what, object) in everything() {
        let Some(pod) = pods(&object) else { continue };
        let spec = &pod["spec"];
        let security = &spec["securityContext"];
        assert_eq!(security["runAsNonRoot"], true, "{what}");
        for id in ["runAsUser", "runAsGroup", "fsGroup"] {
            assert_eq!(security[id], 10_001, "{what} {id}");
        }
        assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault", "{what}");
        assert_eq!(spec["automountServiceAccountToken"], false, "{what}");
        assert_eq!(spec["enableServiceLinks"], false, "{what}");
        for wide in ["hostNetwork", "hostPID", "hostIPC", "serviceAccountName"] {
            assert!(spec.get(wide).is_none(), "{what} {wide}");
        }
        let allowed: BTreeSet<&str> = ["emptyDir", "secret", "configMap", "name"].into();
        for volume in spec["volumes"].as_array().unwrap() {
            assert!(
                volume.as_object().unwrap().keys().all(|key| allowed.contains(key.as_str())),
                "{what} {volume}"
            );
        }
        for container in containers(pod) {
            let security = &container["securityContext"];
            assert_eq!(security["allowPrivilegeEscalation"], false, "{what}");
            assert_eq!(security["readOnlyRootFilesystem"], true, "{what}");
            assert_eq!(security["capabilities"], json!({"drop": ["ALL"]}), "{what}");
            assert!(security.get("privileged").is_none(), "{what}");
            assert!(
                container["volumeMounts"].as_array().unwrap().iter().any(|m| m["mountPath"] == "/tmp"),
                "{what}"
            );
            assert!(
                container["ports"].as_array().into_iter().flatten().all(|p| p.get("hostPort").is_none()),
                "{what}"
            );
        }
    }
}

#[test]
fn every_container_says_its_command_its_image_and_its_resources() {
    for (what, object) in everything() {
        for container in pods(&object).into_iter().flat_map(containers) {
            assert!(container["command"][0].is_string(), "{what}: an entrypoint would be relied on");
            assert!(container["image"].as_str().unwrap().contains(':'), "{what}");
            assert_eq!(container["imagePullPolicy"], "IfNotPresent", "{what}");
            assert!(container["resources"]["requests"]["memory"].is_string(), "{what}");
            assert!(container["resources"]["limits"]["memory"].is_string(), "{what}");
            assert!(container["resources"]["limits"].get("cpu").is_none(), "{what}");
        }
    }
}

#[test]
fn probes_are_tcp_for_stores_and_http_for_services_and_none_kills_a_waiting_router() {
    for (what, object) in everything() {
        let Some(pod) = pods(&object) else { continue };
        let container = &pod["spec"]["containers"][0];
        let probes = ["startupProbe", "readinessProbe", "livenessProbe"].map(|name| container.get(name));
        assert!(container["startupProbe"].is_object(), "{what}");
        if object.name.ends_with("-router") {
            assert_eq!(probes[1..], [None, None], "{what}");
            assert!(container["startupProbe"]["failureThreshold"].as_i64().unwrap() > 3600, "{what}");
        } else {
            assert!(probes.iter().all(Option::is_some), "{what}");
        }
        let own = object.name.ends_with("-api") || object.name.ends_with("-worker");
        for probe in probes.into_iter().flatten() {
            assert!(probe.get("exec").is_none(), "{what}");
            assert_eq!(probe.get("httpGet").is_some(), own, "{what}");
            assert_eq!(probe.get("tcpSocket").is_some(), !own, "{what}");
        }
    }
}

#[test]
fn no_secret_is_a_value_anywhere() {
    let secret = ["PASSWORD", "SECRET", "API_KEY", "KEYFILE"];
    for (what, object) in everything() {
        for container in pods(&object).into_iter().flat_map(containers) {
            for variable in container["env"].as_array().into_iter().flatten() {
                let name = variable["name"].as_str().unwrap();
                if secret.iter().any(|word| name.contains(word)) {
                    assert!(variable.get("value").is_none(), "{what} {name}");
                    assert!(variable["valueFrom"]["secretKeyRef"]["name"].is_string(), "{what} {name}");
                }
                // An address has at most a reference to a password.
                let value = variable["value"].as_str().unwrap_or_default();
                assert!(!value.contains('@') || value.contains("_PASSWORD)@"), "{what} {name}={value}");
            }
            let words = format!("{}{}", container["command"], container["args"]);
            assert!(!words.contains("PASSWORD)"), "{what}: a password among the arguments");
        }
        assert_ne!(object.body["kind"], "Secret");
    }
}

#[test]
fn a_reference_stands_before_the_variable_that_uses_it() {
    for (what, object) in everything() {
        for container in pods(&object).into_iter().flat_map(containers) {
            let mut seen = BTreeSet::new();
            for variable in container["env"].as_array().into_iter().flatten() {
                let name = variable["name"].as_str().unwrap();
                let value = variable["value"].as_str().unwrap_or_default();
                if let Some((_, rest)) = value.split_once("$(") {
                    let used = rest.split(')').next().unwrap();
                    assert!(seen.contains(used), "{what}: {name} uses {used}, which comes later");
                }
                assert!(seen.insert(name.to_owned()), "{what}: {name} twice");
            }
        }
    }
}

#[test]
fn settings_are_those_of_the_services() {
    let example = std::fs::read_to_string(common::root().join(".env.example")).unwrap();
    let (_, after_api) = example.split_once("# ---- api ----").unwrap();
    let (api, worker) = after_api.split_once("# ---- worker ----").unwrap();
    for (what, object) in everything() {
        let known = match object.name.rsplit_once('-') {
            Some((_, "api")) => api,
            Some((_, "worker")) => worker,
            _ => continue,
        };
        for variable in
            pods(&object).into_iter().flat_map(containers).filter_map(|c| c["env"].as_array()).flatten()
        {
            let name = variable["name"].as_str().unwrap();
            let helper = name.ends_with("_PASSWORD") && name != "ADMIN_PASSWORD";
            let there =
                known.lines().any(|line| line.split_once('=').is_some_and(|(setting, _)| setting == name));
            assert!(there || helper, "{what}: the service has no setting {name}");
        }
    }
}

#[test]
fn nothing_is_empty_that_every_apply_would_change() {
    fn check(what: &str, path: &str, value: &Value) {
        // These mean something when they are empty.
        let meant = ["emptyDir", "namespaceSelector"].iter().any(|name| path.ends_with(name));
        match value {
            Value::Object(map) => {
                assert!(meant || !map.is_empty(), "{what}{path} is empty");
                map.iter().for_each(|(key, value)| check(what, &format!("{path}.{key}"), value));
            }
            Value::Array(list) => {
                assert!(!list.is_empty(), "{what}{path} is empty");
                list.iter().for_each(|value| check(what, path, value));
            }
            Value::Null => assert!(meant, "{what}{path} is null"),
            _ => {}
        }
    }
    for (what, object) in everything() {
        check(&what, "", &object.body);
    }
}

#[test]
fn names_are_as_promised_and_each_is_there_once() {
    let pipeline = common::valid("{}");
    let objects = resources::objects(&pipeline);
    let named =
        |kind| objects.iter().filter(move |o| o.kind == kind).map(|o| o.name.as_str()).collect::<Vec<_>>();
    let services = ["api", "console", "redis", "postgres", "config", "shard-0", "shard-1", "router"]
        .map(|n| format!("clicks-{n}"));
    assert_eq!(named(Kind::Service), services);
    assert_eq!(
        named(Kind::StatefulSet),
        ["clicks-redis", "clicks-postgres", "clicks-config", "clicks-shard-0", "clicks-shard-1"]
    );
    assert_eq!(named(Kind::Deployment), ["clicks-api", "clicks-router", "clicks-worker"]);
    let secrets: Vec<String> =
        plan::secrets::wanted(&pipeline).into_iter().map(|secret| secret.name).collect();
    assert_eq!(secrets, ["credentials", "redis", "postgres", "mongodb"].map(|n| format!("clicks-{n}")));
    let mut seen = BTreeSet::new();
    assert!(objects.iter().all(|object| seen.insert((object.kind, object.name.clone()))));
}

#[test]
fn what_pods_need_is_applied_before_them() {
    for name in common::EXAMPLES {
        let objects = resources::objects(&common::example(name));
        let places: Vec<usize> =
            objects.iter().map(|o| Kind::ALL.iter().position(|kind| *kind == o.kind).unwrap()).collect();
        assert!(places.is_sorted(), "{name}: {places:?}");
    }
}

#[test]
fn every_selector_selects_its_own_pods_and_no_others() {
    let objects = resources::objects(&common::valid("{mongodb: {shards: 3}}"));
    let templates: Vec<&Object> = objects.iter().filter(|object| pods(object).is_some()).collect();
    for object in &templates {
        let selector = object.body["spec"]["selector"]["matchLabels"].as_object().unwrap();
        let selected: Vec<&str> = templates
            .iter()
            .filter(|other| {
                selector
                    .iter()
                    .all(|(key, value)| other.body["spec"]["template"]["metadata"]["labels"][key] == *value)
            })
            .map(|other| other.name.as_str())
            .collect();
        assert_eq!(selected, [object.name.as_str()]);
    }
}

#[test]
fn every_store_lets_the_operator_in_where_policies_close_what_is_not_needed() {
    let policies: Vec<_> = everything()
        .into_iter()
        .filter(|(name, object)| name.starts_with("full") && object.kind == Kind::NetworkPolicy)
        .collect();
    for store in ["redis", "postgres", "config", "shard", "router"] {
        let (_, policy) = policies.iter().find(|(_, o)| o.name.ends_with(store)).expect(store);
        let peers = policy.body["spec"]["ingress"][0]["from"].as_array().expect(store);
        let operator = json!({"matchLabels": {labels::NAME: labels::MANAGER}});
        assert!(peers.iter().any(|peer| peer["podSelector"] == operator), "{store}: {peers:?}");
    }
}
