//! What is refused before anything is built, all of it at once, and what a valid pipeline knows.

mod common;

use common::{of_spec, valid};
use crd::conditions::{reasons, types};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use plan::names::Part;
use plan::resources::{self, After, Kind, Progress, WorkerReplicas, mongodb, worker};
use plan::status::scaling_invalid;
use plan::validate::in_force;
use plan::{secrets, validate};

fn words(spec: &str) -> String {
    let faults = of_spec(spec).expect_err(spec);
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn faults_that_an_older_definition_would_let_through_are_named_with_their_field() {
    for (spec, said) in [
        (
            "{workers: {minReplicas: 3, maxReplicas: 2}}",
            "`spec.workers.minReplicas`: 3 must be less than or equal",
        ),
        ("{mongodb: {membersPerShard: 2}}", "`spec.mongodb.membersPerShard`: 2 must be odd"),
        ("{mongodb: {shards: 0}}", "`spec.mongodb.shards`: 0 must be within 1 to 32"),
        ("{redis: {partitions: 0}}", "`spec.redis.partitions`: 0 must be within 1 to 256"),
        ("{redis: {memory: much}}", "`spec.redis.memory`: \"much\" must be an amount"),
        ("{redis: {memory: 8Mi}}", "`spec.redis.memory`: 8Mi must be at least 16Mi"),
        ("{redis: {memory: 2Gi}}", "`spec.redis.storageSize`: 2Gi must be at least twice `memory`, 2Gi"),
        ("{redis: {resources: {limits: {memory: 512Mi}}}}", "must be at least 884Mi"),
        (
            "{api: {resources: {requests: {cpu: '2'}, limits: {cpu: 1500m}}}}",
            "the request of cpu, 2, may not be above",
        ),
        ("{api: {resources: {limits: {memory: lots}}}}", "`spec.api.resources: memory`: \"lots\""),
        ("{api: {resources: {limits: {gpu: '1'}}}}", "`spec.api.resources`: \"gpu\" must be cpu, memory"),
        ("{mongodb: {storageSize: '0'}}", "`spec.mongodb.storageSize` must be above 0"),
        ("{postgres: {storageSize: 0.0Gi}}", "`spec.postgres.storageSize` must be above 0"),
        (
            "{console: {serviceType: NodePort, nodePort: 80}}",
            "`spec.console.nodePort`: 80 must be within 30000 to 32767",
        ),
        ("{api: {labels: {a b: c}}}", "`spec.api.labels`: the key \"a b\" must be a name"),
        ("{workers: {labels: {a: b c}}}", "`spec.workers.labels`: \"b c\", the value of `a`, must have"),
        ("{redis: {nodeSelector: {a/b/c: d}}}", "`spec.redis.nodeSelector`: the key \"a/b/c\" must be"),
        ("{mongodb: {annotations: {'': d}}}", "`spec.mongodb.annotations`: the key \"\" must be"),
        ("{api: {topologySpread: [{topologyKey: a b}]}}", "`spec.api.topologySpread`: the key \"a b\""),
        (
            "{postgres: {tolerations: [{key: a, operator: Exists, value: b}]}}",
            "`spec.postgres.tolerations`: `value` may not be set when `operator` is Exists",
        ),
        ("{api: {tolerations: [{value: b}]}}", "`spec.api.tolerations`: `key` must be set unless"),
        ("{api: {tolerations: [{key: a, value: b c}]}}", "`spec.api.tolerations`: \"b c\", the value of `a`"),
        (
            "{api: {tolerations: [{key: a, operator: Exists, tolerationSeconds: 5}]}}",
            "`tolerationSeconds` may only be set when `effect` is NoExecute",
        ),
        ("{api: {allowedOrigins: ['*']}}", "`spec.api.allowedOrigins`: \"*\" must be an exact origin"),
        ("{ingress: {host: a.example}, api: {authentication: None}}", "anyone could send and read events"),
        (
            "{observability: {tracing: {endpoint: 'http://a'}}}",
            "`spec.observability.tracing.endpoint` is not obeyed",
        ),
    ] {
        let all = words(spec);
        assert!(all.contains(said), "{spec}: {all}");
    }
}

#[test]
fn all_faults_come_at_once() {
    let all =
        words("{workers: {minReplicas: 3, maxReplicas: 2}, mongodb: {configMembers: 2}, redis: {memory: x}}");
    assert_eq!(all.lines().count(), 3, "{all}");
}

#[test]
fn a_pipeline_that_no_api_server_stored_is_refused() {
    let mut pipeline = common::stored(
        "{apiVersion: eventpipeline.dev/v1alpha1, kind: EventPipeline, metadata: {name: a.b}, spec: {}}",
    );
    pipeline.metadata.uid = None;
    let faults = validate(&pipeline, &common::installation()).unwrap_err();
    let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|fault| fault.contains("metadata.uid")), "{said:?}");
    assert!(said.iter().any(|fault| fault.contains("a.b")), "{said:?}");
}

#[test]
fn slow_inserts_are_a_number_or_a_fault() {
    let with = |text: &str| {
        let manifest = format!(
            "{{apiVersion: eventpipeline.dev/v1alpha1, kind: EventPipeline, spec: {{}}, metadata: {{name: clicks, \
             annotations: {{eventpipeline.dev/slow-inserts-ms: {text:?}}}}}}}"
        );
        validate(&common::stored(&manifest), &common::installation())
    };
    let objects = resources::objects(&with("200").unwrap());
    let worker = objects.iter().find(|o| o.name == "clicks-worker").unwrap();
    let env = worker.body["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap();
    assert!(env.iter().any(|variable| variable["name"] == "SLOW_INSERTS_MS" && variable["value"] == "200"));
    for text in ["", "-1", "fast", "60001"] {
        assert!(with(text).unwrap_err()[0].to_string().contains("slow-inserts-ms"), "{text}");
    }
}

#[test]
fn memory_of_redis_and_its_container_belong_together() {
    let pipeline = valid("{redis: {memory: 1Gi, storageSize: 4Gi}}");
    assert_eq!(pipeline.redis_memory_bytes(), 1 << 30);
    assert!(pipeline.redis_limit_bytes() >= (1 << 30) / 10 * 16 + (64 << 20));
    let limits = |spec: &str| {
        let objects = resources::objects(&valid(spec));
        let redis =
            objects.into_iter().find(|o| o.kind == Kind::StatefulSet && o.name == "clicks-redis").unwrap();
        redis.body["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"].clone()
    };
    assert_eq!(limits("{redis: {memory: 1Gi, storageSize: 4Gi}}"), "1703Mi");
    // A limit is never left out: a rewrite could take the node along.
    assert_eq!(
        limits("{redis: {memory: 1Gi, storageSize: 4Gi, resources: {requests: {cpu: '1'}}}}"),
        "1703Mi"
    );
    assert_eq!(limits("{redis: {memory: 1Gi, storageSize: 4Gi, resources: {limits: {memory: 3Gi}}}}"), "3Gi");
}

#[test]
fn external_stores_have_no_objects_and_no_generated_secret_and_are_reached_by_theirs() {
    let pipeline = valid(
        "{redis: {external: {secretName: r}}, postgres: {external: {secretName: p}}, mongodb: {external: {secretName: m}}, \
         networkPolicy: Enabled}",
    );
    let objects = resources::objects(&pipeline);
    assert!(
        objects
            .iter()
            .all(|o| o.name.ends_with("-api") || o.name.ends_with("-console") || o.name.ends_with("-worker"))
    );
    assert_eq!(secrets::wanted(&pipeline).len(), 1);
    let required: Vec<_> = secrets::required(&pipeline).into_iter().map(|s| (s.name, s.key)).collect();
    assert_eq!(required, ["r", "p", "m"].map(|name| (name.to_owned(), "url")));
    let api = objects.iter().find(|o| o.kind == Kind::Deployment && o.name == "clicks-api").unwrap();
    let env = api.body["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap();
    for (name, secret) in [("REDIS_URL", "r"), ("POSTGRES_URL", "p"), ("MONGODB_URI", "m")] {
        let variable = env.iter().find(|variable| variable["name"] == name).unwrap();
        assert_eq!(variable["valueFrom"]["secretKeyRef"]["name"], secret);
    }
    // There is nothing to wait for.
    assert!(objects.iter().all(|object| object.after == After::Nothing));
}

#[test]
fn workers_and_routers_are_created_late_but_never_taken_away() {
    let objects = resources::objects(&valid("{}"));
    let held = |progress: Progress, exists: bool| {
        let list = objects.iter().filter(|o| !o.may_be_applied(exists, progress));
        list.map(|o| o.name.clone()).collect::<Vec<_>>()
    };
    let nothing = Progress::default();
    let primary = Progress { config_primary: true, ..Progress::default() };
    let sharded = Progress { collections_sharded: true, ..primary };
    assert_eq!(held(nothing, false), ["clicks-router", "clicks-worker"]);
    assert_eq!(held(primary, false), ["clicks-worker"]);
    assert!(held(sharded, false).is_empty());
    assert!(held(nothing, true).is_empty());
}

#[test]
fn who_says_how_many_workers_there_are_follows_state_and_scaling() {
    for (spec, replicas) in [
        ("{}", WorkerReplicas::ByLag { first: 1 }),
        ("{workers: {minReplicas: 0}}", WorkerReplicas::ByLag { first: 1 }),
        ("{workers: {minReplicas: 3}}", WorkerReplicas::ByLag { first: 3 }),
        ("{workers: {scaling: Manual, replicas: 7}}", WorkerReplicas::Fixed(7)),
        ("{workers: {scaling: DryRun, replicas: 0}}", WorkerReplicas::Fixed(0)),
        ("{desiredState: Paused, workers: {scaling: Manual, replicas: 7}}", WorkerReplicas::Fixed(0)),
        ("{desiredState: Stopped}", WorkerReplicas::Fixed(0)),
    ] {
        assert_eq!(worker::replicas(&valid(spec)), replicas, "{spec}");
    }
}

#[test]
fn replica_sets_have_the_names_and_hosts_that_their_servers_are_started_with() {
    let pipeline = valid("{mongodb: {shards: 2, membersPerShard: 3}}");
    let config = mongodb::config_set(&pipeline);
    assert_eq!(
        config.connection(),
        "clicks-config/clicks-config-0.clicks-config.default.svc.cluster.local:27017"
    );
    let shards = mongodb::shard_sets(&pipeline);
    assert_eq!(
        shards.iter().map(|s| (s.name.as_str(), s.hosts.len())).collect::<Vec<_>>(),
        [("clicks-shard-0", 3), ("clicks-shard-1", 3)]
    );
    let objects = resources::objects(&pipeline);
    let command = |name: &str| {
        let object =
            objects.iter().find(|o| o.name == name && matches!(o.kind, Kind::StatefulSet | Kind::Deployment));
        object.unwrap().body["spec"]["template"]["spec"]["containers"][0]["command"].to_string()
    };
    for set in &shards {
        assert!(command(&set.name).contains(&format!("\"--replSet\",\"{}\",\"--shardsvr\"", set.name)));
    }
    assert!(command(&config.name).contains("\"--configsvr\""));
    assert!(command(&pipeline.names().of(Part::Router)).contains(&config.connection()));
}

#[test]
fn a_stopped_pipeline_tells_its_api_and_a_disabled_console_has_no_service() {
    let objects = resources::objects(&valid("{desiredState: Stopped, console: {access: Disabled}}"));
    assert!(!objects.iter().any(|object| object.name == "clicks-console"));
    let api = objects
        .iter()
        .find(|o| o.kind == Kind::Deployment && o.name == "clicks-api")
        .unwrap()
        .body
        .to_string();
    assert!(api.contains(r#"{"name":"INGEST","value":"stopped"}"#), "{api}");
    assert!(api.contains(r#"{"name":"CONSOLE_LISTEN","value":"127.0.0.1:3000"}"#), "{api}");
}

#[test]
fn nothing_leads_to_a_disabled_console() {
    let around = "networkPolicy: Enabled, ingress: {host: a.example}";
    for (access, open) in [("Disabled", false), ("ReadOnly", true), ("ReadWrite", true)] {
        let objects = resources::objects(&valid(&format!("{{{around}, console: {{access: {access}}}}}")));
        for kind in [Kind::Ingress, Kind::NetworkPolicy] {
            let body = objects.iter().find(|o| o.kind == kind && o.name == "clicks-api").unwrap();
            let ways = body.body["spec"].to_string();
            assert!(ways.contains("3001"), "{access}: {ways}");
            assert_eq!(ways.contains("3000"), open, "{access}: {ways}");
        }
    }
}

#[test]
fn a_console_to_look_at_has_a_service_and_its_api_is_told() {
    let read_only = r#"{"name":"CONSOLE_ACCESS","value":"ReadOnly"}"#;
    for (access, told) in [("ReadOnly", true), ("ReadWrite", false)] {
        let objects = resources::objects(&valid(&format!("{{console: {{access: {access}}}}}")));
        assert!(objects.iter().any(|object| object.name == "clicks-console"), "{access}");
        let api = objects.iter().find(|o| o.kind == Kind::Deployment && o.name == "clicks-api").unwrap();
        let api = api.body.to_string();
        assert_eq!(api.contains(read_only), told, "{access}: {api}");
        assert!(api.contains(r#"{"name":"CONSOLE_LISTEN","value":"0.0.0.0:3000"}"#), "{api}");
    }
}

#[test]
fn labels_of_users_are_added_but_never_replace_the_operators() {
    let spec = "{api: {labels: {team: a, app.kubernetes.io/name: mine, eventpipeline.dev/shard: '0'}}}";
    let objects = resources::objects(&valid(spec));
    let api = objects.iter().find(|o| o.kind == Kind::Deployment && o.name == "clicks-api").unwrap();
    let labels = &api.body["spec"]["template"]["metadata"]["labels"];
    assert_eq!(labels["team"], "a");
    assert_eq!(labels["app.kubernetes.io/name"], "eventpipeline");
    assert!(labels.get("eventpipeline.dev/shard").is_none());
    assert!(api.body["spec"]["selector"]["matchLabels"].get("team").is_none());
}

#[test]
fn caches_of_mongod_follow_the_limit_of_their_container() {
    let cache = |limit: &str| {
        let spec = format!("{{mongodb: {{resources: {{limits: {{memory: {limit}}}}}}}}}");
        let objects = resources::objects(&valid(&spec));
        let shard =
            objects.into_iter().find(|o| o.kind == Kind::StatefulSet && o.name == "clicks-shard-0").unwrap();
        let command = shard.body["spec"]["template"]["spec"]["containers"][0]["command"].clone();
        let words = command.as_array().unwrap().clone();
        let at = words.iter().position(|word| word == "--wiredTigerCacheSizeGB").unwrap();
        words[at + 1].as_str().unwrap().to_owned()
    };
    assert_eq!(["512Mi", "1Gi", "2Gi", "8Gi"].map(cache), ["0.25", "0.25", "0.50", "3.50"]);
}

#[test]
fn an_edit_that_cannot_be_built_leaves_the_last_valid_spec_in_force() {
    let clicks = |workers: &str, generation| {
        let mut pipeline = common::stored(&format!(
            "apiVersion: eventpipeline.dev/v1alpha1\nkind: EventPipeline\nmetadata: {{name: clicks}}\nspec: {{workers: {workers}}}\n"
        ));
        pipeline.metadata.generation = Some(generation);
        pipeline
    };
    let (last, invalid) = (clicks("{maxReplicas: 7}", 1), clicks("{minReplicas: 3, maxReplicas: 2}", 2));
    let mended = clicks("{maxReplicas: 9}", 3);
    let in_force = |now, last| in_force(now, last, &common::installation());
    let valid = in_force(&invalid, Some(&last)).unwrap();
    assert_eq!((valid.generation(), valid.spec().workers.max_replicas), (1, 7));
    let mended = in_force(&mended, Some(&last)).unwrap();
    assert_eq!((mended.generation(), mended.spec().workers.max_replicas), (3, 9));

    // After a restart none is remembered; one that was never valid is of no use.
    for last in [None, Some(&invalid)] {
        let faults = in_force(&invalid, last).unwrap_err();
        let told = scaling_invalid(&faults, 2, &[], &Time(Timestamp::UNIX_EPOCH));
        let says =
            (told.type_.as_str(), told.status.as_str(), told.reason.as_str(), told.observed_generation);
        assert_eq!(says, (types::SCALING_ACTIVE, "False", reasons::INVALID_SPEC, Some(2)));
        assert!(told.message.contains("`spec.workers.minReplicas`: 3 must be"), "{}", told.message);
    }
}
