"""Imports what training needs: in the fork server of `local` once for all workers, elsewhere in each worker.

Nothing here may initialise CUDA: a process that has counted its GPUs cannot be forked.
"""

import os

# A pool of threads would not survive the fork; each worker sets its own number of threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import explorer.training.callback
import explorer.training.job
import explorer.training.worker  # noqa: F401 - imported before the first job
