//! Tables that give up columns, the least important first, until they are as narrow as the terminal.

use super::Paint;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// To which side a column's values go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its title.
    pub title: &'static str,
    /// To which side its values go.
    pub align: Align,
    /// The column with the highest number is given up first; 0 never is.
    pub rank: u8,
}

/// A value and how it looks.
#[derive(Debug, Clone)]
pub struct Cell(pub String, pub Style);

impl Cell {
    /// A value that looks like any other.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into(), Style::new())
    }
}

/// Columns and rows.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

const GAP: usize = 2;
/// A column is not made narrower than this.
const NARROWEST_COLUMN: usize = 4;

impl Table {
    /// A table without rows.
    pub fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row: as many cells as there are columns.
    pub fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// The table in `width` columns, the titles first.
    pub fn lines(&self, width: u16, paint: Paint) -> Vec<Line<'static>> {
        let width = usize::from(width);
        let natural = |at: usize| {
            let cells = self.rows.iter().map(|row| Span::raw(row[at].0.as_str()).width());
            cells.max().unwrap_or(0).max(self.columns[at].title.chars().count())
        };
        let mut shown: Vec<(usize, usize)> = (0..self.columns.len()).map(|at| (at, natural(at))).collect();
        let total = |shown: &[(usize, usize)]| {
            shown.iter().map(|(_, width)| width + GAP).sum::<usize>().saturating_sub(GAP)
        };
        while total(&shown) > width {
            let least = shown.iter().enumerate().max_by_key(|(_, (at, _))| self.columns[*at].rank);
            match least {
                Some((place, (at, _))) if self.columns[*at].rank > 0 => drop(shown.remove(place)),
                _ => break,
            }
        }
        // Of what is left, the widest columns give up what is too much.
        while total(&shown) > width
            && let Some(widest) = shown.iter_mut().max_by_key(|(_, width)| *width)
            && widest.1 > NARROWEST_COLUMN
        {
            widest.1 -= 1;
        }
        let titles: Vec<Cell> =
            self.columns.iter().map(|column| Cell(column.title.into(), paint.dim())).collect();
        let line = |row: &Vec<Cell>| {
            let mut spans = Vec::new();
            for (place, (at, width)) in shown.iter().enumerate() {
                if place > 0 {
                    spans.push(Span::raw(" ".repeat(GAP)));
                }
                let Cell(text, style) = &row[*at];
                let text = cut(text, *width);
                let blanks = " ".repeat(width.saturating_sub(Span::raw(text.as_str()).width()));
                let padded = match self.columns[*at].align {
                    Align::Left => text + &blanks,
                    Align::Right => blanks + &text,
                };
                spans.push(Span::styled(padded, *style));
            }
            Line::from(spans)
        };
        std::iter::once(&titles).chain(&self.rows).map(line).collect()
    }
}

/// The beginning of a text that is not wider than `width`, with a mark if something is missing.
fn cut(text: &str, width: usize) -> String {
    if Span::raw(text).width() <= width {
        return text.into();
    }
    let mut kept = String::new();
    for character in text.chars() {
        if Span::raw(kept.as_str()).width() + Span::raw(character.to_string()).width() + 1 > width {
            break;
        }
        kept.push(character);
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_go_by_rank_and_words_are_cut() {
        let column = |title, align, rank| Column { title, align, rank };
        let mut table = Table::new(&[
            column("node", Align::Left, 0),
            column("height", Align::Right, 1),
            column("peers", Align::Right, 2),
        ]);
        table.row(vec![Cell::new("a-long-name"), Cell::new("7"), Cell::new("12")]);
        let texts = |width| {
            let lines = table.lines(width, Paint::plain());
            lines.iter().map(|line| line.to_string().trim_end().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(texts(40), ["node         height  peers", "a-long-name       7     12"]);
        assert_eq!(texts(20), ["node         height", "a-long-name       7"]);
        assert_eq!(texts(12), ["node", "a-long-name"]);
        assert_eq!(texts(8), ["node", "a-long-…"]);
        // Wide characters take two columns.
        table.row(vec![Cell::new("節点節点節点"), Cell::new("8"), Cell::new("1")]);
        for line in table.lines(9, Paint::plain()) {
            assert!(line.width() <= 9, "{line}");
        }
    }
}
