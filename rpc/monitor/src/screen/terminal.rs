//! The full screen: entering it, keys, and leaving it again whatever happens.

use super::{NARROWEST, Paint};
use anyhow::{Context, Result};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;
use ratatui::{DefaultTerminal, Frame};
use std::time::Duration;
use tokio::sync::mpsc;

/// How often the reader of keys looks whether it is still needed.
const KEY_PATIENCE: Duration = Duration::from_millis(100);

/// The room for a picture, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: u16,
    /// Lines; a picture may have more, and is then scrolled.
    pub height: u16,
}

/// What a screen shows: a state that updates change and a picture of it.
pub trait Session {
    /// What changes it.
    type Update;

    /// Takes an update in.
    fn update(&mut self, update: Self::Update);

    /// The picture.
    fn picture(&self, size: Size, paint: Paint) -> Vec<Line<'static>>;

    /// A key that the screen itself has no use for.
    fn key(&mut self, _: KeyCode) {}

    /// What the last line says beside the screen's own keys.
    fn hint(&self) -> String {
        String::new()
    }
}

/// The terminal while it shows a full screen. Dropping it gives the terminal back, also while a panic unwinds; the
/// hook that `ratatui` puts in does so before the panic's message is written.
struct FullScreen(DefaultTerminal);

impl FullScreen {
    fn enter() -> Result<Self> {
        let terminal = ratatui::try_init().context(
            "the terminal cannot be switched to a full screen; with --once or --json none is needed",
        )?;
        Ok(Self(terminal))
    }
}

impl Drop for FullScreen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// What happened at the terminal.
enum Input {
    Key(KeyCode),
    Stop,
    Redraw,
}

/// Reads keys until nobody takes them any more. Reading blocks, so it has a thread of its own.
fn read_keys(keys: mpsc::Sender<Input>) {
    while !keys.is_closed() {
        let input = match event::poll(KEY_PATIENCE) {
            Ok(false) => continue,
            Ok(true) => match event::read() {
                Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                    let held = key.modifiers.contains(KeyModifiers::CONTROL);
                    match key.code {
                        KeyCode::Char('c' | 'd') if held => Input::Stop,
                        code => Input::Key(code),
                    }
                }
                Ok(Event::Resize(..)) => Input::Redraw,
                Ok(_) => continue,
                Err(_) => Input::Stop,
            },
            // The terminal is gone.
            Err(_) => Input::Stop,
        };
        if keys.blocking_send(input).is_err() {
            return;
        }
    }
}

/// Shows a session until the user leaves it, the process is asked to end, or no more updates can come and
/// `stay` is not set.
pub async fn live<S: Session>(
    session: &mut S,
    updates: &mut mpsc::Receiver<S::Update>,
    paint: Paint,
    stay: bool,
) -> Result<()> {
    let mut screen = FullScreen::enter()?;
    let (sender, mut keys) = mpsc::channel(16);
    std::thread::spawn(move || read_keys(sender));
    let mut scroll = 0u16;
    let mut open = true;
    let stop = crate::stop::requested();
    tokio::pin!(stop);
    loop {
        screen
            .0
            .draw(|frame| draw(session, frame, &mut scroll, paint))
            .context("the terminal cannot be written to")?;
        tokio::select! {
            update = updates.recv(), if open => match update {
                Some(update) => session.update(update),
                None if stay => open = false,
                None => return Ok(()),
            },
            input = keys.recv() => match input {
                Some(Input::Key(KeyCode::Char('q') | KeyCode::Esc) | Input::Stop) | None => return Ok(()),
                Some(Input::Key(KeyCode::Down | KeyCode::Char('j'))) => scroll = scroll.saturating_add(1),
                Some(Input::Key(KeyCode::Up | KeyCode::Char('k'))) => scroll = scroll.saturating_sub(1),
                Some(Input::Key(KeyCode::PageDown)) => scroll = scroll.saturating_add(10),
                Some(Input::Key(KeyCode::PageUp)) => scroll = scroll.saturating_sub(10),
                Some(Input::Key(KeyCode::Home)) => scroll = 0,
                Some(Input::Key(code)) => session.key(code),
                Some(Input::Redraw) => {}
            },
            () = &mut stop => return Ok(()),
        }
    }
}

fn draw<S: Session>(session: &S, frame: &mut Frame<'_>, scroll: &mut u16, paint: Paint) {
    let area = frame.area();
    if area.height == 0 || area.width == 0 {
        return;
    }
    // Where there is room for next to nothing, the keys are left out first.
    let foot_height = u16::from(area.height > 2);
    let size = Size { width: area.width.max(NARROWEST), height: area.height - foot_height };
    let lines = session.picture(size, paint);
    let hidden = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(size.height);
    *scroll = (*scroll).min(hidden);
    let body = ratatui::layout::Rect { height: size.height, ..area };
    frame.render_widget(Paragraph::new(lines).scroll((*scroll, 0)), body);
    if foot_height == 0 {
        return;
    }
    let mut foot = String::from(" q quit");
    if hidden > 0 {
        foot.push_str(&format!(" · ↑↓ scroll ({} more)", hidden - *scroll));
    }
    let hint = session.hint();
    if !hint.is_empty() {
        foot.push_str(" · ");
        foot.push_str(&hint);
    }
    let line = ratatui::layout::Rect { y: area.y + size.height, height: 1, ..area };
    frame.render_widget(Line::styled(foot, paint.dim()), line);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    struct Numbers(usize);

    impl Session for Numbers {
        type Update = usize;

        fn update(&mut self, update: usize) {
            self.0 = update;
        }

        fn picture(&self, _: Size, _: Paint) -> Vec<Line<'static>> {
            (0..self.0).map(|n| Line::from(format!("line {n}"))).collect()
        }
    }

    #[test]
    fn what_does_not_fit_is_scrolled_and_no_size_is_too_small() {
        let mut terminal = Terminal::new(TestBackend::new(30, 4)).expect("a test's terminal");
        let mut scroll = 99;
        terminal.draw(|frame| draw(&Numbers(6), frame, &mut scroll, Paint::plain())).expect("drawn");
        assert_eq!(scroll, 3);
        terminal.backend().assert_buffer_lines([
            "line 3                        ",
            "line 4                        ",
            "line 5                        ",
            " q quit · ↑↓ scroll (0 more)  ",
        ]);
        for (width, height) in [(1, 1), (3, 2), (0, 0)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test's terminal");
            terminal.draw(|frame| draw(&Numbers(6), frame, &mut scroll, Paint::plain())).expect("drawn");
        }
    }

    /// Set where this test runs inside a terminal of its own.
    const INSIDE: &str = "CHAINCORE_MONITOR_TEST_INSIDE";

    #[test]
    fn a_panic_gives_the_terminal_back() {
        if std::env::var_os(INSIDE).is_some() {
            let _screen = FullScreen::enter().expect("there is a terminal");
            panic!("on purpose");
        }
        let size = portable_pty::PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = portable_pty::native_pty_system().openpty(size).expect("a pseudo-terminal");
        let settings = || format!("{:?}", pair.master.get_termios());
        let before = settings();
        let mut command =
            portable_pty::CommandBuilder::new(std::env::current_exe().expect("a test has an executable"));
        command.args(["--exact", "--nocapture", "screen::terminal::tests::a_panic_gives_the_terminal_back"]);
        command.env(INSIDE, "1");
        command.env("TERM", "xterm-256color");
        let mut child = pair.slave.spawn_command(command).expect("it can be started");
        // The last end but its own: when the child is gone, reading ends.
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let reading = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // The end of a terminal is an error on Linux.
            let _ended = std::io::Read::read_to_end(&mut reader, &mut bytes).is_err();
            bytes
        });
        let status = child.wait().expect("it ends");
        assert_eq!(settings(), before, "lines and echo are on again");
        drop(pair.slave);
        let bytes = reading.join().expect("it reads");
        let text = String::from_utf8_lossy(&bytes);
        let last = |part: &str| text.rfind(part).unwrap_or_else(|| panic!("no {part:?} in {text:?}"));
        assert!(!status.success());
        assert!(last("\u{1b}[?1049h") < last("\u{1b}[?1049l"), "the usual screen is back: {text:?}");
        assert!(
            text.find("\u{1b}[?1049l") < text.find("on purpose"),
            "and the message stands there: {text:?}"
        );
    }
}
