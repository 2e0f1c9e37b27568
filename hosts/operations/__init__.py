"""The estate's own pyinfra operations. Each takes many items at once and changes only those that differ."""
