//! Pictures: a state becomes lines of styled text for a width and nothing else, so that the same lines fill a
//! terminal, a pipe and a test.

mod paint;
mod table;
mod terminal;

pub use paint::{Paint, printed};
pub use table::{Align, Cell, Column, Table};
pub use terminal::{Session, Size, live};

use crate::text::clean;
use ratatui::text::{Line, Span};

/// The narrowest picture that is drawn; a narrower terminal shows its left part.
pub const NARROWEST: u16 = 24;

/// `── title ─────`, over the whole width.
pub fn rule(title: &str, width: u16, paint: Paint) -> Line<'static> {
    let head = format!("── {title} ");
    let used = Span::raw(head.as_str()).width();
    let rest = "─".repeat(usize::from(width).saturating_sub(used));
    Line::from(vec![Span::styled(head, paint.heading()), Span::styled(rest, paint.dim())])
}

/// Words in lines that are not wider than `width`, each beginning with `indent` blanks but the first.
pub fn wrapped(text: &str, width: u16, indent: usize, style: ratatui::style::Style) -> Vec<Line<'static>> {
    let width = usize::from(width).max(indent + 8);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in clean(text, 2000).split_whitespace() {
        let wide = Span::raw(line.as_str()).width() + 1 + Span::raw(word).width();
        if !line.trim().is_empty() && wide > width {
            lines.push(Line::styled(std::mem::take(&mut line), style));
            line.push_str(&" ".repeat(indent));
        } else if !line.trim().is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.trim().is_empty() {
        lines.push(Line::styled(line, style));
    }
    lines
}

/// A bar of `part` in `whole`, `cells` wide: `███▌    `.
pub fn bar(part: u64, whole: u64, cells: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = if whole == 0 {
        0
    } else {
        (u128::from(part.min(whole)) * cells as u128 * 8 / u128::from(whole)) as usize
    };
    let mut bar = "█".repeat(eighths / 8);
    bar.push_str(EIGHTHS[eighths % 8]);
    let used = bar.chars().count();
    bar.push_str(&" ".repeat(cells.saturating_sub(used)));
    bar
}

/// One character per value, its height by the largest: `▁▃█`.
pub fn spark(values: &[f64]) -> String {
    const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let top = values.iter().copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
    let step = |value: &f64| {
        let share = if top > 0.0 && value.is_finite() { (value / top).clamp(0.0, 1.0) } else { 0.0 };
        STEPS[(share * 7.0).round() as usize]
    };
    values.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Style;

    #[test]
    fn bars_and_sparks_are_of_their_width() {
        assert_eq!(bar(1, 2, 4), "██  ");
        assert_eq!(bar(1, 16, 4), "▎   ");
        assert_eq!((bar(5, 0, 2), bar(9, 3, 2)), ("  ".into(), "██".into()));
        assert_eq!(spark(&[0.0, 5.0, 10.0, f64::NAN]), "▁▅█▁");
        assert_eq!(spark(&[0.0, 0.0]), "▁▁");
    }

    #[test]
    fn words_are_wrapped() {
        let lines = wrapped("one two three four", 10, 2, Style::new());
        let texts: Vec<_> = lines.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["one two", "  three", "  four"]);
        assert_eq!(rule("x", 10, Paint::plain()).to_string(), "── x ─────");
    }
}
