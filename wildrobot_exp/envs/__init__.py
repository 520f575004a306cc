"""The task as pure functions, and the Brax Env made of them."""
