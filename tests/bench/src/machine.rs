//! What the kernel says about processes and the machine, read from `/proc`.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// The kernel counts processor time in these steps for everybody.
const TICKS_PER_SECOND: f64 = 100.0;
/// The name of the threads that run functions.
pub(crate) const HANDLERS: &str = "handlers";
/// The word that makes this program a spinner.
pub(crate) const SPIN: &str = "spin";

/// Processor time that a process and its threads have used, user and system.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("look at process {pid}"))?;
    // The second field is a name in parentheses and may hold anything.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |index: usize| -> Result<f64> {
        let field = fields.get(index).context("find the processor time")?;
        field.parse().context("read the processor time")
    };
    Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

/// Processor time that the own threads of a name have used; counted in nanoseconds.
pub(crate) fn threads_cpu_seconds(name: &str) -> Result<f64> {
    living_threads_cpu_seconds("self", Some(name))
}

/// Processor time of this thread, to the nanosecond even where it was never interrupted.
pub(crate) fn own_cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Processor time of the threads that a process has now, all or those of a name; counted in nanoseconds.
pub(crate) fn living_threads_cpu_seconds(process: &str, name: Option<&str>) -> Result<f64> {
    let mut nanos = 0.0;
    let threads = std::fs::read_dir(format!("/proc/{process}/task"));
    for thread in threads.with_context(|| format!("look at the threads of {process}"))? {
        let thread = thread?.path();
        // A thread that has ended meanwhile is none of those that are asked for.
        let comm = std::fs::read_to_string(thread.join("comm"));
        if comm.is_ok_and(|comm| name.is_none_or(|name| comm.trim() == name)) {
            nanos += ran_nanos(&thread.join("schedstat"))?;
        }
    }
    Ok(nanos / 1e9)
}

fn ran_nanos(schedstat: &Path) -> Result<f64> {
    let text = std::fs::read_to_string(schedstat).context("look at a thread")?;
    let first = text.split_whitespace().next();
    Ok(first.context("find the processor time")?.parse()?)
}

/// The counters of the device below a folder.
#[derive(Debug)]
pub(crate) struct Device(PathBuf);

impl Device {
    /// `None` where no block device is below it, such as on tmpfs or overlayfs.
    pub(crate) fn below(folder: &Path) -> Result<Option<Self>> {
        let number = std::fs::metadata(folder)
            .context("look at the folder of scratch data")?
            .dev();
        let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
        let path = PathBuf::from(format!("/sys/dev/block/{major}:{minor}/stat"));
        Ok(path.is_file().then_some(Self(path)))
    }

    /// Bytes that it was told to write since the machine's start, by everybody, once all that waits was written.
    pub(crate) fn written_bytes(&self) -> Result<f64> {
        const SECTORS_WRITTEN: usize = 6;
        const SECTOR_BYTES: f64 = 512.0;
        rustix::fs::sync();
        let text = std::fs::read_to_string(&self.0).context("read the device's counters")?;
        let sectors = text.split_whitespace().nth(SECTORS_WRITTEN);
        let sectors: f64 = sectors.context("find what was written")?.parse()?;
        Ok(sectors * SECTOR_BYTES)
    }
}

/// What a process has made dirty in the page cache, in bytes; counted again whenever a page gets dirty again.
pub(crate) fn file_bytes_written(process: &str) -> Result<f64> {
    let counted = std::fs::read_to_string(format!("/proc/{process}/io"))
        .with_context(|| format!("look at process {process}"))?;
    let line = counted
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes:"));
    let bytes = line.and_then(|rest| rest.trim().parse().ok());
    bytes.with_context(|| format!("find what process {process} wrote"))
}

/// A line of `/proc/PID/status`, in MiB.
pub(crate) fn memory_mib(pid: u32, name: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("look at process {pid}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib: Option<f64> = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    kib.map(|kib| kib / 1024.0)
        .with_context(|| format!("find {name} of process {pid}"))
}

pub(crate) fn description() -> Value {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    json!({
        "cores": cores(),
        "processor": model.map(|(_, name)| name),
        "kernel": kernel.trim(),
    })
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Keeps every core awake at the lowest priority until it is dropped: an idle virtual processor may round each
/// wait for the disk up to its timer tick.
#[derive(Debug)]
pub(crate) struct Spinners(Vec<Child>);

impl Spinners {
    /// `None` where there is no `chrt`, without which spinning would take time from the server.
    pub(crate) fn start() -> Option<Self> {
        let own = std::env::current_exe().ok()?;
        let mut spinners = Self(Vec::new());
        for _ in 0..cores() {
            let spinner = Command::new("chrt")
                .args(["-i", "0"])
                .arg(&own)
                .arg(SPIN)
                .stdin(Stdio::null())
                .spawn();
            spinners.0.push(spinner.ok()?);
        }
        Some(spinners)
    }
}

impl Drop for Spinners {
    fn drop(&mut self) {
        for spinner in &mut self.0 {
            // It has nothing to lose.
            drop(spinner.kill());
            drop(spinner.wait());
        }
    }
}

/// Asks for the next in every round: a kernel that preempts lazily lets a thread that never asks run on until its tick.
pub(crate) fn spin() -> ! {
    loop {
        std::thread::yield_now();
    }
}
