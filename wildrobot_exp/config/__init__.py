"""What may be set (schema), what is refused (checks), and how Hydra composes it."""
