//! What every acceptance test needs: workerd on the built Worker, and the sandbox beside it.
