//! What is asked for instead of running here: texts, and running in the background.

use super::Home;
use crate::config::{Config, Request};

#[test]
fn help_and_version_are_printed_without_a_data_folder() {
    let ask =
        |argument: &str| match Config::from_arguments(["-datadir=/no/such".to_owned(), argument.to_owned()])
            .unwrap()
        {
            Request::Print(text) => text,
            other => panic!("{other:?}"),
        };
    for argument in ["-h", "-?", "--help", "-help"] {
        let text = ask(argument);
        assert!(
            text.contains("\nOptions:\n")
                && text.contains("-mine=<address>")
                && text.contains("Usage: chaincored")
        );
        assert!(!text.contains("-mocktime") && !text.contains("disablewallet"));
        assert!(text.lines().all(|line| line.chars().count() <= 79), "{text}");
    }
    assert!(ask("-help-debug").contains("-mocktime") && ask("-help-debug").contains("-disablewallet"));
    assert!(ask("-version").contains("version v"));
    let home = Home::new("");
    assert!(matches!(home.request(&["-daemon"]).unwrap(), Request::RunInBackground(None)));
    let Request::RunInBackground(Some(pid)) = home.request(&["-daemonwait", "-pid=p"]).unwrap() else {
        panic!("it waits for the file with the process id");
    };
    assert!(pid.ends_with("p"));
    assert!(matches!(home.request(&["-daemon", "-nodaemon"]).unwrap(), Request::Run(_)));
    assert!(home.request(&["-daemon", "-par=x"]).is_err());
}
