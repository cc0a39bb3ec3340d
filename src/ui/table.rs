//! Tables of data for standard output: aligned columns without borders, fit for eyes and for `awk`.

use unicode_width::UnicodeWidthStr;

use super::sanitise::one_line;

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alignment {
    Left,
    Right,
}

/// A table: headings in capitals, then a line for each row.
#[derive(Debug, Clone)]
pub struct Table {
    alignments: Vec<Alignment>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Makes a table of these columns; a heading that begins with `>` has its column at the right, as numbers need.
    pub fn new<'a>(headings: impl IntoIterator<Item = &'a str>) -> Self {
        let (alignments, headings) = headings
            .into_iter()
            .map(|heading| match heading.strip_prefix('>') {
                Some(heading) => (Alignment::Right, heading.to_uppercase()),
                None => (Alignment::Left, heading.to_uppercase()),
            })
            .unzip();
        Self { alignments, rows: vec![headings] }
    }

    /// Adds a row. An empty cell is shown as `-`, so that every row has the same number of words.
    pub fn add<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cells = cells.into_iter().map(|cell| one_line(cell.as_ref()));
        self.rows.push(cells.map(|cell| if cell.is_empty() { "-".to_owned() } else { cell }).collect());
    }

    /// Renders the table, each line with its end and without blanks before it.
    pub fn render(&self) -> String {
        let widths: Vec<usize> = (0..self.alignments.len()).map(|column| self.width(column)).collect();
        let mut text = String::new();
        for row in &self.rows {
            let cells = row.iter().zip(&self.alignments).zip(&widths);
            let cells: Vec<String> =
                cells.map(|((cell, alignment), width)| pad(cell, *alignment, *width)).collect();
            text.push_str(cells.join("   ").trim_end());
            text.push('\n');
        }
        text
    }

    fn width(&self, column: usize) -> usize {
        self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0)
    }
}

fn pad(cell: &str, alignment: Alignment, width: usize) -> String {
    let blanks = " ".repeat(width.saturating_sub(cell.width()));
    match alignment {
        Alignment::Left => format!("{cell}{blanks}"),
        Alignment::Right => format!("{blanks}{cell}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_hostile_cells_stay_in_theirs() {
        let mut table = Table::new(["image", "version", ">size"]);
        table.add(["kubernetes:v1.36.3", "v1.36.3", "403.1 MiB"]);
        table.add(["日本", "", "9 B"]);
        table.add(["a\nb\x1b[31m", "x", "1.0 KiB"]);
        insta::assert_snapshot!(table.render(), @r"
        IMAGE                VERSION        SIZE
        kubernetes:v1.36.3   v1.36.3   403.1 MiB
        日本                 -               9 B
        a b                  x           1.0 KiB
        ");
    }
}
