"""What the files of each host say. Pure: from the declaration and the stack's inventory to text."""
