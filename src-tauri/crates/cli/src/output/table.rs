//! Aligned tables.

use comfy_table::{CellAlignment, ContentArrangement, Table};
use icebridge_model::format::visible;

/// Columns under headings, without lines around them, so that they can also be cut and grepped.
pub struct Grid {
    table: Table,
    rows: usize,
}

impl Grid {
    /// A heading that begins with `>` stands over numbers, aligned to the right.
    pub fn new(headings: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(headings.iter().map(|h| h.trim_start_matches('>')));
        for (i, _) in headings.iter().enumerate().filter(|(_, h)| h.starts_with('>')) {
            if let Some(column) = table.column_mut(i) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Self { table, rows: 0 }
    }

    pub fn row<I: IntoIterator<Item = String>>(&mut self, cells: I) {
        // A line break or a control character in a name must not break the table, or reach the terminal.
        self.table.add_row(cells.into_iter().map(|cell| visible(&cell)));
        self.rows += 1;
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }
}

impl std::fmt::Display for Grid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for line in self.table.lines() {
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_names_cannot_break_them() {
        let mut grid = Grid::new(&["table", ">rows"]);
        grid.row(["a.b".to_string(), "1".to_string()]);
        grid.row(["a.longer\u{1b}[31m\nx".to_string(), "12,345".to_string()]);
        let text = grid.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[1].ends_with("     1") && lines[2].ends_with("12,345"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }
}
