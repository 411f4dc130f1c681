//! A program in a real terminal: a pseudo-terminal that it cannot tell from another, and what would be seen there.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long anything may take to appear. Generous: it is a bound, not a measurement.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal and the program in it.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    writer: Box<dyn Write + Send>,
    parser: Arc<Mutex<vt100::Parser>>,
    settings: String,
}

fn size(width: u16, height: u16) -> PtySize {
    PtySize { rows: height, cols: width, pixel_width: 0, pixel_height: 0 }
}

fn nonzero(value: u16) -> NonZeroU16 {
    NonZeroU16::new(value).expect("a terminal has a size")
}

impl Terminal {
    /// Starts a program in a terminal of this width and height, with these variables besides those of the test.
    pub fn start(
        program: &Path,
        args: &[impl AsRef<OsStr>],
        variables: &[(&str, &str)],
        (width, height): (u16, u16),
    ) -> Self {
        let pair = native_pty_system().openpty(size(width, height)).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        for (name, value) in variables {
            command.env(name, value);
        }
        let settings = settings(&*pair.master);
        let child = pair.slave.spawn_command(command).expect("the program can be started");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let writer = pair.master.take_writer().expect("a writer");
        let parser = Arc::new(Mutex::new(vt100::Parser::new(nonzero(height), nonzero(width), 200)));
        let seen = parser.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The end of a terminal is an error on Linux.
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                seen.lock().unwrap_or_else(PoisonError::into_inner).process(&bytes[..count]);
            }
        });
        Self { master: pair.master, child, writer, parser, settings }
    }

    fn parser(&self) -> MutexGuard<'_, vt100::Parser> {
        self.parser.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What stands on the screen.
    pub fn text(&self) -> String {
        self.parser().screen().contents()
    }

    /// Whether anything on the screen has a colour.
    pub fn has_colour(&self) -> bool {
        let parser = self.parser();
        let screen = parser.screen();
        let (rows, columns) = screen.size();
        let coloured = |row, column| {
            screen.cell(row, column).is_some_and(|cell| cell.fgcolor() != vt100::Color::Default)
        };
        (0..rows.get()).any(|row| (0..columns.get()).any(|column| coloured(row, column)))
    }

    /// Waits until the screen shows `part`, and gives back all that it shows then.
    pub fn wait_for(&self, part: &str) -> String {
        self.wait_until(part, |text| text.contains(part))
    }

    /// Waits until the screen shows all of these at once.
    pub fn wait_for_all(&self, parts: &[&str]) -> String {
        let what = parts.join(", ");
        self.wait_until(&what, |text| parts.iter().all(|part| text.contains(part)))
    }

    /// Waits until what the screen shows is as wanted.
    pub fn wait_until(&self, what: &str, mut done: impl FnMut(&str) -> bool) -> String {
        let since = Instant::now();
        loop {
            let text = self.text();
            if done(&text) {
                return text;
            }
            assert!(since.elapsed() < PATIENCE, "waited in vain for {what:?}; the screen shows\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Types.
    pub fn press(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).expect("the terminal takes keys");
        self.writer.flush().expect("the terminal takes keys");
    }

    /// Makes the terminal wider or narrower.
    pub fn resize(&mut self, width: u16, height: u16) {
        self.parser().screen_mut().set_size(nonzero(height), nonzero(width));
        self.master.resize(size(width, height)).expect("the terminal can be resized");
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("the program runs")
    }

    /// Types again every second until the screen is as wanted. Once may not be enough: `crossterm` leaves a key that
    /// comes in the same moment as a change of the terminal's size lying until the next one.
    pub fn press_until(&mut self, keys: &str, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            // A program that has ended takes no keys.
            let _gone = self.writer.write_all(keys.as_bytes()).and_then(|()| self.writer.flush()).is_err();
            let pause = Instant::now();
            while pause.elapsed() < Duration::from_secs(1) {
                if done(self) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        panic!("waited in vain for {what:?}; the screen shows\n{}", self.text())
    }

    /// Presses `q` until the program ends; its exit code.
    pub fn quit(&mut self) -> u32 {
        self.press_until("q", "the end", |terminal| {
            terminal.child.try_wait().expect("the program can be waited for").is_some()
        });
        self.wait_exit()
    }

    /// Waits until the program ends; its exit code.
    pub fn wait_exit(&mut self) -> u32 {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the program can be waited for") {
                return status.exit_code();
            }
            assert!(since.elapsed() < PATIENCE, "it did not end; the screen shows\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Panics unless the terminal is as the program found it: lines and echo, the usual screen, a cursor.
    pub fn is_restored(&self) {
        // The last bytes may still be on their way.
        self.wait_until("the usual screen", |_| {
            let parser = self.parser();
            !parser.screen().alternate_screen() && !parser.screen().hide_cursor()
        });
        assert_eq!(settings(&*self.master), self.settings, "the terminal's settings were left changed");
    }

    /// Whether the program has the whole screen.
    pub fn is_full_screen(&self) -> bool {
        self.parser().screen().alternate_screen()
    }
}

/// The terminal's settings, as text.
fn settings(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios())
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
