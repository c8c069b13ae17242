//! `docs/reference/cli.md`: the commands in Markdown, of the same declarations that `--help` prints.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command};

/// The page of all commands that are shown.
pub fn page(mut command: Command) -> String {
    command.build();
    let mut page = String::from(
        "<!-- Made by `cargo xtask generate`; do not edit. -->\n\n# Command line\n\n\
         `make run`, or `cargo build --workspace --bins`, makes `target/debug/eventpipeline`. It ends with 0 when it is \
         done, 1 when it did not work or did not hold, 2 when it was used wrongly.\n",
    );
    section(&mut page, &command, "eventpipeline");
    page.trim_end().to_owned()
}

fn section(page: &mut String, command: &Command, name: &str) {
    let shown: Vec<&Command> = command.get_subcommands().filter(|sub| is_shown(sub)).collect();
    if shown.is_empty() {
        let about = command.get_long_about().or(command.get_about()).map(ToString::to_string);
        let _ = write!(page, "\n## {name}\n\n{}\n", sentence(&about.unwrap_or_default()));
        arguments(page, command);
    }
    for sub in shown {
        section(page, sub, &format!("{name} {}", sub.get_name()));
    }
}

fn is_shown(command: &Command) -> bool {
    !command.is_hide_set() && command.get_name() != "help"
}

fn arguments(page: &mut String, command: &Command) {
    let arguments: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version"))
        .collect();
    if arguments.is_empty() {
        return;
    }
    page.push_str("\n| Argument | Default | Meaning |\n|---|---|---|\n");
    for argument in arguments {
        let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string);
        let cells = [spelled(argument), unset(argument), one_line(&help.unwrap_or_default())];
        let _ = writeln!(page, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
}

/// As it is typed: `--name <VALUE>`, or `<VALUE>` in its place.
fn spelled(argument: &Arg) -> String {
    let values: Vec<String> =
        argument.get_value_names().into_iter().flatten().map(|name| format!("<{name}>")).collect();
    let words = argument.get_long().map(|long| format!("--{long}")).into_iter();
    let words: Vec<String> = words.chain(if takes_value(argument) { values } else { Vec::new() }).collect();
    let words = format!("`{}`", words.join(" "));
    if argument.is_required_set() { format!("{words}, required") } else { words }
}

fn takes_value(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Set | ArgAction::Append)
}

/// What counts when it is not given.
fn unset(argument: &Arg) -> String {
    let mut said: Vec<String> = Vec::new();
    if takes_value(argument) {
        said.extend(
            argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())),
        );
    }
    let words: Vec<String> =
        argument.get_possible_values().iter().map(|word| format!("`{}`", word.get_name())).collect();
    if argument.get_long().is_some() && takes_value(argument) && !words.is_empty() {
        said.push(format!("of {}", words.join(", ")));
    }
    said.extend(argument.get_env().map(|name| format!("from `{}`", name.to_string_lossy())));
    said.join(", ")
}

/// clap takes the full stop away.
fn sentence(text: &str) -> String {
    let text = one_line(text);
    if text.is_empty() || text.ends_with('.') { text } else { text + "." }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    #[test]
    fn commands_that_are_shown_are_there_with_their_arguments() {
        let load = Command::new("load")
            .about("Send.")
            .arg(Arg::new("rate").long("rate").value_name("RATE").default_value("5").help("Events a second."))
            .arg(Arg::new("file").value_name("FILE").required(true).help("A\nfile."))
            .arg(Arg::new("check").long("check").action(ArgAction::SetTrue).help("Only | look."));
        let page = page(
            Command::new("eventpipeline").subcommand(load).subcommand(Command::new("secret").hide(true)),
        );
        let rest = page.split_once("wrongly.\n").unwrap().1;
        assert_eq!(
            rest,
            "\n## eventpipeline load\n\nSend.\n\n| Argument | Default | Meaning |\n|---|---|---|\n\
             | `--rate <RATE>` | `5` | Events a second. |\n| `<FILE>`, required |  | A file. |\n\
             | `--check` |  | Only \\| look. |"
        );
    }
}
