"""The MLflow view of a study. Optuna's storage is the truth; what is here can be thrown away and rebuilt."""

from explorer.tracking.address import TrackingError, check_uri, redact
from explorer.tracking.files import add_and_tell, add_files
from explorer.tracking.retrained import log_again, log_retrain
from explorer.tracking.tracker import Tracker, mirror

__all__ = [
    "Tracker",
    "TrackingError",
    "add_and_tell",
    "add_files",
    "check_uri",
    "log_again",
    "log_retrain",
    "mirror",
    "redact",
]
