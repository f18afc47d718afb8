//! Standard output, and the table of one case.

use std::{fmt::Write as _, io::Write as _};

use acceptance::Failure;

use crate::series::{Case, Series};

/// Writes a text to the standard output at once.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes())?;
    Ok(output.flush()?)
}

/// Table of one case.
pub(crate) struct Table {
    text: String,
    rows: Vec<Series>,
}

impl Table {
    pub(crate) fn new(case: &Case) -> Self {
        let plural = if case.emails == 1 { "" } else { "s" };
        let title = format!("{}, {}, {} email{plural}", case.name, case.credential, case.emails);
        let text = format!(
            "\n{title:<40} {:>10} {:>17} {:>8} {:>9} {:>9} {:>9}\n",
            "CPU µs", "(least – most)", "to peer", "per s", "p50 ms", "p99 ms"
        );
        Self { text, rows: Vec::new() }
    }

    pub(crate) fn add(&mut self, series: &Series) {
        self.rows.push(series.clone());
    }

    pub(crate) fn text(mut self) -> String {
        let peer = self.rows.iter().find(|row| row.candidate == "peer").map(|row| row.cpu.median);
        for row in &self.rows {
            let spread = format!("({:.0} – {:.0})", row.cpu.least, row.cpu.most);
            let ratio = peer.map(|peer| format!("{:.2}", row.cpu.median / peer)).unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = writeln!(
                self.text,
                "  {:<38} {:>10.0} {spread:>17} {ratio:>8} {:>9.0} {:>9.2} {:>9.2}",
                row.candidate, row.cpu.median, row.requests_per_second.median, row.p50, row.p99
            );
        }
        self.text
    }
}
