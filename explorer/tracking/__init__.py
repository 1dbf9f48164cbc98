"""The MLflow view of a study. Optuna's storage is the truth; what is here can be thrown away and rebuilt."""

from explorer.tracking.address import TrackingError, check_uri, redact
from explorer.tracking.files import add_files, try_add_files
from explorer.tracking.latencies import try_log_latencies
from explorer.tracking.mirror import mirror
from explorer.tracking.retrained import log_retrain, log_retrain_folders
from explorer.tracking.tracker import Tracker

__all__ = [
    "Tracker",
    "TrackingError",
    "add_files",
    "check_uri",
    "log_retrain",
    "log_retrain_folders",
    "mirror",
    "redact",
    "try_add_files",
    "try_log_latencies",
]
