//! The tour of the README and the tutorial, each command of them, on a pipeline of their own. What a reader is told to
//! expect is what is checked:
//!
//! - `# → TEXT` after a command: its output has it.
//! - `# after a moment → TEXT`: it comes, if need be when the command is given again.
//! - `# after a moment → TEXT, or OTHER`: or the other one has stayed for a while.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use local::{beside, on_path};
use testbed::eventually;

use crate::run::{Dev, Home};

/// What the blocks are given instead of a person. `make run` is what the test started, and only `make stop` is there.
const PRELUDE: &str = r#"set -u
out=$(mktemp)
trap 'rm -f "$out"' EXIT
make() { [ "$*" = stop ] && target/debug/eventpipeline stop; }
fail() { echo "FAILED: $1"; exit 1; }
has() { grep -qF -- "$1" "$out"; }
"#;
/// Seconds until something has come, on a busy machine.
const PATIENCE_SECONDS: u32 = 30;
/// Seconds after which the other text is believed to stay.
const STAYS_SECONDS: u32 = 5;

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Run(String),
    Has(String),
    Comes(String, Option<String>),
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The `sh` blocks of a page, or of one section of it; without the sections that `skip` names.
fn blocks(page: &str, section: Option<&str>, skip: &[&str]) -> Vec<String> {
    let text = std::fs::read_to_string(project().join(page)).unwrap();
    let (mut blocks, mut inside, mut heading) = (Vec::new(), false, String::new());
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            title.clone_into(&mut heading);
        }
        let wanted = section.is_none_or(|section| heading == section)
            && !skip.iter().any(|start| heading.starts_with(start));
        match line {
            "```sh" if wanted => {
                inside = true;
                blocks.push(String::new());
            }
            "```" => inside = false,
            line if inside => {
                let block: &mut String = blocks.last_mut().unwrap();
                block.push_str(line);
                block.push('\n');
            }
            _ => {}
        }
    }
    assert!(!blocks.is_empty(), "{page} has no block of sh");
    blocks
}

/// The commands of a block and what is said of their outcome.
fn steps(block: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut command = String::new();
    for line in block.lines() {
        if let Some(text) = line.strip_prefix("# after a moment → ") {
            let (text, other) =
                text.split_once(", or ").map_or((text, None), |(text, other)| (text, Some(other)));
            steps.push(Step::Comes(text.to_owned(), other.map(str::to_owned)));
        } else if let Some(text) = line.strip_prefix("# → ") {
            steps.push(Step::Has(text.to_owned()));
        } else if !line.trim().is_empty() && !line.starts_with('#') {
            command.push_str(line);
            if line.ends_with('\\') {
                command.push('\n');
            } else {
                steps.push(Step::Run(std::mem::take(&mut command)));
            }
        }
    }
    steps
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A script that does it all, says what it does, and ends at the first thing that is not as it was told.
fn script(blocks: &[String]) -> String {
    let mut script = PRELUDE.to_owned();
    for block in blocks {
        let mut last = String::new();
        for step in steps(block) {
            match step {
                Step::Run(command) => {
                    let _ = write!(
                        script,
                        "echo {shown}\n{{ {command}\n}} >\"$out\" 2>&1 || {{ cat \"$out\"; fail {shown}; }}\ncat \"$out\"\n",
                        shown = quoted(&format!("$ {command}"))
                    );
                    last = command;
                }
                Step::Has(text) => {
                    let _ = writeln!(script, "has {text} || fail {text}", text = quoted(&text));
                }
                Step::Comes(text, other) => {
                    let other = other.map_or_else(String::new, |other| {
                        format!("  [ $SECONDS -lt {STAYS_SECONDS} ] || ! has {} || break\n", quoted(&other))
                    });
                    let text = quoted(&text);
                    let _ = write!(
                        script,
                        "SECONDS=0\nuntil has {text}; do\n{other}  [ $SECONDS -lt {PATIENCE_SECONDS} ] || {{ cat \"$out\"; fail {text}; }}\n  \
                         sleep 0.1\n  {{ {last}\n  }} >\"$out\" 2>&1\ndone\n"
                    );
                }
            }
        }
    }
    script
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_of_the_tour_and_of_the_tutorial_does_what_it_says() {
    let home = Home::new();
    let mut dev = Dev::start(&home, "{}", &[]).await;
    let folder = home.path();
    symlink(home.data(), folder.join(".eventpipeline")).unwrap();
    std::fs::create_dir_all(folder.join("target/debug")).unwrap();
    symlink(beside("eventpipeline").unwrap(), folder.join("target/debug/eventpipeline")).unwrap();

    // The second block of the tour puts more load on it than a test should.
    let mut all = blocks("README.md", Some("A tour with curl"), &[]);
    all.truncate(1);
    // A real MongoDB stores what is a dead letter on FerretDB.
    let stores_all = on_path("mongod").is_some() && on_path("mongos").is_some();
    let mut tutorial = blocks("docs/tutorial.md", None, if stores_all { &["6."] } else { &[] });
    assert_eq!(tutorial.remove(0), "make run\n", "the pipeline runs already");
    assert!(tutorial.last().is_some_and(|last| last.starts_with("make stop")), "the tutorial stops it");
    all.extend(tutorial);

    let facts = dev.facts();
    let script = script(&all)
        .replace("http://127.0.0.1:3001", &facts.api)
        .replace("http://127.0.0.1:3000", &facts.console);
    let file = folder.join("tutorial.sh");
    std::fs::write(&file, script).unwrap();
    let output = Command::new("bash").arg(&file).current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));

    let ended = eventually(Duration::from_mins(1), async || dev.process.ended().is_some()).await;
    assert!(ended, "`make stop` did not stop it: {}", dev.terminal());
    assert!(dev.terminal().contains("stopped; the data are in"), "{}", dev.terminal());
}

#[test]
fn a_block_is_read_as_commands_and_what_they_say() {
    let block = "one \\\n  two   # why\n# → a\n\n# a remark\n# after a moment → b, or c\nthree\n";
    let expected = [
        Step::Run("one \\\n  two   # why".into()),
        Step::Has("a".into()),
        Step::Comes("b".into(), Some("c".into())),
        Step::Run("three".into()),
    ];
    assert_eq!(steps(block), expected);
}
