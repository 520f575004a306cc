"""Motion files of other projects, read by joint name and never as code."""

from wildrobot_exp.motions.formats.detect import FORMATS
from wildrobot_exp.motions.formats.raw import Refused
from wildrobot_exp.motions.formats.read import Reading, read_motion

__all__ = ["FORMATS", "Reading", "Refused", "read_motion"]
