//! Printed report and JSON output.

use std::fmt::Write as _;

use acceptance::Upload;

use crate::{
    goals::Goal,
    measure::Run,
    start::Start,
    statistics::{count_to_f64, length_to_f64},
};

/// Formats the goals and their results.
pub(crate) fn format_goals(goals: &[Goal]) -> String {
    let mut text = format!("\n{:<72} {:>9} {:>9}\n", "goal", "is", "at most");
    for Goal { what, is, at_most, reached } in goals {
        let reached = if *reached { "yes" } else { "NO" };
        let _ = writeln!(text, "{what:<72} {is:>9.2} {at_most:>9.2}  {reached}");
    }
    text
}

/// Formats the sizes of processes and uploads, and the start times.
pub(crate) fn format_sizes(run: &Run<'_>, uploads: &[(String, Upload)], starts: &[Start]) -> String {
    let kib = |bytes: usize| length_to_f64(bytes) / 1024.0;
    let mut text = String::new();
    if !run.sizes.is_empty() {
        let _ = writeln!(text, "\n{:<40} {:>12} {:>12}", "memory after the run (RSS)", "MiB", "at most");
        for size in &run.sizes {
            let name = format!("  {}, {} emails", size.candidate, size.emails);
            let mib = |kib: u64| count_to_f64(kib) / 1024.0;
            let _ = writeln!(text, "{name:<40} {:>12.1} {:>12.1}", mib(size.rss_kib), mib(size.peak_kib));
        }
    }
    if !starts.is_empty() {
        let _ = writeln!(text, "\n{:<40} {:>12} {:>17}", "from the start of the process", "ms", "(least – most)");
        for start in starts {
            for (what, spread) in [("listens", start.listens), ("first answer", start.first_answer)] {
                let name = format!("  {}, {what}", start.candidate);
                let between = format!("({:.0} – {:.0})", spread.least, spread.most);
                let _ = writeln!(text, "{name:<40} {:>12.0} {between:>17}", spread.median);
            }
        }
    }
    let _ = writeln!(text, "\n{:<40} {:>12} {:>12}", "upload", "KiB", "gzip -9");
    for (name, upload) in uploads {
        let _ = writeln!(text, "  {name:<38} {:>12.1} {:>12.1}", kib(upload.raw), kib(upload.gzip));
    }
    text
}
