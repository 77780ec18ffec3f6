"""What is written and read: the checkpoint format, objects as JSON, weights."""
