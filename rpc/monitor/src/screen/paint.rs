//! Colours, and what prints styled lines to something that is not a full screen.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use std::io::IsTerminal;

/// Which styles may be used. Colours never carry a meaning alone: the words beside them say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    colour: bool,
}

impl Paint {
    /// For standard output: colours if it is a terminal and `NO_COLOR` is not set (or empty).
    pub fn of_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self { colour: !refused && !dumb && std::io::stdout().is_terminal() }
    }

    /// No styles at all.
    #[cfg(test)]
    pub const fn plain() -> Self {
        Self { colour: false }
    }

    /// All styles.
    #[cfg(test)]
    pub const fn full() -> Self {
        Self { colour: true }
    }

    fn style(self, style: Style) -> Style {
        if self.colour { style } else { Style::new() }
    }

    /// As it should be.
    pub fn good(self) -> Style {
        self.style(Style::new().fg(Color::Green))
    }

    /// Late, or soon to be a trouble.
    pub fn late(self) -> Style {
        self.style(Style::new().fg(Color::Yellow))
    }

    /// An alarm.
    pub fn bad(self) -> Style {
        self.style(Style::new().fg(Color::Red).add_modifier(Modifier::BOLD))
    }

    /// Beside the point.
    pub fn dim(self) -> Style {
        self.style(Style::new().fg(Color::DarkGray))
    }

    /// A title.
    pub fn heading(self) -> Style {
        self.style(Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD))
    }

    /// What matters.
    pub fn strong(self) -> Style {
        self.style(Style::new().add_modifier(Modifier::BOLD))
    }

    /// Neither.
    pub fn normal(self) -> Style {
        Style::new()
    }

    /// By verdict.
    pub fn of(self, verdict: crate::verdict::Verdict) -> Style {
        use crate::verdict::Verdict;
        match verdict {
            Verdict::Good => self.good(),
            Verdict::Behind => self.late(),
            Verdict::Broken => self.bad(),
        }
    }
}

/// The lines as text, styles as escape sequences (none if the lines have none).
pub fn printed(lines: &[Line<'_>]) -> String {
    let mut out = String::new();
    for line in lines {
        let mut text = String::new();
        for span in &line.spans {
            let codes = codes(line.style.patch(span.style));
            // What reached a span went through `clean`; this holds for what did not.
            let content: String = span.content.chars().filter(|character| !character.is_control()).collect();
            if codes.is_empty() {
                text.push_str(&content);
            } else {
                text.push_str(&format!("\u{1b}[{codes}m{content}\u{1b}[0m"));
            }
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}

fn codes(style: Style) -> String {
    let mut codes = Vec::new();
    if style.add_modifier.contains(Modifier::BOLD) {
        codes.push("1");
    }
    match style.fg {
        Some(Color::Red) => codes.push("31"),
        Some(Color::Green) => codes.push("32"),
        Some(Color::Yellow) => codes.push("33"),
        Some(Color::Cyan) => codes.push("36"),
        Some(Color::DarkGray) => codes.push("90"),
        _ => {}
    }
    codes.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::text::Span;

    #[test]
    fn without_colour_there_is_no_escape() {
        let line =
            |paint: Paint| Line::from(vec![Span::styled("bad", paint.bad()), Span::raw(" \u{1b}[2Jx  ")]);
        assert_eq!(printed(&[line(Paint::plain())]), "bad [2Jx\n");
        assert_eq!(printed(&[line(Paint::full())]), "\u{1b}[1;31mbad\u{1b}[0m [2Jx\n");
    }
}
