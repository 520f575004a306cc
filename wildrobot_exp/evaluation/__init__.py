"""What a policy is worth: the fixed protocol, gait measures and videos. Importing this imports nothing else."""
