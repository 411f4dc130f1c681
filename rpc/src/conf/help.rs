//! The text of `-help`.

use super::{Group, OptionTable};

const WIDTH: usize = 79;
const INDENT: usize = 7;

/// Breaks `text` into lines of at most `width` characters, each but the first indented by `indent` spaces.
pub fn paragraph(text: &str, width: usize, indent: usize) -> String {
    let mut lines = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            lines.push('\n');
            lines.extend(std::iter::repeat_n(' ', indent));
            column = 0;
        } else if column > 0 {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += length;
    }
    lines
}

/// All options of the given groups with their headings; [`Group::Ignored`] as a bare list of names.
pub fn help_text(table: &OptionTable, groups: &[Group]) -> String {
    let mut text = String::new();
    for &group in groups {
        let mut members: Vec<_> = table.iter().filter(|spec| spec.group == group && !spec.hidden).collect();
        if members.is_empty() {
            continue;
        }
        text.push_str(group.title());
        text.push_str(":\n\n");
        members.sort_by_key(|spec| spec.name);
        if group == Group::Ignored {
            let names: Vec<_> = members.iter().map(|spec| format!("-{}", spec.name)).collect();
            text.push_str("  ");
            text.push_str(&paragraph(&names.join(" "), WIDTH - 2, 2));
            text.push_str("\n\n");
            continue;
        }
        for spec in members {
            let dashes = if spec.name.contains('-') || spec.alias.is_some() { "--" } else { "-" };
            let value = if spec.hint.is_empty() { String::new() } else { format!("={}", spec.hint) };
            let help = paragraph(spec.help, WIDTH - INDENT, INDENT);
            text.push_str(&format!("  {dashes}{}{value}\n{:INDENT$}{help}\n\n", spec.name, ""));
        }
    }
    text
}
