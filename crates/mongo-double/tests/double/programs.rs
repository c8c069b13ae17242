//! What the programs do before they serve, and when they end.

use std::process::{Command, Output};
use std::time::Duration;

use bson::doc;

use crate::common::{Folder, Server, admin, config, file, free_port, primary, system};

fn run(program: &str, args: &[&str]) -> Output {
    Command::new(file(program)).args(args).output().unwrap()
}

#[test]
fn the_version_is_printed_and_an_unknown_flag_is_an_error() {
    let output = run("mongod", &["--version"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "db version v7.0.99-double");
    assert!(output.status.success());
    for (program, args) in [("mongod", &["--fork"][..]), ("mongos", &["--replSet", "x"]), ("mongos", &[])] {
        assert_eq!(run(program, args).status.code(), Some(2), "{program} {args:?}");
    }
}

#[test]
fn a_key_file_that_others_may_read_stops_the_server() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let (key, data, port) = (folder.key(), folder.data("d"), free_port().to_string());
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o440)).unwrap();
    let key = key.display().to_string();
    let output = run("mongod", &["--replSet", "r", "--keyFile", &key, "--dbpath", &data, "--port", &port]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("too open"));
}

#[test]
fn a_data_folder_is_needed_and_belongs_to_one_server() {
    let folder = Folder::new();
    let data = folder.data("d");
    let mut first = Server::up("mongod", &["--dbpath", &data]);
    let port = free_port().to_string();
    for path in [data.as_str(), "/nowhere/at/all"] {
        let output = run("mongod", &["--dbpath", path, "--port", &port, "--bind_ip", "127.0.0.1"]);
        assert_eq!(output.status.code(), Some(100), "{path}");
    }
    assert_eq!(first.terminate().code(), Some(0));
}

#[tokio::test]
async fn a_router_listens_only_when_its_config_set_has_a_primary_and_can_be_stopped_before() {
    let folder = Folder::new();
    let member = folder.member("cfg", "--configsvr");
    let mut waiting = folder.router(&format!("cfg/{}", member.host()));
    let mut router = folder.router(&format!("cfg/{}", member.host()));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!router.listens() && !waiting.listens());
    assert_eq!(waiting.terminate().code(), Some(0));
    let client = member.client(Some(system()));
    assert_eq!(admin(&client, config("cfg", &member.host())).await, 0);
    primary(&client).await;
    router.wait();
    let hello = router.client(None).database("admin").run_command(doc! {"hello": 1}).await.unwrap();
    assert_eq!(hello.get_str("msg"), Ok("isdbgrid"));
    assert!(!hello.contains_key("setName"));
}

#[tokio::test]
async fn old_queries_are_refused_but_for_the_first_greeting() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let folder = Folder::new();
    let server = Server::up("mongod", &["--dbpath", &folder.data("d")]);
    let ask = async |command: bson::Document| {
        let mut stream = tokio::net::TcpStream::connect(server.host()).await.unwrap();
        let body = bson::to_vec(&command).unwrap();
        let mut query = Vec::new();
        let length = i32::try_from(16 + 4 + "admin.$cmd".len() + 1 + 8 + body.len()).unwrap();
        for word in [length, 7, 0, 2004, 0] {
            query.extend(word.to_le_bytes());
        }
        query.extend(b"admin.$cmd\0");
        query.extend([0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
        query.extend(body);
        stream.write_all(&query).await.unwrap();
        let mut head = [0; 36];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(head[8..16], [7, 0, 0, 0, 1, 0, 0, 0], "answers request 7 as OP_REPLY");
        let length = u32::from_le_bytes(head[..4].try_into().unwrap()) as usize;
        let mut body = vec![0; length - 36];
        stream.read_exact(&mut body).await.unwrap();
        bson::from_slice::<bson::Document>(&body).unwrap()
    };
    let hello = ask(doc! {"isMaster": 1, "helloOk": true}).await;
    assert!(hello.get_bool("ismaster").unwrap() && hello.get_bool("helloOk").unwrap());
    assert_eq!(hello.get_i32("maxWireVersion"), Ok(21));
    assert!(!hello.contains_key("topologyVersion"));
    assert_eq!(ask(doc! {"find": "c"}).await.get_i32("code"), Ok(352));
}
