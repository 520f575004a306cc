"""What a policy is worth: the fixed protocol, gait measures and videos. No imports in here."""
