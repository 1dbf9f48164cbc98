"""What training needs, imported: by the fork server of `local` once for all its workers, elsewhere by each worker.

Nothing here may look for a GPU: a process that has asked CUDA how many there are cannot be forked any more.
"""

import os

# A pool of threads would not survive the fork; each worker sets its own number of threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import explorer.training.callback
import explorer.training.job
import explorer.training.worker  # noqa: F401 - to be there already when a job asks for them
