"""Where a run's numbers go: metrics.csv, TensorBoard, wandb and the console, behind one interface."""

from wildrobot_exp.tracking.tracker import Tracker, make_tracker

__all__ = ["Tracker", "make_tracker"]
