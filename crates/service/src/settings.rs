//! Settings from environment variables. Every fault is listed at once, and `.env.example` is made from the same
//! calls that read the values, so it cannot be out of date.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::ops::RangeInclusive;

/// One setting as `.env.example` and the reference show it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Described {
    name: &'static str,
    /// What counts when it is not set, or an example where it must be.
    default: String,
    required: bool,
    /// What it may be; empty for any text.
    takes: String,
    doc: &'static str,
}

/// Reads settings one by one and remembers each fault.
pub struct Reader {
    values: BTreeMap<String, String>,
    described: Vec<Described>,
    faults: Vec<String>,
}

/// All that was wrong with the settings.
#[derive(Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the settings cannot be used:", self.0.len())?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for Faults {}

impl Reader {
    /// Reads from the process environment.
    pub fn from_env() -> Self {
        Self::new(
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))),
        )
    }

    /// Reads from the given pairs.
    pub fn new(values: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { values: values.into_iter().collect(), described: Vec::new(), faults: Vec::new() }
    }

    /// A text; empty counts as not set.
    pub fn text(&mut self, name: &'static str, default: &str, doc: &'static str) -> String {
        self.describe(name, default, "", doc);
        self.given(name).unwrap_or_else(|| default.to_owned())
    }

    /// A text that has no default: without it the service cannot start.
    pub fn required(&mut self, name: &'static str, example: &str, doc: &'static str) -> String {
        self.must_be_given(name, example, String::new(), doc)
    }

    /// A required address whose scheme is one of `schemes`.
    pub fn address(
        &mut self,
        name: &'static str,
        example: &str,
        schemes: &[&str],
        doc: &'static str,
    ) -> String {
        let takes = format!("begins with {}", quoted(schemes, " or "));
        let address = self.must_be_given(name, example, takes, doc);
        let good =
            schemes.iter().any(|scheme| address.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
        if !address.is_empty() && !good {
            // Not the value: it may hold a password.
            self.faults.push(format!(
                "{name} does not begin with {}; for instance {name}={example}",
                schemes.join(" or ")
            ));
        }
        address
    }

    /// An address that its own client cannot read. One that is faulty already is not told of twice.
    pub fn check(&mut self, name: &'static str, address: &str, fault: impl Fn(&str) -> Option<String>) {
        let told = self.faults.iter().any(|fault| fault.starts_with(name));
        if let Some(why) = fault(address).filter(|_| !told) {
            self.faults.push(format!("{name} cannot be read: {why}"));
        }
    }

    /// `REDIS_URL`, which API and workers have alike. `fault` says why its client cannot read an address.
    pub fn redis(&mut self, fault: impl Fn(&str) -> Option<String>) -> String {
        let schemes = ["redis://", "rediss://", "unix://"];
        let url = self.address("REDIS_URL", "redis://127.0.0.1:6379", &schemes, "Redis; rediss:// for TLS");
        self.check("REDIS_URL", &url, fault);
        url
    }

    /// `MONGODB_URI` and `MONGODB_DATABASE`, which API and workers have alike. `uri_fault` says why its client cannot
    /// read an address, `database_fault` why no database can have a name.
    pub fn mongodb(
        &mut self,
        uri_fault: impl Fn(&str) -> Option<String>,
        database_fault: impl Fn(&str) -> Option<&'static str>,
    ) -> (String, String) {
        let schemes = ["mongodb://", "mongodb+srv://"];
        let uri = self.address("MONGODB_URI", "mongodb://127.0.0.1:27017", &schemes, "MongoDB");
        self.check("MONGODB_URI", &uri, uri_fault);
        let database = self.text("MONGODB_DATABASE", "eventpipeline", "Database of the events");
        if let Some(why) = database_fault(&database) {
            self.fault(format!("MONGODB_DATABASE={database} {why}"));
        }
        (uri, database)
    }

    /// The pipeline's `namespace/name`, part of every Redis key.
    pub fn pipeline(&mut self) -> String {
        let doc = "The pipeline: namespace/name; part of every Redis key";
        self.describe("PIPELINE", "default/laptop", "small letters, digits and hyphens", doc);
        let pipeline = self.given("PIPELINE").unwrap_or_else(|| "default/laptop".into());
        let part = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        if !pipeline.split_once('/').is_some_and(|(namespace, name)| part(namespace) && part(name)) {
            self.faults.push(format!(
                "PIPELINE={pipeline} is not namespace/name in small letters, digits and hyphens"
            ));
        }
        pipeline
    }

    /// A whole number within `range`.
    pub fn number(
        &mut self,
        name: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
        doc: &'static str,
    ) -> u64 {
        self.describe(name, &default.to_string(), format!("{} to {}", range.start(), range.end()), doc);
        let Some(given) = self.given(name) else { return default };
        match given.parse::<u64>() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                let (low, high) = range.into_inner();
                self.faults.push(format!("{name}={given} is not a whole number from {low} to {high}"));
                default
            }
        }
    }

    /// One of a few words.
    pub fn choice(
        &mut self,
        name: &'static str,
        choices: &[&'static str],
        doc: &'static str,
    ) -> &'static str {
        let default = choices.first().copied().unwrap_or_default();
        self.describe(name, default, quoted(choices, ", "), doc);
        let Some(given) = self.given(name) else { return default };
        choices.iter().find(|choice| **choice == given).copied().unwrap_or_else(|| {
            self.faults.push(format!("{name}={given} is none of {}", choices.join(", ")));
            default
        })
    }

    /// A value that parses from text; `what` says in the fault what it should be.
    pub fn parsed<T: std::str::FromStr>(
        &mut self,
        name: &'static str,
        default: &str,
        what: &str,
        doc: &'static str,
    ) -> Option<T> {
        self.describe(name, default, what, doc);
        let text = self.given(name).unwrap_or_else(|| default.to_owned());
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.faults.push(format!("{name}={text} is not {what}"));
        }
        parsed
    }

    /// A list separated by commas; blanks around the items do not count.
    pub fn list(&mut self, name: &'static str, doc: &'static str) -> Vec<String> {
        self.describe(name, "", "a list", doc);
        let given = self.given(name).unwrap_or_default();
        given.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    /// A fault that only the caller can see, such as two settings that do not fit.
    pub fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }

    /// Ends the reading: all faults at once, or none.
    pub fn finish(self) -> Result<(), Faults> {
        if self.faults.is_empty() { Ok(()) } else { Err(Faults(self.faults)) }
    }

    /// The settings read so far, as lines of `.env.example`.
    pub fn example(&self) -> String {
        self.described.iter().map(|s| format!("# {}\n{}={}\n", s.doc, s.name, s.default)).collect()
    }

    /// The same as rows of a table in Markdown.
    pub fn table(&self) -> String {
        let mut table = String::from("| Setting | When not set | Takes | Meaning |\n|---|---|---|---|\n");
        for Described { name, default, required, takes, doc } in &self.described {
            let unset = match (required, default.as_str()) {
                (true, example) => format!("does not start; for instance `{example}`"),
                (false, "") => "empty".to_owned(),
                (false, default) => format!("`{default}`"),
            };
            let cells = [&unset, takes, *doc].map(|cell| cell.replace('|', "\\|"));
            let _ = writeln!(table, "| `{name}` | {} |", cells.join(" | "));
        }
        table
    }

    fn describe(&mut self, name: &'static str, default: &str, takes: impl Into<String>, doc: &'static str) {
        let (default, takes) = (default.to_owned(), takes.into());
        self.described.push(Described { name, default, required: false, takes, doc });
    }

    fn must_be_given(
        &mut self,
        name: &'static str,
        example: &str,
        takes: String,
        doc: &'static str,
    ) -> String {
        self.described.push(Described { name, default: example.to_owned(), required: true, takes, doc });
        self.given(name).unwrap_or_else(|| {
            self.faults.push(format!("{name} is not set; for instance {name}={example}"));
            String::new()
        })
    }

    fn given(&self, name: &str) -> Option<String> {
        self.values.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }
}

fn quoted(words: &[&str], between: &str) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(pairs: &[(&str, &str)]) -> Reader {
        Reader::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn every_fault_is_listed_at_once() {
        let mut reader = reader(&[("N", "eleven"), ("C", "blue")]);
        reader.number("N", 3, 1..=10, "a number");
        reader.choice("C", &["red", "green"], "a colour");
        reader.required("U", "redis://…", "an address");
        let faults = reader.finish().unwrap_err();
        assert_eq!(
            faults.to_string(),
            "3 of the settings cannot be used:\n  N=eleven is not a whole number from 1 to 10\n  C=blue is none of red, green\n  U is not set; for instance U=redis://…"
        );
    }

    #[test]
    fn an_address_of_another_kind_and_a_pipeline_without_a_namespace_are_faults() {
        let mut reader = reader(&[("REDIS_URL", "http://user:secret@x"), ("PIPELINE", "laptop")]);
        reader.address("REDIS_URL", "redis://127.0.0.1:6379", &["redis://", "rediss://"], "Redis");
        reader.pipeline();
        let faults = reader.finish().unwrap_err().to_string();
        assert!(faults.contains("redis:// or rediss://") && faults.contains("PIPELINE=laptop"), "{faults}");
        assert!(!faults.contains("secret"), "{faults}");
    }

    #[test]
    fn an_empty_value_is_the_default() {
        let mut reader = reader(&[("N", " ")]);
        assert_eq!(reader.number("N", 3, 1..=10, "a number"), 3);
        assert_eq!(reader.example(), "# a number\nN=3\n");
        assert!(reader.finish().is_ok());
    }

    #[test]
    fn the_table_says_of_each_setting_what_holds_without_it_and_what_it_takes() {
        let mut reader = reader(&[("N", "7")]);
        reader.number("N", 3, 1..=10, "A number | of two");
        reader.choice("C", &["red", "green"], "A colour");
        reader.address("U", "redis://127.0.0.1", &["redis://", "rediss://"], "An address");
        reader.list("L", "Some");
        let rows: Vec<String> = reader.table().lines().skip(2).map(str::to_owned).collect();
        assert_eq!(
            rows,
            [
                r"| `N` | `3` | 1 to 10 | A number \| of two |",
                "| `C` | `red` | `red`, `green` | A colour |",
                "| `U` | does not start; for instance `redis://127.0.0.1` | begins with `redis://` or `rediss://` | An address |",
                "| `L` | empty | a list | Some |",
            ]
        );
    }
}
