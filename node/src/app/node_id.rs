//! The name of a node that was given none: made up at the first start and kept in the chain's folder.

use super::AppError;
use chaincore_consensus::hex;
use std::io;
use std::path::Path;

const FILE: &str = "node_id";
/// The longest name that is read, in bytes.
const MAX_LEN: usize = 64;

/// The name in a chain's folder; made if there is none that can be read.
pub(super) fn of_folder(folder: &Path) -> Result<String, AppError> {
    let path = folder.join(FILE);
    if let Some(name) = std::fs::read_to_string(&path).ok().and_then(|text| usable(&text)) {
        return Ok(name);
    }
    let mut number = [0; 4];
    let random = getrandom::fill(&mut number).map_err(|error| io::Error::other(error.to_string()));
    let name = format!("chaincore-{}", hex::encode(&number));
    random
        .and_then(|()| std::fs::write(&path, format!("{name}\n")))
        .map_err(|source| AppError::Folder { path, source })?;
    Ok(name)
}

fn usable(text: &str) -> Option<String> {
    let name = text.trim();
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (!name.is_empty() && name.len() <= MAX_LEN && is_plain).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_and_a_broken_one_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let name = of_folder(folder.path()).unwrap();
        assert!(name.starts_with("chaincore-") && name.len() == 18, "{name}");
        assert_eq!(of_folder(folder.path()).unwrap(), name);
        for broken in ["", "two words", "a\u{1b}[m", &"x".repeat(65)] {
            std::fs::write(folder.path().join(FILE), broken).unwrap();
            assert_ne!(of_folder(folder.path()).unwrap(), broken);
        }
        let missing = folder.path().join("missing");
        assert!(matches!(of_folder(&missing), Err(AppError::Folder { .. })));
    }
}
