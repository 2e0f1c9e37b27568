"""From a stack file to a validated model, with every problem at once."""
