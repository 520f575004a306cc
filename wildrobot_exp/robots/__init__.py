"""The robot: its MJCF and everything looked up from it by name."""

from wildrobot_exp.robots.robot import Robot, load_robot, model_hash

__all__ = ["Robot", "load_robot", "model_hash"]
