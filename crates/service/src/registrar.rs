//! The registry of a service's metrics. It remembers what was registered: an empty family is not in a scrape, and a
//! reader of the reference, or of a test, wants to know of it all the same.

use std::fmt::Write as _;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::{Metric, Registry};

/// Registers metrics.
#[derive(Debug, Default)]
pub struct Registrar {
    registry: Registry,
    described: Vec<Described>,
}

#[derive(Debug)]
struct Described {
    name: String,
    help: String,
    kind: String,
}

impl Registrar {
    /// Registers a metric; its name gets no prefix, and a counter's the ending that its kind has.
    pub fn register(&mut self, name: impl Into<String>, help: impl Into<String>, metric: impl Metric) {
        let (name, help, kind) = (name.into(), help.into(), metric.metric_type().as_str().to_owned());
        self.described.push(Described { name: name.clone(), help: help.clone(), kind });
        self.registry.register(name, help, metric);
    }

    /// Registers what is made at each scrape.
    pub fn register_collector(&mut self, collector: Box<dyn Collector>) {
        self.registry.register_collector(collector);
    }

    /// What a scrape gets.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// The same with the two lines of every empty family.
    pub(crate) fn described(&self) -> Result<String, std::fmt::Error> {
        let scraped = self.text()?;
        let end = "# EOF\n";
        let mut text = scraped.strip_suffix(end).unwrap_or(&scraped).to_owned();
        for Described { name, help, kind } in &self.described {
            let line = format!("# TYPE {name} {kind}\n");
            if !scraped.contains(&line) {
                // As the encoder writes them.
                write!(text, "# HELP {name} {help}.\n{line}")?;
            }
        }
        Ok(text + end)
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::family::Family;

    use super::*;

    #[test]
    fn an_empty_family_is_described_and_not_scraped() {
        let mut registrar = Registrar::default();
        let family: Family<Vec<(String, String)>, Counter> = Family::default();
        registrar.register("seen", "Seen", Counter::<u64>::default());
        registrar.register("lost", "Lost", family.clone());
        let (scraped, described) = (registrar.text().unwrap(), registrar.described().unwrap());
        assert!(!scraped.contains("lost"), "{scraped}");
        assert!(described.ends_with("# HELP lost Lost.\n# TYPE lost counter\n# EOF\n"), "{described}");

        family.get_or_create(&vec![("why".into(), "none".into())]).inc();
        let scraped = registrar.text().unwrap();
        assert_eq!(registrar.described().unwrap(), scraped);
        assert!(scraped.contains("# HELP lost Lost.\n# TYPE lost counter\nlost_total{why=\"none\"} 1\n"));
    }
}
