//! Plugins that are programs.

use super::Home;
use std::path::PathBuf;

#[test]
fn plugins_of_ones_own_are_there_before_anything_starts() {
    let home = Home::new("plugin=/bin/sh -c true\nimportant-plugin=sh\n");
    let seen = |arguments: &[&str]| -> Vec<(String, Vec<String>, bool)> {
        let plugins = home.config(arguments).process_plugins;
        let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        plugins
            .into_iter()
            .map(|(command, known)| (name(command.program), command.arguments, known))
            .collect()
    };
    let words =
        |text: &str| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let plugin = |name: &str, arguments: &str, important| (name.to_owned(), words(arguments), important);
    assert_eq!(seen(&[]), [plugin("sh", "-c true", false), plugin("sh", "", true)]);
    assert_eq!(
        seen(&["--plugin", "/bin/cat -u", "-plugin=cat"])[..2],
        [plugin("cat", "-u", false), plugin("cat", "", false)]
    );
    assert_eq!(seen(&["-noplugin"]), [plugin("sh", "", true)]);
    assert_eq!(
        home.error(&["--plugin", "/no/such.py 5"]),
        "Invalid value '/no/such.py 5' for -plugin: it must be the path of a program, or a program and its arguments \
         (there is no file /no/such.py)."
    );
    let error = home.error(&["-important-plugin=no-such-program"]);
    assert!(
        error.contains("for -important-plugin: ") && error.contains("no-such-program, here or in PATH"),
        "{error}"
    );
}
