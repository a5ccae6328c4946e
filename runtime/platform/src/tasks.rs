//! Where work runs: the caller's runtime, a thread of its own, the handlers' runtime, or a ticking thread.
//! A panic ends only its task, whose waiter gets `TaskFailed`.

#[cfg(feature = "simulation")]
mod process;
mod program;

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use futures_util::future::{AbortHandle, abortable};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

pub use program::{Ended, Lines, Program, Running};

#[derive(Clone, Debug)]
pub struct Tasks {
    handlers: HandlerPool,
    world: World,
}

#[derive(Clone, Debug)]
enum World {
    Real,
    #[cfg(feature = "simulation")]
    Simulated(process::Process),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskFailed {
    #[error("the task was aborted")]
    Aborted,
    #[error("the task panicked or its runtime went away")]
    Panicked,
}

/// Waits for a task's result; dropping it lets the task go on.
#[derive(Debug)]
pub struct Task<T> {
    result: oneshot::Receiver<T>,
    abort: AbortHandle,
    finished: Arc<AtomicBool>,
}

impl Tasks {
    pub(crate) fn real() -> Self {
        Self::of(World::Real)
    }

    #[cfg(feature = "simulation")]
    pub(crate) fn simulated() -> Self {
        Self::of(World::Simulated(process::Process::default()))
    }

    /// SIGKILL: every task spawned through this handle and its clones is dropped where it stands; returns once they
    /// are gone. Does nothing to real tasks.
    #[cfg(feature = "simulation")]
    pub async fn kill(&self) {
        match &self.world {
            World::Real => {}
            World::Simulated(process) => process.kill().await,
        }
    }

    /// SIGSTOP: no task of this handle and its clones runs until `thaw`, while time goes on for everybody else. Does
    /// nothing to real tasks.
    #[cfg(feature = "simulation")]
    pub fn freeze(&self) {
        match &self.world {
            World::Real => {}
            World::Simulated(process) => process.freeze(),
        }
    }

    /// SIGCONT.
    #[cfg(feature = "simulation")]
    pub fn thaw(&self) {
        match &self.world {
            World::Real => {}
            World::Simulated(process) => process.thaw(),
        }
    }

    /// Resolves once the simulated process has said `die`: whoever plays the operating system then kills it.
    #[cfg(feature = "simulation")]
    pub async fn dying(&self) {
        match &self.world {
            World::Real => std::future::pending().await,
            World::Simulated(process) => process.dying().await,
        }
    }

    /// Ends this process at once, as a kill from outside would: nothing is written, flushed or given back. Never returns;
    /// the caller does nothing more.
    pub async fn die(&self) -> ! {
        match &self.world {
            World::Real => {
                let pid = rustix::process::getpid();
                // Where even that is refused, standing still is the nearest to being gone.
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
            #[cfg(feature = "simulation")]
            World::Simulated(process) => process.die(),
        }
        loop {
            std::future::pending::<()>().await;
        }
    }

    fn of(world: World) -> Self {
        let handlers = HandlerPool {
            world: world.clone(),
            runtime: Arc::default(),
        };
        Self { handlers, world }
    }

    pub fn spawn<T: Send + 'static>(
        &self,
        name: &'static str,
        f: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        let (task, work) = tracked(name, f);
        match &self.world {
            World::Real => drop(tokio::spawn(work)),
            #[cfg(feature = "simulation")]
            World::Simulated(process) => process.spawn(work),
        }
        task
    }

    /// A thread and runtime of its own, for work that blocks on the disk. It has timers but no sockets: without those it
    /// is woken by one call.
    pub fn dedicated<T: Send + 'static>(
        &self,
        name: &'static str,
        f: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        match &self.world {
            World::Real => {
                let (task, work) = tracked(name, f);
                let started = thread::Builder::new().name(name.to_owned()).spawn(move || {
                    match Builder::new_current_thread().enable_time().build() {
                        Ok(runtime) => runtime.block_on(work),
                        Err(error) => tracing::error!(name, %error, "no runtime for the task"),
                    }
                });
                if let Err(error) = started {
                    tracing::error!(name, %error, "no thread for the task");
                }
                task
            }
            #[cfg(feature = "simulation")]
            World::Simulated(_) => self.spawn(name, f),
        }
    }

    /// The runtime of whoever asks, for those who are called from dedicated threads and need sockets.
    #[must_use]
    pub fn here(&self) -> Spawner {
        Spawner {
            world: self.world.clone(),
            runtime: Handle::try_current().ok(),
        }
    }

    #[must_use]
    pub fn handlers(&self) -> &HandlerPool {
        &self.handlers
    }

    /// Calls `f` each `period` on a thread until the ticker is dropped; does nothing in a simulation.
    pub fn every(
        &self,
        name: &'static str,
        period: Duration,
        mut f: impl FnMut() + Send + 'static,
    ) -> Ticker {
        match &self.world {
            World::Real => {
                let (stop, stopped) = sync_channel::<()>(0);
                let started = thread::Builder::new().name(name.to_owned()).spawn(move || {
                    while stopped.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
                        f();
                    }
                });
                if let Err(error) = started {
                    tracing::error!(name, %error, "no thread for the ticker");
                }
                Ticker { _stop: Some(stop) }
            }
            #[cfg(feature = "simulation")]
            World::Simulated(_) => Ticker { _stop: None },
        }
    }
}

/// Starts tasks where it was made, whoever asks it to.
#[derive(Clone, Debug)]
pub struct Spawner {
    world: World,
    runtime: Option<Handle>,
}

impl Spawner {
    pub fn spawn<T: Send + 'static>(
        &self,
        name: &'static str,
        f: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        spawn_on(&self.world, || self.runtime.as_ref(), tracked(name, f))
    }
}

/// Starts a task on a runtime, or on that of whoever asks where there is none.
fn spawn_on<'a, T>(
    world: &World,
    runtime: impl FnOnce() -> Option<&'a Handle>,
    (task, work): (Task<T>, impl Future<Output = ()> + Send + 'static),
) -> Task<T> {
    match world {
        World::Real => match runtime() {
            Some(runtime) => drop(runtime.spawn(work)),
            None => drop(tokio::spawn(work)),
        },
        #[cfg(feature = "simulation")]
        World::Simulated(process) => process.spawn(work),
    }
    task
}

/// Ticks until it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Ticker {
    _stop: Option<SyncSender<()>>,
}

/// The runtime of handler invocations, started at its first task, so that slow guests do not delay the doors.
#[derive(Clone, Debug)]
pub struct HandlerPool {
    world: World,
    runtime: Arc<OnceLock<PoolRuntime>>,
}

impl HandlerPool {
    pub fn spawn<T: Send + 'static>(
        &self,
        name: &'static str,
        f: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        let runtime = || self.runtime.get_or_init(PoolRuntime::start).0.as_ref();
        let handle = || runtime().map(Runtime::handle);
        spawn_on(&self.world, handle, tracked(name, f))
    }
}

/// `None` when the system gave no threads: handlers then share the caller's runtime.
#[derive(Debug)]
struct PoolRuntime(Option<Runtime>);

impl PoolRuntime {
    fn start() -> Self {
        let built = Builder::new_multi_thread()
            .thread_name("handlers")
            .event_interval(1)
            .enable_all()
            .build();
        if let Err(error) = &built {
            tracing::error!(%error, "no runtime for handlers");
        }
        Self(built.ok())
    }
}

impl Drop for PoolRuntime {
    fn drop(&mut self) {
        // A plain drop waits for the workers, which tokio forbids inside a task.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl<T> Task<T> {
    pub fn abort(&self) {
        self.abort.abort();
    }

    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskFailed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let failed = if self.abort.is_aborted() {
            TaskFailed::Aborted
        } else {
            TaskFailed::Panicked
        };
        Pin::new(&mut self.result)
            .poll(cx)
            .map(|result| result.map_err(|_| failed))
    }
}

/// Says that the task is over however it ended, panics included.
struct Finish(Arc<AtomicBool>);

impl Drop for Finish {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn tracked<T: Send + 'static>(
    name: &'static str,
    f: impl Future<Output = T> + Send + 'static,
) -> (Task<T>, impl Future<Output = ()> + Send + 'static) {
    let (sender, result) = oneshot::channel();
    let (f, abort) = abortable(f);
    let finished = Arc::new(AtomicBool::new(false));
    let finish = Finish(Arc::clone(&finished));
    let work = async move {
        let finish = finish;
        let ended = f.await;
        drop(finish);
        match ended {
            // Nobody may be waiting any more.
            Ok(value) => drop(sender.send(value)),
            Err(_) => tracing::debug!(name, "task aborted"),
        }
    };
    (
        Task {
            result,
            abort,
            finished,
        },
        work,
    )
}

#[cfg(test)]
mod tests;
