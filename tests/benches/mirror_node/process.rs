//! What processes have used, as Linux tells in `/proc`.

use anyhow::{Context, Result};
use std::path::Path;

/// Linux tells times in hundredths of a second, whatever the kernel's own clock is.
const TICKS: f64 = 100.0;

/// The fields of a `stat` file from the third on, as the second may hold anything.
fn fields(path: &Path) -> Option<Vec<i64>> {
    let text = std::fs::read_to_string(path).ok()?;
    // The third is a letter, which is no number and not needed.
    Some(text.rsplit_once(')')?.1.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect())
}

/// User and system time among those fields; with what children took that have ended, if they count.
fn seconds(fields: &[i64], with_ended: bool) -> f64 {
    let times = if with_ended { 11..15 } else { 11..13 };
    fields.get(times).map_or(0.0, |times| times.iter().sum::<i64>() as f64 / TICKS)
}

/// The processor time of a process so far, in seconds, user and system.
pub fn processor(pid: u32) -> Result<f64> {
    let stat = format!("/proc/{pid}/stat");
    Ok(seconds(&fields(Path::new(&stat)).context(stat)?, false))
}

/// The same of those of its threads whose names begin in one of these ways and that still run.
pub fn processor_of_threads(pid: u32, names: &[&str]) -> Result<f64> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"))?.flatten();
    let ours = threads.filter(|thread| {
        let name = std::fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
        names.iter().any(|start| name.starts_with(start))
    });
    Ok(ours.filter_map(|thread| fields(&thread.path().join("stat"))).map(|own| seconds(&own, false)).sum())
}

/// The same of a process and its children, those that have ended too.
pub fn processor_of_family(pid: u32) -> Result<f64> {
    let stat = format!("/proc/{pid}/stat");
    let own = seconds(&fields(Path::new(&stat)).context(stat)?, true);
    let all = std::fs::read_dir("/proc")?.flatten().filter_map(|entry| fields(&entry.path().join("stat")));
    let children = all.filter(|fields| fields.get(1) == Some(&i64::from(pid)));
    Ok(own + children.map(|child| seconds(&child, true)).sum::<f64>())
}

/// The most memory that a process has had, in bytes.
pub fn peak_memory(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("Linux says VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1024)
}
