//! Where the app's files are: in the binary, or in a folder while somebody works on them.

use super::encoding::{CODINGS, accepts};
use chaincore_consensus::hash::sha256;
use chaincore_consensus::hex;
use hyper::body::Bytes;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// What `build.rs` found in `web/dist`: names below it, and the bytes.
static EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/web_files.rs"));

/// The largest file of a folder that is read, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// One form of a file.
#[derive(Debug, Clone)]
struct Form {
    bytes: Bytes,
    etag: String,
}

impl Form {
    fn new(bytes: Bytes) -> Self {
        let hash = hex::encode(&sha256(&bytes)[..16]);
        Self { etag: hash, bytes }
    }
}

/// A file as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// The bytes, compressed if there is an encoding.
    pub(super) bytes: Bytes,
    /// How they are compressed.
    pub(super) encoding: Option<&'static str>,
    /// Names these bytes, without quotes.
    pub(super) etag: String,
}

/// All files of the app.
#[derive(Debug)]
pub(super) enum Files {
    /// By name; compressed forms are files of their own here, with `.br` and `.gz` behind the name.
    Memory(BTreeMap<String, MemoryFile>),
    /// Read when asked for, never compressed: what lies beside a file that was just changed is old.
    Folder(PathBuf),
}

/// A file and its compressed forms, in the order of [`CODINGS`].
#[derive(Debug)]
pub(super) struct MemoryFile {
    plain: Form,
    compressed: [Option<Form>; CODINGS.len()],
}

/// The name of the file that this is a compressed form of, by its ending.
fn plain_name(name: &str) -> Option<&str> {
    CODINGS.iter().find_map(|(_, ending)| name.strip_suffix(ending))
}

impl Files {
    /// Those in the binary, if the app was built before the node.
    pub(super) fn embedded() -> Self {
        Self::of(EMBEDDED.iter().map(|(name, bytes)| ((*name).to_owned(), Bytes::from_static(bytes))))
    }

    /// These.
    pub(super) fn in_memory<'a>(files: impl Iterator<Item = (&'a str, Vec<u8>)>) -> Self {
        Self::of(files.map(|(name, bytes)| (name.to_owned(), Bytes::from(bytes))))
    }

    fn of(files: impl Iterator<Item = (String, Bytes)>) -> Self {
        let mut all: BTreeMap<String, Bytes> = files.collect();
        let names: Vec<String> = all
            .keys()
            .filter(|name| plain_name(name).is_none_or(|plain| !all.contains_key(plain)))
            .cloned()
            .collect();
        let mut table = BTreeMap::new();
        for name in names {
            let compressed = CODINGS.map(|(_, ending)| all.remove(&format!("{name}{ending}")).map(Form::new));
            if let Some(bytes) = all.remove(&name) {
                table.insert(name, MemoryFile { plain: Form::new(bytes), compressed });
            }
        }
        Self::Memory(table)
    }

    /// Whether there is a file of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::Memory(files) => files.contains_key(name),
            Self::Folder(folder) => folder.join(name).is_file(),
        }
    }

    /// The file of this name, in the smallest form that the client takes. The name must be one of plain parts.
    pub(super) fn find(&self, name: &str, accepted: &str) -> Option<Found> {
        let of =
            |form: &Form, encoding| Found { bytes: form.bytes.clone(), encoding, etag: form.etag.clone() };
        match self {
            Self::Memory(files) => {
                let file = files.get(name)?;
                let forms = CODINGS.iter().zip(&file.compressed);
                let taken = forms.filter_map(|((coding, _), form)| Some((*coding, form.as_ref()?)));
                let mut taken = taken.filter(|(coding, _)| accepts(accepted, coding));
                Some(
                    taken
                        .next()
                        .map_or_else(|| of(&file.plain, None), |(coding, form)| of(form, Some(coding))),
                )
            }
            Self::Folder(folder) => {
                let path = folder.join(name);
                let size = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?.len();
                if size > MAX_FILE {
                    tracing::warn!(target: "http", "{} has {size} bytes and is not served", path.display());
                    return None;
                }
                Some(of(&Form::new(fs::read(path).ok()?.into()), None))
            }
        }
    }
}

/// The media type of a file by the ending of its name. Nothing is left to a browser's guess.
pub(super) fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
