"""report.html of a run folder: written from its files alone. Importing this does not import JAX."""

from wildrobot_exp.evaluation.report.page import write_report

__all__ = ["write_report"]
