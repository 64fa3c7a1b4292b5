//! The thread on which the requests of a store run.

use super::errors;
use crate::error::{Error, Kind, Result};
use crate::network::{awaited, start};
use std::future::Future;
use std::sync::mpsc::{channel, sync_channel, Sender};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

type Task = Box<dyn FnOnce(&Runtime) + Send>;

/// It ends when this is dropped, after the request that it is at.
pub struct Thread(Sender<Task>);

impl Thread {
    pub fn start() -> Result<Thread> {
        let (tasks, todo) = channel::<Task>();
        start(move || {
            let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
            for task in todo {
                task(&runtime);
            }
            // A look-up of a name that hangs is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Thread(tasks))
    }

    /// Runs `request` there and waits for it. `watch` is asked from time to time; its error ends the wait and drops the request.
    pub fn ask<T: Send + 'static>(
        &self,
        request: impl Future<Output = object_store::Result<T>> + Send + 'static,
        watch: &mut dyn FnMut() -> Result<()>,
    ) -> Result<T> {
        let (done, outcome) = sync_channel(1);
        // Dropped when the wait ends, however it ends.
        let (_stop, mut stopped) = oneshot::channel::<()>();
        let task = move |runtime: &Runtime| {
            let finished = runtime.block_on(async {
                tokio::pin!(request);
                std::future::poll_fn(|context| {
                    use std::task::Poll;
                    if std::pin::Pin::new(&mut stopped).poll(context).is_ready() {
                        return Poll::Ready(None);
                    }
                    request.as_mut().poll(context).map(Some)
                })
                .await
            });
            if let Some(finished) = finished {
                let _ = done.send(finished);
            }
        };
        let gone = || Error::new(Kind::Internal, "the thread for the object store ended early");
        self.0.send(Box::new(task)).map_err(|_| gone())?;
        awaited(&outcome, watch)?.map_err(|error| errors::told(&error))
    }
}
