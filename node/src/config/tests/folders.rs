//! Folders that are made.

use super::Home;
use std::path::PathBuf;

#[test]
fn folders_are_made_for_the_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new("");
    let config = home.config(&["-regtest"]);
    config.create_folders().unwrap();
    config.create_folders().unwrap();
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.0.path().join("regtest")), 0o700);
    assert_eq!(mode(home.0.path().join("regtest/blocks")), 0o700);
    assert_eq!(std::fs::read_dir(home.0.path().join("regtest/wallets")).unwrap().count(), 0);
    // Who removed the folder of wallets gets no new one.
    std::fs::remove_dir(home.0.path().join("regtest/wallets")).unwrap();
    config.create_folders().unwrap();
    assert!(!home.0.path().join("regtest/wallets").exists());
}
