//! The settings of the services, as each prints them.

use super::head;

/// The page, of each service's table.
pub fn page(services: &[(&str, String)]) -> String {
    let mut page = head(
        "Settings",
        "Environment variables of the three services. An empty one counts as not set; all faults are told at once, and \
         the process ends with 2. `eventpipeline-api --settings` prints them with their defaults, as they stand in \
         [.env.example](../../.env.example). In a cluster the operator sets those of API and workers, and the chart those \
         of the operator.",
    );
    for (service, table) in services {
        page.extend(["\n## ", service, "\n\n", table]);
    }
    page
}
