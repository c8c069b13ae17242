//! The metrics of the services, as each would be scraped.

use std::collections::{BTreeMap, BTreeSet};

use super::{head, row, table};

/// What one service's scrape says of a metric.
#[derive(Debug, Default, PartialEq, Eq)]
struct Metric {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
}

/// The page, of each service's scrape as text.
pub fn page(services: &[(&str, String)]) -> String {
    let mut page = head(
        "Metrics",
        "What each service tells at `/metrics` of its inside listener (`INSIDE_LISTEN`), in OpenMetrics' text. Names are \
         as Prometheus keeps them; a histogram has `_bucket` (with `le`), `_sum` and `_count`. Labels have few values, \
         and none of a sender's making. `eventpipeline-worker --metrics` prints them. Alerts and dashboard that use \
         them are in the chart ([runbooks](../runbooks/README.md)).",
    );
    for (service, scrape) in services {
        page.extend(["\n## ", service, "\n\n", &table(&["Metric", "Kind", "Unit", "Labels", "Meaning"])]);
        for (name, metric) in metrics(scrape) {
            let name = if metric.kind == "counter" { format!("{name}_total") } else { name };
            let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            let help = metric.help.trim_end_matches('.');
            page.push_str(&row(&[&format!("`{name}`"), &metric.kind, unit(&name), &labels.join(", "), help]));
        }
    }
    page
}

/// The metrics of a scrape by name, without the endings of counters and histograms.
fn metrics(scrape: &str) -> BTreeMap<String, Metric> {
    let mut found: BTreeMap<String, Metric> = BTreeMap::new();
    for line in scrape.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            help.clone_into(&mut found.entry(name.to_owned()).or_default().help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            kind.clone_into(&mut found.entry(name.to_owned()).or_default().kind);
        } else if let Some((name, labels)) = sample(line) {
            let endings = ["", "_total", "_bucket", "_sum", "_count"];
            let base = endings.iter().find_map(|ending| {
                name.strip_suffix(ending).filter(|base| found.contains_key(*base)).map(str::to_owned)
            });
            if let Some(metric) = base.and_then(|base| found.get_mut(&base)) {
                metric.labels.extend(labels.filter(|label| *label != "le").map(str::to_owned));
            }
        }
    }
    found
}

/// The name of a sample and those of its labels.
fn sample(line: &str) -> Option<(&str, impl Iterator<Item = &str>)> {
    let (series, _) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    // Of `a="1",b="2"}` every second piece is a value.
    let names = labels.split('"').step_by(2).filter_map(|piece| piece.strip_suffix('='));
    Some((name, names.map(|name| name.trim_start_matches(','))))
}

/// The unit that a name ends with.
fn unit(name: &str) -> &'static str {
    let name = name.trim_end_matches("_total");
    ["seconds", "bytes", "ratio"].into_iter().find(|unit| name.ends_with(unit)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_a_scrape_and_labels_those_of_any_child() {
        let scrape = "# HELP a_events Events.\n# TYPE a_events counter\n\
                      a_events_total{outcome=\"x, le=\",by=\"y\"} 1\n\
                      # HELP a_took_seconds Time.\n# TYPE a_took_seconds histogram\na_took_seconds_sum 0.0\n\
                      a_took_seconds_bucket{le=\"1.0\",kind=\"z\"} 0\n# HELP a_none None.\n# TYPE a_none gauge\n# EOF\n";
        let page = page(&[("a", scrape.to_owned())]);
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `a_")).collect();
        assert_eq!(
            rows,
            [
                "| `a_events_total` | counter |  | `by`, `outcome` | Events |",
                "| `a_none` | gauge |  |  | None |",
                "| `a_took_seconds` | histogram | seconds | `kind` | Time |",
            ]
        );
    }
}
