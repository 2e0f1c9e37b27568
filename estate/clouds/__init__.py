"""What is known of each cloud without asking it."""
