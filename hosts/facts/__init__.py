"""What is asked of a host before anything is changed: few questions, each one round trip."""
