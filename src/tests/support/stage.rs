//! Runs futures on a [`TestRuntime`]: one thread, a fixed order, and time that passes only when a test says so.

use std::time::Duration;

use futures::executor::{LocalPool, LocalSpawner};
use futures::future::{FutureExt, RemoteHandle};
use futures::task::LocalSpawnExt;

use super::runtime::TestRuntime;

/// A platform and what runs on it.
#[derive(Default)]
pub(crate) struct Stage {
    pub(crate) runtime: TestRuntime,
    pool: LocalPool,
}

/// A future that was started. Dropping it cancels the future where it stands, as the platform does when a caller disconnects.
pub(crate) struct Started<T>(RemoteHandle<T>);

impl<T: 'static> Started<T> {
    /// What the future gave, which must be done.
    pub(crate) fn result(self) -> T {
        self.try_result().ok().expect("it waits for something that has not happened")
    }

    /// What the future gave, or the future itself if it is not done.
    pub(crate) fn try_result(mut self) -> Result<T, Self> {
        (&mut self.0).now_or_never().ok_or(self)
    }
}

impl Stage {
    /// Starts a future, and lets it and all others run as far as they come without time passing.
    pub(crate) fn start<T: 'static>(&mut self, future: impl Future<Output = T> + 'static) -> Started<T> {
        let spawner: LocalSpawner = self.pool.spawner();
        let started = Started(spawner.spawn_local_with_handle(future).unwrap());
        self.pool.run_until_stalled();
        started
    }

    /// Lets everything that was started run as far as it comes without time passing.
    pub(crate) fn submit_once(&mut self) {
        self.pool.run_until_stalled();
    }

    /// Lets `duration` pass. Whoever wakes in it runs at its moment.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let mut left = duration;
        self.submit_once();
        while let Some(next) = self.runtime.next_wake().filter(|next| *next <= left) {
            self.runtime.pass(next);
            self.submit_once();
            left -= next;
        }
        self.runtime.pass(left);
        self.submit_once();
    }

    /// Runs what was started to its end. Time passes as it and the others ask for it.
    pub(crate) fn finish<T: 'static>(&mut self, started: Started<T>) -> T {
        let mut handle = started.0;
        loop {
            self.submit_once();
            if let Some(result) = (&mut handle).now_or_never() {
                return result;
            }
            let next = self.runtime.next_wake().expect("it waits for something that will never happen");
            self.runtime.pass(next);
        }
    }

    /// Starts the tasks that were deferred, and tells how many they are.
    pub(crate) fn start_deferred(&mut self) -> usize {
        let tasks = self.runtime.take_deferred();
        let count = tasks.len();
        for task in tasks {
            self.pool.spawner().spawn_local(task).unwrap();
        }
        self.submit_once();
        count
    }
}
