//! Numbers in columns: a Markdown table that also reads well as plain text.

use std::fmt;

/// The middle of some numbers, and how far they lie apart.
pub struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    /// Of `numbers`, of which there is at least one.
    pub fn of(numbers: impl Iterator<Item = f64>) -> Spread {
        let mut sorted: Vec<f64> = numbers.collect();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
            _ => sorted[middle],
        };
        Spread { median, least: sorted[0], most: sorted[sorted.len() - 1] }
    }

    /// The median as a whole number.
    pub fn whole(&self) -> String {
        format!("{:.0}", self.median)
    }
}

/// `14.6 (14.2 to 15.1)`; only the number where all are the same.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let precision = if self.median < 10.0 { 2 } else { 1 };
        write!(f, "{:.precision$}", self.median)?;
        if self.least < self.most {
            write!(f, " ({:.precision$} to {:.precision$})", self.least, self.most)?;
        }
        Ok(())
    }
}

/// `rows` below `header`, the first column flush left and the others flush right.
pub fn markdown<const COLUMNS: usize>(header: [String; COLUMNS], rows: Vec<[String; COLUMNS]>) -> String {
    let lines = || std::iter::once(&header).chain(&rows);
    let widths: [usize; COLUMNS] =
        std::array::from_fn(|column| lines().map(|line| line[column].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for (number, line) in lines().enumerate() {
        for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
            text += &match column {
                0 => format!("| {cell:<width$} |"),
                _ => format!(" {cell:>width$} |"),
            };
        }
        text.push('\n');
        if number == 0 {
            for (column, width) in widths.into_iter().enumerate() {
                text += &match column {
                    0 => format!("|{}|", "-".repeat(width + 2)),
                    _ => format!("{}:|", "-".repeat(width + 1)),
                };
            }
            text.push('\n');
        }
    }
    text
}
