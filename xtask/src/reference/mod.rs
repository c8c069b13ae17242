//! The pages of `docs/reference/`: input → text. Each is made of what the programs or the types say of themselves.

pub mod crd;
pub mod errors;
pub mod http;
pub mod metrics;
mod schema;
pub mod settings;

/// The first lines of a page.
fn head(title: &str, intro: &str) -> String {
    format!("<!-- Made by `cargo xtask generate`; do not edit. -->\n\n# {title}\n\n{intro}\n")
}

/// A row of a table, whatever the cells hold.
fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| one_line(cell).replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// The head of a table.
fn table(columns: &[&str]) -> String {
    format!("{}|{}\n", row(columns), "---|".repeat(columns.len()))
}

/// Text without its line breaks.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_may_hold_anything() {
        assert_eq!(row(&["`a|b`", "two\n  lines", ""]), "| `a\\|b` | two lines |  |\n");
        assert_eq!(table(&["A", "B"]), "| A | B |\n|---|---|\n");
    }
}
