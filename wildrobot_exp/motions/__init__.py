"""Reference clips: their format, and the generated gait."""

from wildrobot_exp.motions.clip import Clip, load_clip, to_states
from wildrobot_exp.motions.gait import make_gait, make_gait_grid

__all__ = ["Clip", "load_clip", "make_gait", "make_gait_grid", "to_states"]
