//! The table: a row for what was measured, its cells by name.

/// What a cell says. A row leaves out what does not apply.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Events a second.
    Rate,
    /// Of the limit or peer that stands in the row below.
    OfLimit,
    /// CPU of the API, of Redis, of the worker, of the store, of the sender; microseconds an event.
    Api,
    Redis,
    Worker,
    Store,
    Sender,
    /// Resident memory, MiB.
    ApiMib,
    RedisMib,
    WorkerMib,
    StoreMib,
    /// Events of a frame, on average.
    Frame,
}

const HEADINGS: [&str; 12] = [
    "events/s",
    "of the limit",
    "API µs",
    "Redis µs",
    "worker µs",
    "store µs",
    "sender µs",
    "API MiB",
    "Redis MiB",
    "worker MiB",
    "store MiB",
    "events a frame",
];

/// The lines above the rows.
pub fn head() -> String {
    format!("| | {} |\n|{}", HEADINGS.join(" | "), "---|".repeat(HEADINGS.len() + 1))
}

/// One row.
pub struct Row {
    what: String,
    cells: [String; HEADINGS.len()],
}

impl Row {
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), cells: std::array::from_fn(|_| String::new()) }
    }

    pub fn set(mut self, cell: Cell, text: impl Into<String>) -> Self {
        self.cells[cell as usize] = text.into();
        self
    }

    pub fn rate(self, events_per_second: f64) -> Self {
        self.set(Cell::Rate, thousands(events_per_second))
    }

    pub fn of(self, share: f64) -> Self {
        self.set(Cell::OfLimit, format!("{:.0} %", share * 100.0))
    }

    pub fn print(&self) {
        println!("| {} | {} |", self.what, self.cells.join(" | "));
    }
}

/// A count as people write it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a figure for people")]
pub fn thousands(count: f64) -> String {
    let digits = (count.max(0.0).round() as u64).to_string();
    let from_end = |n: usize| digits.len() - n;
    let grouped = digits.char_indices().flat_map(|(n, digit)| {
        let comma = n > 0 && from_end(n).is_multiple_of(3);
        comma.then_some(',').into_iter().chain([digit])
    });
    grouped.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_has_a_comma_before_each_three_digits() {
        let said: Vec<String> = [0.0, 999.4, 1_000.0, 219_600.0, 1_743_000.0].map(thousands).into();
        assert_eq!(said, ["0", "999", "1,000", "219,600", "1,743,000"]);
    }
}
