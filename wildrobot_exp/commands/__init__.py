"""The `wildrobot` command: what can be done beside training."""
