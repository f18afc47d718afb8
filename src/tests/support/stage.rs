//! Executor for futures on a [`TestRuntime`], with one thread, a fixed order, and time under the test's control.

use std::time::Duration;

use futures::executor::{LocalPool, LocalSpawner};
use futures::future::{FutureExt, RemoteHandle};
use futures::task::LocalSpawnExt;

use super::runtime::TestRuntime;

/// Platform and its running futures.
#[derive(Default)]
pub(crate) struct Stage {
    pub(crate) runtime: TestRuntime,
    pool: LocalPool,
}

/// Started future. Dropping it cancels the future, as the platform does when a caller disconnects.
pub(crate) struct Started<T>(RemoteHandle<T>);

impl<T: 'static> Started<T> {
    /// Returns the future's output. The future must be complete.
    pub(crate) fn result(self) -> T {
        self.try_result().ok().expect("the future is not complete")
    }

    /// Returns the future's output, or the future itself if it is not complete.
    pub(crate) fn try_result(mut self) -> Result<T, Self> {
        (&mut self.0).now_or_never().ok_or(self)
    }
}

impl Stage {
    /// Starts a future, and runs all futures until they need time to pass.
    pub(crate) fn start<T: 'static>(&mut self, future: impl Future<Output = T> + 'static) -> Started<T> {
        let spawner: LocalSpawner = self.pool.spawner();
        let started = Started(spawner.spawn_local_with_handle(future).unwrap());
        self.pool.run_until_stalled();
        started
    }

    /// Runs all started futures until they need time to pass.
    pub(crate) fn run_until_stalled(&mut self) {
        self.pool.run_until_stalled();
    }

    /// Lets `duration` pass. Each sleeper runs at its wake-up time.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let mut left = duration;
        self.run_until_stalled();
        while let Some(next) = self.runtime.next_wake().filter(|next| *next <= left) {
            self.runtime.pass(next);
            self.run_until_stalled();
            left -= next;
        }
        self.runtime.pass(left);
        self.run_until_stalled();
    }

    /// Runs a started future to its end. Time passes as the futures request it.
    pub(crate) fn finish<T: 'static>(&mut self, started: Started<T>) -> T {
        let mut handle = started.0;
        loop {
            self.run_until_stalled();
            if let Some(result) = (&mut handle).now_or_never() {
                return result;
            }
            let next = self.runtime.next_wake().expect("the future waits for an event that never happens");
            self.runtime.pass(next);
        }
    }

    /// Starts the deferred tasks and returns their number.
    pub(crate) fn start_deferred(&mut self) -> usize {
        let tasks = self.runtime.take_deferred();
        let count = tasks.len();
        for task in tasks {
            self.pool.spawner().spawn_local(task).unwrap();
        }
        self.run_until_stalled();
        count
    }
}
