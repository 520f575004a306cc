"""Learning: networks, rollout, PPO, AMP, and the one update that joins them."""
