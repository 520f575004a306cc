"""Train WildRobot to walk with PPO and adversarial motion priors, in JAX on MuJoCo."""

__version__ = "0.1.0"
