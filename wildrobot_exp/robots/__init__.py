"""The robot: its MJCF and everything looked up from it by name."""

from wildrobot_exp.robots.robot import Robot, load_robot

__all__ = ["Robot", "load_robot"]
