//! A file system in a file, mounted through a loop device, that can be stopped in the middle of its work.
//!
//! The shutdown call of ext4 and XFS ends all writing at once without flushing the journal; what the kernel had in
//! memory only is gone after the next mount. That needs root and loop devices.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

/// Sparse: only what is written takes room.
const IMAGE_BYTES: u64 = 4 << 30;
/// Says to this program that it is apart.
const APART: &str = "SHARDMILL_CRASH_APART";
const UNMOUNT_MAX: Duration = Duration::from_secs(10);
const UNMOUNT_PAUSE: Duration = Duration::from_millis(20);
/// Says that it is ready, waits for a line, and makes the call: `_IOR('X', 125, u32)` with "do not flush the log", as both
/// kernels define it.
const SHUT_DOWN: &str = "open(my $folder, '<', $ARGV[0]) or die qq(open: $!\\n); \
     my $no_flush = pack('I', 2); $| = 1; print qq(ready\\n); <STDIN>; \
     ioctl($folder, 0x8004587D, $no_flush) or die qq(shutdown: $!\\n); print qq(done\\n);";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileSystem {
    Ext4,
    Xfs,
}

impl FileSystem {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
        }
    }

    fn make(self) -> &'static [&'static str] {
        match self {
            Self::Ext4 => &["mkfs.ext4", "-q", "-F"],
            Self::Xfs => &["mkfs.xfs", "-q", "-f"],
        }
    }
}

pub(crate) fn machine_lacks() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("only root may mount".to_owned());
    }
    let has_loops = Path::new("/dev/loop-control").exists();
    (!has_loops).then(|| "there are no loop devices".to_owned())
}

/// Built in, loaded, or lying ready as a module, which the first mount loads.
pub(crate) fn kernel_lacks(system: FileSystem) -> Option<String> {
    let name = system.name();
    let known = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let loaded = known.lines().any(|line| line.trim() == name);
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    let modules = format!("/lib/modules/{release}/modules.dep");
    let ready = || {
        let listed = std::fs::read_to_string(modules).unwrap_or_default();
        listed.contains(&format!("/{name}.ko"))
    };
    (!loaded && !ready()).then(|| format!("the kernel {release} does not know {name}"))
}

pub(crate) fn tools_lack(system: FileSystem) -> Option<String> {
    let make = system.make().first().copied().unwrap_or_default();
    [
        (make, "-V"),
        ("perl", "-v"),
        ("mount", "-V"),
        ("unshare", "-V"),
    ]
    .iter()
    .find(|(tool, version)| run(&[tool, version]).is_err())
    .map(|(tool, _)| format!("{tool} is missing"))
}

/// Begins this program again where nobody else sees what it mounts. A process that starts in a mount namespace of its own
/// takes a copy of every mount along, and while that lives an unmounted file system goes on, shut down as it is.
pub(crate) fn apart() -> Result<()> {
    if std::env::var_os(APART).is_some() {
        return Ok(());
    }
    let error = Command::new("unshare")
        .args(["--mount", "--"])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(APART, "1")
        .exec();
    Err(error).context("start this program in a mount namespace of its own")
}

/// Unmounted when dropped.
#[derive(Debug)]
pub(crate) struct Volume {
    system: FileSystem,
    image: PathBuf,
    mounted: PathBuf,
}

impl Volume {
    pub(crate) fn new(system: FileSystem, folder: &Path) -> Result<Self> {
        let volume = Self {
            system,
            image: folder.join("image"),
            mounted: folder.join("mounted"),
        };
        std::fs::create_dir(&volume.mounted)?;
        std::fs::File::create(&volume.image)?.set_len(IMAGE_BYTES)?;
        let image = volume.image.to_string_lossy();
        run(&[system.make(), &[&*image]].concat())?;
        volume.mount()?;
        Ok(volume)
    }

    pub(crate) fn mounted(&self) -> &Path {
        &self.mounted
    }

    /// A process that waits for the word to stop the file system, so that nothing has to be started when it comes.
    pub(crate) fn switch(&self) -> Result<Switch> {
        Switch::new(&self.mounted)
    }

    /// The file system recovers from its journal.
    pub(crate) fn mount_again(&self) -> Result<()> {
        self.unmount()?;
        self.mount()
    }

    fn mount(&self) -> Result<()> {
        let (image, mounted) = (self.image.to_string_lossy(), self.mounted.to_string_lossy());
        let system = self.system.name();
        run(&["mount", "-t", system, "-o", "loop", &image, &mounted])
    }

    /// The kernel may still be letting go of the files of a process that has ended.
    fn unmount(&self) -> Result<()> {
        let began = Instant::now();
        loop {
            match run(&["umount", &self.mounted.to_string_lossy()]) {
                Ok(()) => return Ok(()),
                Err(error) if began.elapsed() > UNMOUNT_MAX => return Err(error),
                Err(_) => std::thread::sleep(UNMOUNT_PAUSE),
            }
        }
    }
}

/// Ends its process when dropped, which the file system has to wait for before it is unmounted.
#[derive(Debug)]
pub(crate) struct Switch {
    child: Child,
    told: ChildStdin,
    said: BufReader<ChildStdout>,
}

impl Switch {
    fn new(mounted: &Path) -> Result<Self> {
        let mut child = Command::new("perl")
            .args(["-e", SHUT_DOWN])
            .arg(mounted)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("start perl")?;
        let told = child.stdin.take().context("speak to perl")?;
        let said = child.stdout.take().context("listen to perl")?;
        let mut switch = Self {
            child,
            told,
            said: BufReader::new(said),
        };
        switch.hears("ready")?;
        Ok(switch)
    }

    /// When this returns nothing reaches the image any more.
    pub(crate) fn turn(&mut self) -> Result<()> {
        self.told.write_all(b"now\n").context("tell perl")?;
        self.hears("done")
    }

    fn hears(&mut self, word: &str) -> Result<()> {
        let mut line = String::new();
        self.said.read_line(&mut line)?;
        if line.trim() == word {
            return Ok(());
        }
        let mut why = String::new();
        if let Some(stderr) = &mut self.child.stderr {
            stderr.read_to_string(&mut why)?;
        }
        bail!("perl did not get {word}: {}", why.trim());
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // It may be unmounted already, after a failure in between.
        drop(self.unmount());
    }
}

fn run(program: &[&str]) -> Result<()> {
    let [name, arguments @ ..] = program else {
        bail!("an empty command");
    };
    let output = Command::new(name)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{name}` failed ({}): {}", output.status, said.trim());
    }
    Ok(())
}
