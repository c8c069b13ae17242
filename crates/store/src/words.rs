//! An error of the driver in words for people: which server, and why.

use mongodb::error::{Error, ErrorKind};

/// What went wrong, without the driver's labels and topology.
pub fn words(error: &Error) -> String {
    match error.kind.as_ref() {
        ErrorKind::Command(refused) => {
            format!("{} ({} {})", refused.message, refused.code, refused.code_name)
        }
        ErrorKind::ServerSelection { message, .. } => unselected(message),
        kind => kind.to_string(),
    }
}

/// From the driver's picture of the topology: each server's address, and its error where it has one.
fn unselected(message: &str) -> String {
    let servers: Vec<String> = message
        .split("{ Address: ")
        .skip(1)
        .map(|server| {
            let address = server.split(',').next().unwrap_or_default();
            let why = server.split("Error: Kind: ").nth(1).and_then(|rest| rest.split(", labels").next());
            why.map_or_else(|| format!("{address} is not what is needed"), |why| format!("{address}: {why}"))
        })
        .collect();
    if servers.is_empty() {
        message.to_owned()
    } else {
        format!("no server answers as needed: {}", servers.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_server_that_is_away_its_address_and_the_reason_are_left() {
        let driver = "Server selection timeout: No available servers. Topology: { Type: Unknown, Servers: [ { Address: 127.0.0.1:1, Type: Unknown, Error: Kind: I/O error: Connection refused (os error 111), labels: {\"RetryableError\"}, source: None, server response: None }, { Address: b:2, Type: RsSecondary } ] }";
        assert_eq!(
            unselected(driver),
            "no server answers as needed: 127.0.0.1:1: I/O error: Connection refused (os error 111); b:2 is not what is needed"
        );
        assert_eq!(unselected("nothing known"), "nothing known");
    }
}
